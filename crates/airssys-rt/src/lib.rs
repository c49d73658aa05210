//! Actors for airssys-wasm.
//!
//! This crate moves messages and keeps actors alive. It knows nothing of WebAssembly and nothing of policies: whether
//! a message may be sent is decided before it comes here, and what a message means is its receiver's business.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod actor;
mod address;
mod cell;
mod context;
mod directory;
mod error;
mod exit;
mod life;
mod overflow;
mod queue;
mod reply;
mod supervisor;
mod sync;
mod system;

pub use actor::{Actor, Options};
pub use address::{ActorRef, Address};
pub use context::Context;
pub use directory::{LookupError, SpawnError};
pub use error::{AskError, SendError};
pub use exit::{ActorId, Down, ExitReason, Failure, MonitorId, Shutdown, ToldBy};
pub use overflow::{Dropped, Overflow, Sent};
pub use reply::Reply;
pub use supervisor::{
    Backoff, ChildError, ChildInfo, ChildSpec, ChildState, Intensity, Restart, Strategy, Supervisor,
    SupervisorMessage, SupervisorRef,
};
pub use system::{ActorSystem, Late, Report};
