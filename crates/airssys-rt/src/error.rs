//! Why a message did not arrive, with the message.

use std::fmt;

/// Why a message was not delivered, with the message.
///
/// ```
/// use airssys_rt::SendError;
///
/// assert_eq!(SendError::Gone("hello").into_message(), "hello");
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SendError<M> {
    /// There is no room at the moment.
    #[error("the mailbox is full: wait with `send`, or try again later")]
    Full(M),
    /// There was no room until the time was over.
    #[error("the mailbox stayed full until the time was over")]
    TimedOut(M),
    /// The actor has ended, or takes nothing more because it is about to.
    #[error("the mailbox is closed: its owner has ended; ask for its new address")]
    Gone(M),
    /// The actor has ended and its supervisor will start it anew.
    #[error("who has this name is being restarted: try again later")]
    Restarting(M),
    /// Nobody has this name or id, or it takes messages of another type.
    #[error("nobody is known by this name")]
    Unknown(M),
}

impl<M> SendError<M> {
    /// The message that was not sent.
    #[must_use]
    pub fn into_message(self) -> M {
        match self {
            Self::Full(message)
            | Self::TimedOut(message)
            | Self::Gone(message)
            | Self::Restarting(message)
            | Self::Unknown(message) => message,
        }
    }

    fn label(&self) -> &'static str {
        match self {
            Self::Full(_) => "Full(..)",
            Self::TimedOut(_) => "TimedOut(..)",
            Self::Gone(_) => "Gone(..)",
            Self::Restarting(_) => "Restarting(..)",
            Self::Unknown(_) => "Unknown(..)",
        }
    }
}

// The message stays out of `Debug`: it may hold a secret, and errors end up in logs.
impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// Why a question has no answer.
///
/// ```
/// use airssys_rt::{AskError, SendError};
///
/// let error: AskError<&str> = AskError::NotSent(SendError::Gone("hello?"));
/// assert_eq!(format!("{error:?}"), "NotSent(Gone(..))");
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum AskError<M> {
    /// The question did not arrive; here it is.
    #[error("the question was not delivered: {0}")]
    NotSent(SendError<M>),
    /// No answer came in time. The replier can see that nobody waits any more.
    #[error("no answer came in time")]
    TimedOut,
    /// There will be no answer: the replier dropped the question, failed over it, or ended before it.
    #[error("there will be no answer: the question was dropped, or its receiver ended")]
    NoReply,
}

impl<M> fmt::Debug for AskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(error) => write!(f, "NotSent({error:?})"),
            Self::TimedOut => f.write_str("TimedOut"),
            Self::NoReply => f.write_str("NoReply"),
        }
    }
}
