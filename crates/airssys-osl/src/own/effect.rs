//! An embedder's code as an effect: begun with a permit, counted while it runs, ended with its permission.

use crate::ActionId;
use crate::gate::{Denied, Lease, Permit};
use crate::own::{Own, OwnAction, OwnTarget};
use crate::steps::{Inside, while_permitted};

/// True while code of an embedder, or a component that another has called, runs on this thread. A change of policies
/// waits for it, so it must not ask for one from within.
pub fn is_under_way() -> bool {
    Inside::is_entered()
}

/// Spends a permit on a piece of an embedder's code. A change of policies waits until it is done. It is given what rests
/// on the permission from then on: a handle for the guest, or work that goes on.
///
/// # Errors
/// [`Denied`] when the session was revoked, or the policies have changed since and now say no; it has then not run.
pub fn begin<R>(mut permit: Permit<Own>, effect: impl FnOnce(&Held) -> R) -> Result<R, Denied> {
    // By the verdict that was just taken, also where it counts only once; a change in between is seen.
    let _begun = permit.begin()?;
    let target = permit.resource().clone();
    let held = Held { action: target.action, target, lease: permit.into_lease() };
    let _inside = Inside::enter();
    Ok(effect(&held))
}

/// What a guest holds of an embedder's thing: the permission it was given with. Clones are the same.
#[derive(Debug, Clone)]
pub struct Held {
    action: OwnAction,
    target: OwnTarget,
    lease: Lease,
}

impl Held {
    /// What a lease of an embedder's thing stands for; none for another's.
    pub fn of(lease: &Lease) -> Option<Held> {
        let crate::Resource::Own(resource) = lease.resource() else { return None };
        let own = |action| match action {
            ActionId::Own(action) => Some(action),
            _ => None,
        };
        let action = lease.actions().find_map(own)?;
        let target = OwnTarget { action, resource: resource.clone() };
        Some(Held { action, target, lease: lease.clone() })
    }

    /// What it was given for: the action and the thing.
    pub fn target(&self) -> &OwnTarget {
        &self.target
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Does work that waits: each of its steps is a use of its own, and it is dropped when the permission is lost.
    ///
    /// # Errors
    /// [`Denied`] when it was lost before the work was done.
    pub async fn perform_async<F: Future>(&self, import: &'static str, work: F) -> Result<F::Output, Denied> {
        while_permitted(&self.lease, ActionId::Own(self.action), import, work).await
    }
}
