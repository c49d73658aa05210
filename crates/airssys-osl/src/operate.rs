//! What operators do to a served system, as effects: each spends the permission that it was decided to have.
//!
//! What an operator takes back or changes waits for the effects under way, so it is done after the permission was spent and
//! not within.

use crate::action::{
    Action, ComponentStatus, ComponentStop, RuntimeLogs, RuntimePolicy, RuntimeRevoke, RuntimeStatus,
    RuntimeStop,
};
use crate::gate::{Denied, Lease, Permit};
use std::sync::atomic::{AtomicBool, Ordering};

mod sealed {
    pub trait Sealed {}
}

/// Something that operators do.
///
/// Sealed: every other effect has a way of its own, and none is to be had for a permission that was merely spent.
pub trait Operation: Action + sealed::Sealed {}

macro_rules! operations {
    ($($action:ty),* $(,)?) => {
        $(
            impl sealed::Sealed for $action {}
            impl Operation for $action {}
        )*
    };
}

operations!(
    ComponentStatus,
    ComponentStop,
    RuntimeStatus,
    RuntimePolicy,
    RuntimeRevoke,
    RuntimeLogs,
    RuntimeStop
);

/// Spends the permission for something that is done at once.
///
/// # Errors
/// [`Denied`] when it was lost since it was given; it is then not to be done.
pub fn spent<A: Operation>(permit: Permit<A>) -> Result<(), Denied> {
    permit.redeem().map(drop)
}

/// The permission to go on reading the log.
#[derive(Debug)]
pub struct Reading {
    lease: Lease,
    import: &'static str,
    ended: AtomicBool,
}

impl Reading {
    /// Spends the permission for reading what is there, and keeps it for what comes.
    ///
    /// # Errors
    /// [`Denied`] when it was lost since it was given.
    pub fn begin(mut permit: Permit<RuntimeLogs>, import: &'static str) -> Result<Reading, Denied> {
        drop(permit.begin()?);
        Ok(Reading { lease: permit.into_lease(), import, ended: AtomicBool::new(false) })
    }

    /// Whether it may still be read; once it may not, it never may again. Only that end is recorded: a record for each look
    /// would be one more to read.
    pub fn goes_on(&self) -> bool {
        if self.ended.load(Ordering::SeqCst) {
            return false;
        }
        let action = crate::ActionId::RuntimeLogs;
        let goes_on =
            self.lease.stands(action, self.import) || self.lease.permits(action, self.import).is_ok();
        if !goes_on {
            self.ended.store(true, Ordering::SeqCst);
        }
        goes_on
    }
}
