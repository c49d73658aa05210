//! Bounded mailboxes: one receiver, many senders, and a capacity that is kept.
//!
//! The bound is the point. A sender that is faster than its receiver waits ([`Address::send`]) or is told so
//! ([`Address::try_send`]); it never fills the host's memory.
//!
//! *Invariant:* `Ok` from a send means that the message is in the mailbox. In every other case the sender has it
//! back, inside the error.

use std::fmt;
use std::num::NonZeroUsize;

use tokio::sync::Semaphore;
use tokio::sync::mpsc;

/// Makes a mailbox that holds at most `capacity` messages, and the first address of it.
///
/// ```
/// use std::num::NonZeroUsize;
/// use airssys_rt::mailbox::{TrySendError, bounded};
///
/// let (address, mailbox) = bounded(NonZeroUsize::MIN);
/// assert!(address.try_send(1).is_ok());
/// assert!(matches!(address.try_send(2), Err(TrySendError::Full(2))));
/// # drop(mailbox);
/// ```
#[must_use]
pub fn bounded<M>(capacity: NonZeroUsize) -> (Address<M>, Mailbox<M>) {
    // Tokio panics above its own maximum. No machine can hold that many messages, so the bound stays true.
    let slots = capacity.get().min(Semaphore::MAX_PERMITS);
    let (sender, receiver) = mpsc::channel(slots);
    (Address { sender }, Mailbox { receiver })
}

/// The sending end of a mailbox.
///
/// Clones lead to the same mailbox and share its capacity. An address outlives its mailbox: what is sent to it
/// then comes back as [`SendError::Gone`].
///
/// ```
/// use std::num::NonZeroUsize;
/// use airssys_rt::mailbox::{TrySendError, bounded};
///
/// let (address, mailbox) = bounded(NonZeroUsize::MIN);
/// drop(mailbox);
/// assert!(matches!(address.try_send("anyone?"), Err(TrySendError::Gone("anyone?"))));
/// ```
pub struct Address<M> {
    sender: mpsc::Sender<M>,
}

impl<M> Address<M> {
    /// Puts `message` into the mailbox, and waits while the mailbox is full.
    ///
    /// Dropping the future before it is ready withdraws the message: it was not sent, and never will be.
    ///
    /// # Errors
    ///
    /// [`SendError::Gone`] with the message when the mailbox is closed, also when it is closed while waiting.
    pub async fn send(&self, message: M) -> Result<(), SendError<M>> {
        self.sender.send(message).await.map_err(|mpsc::error::SendError(message)| SendError::Gone(message))
    }

    /// Puts `message` into the mailbox if there is room now.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] when there is no room and [`TrySendError::Gone`] when the mailbox is closed, both
    /// with the message.
    pub fn try_send(&self, message: M) -> Result<(), TrySendError<M>> {
        self.sender.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(message) => TrySendError::Full(message),
            mpsc::error::TrySendError::Closed(message) => TrySendError::Gone(message),
        })
    }

    /// Waits until the mailbox is closed.
    pub async fn gone(&self) {
        self.sender.closed().await;
    }

    /// Whether the mailbox is closed. `false` may be out of date when it arrives, `true` stays true.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.sender.is_closed()
    }
}

// Derived, these two would ask the same of `M`: a message need be neither `Clone` nor `Debug`.
impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone() }
    }
}

impl<M> fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("gone", &self.is_gone()).finish_non_exhaustive()
    }
}

/// The receiving end of a mailbox. There is one, and it reads in the order of arrival.
///
/// Dropping it closes the mailbox and drops what nobody has read; [`Mailbox::close`] hands that back instead.
///
/// ```
/// use std::num::NonZeroUsize;
/// use airssys_rt::mailbox::bounded;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (address, mut mailbox) = bounded(NonZeroUsize::MIN);
/// address.send(7).await?;
/// drop(address);
/// assert_eq!(mailbox.receive().await, Some(7));
/// assert_eq!(mailbox.receive().await, None);
/// # Ok(())
/// # }
/// ```
pub struct Mailbox<M> {
    receiver: mpsc::Receiver<M>,
}

impl<M> Mailbox<M> {
    /// The next message, waiting for it; `None` when the mailbox is empty and no address is left.
    ///
    /// Dropping the future loses no message.
    pub async fn receive(&mut self) -> Option<M> {
        self.receiver.recv().await
    }

    /// Closes the mailbox and hands back what was accepted and never read, in the order of arrival.
    ///
    /// A send that is just being accepted is waited for, so that its message is among these.
    #[must_use = "these messages were accepted and nobody has read them"]
    pub async fn close(mut self) -> Vec<M> {
        self.receiver.close();
        let mut unread = Vec::with_capacity(self.receiver.len());
        while let Some(message) = self.receiver.recv().await {
            unread.push(message);
        }
        unread
    }

    /// How many messages wait to be read.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.receiver.len()
    }

    /// How many messages the mailbox holds at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.receiver.max_capacity()
    }
}

impl<M> fmt::Debug for Mailbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("waiting", &self.waiting())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

/// Why [`Address::send`] failed, with the message.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SendError<M> {
    /// The mailbox is closed.
    #[error("the mailbox is closed: its owner has ended; ask for its new address")]
    Gone(M),
}

/// Why [`Address::try_send`] failed, with the message.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum TrySendError<M> {
    /// There is no room at the moment.
    #[error("the mailbox is full: wait with `send`, or try again later")]
    Full(M),
    /// The mailbox is closed.
    #[error("the mailbox is closed: its owner has ended; ask for its new address")]
    Gone(M),
}

impl<M> SendError<M> {
    /// The message that was not sent.
    #[must_use]
    pub fn into_message(self) -> M {
        let Self::Gone(message) = self;
        message
    }
}

impl<M> TrySendError<M> {
    /// The message that was not sent.
    #[must_use]
    pub fn into_message(self) -> M {
        match self {
            Self::Full(message) | Self::Gone(message) => message,
        }
    }
}

// The message stays out of `Debug`: it may hold a secret, and errors end up in logs.
impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Gone(_) = self;
        f.write_str("Gone(..)")
    }
}

impl<M> fmt::Debug for TrySendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Gone(_) => "Gone(..)",
        })
    }
}
