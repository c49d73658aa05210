//! The proof that a question was answered with yes. Minted here and nowhere else.
//!
//! *Invariant:* the fields are private to this file, there is no `Clone`, and [`mint`] is the only constructor; it
//! takes the [`Allowed`] which only the session makes, after the verdict was recorded.

use crate::action::Action;
use crate::gate::session::Allowed;
use crate::gate::{Lease, Session};
use crate::resource::Resource;
use std::sync::Arc;

/// Permission for one action `A` on one resource, for one effect.
///
/// Not `Clone`, not constructible elsewhere, consumed by the effect, which reads its target from it.
#[must_use = "a permit that is not spent was asked for in vain"]
#[derive(Debug)]
pub struct Permit<A: Action> {
    resource: A::Resource,
    allowed: Allowed,
}

pub(in crate::gate) fn mint<A: Action>(resource: A::Resource, allowed: Allowed) -> Permit<A> {
    Permit { resource, allowed }
}

impl<A: Action> Permit<A> {
    /// What it is for.
    pub fn resource(&self) -> &A::Resource {
        &self.resource
    }

    /// Spends the permit for its target: what the effect of a single use does.
    pub(crate) fn redeem(self) -> A::Resource {
        self.resource
    }

    /// Spends the permit for a lease: what a handle keeps.
    pub(crate) fn into_lease(self) -> Lease {
        Lease::new(
            Arc::clone(self.allowed.session()),
            self.resource.into(),
            vec![(A::ID, self.allowed.standing())],
        )
    }

    /// Adds this permit's right to a lease on the same resource.
    ///
    /// A permit for another resource or session is a fault of the caller and comes back.
    pub(crate) fn join(self, lease: Lease) -> Result<Lease, Lease> {
        let resource: Resource = self.resource.into();
        lease.with_right(self.allowed.session(), &resource, A::ID, self.allowed.standing())
    }

    /// The session it was given to.
    pub fn session(&self) -> &Arc<Session> {
        self.allowed.session()
    }
}
