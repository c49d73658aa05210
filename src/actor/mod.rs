//! Components as actors.
//!
//! Each instance of a component is an actor of [`airssys_rt`]: one task owns its store, and whoever calls it sends it a
//! message.

mod resident;

pub(crate) use resident::{CallError, Job, Left, Resident, recorded};
