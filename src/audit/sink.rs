//! Where lines go.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// A place that takes lines.
///
/// ```
/// use airssys_wasm::audit::{Log, Sink};
///
/// struct Stderr;
/// impl Sink for Stderr {
///     fn append(&mut self, line: &[u8]) -> std::io::Result<()> {
///         std::io::Write::write_all(&mut std::io::stderr(), line)
///     }
///     fn take_back(&mut self) -> std::io::Result<()> {
///         Err(std::io::Error::other("what was shown was shown"))
///     }
/// }
/// let log = Log::builder().sink(Stderr).build()?;
/// # Ok::<(), airssys_wasm::audit::AuditError>(())
/// ```
pub trait Sink: Send {
    /// Takes one line, its line feed included. `Ok` promises that it is written.
    ///
    /// # Errors
    /// When it is not, or not whole. The record then does not count, and [`Sink::take_back`] follows.
    fn append(&mut self, line: &[u8]) -> io::Result<()>;

    /// Removes all that the last [`Sink::append`] left, whether it succeeded or not.
    ///
    /// # Errors
    /// When it cannot. The log then refuses every further record.
    fn take_back(&mut self) -> io::Result<()>;
}

/// A log in memory. Clones are the same memory; it grows without bound.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    good: usize,
}

impl Memory {
    /// Holding nothing.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// All lines so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.held(|held| held.bytes.clone())
    }

    fn held<T>(&self, act: impl FnOnce(&mut Held) -> T) -> T {
        // Whole lines only change hands under the lock; a panic elsewhere leaves them whole.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sink for Memory {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.held(|held| {
            held.good = held.bytes.len();
            held.bytes.extend_from_slice(line);
        });
        Ok(())
    }

    fn take_back(&mut self) -> io::Result<()> {
        self.held(|held| held.bytes.truncate(held.good));
        Ok(())
    }
}
