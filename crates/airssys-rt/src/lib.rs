//! Actors for airssys-wasm: bounded mailboxes and addresses that tell the truth.
//!
//! This crate moves messages. It knows nothing of WebAssembly and nothing of policies: whether a message may be
//! sent is decided before it comes here, and what a message means is its receiver's business.
//!
//! *Invariant:* a message that is not delivered is handed back to its sender. There is no unbounded queue, no
//! address that swallows what is sent to it, and no call that drops a message without saying so.
//!
//! - [`mailbox`]: one receiver, many senders, a capacity that is kept.
//! - [`directory`]: names for addresses; an unknown name is an error.
//!
//! Supervision and restarts come with the component actors and will stand beside these two modules.
//!
//! ```
//! use std::num::NonZeroUsize;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (address, mut mailbox) = airssys_rt::mailbox::bounded(NonZeroUsize::MIN);
//! address.send("hello").await?;
//! assert_eq!(mailbox.receive().await, Some("hello"));
//! # Ok(())
//! # }
//! ```

pub mod directory;
pub mod mailbox;
