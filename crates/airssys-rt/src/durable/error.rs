//! What can go wrong with a store, and what to do about it.

use redb::{DatabaseError, StorageError};

/// Why a store was not opened. Nothing was written to the file.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another store in this one, has the file.
    #[error("the message store is in use by another process: stop that one, or configure another file")]
    InUse,
    /// The file is not a store of this program, or is damaged.
    #[error(
        "the message store is not one, or is damaged ({0}): move the file away, or restore it from a backup"
    )]
    NotAStore(String),
    /// A store of another version of this program.
    #[error(
        "the message store has format {0}, and this program reads format 1: use the program that wrote it"
    )]
    Version(u64),
    /// The file could not be read or written.
    #[error("the message store cannot be opened ({0}): mend the disk or the permissions of the file")]
    Io(String),
}

impl From<DatabaseError> for OpenError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => Self::InUse,
            DatabaseError::Storage(StorageError::Io(io)) if io.kind() != std::io::ErrorKind::InvalidData => {
                Self::Io(io.to_string())
            }
            other => Self::NotAStore(other.to_string()),
        }
    }
}

/// The store could not do what was asked.
///
/// A write that failed may or may not be on disk; it was not answered `Ok`. The store opens its database anew
/// before the next one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk refused.
    #[error("the message store could not write: {0}")]
    Disk(String),
    /// The store was closed, or its thread has ended.
    #[error("the message store is closed")]
    Closed,
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnqueueError {
    /// The mailbox has all the messages or bytes it may have, dead letters counted.
    #[error("the mailbox is full")]
    Full,
    /// This message is larger than the mailbox takes.
    #[error("the message is larger than the mailbox takes")]
    TooLarge,
    /// The message may not be on disk.
    #[error(transparent)]
    Store(#[from] StoreError),
}
