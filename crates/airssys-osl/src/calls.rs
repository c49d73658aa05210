//! Calls of another component's functions.
//!
//! The effect is that the other works for the caller. What it does then is decided by its own authority, on its own
//! session, so a call gives nothing away but the working time.
//!
//! *Invariant:* no step of the work is taken without the caller's permission, and a change of policies waits for the
//! step under way at most, never for the call.

use crate::action::ComponentCall;
use crate::gate::{Denied, Permit};
use crate::steps::{Inside, while_permitted};
use crate::{ActionId, FunctionName};

/// Calls what the permit names: `work` is given that name, and makes what has to be waited for. When the permission is
/// lost, be it by a change of policies or because the caller was revoked, the work is dropped there and then.
///
/// # Errors
/// [`Denied`] when the permission was lost before the work was done; if `work` was not asked for it yet, it never is.
pub async fn call<F: Future>(
    mut permit: Permit<ComponentCall>,
    import: &'static str,
    work: impl FnOnce(&FunctionName) -> F,
) -> Result<F::Output, Denied> {
    let (lease, work) = {
        // By the verdict that was just taken, also where it counts only once; a change in between is seen.
        let _begun = permit.begin()?;
        let target = permit.resource().clone();
        let lease = permit.into_lease();
        let _inside = Inside::enter();
        (lease, work(&target))
    };
    while_permitted(&lease, ActionId::ComponentCall, import, work).await
}
