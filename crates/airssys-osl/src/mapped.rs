//! Memory that is a file: the one place of this crate that is not checked by the compiler.
//!
//! *Invariant:* what is handed out are words that change as a whole, so that whoever else has the file mapped, or writes to
//! it, can change what is read and nothing more. Who makes the file shorter ends the process (`SIGBUS`).

#![allow(unsafe_code, reason = "a mapping is memory that the compiler has not seen")]
#![allow(clippy::disallowed_types, reason = "the file is the caller's, who may have it open")]

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::fs::File;
use std::io;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::AtomicU64;

/// A file, mapped from its beginning.
#[derive(Debug)]
pub(crate) struct Mapped {
    start: NonNull<AtomicU64>,
    words: usize,
}

impl Mapped {
    /// Maps so many words of a file that has them.
    pub(crate) fn new(file: &File, words: usize) -> io::Result<Mapped> {
        let bytes = words.checked_mul(size_of::<AtomicU64>()).filter(|bytes| *bytes > 0);
        let bytes = bytes.ok_or(io::ErrorKind::InvalidInput)?;
        if file.metadata()?.len() < bytes as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: the kernel chooses the place, so no memory of ours is replaced.
        let start = unsafe {
            mmap(null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, file, 0)
        }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Mapped { start, words })
    }

    /// The words.
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: a mapping begins at a page, has so many words, and stays as long as `self`. Any eight bytes are a word,
        // and it is changed through atomics alone, here as in other processes.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }
}

// SAFETY: the mapping belongs to no thread.
unsafe impl Send for Mapped {}

// SAFETY: what is shared are atomics.
unsafe impl Sync for Mapped {}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length by `new`, and nothing borrows it any more. What fails leaves it mapped.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.words * size_of::<AtomicU64>()) };
    }
}
