//! What can go wrong with a store, and what to do about it.

use std::io::ErrorKind;

use thiserror::Error;

/// Why the store could not do it.
///
/// The store does not know where its bytes are kept: who handed them in names the file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The bytes are not those of a store.
    #[error(
        "not a store of messages and marks ({0}); nothing was changed: name an empty or new file, or the right one \
         (a file whose creation was interrupted, and that was never in use, can be removed)"
    )]
    Foreign(String),
    /// The bytes are of a store, and damaged.
    #[error(
        "the store of messages and marks is damaged ({0}); nothing was changed: restore it from a backup, or move it \
         away and begin with an empty one, which knows neither its messages nor its marks"
    )]
    Damaged(String),
    /// Written by a later version.
    #[error("the store has format {0}, and this version knows format 1 only: use the version that wrote it")]
    Newer(u64),
    /// Somebody else has it.
    #[error(
        "the store is open in another process, or already in this one: end that one, or name another file"
    )]
    InUse,
    /// Reading or writing failed.
    ///
    /// What was asked is not known to be kept. What was told `Ok` before is, and the store tries again by itself.
    #[error(
        "the store could not be read or written: {0}; what it said it keeps it keeps, and it will try again"
    )]
    Disk(String),
    /// It was closed.
    #[error("the store is closed")]
    Closed,
}

/// Why a message is not in the mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnqueueError {
    /// The mailbox holds as many messages or bytes as its terms say, the dead letters included.
    #[error("the mailbox is full: {waiting} waiting, {dead} dead letters, {bytes} bytes in all")]
    Full {
        /// Messages not yet acknowledged.
        waiting: u64,
        /// Dead letters, which are kept until somebody requeues or discards them.
        dead: u64,
        /// Bytes of both.
        bytes: u64,
    },
    /// The message is larger than one may be here.
    #[error("a message of {bytes} bytes, where one has {most} at most")]
    TooLarge {
        /// What it has.
        bytes: u64,
        /// What one may have.
        most: u64,
    },
    /// The store failed. Whether the message is kept is not known.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StoreError {
    /// Whether the store was there and failed, so that trying again can help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Disk(_))
    }

    pub(super) fn from_opening(error: redb::DatabaseError) -> Self {
        use redb::DatabaseError as Opening;
        match error {
            Opening::DatabaseAlreadyOpen | Opening::LockProtocolMismatch => Self::InUse,
            Opening::UpgradeRequired(found) => Self::Foreign(format!("an old file format, {found}")),
            Opening::Storage(redb::StorageError::Corrupted(what)) => Self::Damaged(what),
            Opening::Storage(redb::StorageError::Io(error)) if is_foreign(&error) => {
                Self::Foreign(error.to_string())
            }
            Opening::Storage(redb::StorageError::Io(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                Self::Damaged("it is shorter than it says".to_owned())
            }
            other => Self::Disk(other.to_string()),
        }
    }
}

/// What redb says of a file without its magic number.
fn is_foreign(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::InvalidData
}

macro_rules! disk_errors {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Disk(error.to_string())
            }
        }
    )*};
}

disk_errors!(redb::StorageError, redb::TransactionError, redb::CommitError, redb::SetDurabilityError);

impl From<redb::TableError> for StoreError {
    fn from(error: redb::TableError) -> Self {
        match error {
            redb::TableError::Storage(error) => error.into(),
            other => Self::Foreign(other.to_string()),
        }
    }
}
