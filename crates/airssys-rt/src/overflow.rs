//! What happens to a message for which there is no room: said when the actor is spawned, never guessed.

/// What a full mailbox does with the next message.
///
/// ```
/// use airssys_rt::Overflow;
///
/// assert_eq!(Overflow::default(), Overflow::Wait);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// The sender waits for room, in the order in which senders came.
    #[default]
    Wait,
    /// The sender is told that the mailbox is full, and has its message back.
    Refuse,
    /// The message that would be one too many is dropped, counted, and its sender is told so.
    DropNewest,
    /// The message that has waited longest is dropped and counted; the new one takes its place.
    DropOldest,
}

/// What became of a message that was sent without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sent {
    /// It is in the mailbox.
    Queued,
    /// It is in the mailbox, and the oldest there was dropped for it ([`Overflow::DropOldest`]).
    Displaced,
    /// It was dropped: the mailbox is full and was spawned with [`Overflow::DropNewest`].
    Dropped,
}

/// How many messages a mailbox has lost, exactly, and why.
///
/// ```
/// use airssys_rt::Dropped;
///
/// let dropped = Dropped { newest: 1, oldest: 2, unread: 3 };
/// assert_eq!(dropped.total(), 6);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Dropped {
    /// Refused for want of room, where dropping the newest was asked for.
    pub newest: u64,
    /// Pushed out by a newer one, where dropping the oldest was asked for.
    pub oldest: u64,
    /// Accepted, and not read before the actor ended.
    pub unread: u64,
}

impl Dropped {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.newest.saturating_add(self.oldest).saturating_add(self.unread)
    }
}
