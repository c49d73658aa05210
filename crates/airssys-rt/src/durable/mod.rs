//! Durable mailboxes: a message whose sending was answered `Ok` is on disk until it is acknowledged.
//!
//! One [`Store`] serves many mailboxes, one for each name, and the [`Marks`] that never go down. All disk work is
//! done by one thread of the store's own, which commits together what waits together: one sync of the disk covers
//! many senders. Whoever asks awaits the commit; no executor thread waits for a disk.
//!
//! *Invariants:*
//! - `Ok` from [`Mailbox::enqueue`] means that the message is on disk, and from [`Delivery::acknowledge`] that it
//!   is gone from there. What is neither acknowledged nor dead is delivered again, also after a crash.
//! - The count of deliveries is on disk before a delivery is handed out: a message that kills the host is counted.
//! - One delivery of a mailbox is out at a time, and the next is the oldest. So the order of each sender is kept,
//!   whatever is released or lost in between.
//! - Dead letters take up the mailbox's capacity until somebody requeues or discards them. Nothing is dropped to
//!   make room, and nothing grows without bound.
//!
//! The crate opens no files: whoever makes a store hands in how its database is opened.

mod disk;
mod envelope;
mod error;
mod mailbox;
mod marks;
mod queue;
mod store;
mod writer;

pub use envelope::Envelope;
pub use error::{EnqueueError, OpenError, StoreError};
pub use mailbox::{DeadLetter, Delivery, Mailbox};
pub use marks::Marks;
pub use queue::{Depth, Reason, Terms};
pub use store::{Clock, Store};
