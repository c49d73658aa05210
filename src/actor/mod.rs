//! Components as actors.
//!
//! Each instance of a component is an actor of [`airssys_rt`]: one task owns its store, and whoever calls it sends it a
//! message. What other components send it, it takes from its own mailbox of the office.

mod post;
mod resident;

pub(crate) use post::Post;
pub(crate) use resident::{Call, CallError, Job, Left, Resident, recorded};
