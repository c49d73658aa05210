//! For tests alone: each effect as it starts, after the check and right before the system call it is for.
//!
//! A test compares what it sees here with what the world saw, and may hold the thread up in between. Without the feature
//! `observed`, which only the tests of this workspace switch on, nothing of it is compiled.

use crate::{ActionId, Resource, Subject};
use std::sync::OnceLock;

/// One effect that starts now, or at once after whoever observes it returns.
#[derive(Debug)]
#[non_exhaustive]
pub struct Starts<'a> {
    /// Whose it is.
    pub subject: &'a Subject,
    /// What was decided on.
    pub action: ActionId,
    /// And on what.
    pub resource: &'a Resource,
    /// Through which import.
    pub import: &'static str,
    /// The epoch it counts under: a change that has moved it on waits for this effect.
    pub epoch: u64,
}

type Observer = Box<dyn Fn(&Starts<'_>) + Send + Sync>;

static OBSERVER: OnceLock<Observer> = OnceLock::new();

/// Shows every effect of this process from now on to `observer`. The first one stays; false when there was one.
pub fn observe(observer: impl Fn(&Starts<'_>) + Send + Sync + 'static) -> bool {
    OBSERVER.set(Box::new(observer)).is_ok()
}

pub(in crate::gate) fn tell(starts: &Starts<'_>) {
    if let Some(observer) = OBSERVER.get() {
        observer(starts);
    }
}
