//! What must outlive the process: mailboxes kept on disk, and marks that only go up.
//!
//! One [`Store`] holds the durable mailboxes of many receivers and the [`Marks`] of the system. A thread of its own
//! does all that touches the disk; what waits for it at the same time shares one commit, and so one `fsync`.
//!
//! *Invariant:* `Ok` means on disk. A message whose [`Mailbox::enqueue`] said `Ok` is delivered until it is
//! acknowledged, or stands among the dead letters until somebody takes it from there; neither a full mailbox, nor a
//! message that ends the host each time, nor the end of the process makes it disappear. A mark never goes down.
//!
//! Delivery is *at least once*: a message that was handled and not yet acknowledged when the process ended comes
//! again, with its count of deliveries raised. The count is on disk before the message is handed out.
//!
//! A message that was released rests before it is delivered again, longer each time, as [`Terms::redelivery`] says. What is
//! behind it waits for it, unless [`Mailbox::in_lanes`] says that the two do not concern each other.
//!
//! The crate opens no file by itself. The store stands on a [`StorageBackend`] that is handed in, which for a file
//! is a [`FileBackend`]:
//!
//! ```
//! use airssys_rt::durable::{Envelope, InMemoryBackend, Store, Terms};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::open(InMemoryBackend::new()).await?;
//! let mailbox = store.mailbox("acme/billing", Terms::default()).await?;
//! mailbox.enqueue(Envelope { bytes: b"pay".to_vec(), expires: None }).await?;
//!
//! let delivery = mailbox.next().await?;
//! assert_eq!((delivery.deliveries, delivery.bytes.as_slice()), (1, b"pay".as_slice()));
//! assert!(mailbox.acknowledge(delivery.sequence).await?);
//! # store.close().await;
//! # Ok(())
//! # }
//! ```

mod batch;
mod disk;
mod error;
mod mailbox;
mod marks;
mod queue;
mod rest;
mod shared;
mod store;
mod worker;

pub use error::{EnqueueError, StoreError};
pub use mailbox::{DeadLetter, Delivery, Envelope, Mailbox, Reason, Terms};
pub use marks::{Marks, RaiseError};
pub use redb::StorageBackend;
pub use redb::backends::{FileBackend, InMemoryBackend};
pub use rest::{Lane, Rested};
pub use store::{Clock, Store};
