//! Messages between components: who has which name, what waits for whom.
//!
//! Putting something into another's mailbox is an effect like any other: it takes its target from a permit, and what lies
//! there keeps the lease of the permission it was sent by. That is asked again when it is taken out, so a permission that
//! was taken back in between reaches what waits. Taking is decided too, with the receiver as principal; but for what an
//! operator sends, which rests on the operator's permission alone.
//!
//! A mailbox may be durable: messages to it lie on a [`Shelf`] until they are acknowledged, also over a restart. Requests and
//! events are never kept: who asked waits no longer, and who published does not wait for a disk.
//!
//! *Invariant:* sender, chain and time are stamped here from the session. A name that nobody has, one whose owner ended
//! and one that is denied are told alike, as [`PostError::Unreachable`] by whoever shows it to a guest.

mod desk;
mod envelope;
mod error;
mod inbox;
mod judge;
mod office;
mod send;
mod sender;
mod shelf;

pub use desk::Terms;
pub use error::PostError;
pub use inbox::{Delivery, Inbox};
pub use office::Office;
pub use send::{Draft, publish, request, send};
pub use sender::Sender;
pub use shelf::{Groups, Shelf, Trusts};
