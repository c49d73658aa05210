//! Standard streams: bounded, and nobody waits for another's reader.
//!
//! A write to a regular file or into memory is done in place; an empty write is a use of the lease and nothing else.
//! A pipe or a terminal may have a reader that stands still. Where the system can write without waiting, that is done
//! in place as well; what would have to wait goes to a bounded queue with one thread for the process's stream, which
//! asks the lease once more right before it writes and drops what is no longer permitted. Room that a handle was told
//! of is its own until it writes, and a flush lasts until the reader's side has everything. On a terminal or a named
//! pipe the one write under way may wait in the system, and cannot be taken back from there.
//!
//! Input comes from one reader for the whole process, which stops at [`BUDGET_BYTES`] unread bytes.

mod channel;
mod input;
mod left;
mod memory;
mod output;
mod system;
#[cfg(test)]
mod tests;
mod writer;

pub use input::{Input, Source};
pub use left::{LeftOpen, take_left_open};
pub use memory::Memory;
pub use output::{Output, Sink, settled};

use crate::gate::{Denied, LimitExceeded};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most that is written at once, kept unread, or queued for one session on one stream.
pub const BUDGET_BYTES: usize = 64 * 1024;

/// Why a standard stream did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StdioError {
    /// The permission no longer stands.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The bytes that may be read or written are used up, for now or for good.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The stream has ended, or its other side is gone, or the memory given to it is full.
    #[error("the stream is closed")]
    Closed,
    /// More was given than [`Output::budget`] allowed.
    #[error("more was written than the stream had room for")]
    TooMuch,
    /// Any other failure of the system, for the host's log and not for a guest.
    #[error("input or output failed")]
    Io(#[source] io::Error),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What the locks guard is whole after every statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
