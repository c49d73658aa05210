//! Random numbers from the operating system.

use crate::action::{ActionId, RandomRead};
use crate::gate::{Denied, Lease, Permit};
use zeroize::Zeroize;

/// As many bytes as one call to the system brings, so that a number costs a copy and not a call.
const BUFFER_BYTES: usize = 512;

/// Why no random bytes came.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RandomError {
    /// The permission no longer stands.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The system has none to give.
    #[error("the operating system gives no random bytes: {0}")]
    Unavailable(getrandom::Error),
}

/// A source that may be drawn from. Every byte is handed out once and wiped here.
pub struct Source {
    lease: Lease,
    drawn: Drawn,
}

/// What was drawn from the system and not handed out yet.
struct Drawn {
    buffer: [u8; BUFFER_BYTES],
    /// How many bytes at the end of the buffer are still unused.
    left: usize,
}

impl Source {
    /// A source of the kind that was permitted. Both kinds draw from the system's cryptographic generator.
    pub fn new(permit: Permit<RandomRead>) -> Source {
        Source { lease: permit.into_lease(), drawn: Drawn { buffer: [0; BUFFER_BYTES], left: 0 } }
    }

    /// A source, and the bytes that the permit was asked for: the first use is no reuse.
    ///
    /// # Errors
    /// [`RandomError`]; `bytes` then holds nothing to rely on.
    pub fn begin(mut permit: Permit<RandomRead>, bytes: &mut [u8]) -> Result<Source, RandomError> {
        let _begun = permit.begin()?;
        let mut source = Source::new(permit);
        source.drawn.give(bytes)?;
        Ok(source)
    }

    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`RandomError`]; `bytes` then holds nothing to rely on.
    pub fn fill(&mut self, bytes: &mut [u8], import: &'static str) -> Result<(), RandomError> {
        let _in_use = self.lease.enter(ActionId::RandomRead, import)?;
        self.drawn.give(bytes)
    }

    /// A number.
    ///
    /// # Errors
    /// [`RandomError`].
    pub fn u64(&mut self, import: &'static str) -> Result<u64, RandomError> {
        let _in_use = self.lease.enter(ActionId::RandomRead, import)?;
        let mut bytes = [0; 8];
        self.drawn.draw(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }
}

impl Drawn {
    fn give(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        if bytes.len() > BUFFER_BYTES / 4 {
            return getrandom::fill(bytes).map_err(RandomError::Unavailable);
        }
        self.draw(bytes)
    }

    fn draw(&mut self, bytes: &mut [u8]) -> Result<(), RandomError> {
        if self.left < bytes.len() {
            getrandom::fill(&mut self.buffer).map_err(RandomError::Unavailable)?;
            self.left = BUFFER_BYTES;
        }
        let start = BUFFER_BYTES - self.left;
        if let Some(fresh) = self.buffer.get_mut(start..start + bytes.len()) {
            bytes.copy_from_slice(fresh);
            // What a guest was given must not be found here by whoever reads this memory later.
            fresh.zeroize();
            self.left -= bytes.len();
        }
        Ok(())
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "random source under {:?}", self.lease)
    }
}
