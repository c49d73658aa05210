//! A bounded piece of memory to write into.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A bounded buffer for output. Clones are the same buffer. When it is full, the stream into it is closed: a guest can
/// neither spend more memory than was given nor wait for a host that never looks.
///
/// ```
/// let memory = airssys_osl::stdio::Memory::bounded(1024);
/// assert!(memory.contents().is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct Memory {
    shared: Arc<Mutex<Vec<u8>>>,
    capacity: usize,
}

impl Memory {
    /// A buffer of at most `capacity` bytes.
    pub fn bounded(capacity: usize) -> Memory {
        Memory { shared: Arc::default(), capacity }
    }

    /// What was written so far.
    pub fn contents(&self) -> Vec<u8> {
        self.lock().clone()
    }

    /// Takes out what was written so far, which makes room.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.lock())
    }

    pub(in crate::stdio) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.lock().len())
    }

    /// Appends all of `bytes`, or nothing.
    pub(in crate::stdio) fn write(&self, bytes: &[u8]) -> bool {
        let mut buffer = self.lock();
        let fits = bytes.len() <= self.capacity.saturating_sub(buffer.len());
        if fits {
            buffer.extend_from_slice(bytes);
        }
        fits
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
