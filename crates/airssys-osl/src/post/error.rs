//! Why a message was not sent, or not taken.

use crate::gate::Denied;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// The policies do not permit it. To a guest this is the same as [`PostError::Unreachable`].
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Nobody has that name, or who had it has ended, or does not want to hear.
    #[error("nobody of that name is there")]
    Unreachable,
    /// The receiver's mailbox is full.
    #[error("the mailbox is full")]
    Full,
    /// The body is longer than the receiver takes.
    #[error("the body is longer than the {0} bytes that the receiver takes")]
    TooLarge(u64),
    /// There was no answer in time.
    #[error("there was no answer in time")]
    TimedOut,
    /// The receiver ended before it had answered.
    #[error("the receiver ended before it had answered")]
    Ended,
    /// The receiver answered with an error of its own.
    #[error("the receiver answered with an error: {0}")]
    Failed(String),
    /// The receiver waits for the sender.
    #[error("the receiver waits for this very call")]
    Circular,
    /// There is no such message, or it was dealt with already.
    #[error("there is no such message")]
    NoSuchMessage,
    /// The mailbox on disk could not be read or written.
    #[error("the mailbox on disk: {0}")]
    Unkept(String),
    /// A name or a number that is none.
    #[error("{0}")]
    Invalid(String),
}
