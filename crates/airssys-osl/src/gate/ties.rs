//! What ends in the same breath as the permission it rests on.
//!
//! A handle that is only used when somebody asks can be refused at its next use. A socket cannot wait for that: what was
//! written to it goes on leaving the host, and a listener goes on answering. So it is tied to its leases, and whoever
//! takes a permission back ends it himself: when a revocation or a change of policies has returned, it is over.

use crate::ActionId;
use crate::gate::shared::lock;
use std::sync::{Mutex, Weak};

/// Something that must not outlive a permission.
pub(crate) trait Ends: Send + Sync {
    /// Ends it. Called by whoever takes the permission back: waits for nothing and takes no lock that is held while
    /// something is decided.
    fn end(&self);

    /// True when nothing is left to end.
    fn is_over(&self) -> bool;
}

/// What one lease's permission holds up.
#[derive(Default)]
pub(in crate::gate) struct Ties(Mutex<Vec<Tie>>);

/// One thing, and the question that it stands or falls with.
#[derive(Clone)]
pub(in crate::gate) struct Tie {
    pub(in crate::gate) action: ActionId,
    pub(in crate::gate) import: &'static str,
    what: Weak<dyn Ends>,
}

impl Tie {
    pub(in crate::gate) fn new(action: ActionId, import: &'static str, what: Weak<dyn Ends>) -> Tie {
        Tie { action, import, what }
    }

    pub(in crate::gate) fn end(&self) {
        if let Some(what) = self.what.upgrade() {
            what.end();
        }
    }

    fn is_over(&self) -> bool {
        self.what.upgrade().is_none_or(|what| what.is_over())
    }
}

impl Ties {
    pub(in crate::gate) fn add(&self, tie: Tie) {
        let mut ties = lock(&self.0);
        if ties.len() == ties.capacity() {
            ties.retain(|kept| kept.what.strong_count() > 0);
        }
        ties.push(tie);
    }

    pub(in crate::gate) fn end_all(&self) {
        // Taken out first: what ends may be the last owner of something else.
        let ties = std::mem::take(&mut *lock(&self.0));
        ties.iter().for_each(Tie::end);
    }

    /// Those that still hold something up.
    pub(in crate::gate) fn live(&self) -> Vec<Tie> {
        let ties = lock(&self.0).clone();
        ties.into_iter().filter(|tie| !tie.is_over()).collect()
    }
}
