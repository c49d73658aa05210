//! A name that is being given out: whoever gives the start up on the way frees it again.

use crate::embed::named::{Condition, Route};
use crate::embed::runtime::Shared;
use airssys_rt::SupervisorRef;
use std::sync::Arc;
use tokio::runtime::Handle;

/// A name that is nobody else's. It is free again when this is dropped, unless it was kept.
pub(super) struct Claim {
    shared: Arc<Shared>,
    route: Arc<Route>,
    kept: bool,
}

impl Claim {
    /// Gives it out to that way, which nobody has used yet.
    pub(super) fn new(shared: &Arc<Shared>, route: &Arc<Route>) -> Result<Claim, crate::embed::Error> {
        shared.routes().add(Arc::clone(route))?;
        Ok(Claim { shared: Arc::clone(shared), route: Arc::clone(route), kept: false })
    }

    /// It stays given out.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.kept {
            self.shared.routes().remove(&self.route);
            // Nobody waits for what is not started any more.
            self.route.rests(Condition::Stopped);
            let first = self.route.first().take();
            drop(first);
        }
    }
}

/// A start that a supervisor was told of. Given up it is undone, and the name is free when that is done: until then somebody
/// may sit there.
pub(super) struct Starting {
    root: SupervisorRef,
    executor: Handle,
    claim: Option<Claim>,
}

impl Starting {
    pub(super) fn new(root: &SupervisorRef, claim: Claim) -> Starting {
        Starting { root: root.clone(), executor: Handle::current(), claim: Some(claim) }
    }

    /// It sits there.
    pub(super) fn done(mut self) {
        if let Some(claim) = self.claim.take() {
            claim.keep();
        }
    }

    /// It failed: nothing of it is left when this returns.
    pub(super) async fn undone(mut self) {
        if let Some(undoing) = self.undo() {
            // Done also when nobody waits for it.
            drop(self.executor.spawn(undoing).await);
        }
    }

    fn undo(&mut self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let (root, claim) = (self.root.clone(), self.claim.take()?);
        Some(async move {
            // An error says that it is not there.
            let _ = root.terminate_child(&claim.route.name).await;
            let _ = root.delete_child(&claim.route.name).await;
            drop(claim);
        })
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(undoing) = self.undo() {
            drop(self.executor.spawn(undoing));
        }
    }
}
