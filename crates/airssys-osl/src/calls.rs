//! Calls of another component's functions.
//!
//! The effect is that the other works for the caller. What it does then is decided by its own authority, on its own
//! session, so a call gives nothing away but the working time.
//!
//! *Invariant:* no step of the work is taken without the caller's permission, wherever it is taken, and a change of policies
//! waits for the step under way at most, never for the call.

use crate::action::ComponentCall;
use crate::gate::{Denied, Lease, Permit};
use crate::steps::{Inside, under, while_permitted};
use crate::{ActionId, FunctionName};

/// The caller's permission, for whoever does the work elsewhere than where the caller waits for it.
#[derive(Debug, Clone)]
pub struct Under {
    lease: Lease,
    import: &'static str,
}

impl Under {
    /// Whether it stands still.
    pub fn stands(&self) -> bool {
        self.lease.stands(ActionId::ComponentCall, self.import)
    }

    /// Does the work: each of its steps is a use of the caller's permission. None when that was lost before the work was
    /// done, which is dropped then. The caller, who waits, is told why; nothing is recorded here.
    pub async fn steps<F: Future>(self, work: F) -> Option<F::Output> {
        under(&self.lease, ActionId::ComponentCall, self.import, work).await
    }
}

/// Calls what the permit names: `work` is given that name and the permission, and makes what has to be waited for. When the
/// permission is lost, be it by a change of policies or because the caller was revoked, the work is dropped there and then.
///
/// What it waits for may be done by another task: that one does it by [`Under::steps`].
///
/// # Errors
/// [`Denied`] when the permission was lost before the work was done; if `work` was not asked for it yet, it never is.
pub async fn call<F: Future>(
    mut permit: Permit<ComponentCall>,
    import: &'static str,
    work: impl FnOnce(&FunctionName, Under) -> F,
) -> Result<F::Output, Denied> {
    let (lease, work) = {
        // By the verdict that was just taken, also where it counts only once; a change in between is seen.
        let _begun = permit.begin()?;
        let target = permit.resource().clone();
        let lease = permit.into_lease();
        let _inside = Inside::enter();
        let under = Under { lease: lease.clone(), import };
        (lease, work(&target, under))
    };
    while_permitted(&lease, ActionId::ComponentCall, import, work).await
}
