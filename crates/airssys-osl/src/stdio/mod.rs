//! Standard streams: bounded, and nothing waits in a queue of ours.
//!
//! A write goes to its sink in place, never more at once than [`Output::budget`] says; an empty write is a use of the
//! lease and nothing else. Where the sink is the process's own stream and that is a pipe whose reader stands still, the
//! budget is nothing until the reader goes on, so neither a thread nor memory is held meanwhile. Input comes from one
//! reader for the whole process, which stops at [`BUDGET_BYTES`] unread bytes.

mod input;
mod memory;
mod output;

pub use input::{Input, Source};
pub use memory::Memory;
pub use output::{Output, Sink};

use crate::gate::Denied;
use std::io;

/// The most that is written at once, or kept unread.
pub const BUDGET_BYTES: usize = 64 * 1024;

/// Why a standard stream did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StdioError {
    /// The permission no longer stands.
    #[error(transparent)]
    Denied(#[from] Denied),
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
