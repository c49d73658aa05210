//! The proof that a question was answered with yes. Minted here and nowhere else.
//!
//! *Invariant:* the fields are private to this file, there is no `Clone`, and [`mint`] is the only constructor; it
//! takes the [`Allowed`] which only the session makes, after the verdict was recorded.

use crate::action::Action;
use crate::gate::effects::Begun;
use crate::gate::session::Allowed;
use crate::gate::{Denied, Lease, Session};
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

/// A permit that is being spent: the effect is under way while this is held.
#[must_use = "the effect is under way only while this is held"]
#[derive(Debug)]
pub(crate) struct Spent<A: Action> {
    resource: A::Resource,
    _begun: Begun<Arc<Session>>,
}

impl<A: Action> Spent<A> {
    /// The target.
    pub(crate) fn resource(&self) -> &A::Resource {
        &self.resource
    }
}

pub(in crate::gate) fn mint<A: Action>(resource: A::Resource, allowed: Allowed) -> Permit<A> {
    Permit { resource, allowed }
}

impl<A: Action> Permit<A> {
    /// What it is for.
    pub fn resource(&self) -> &A::Resource {
        &self.resource
    }

    /// Spends the permit for its target: what the effect of a single use does, while it holds what it is given.
    ///
    /// # Errors
    /// [`Denied`] when the session was revoked, or the policies have changed since and now say no.
    pub(crate) fn redeem(mut self) -> Result<Spent<A>, Denied> {
        let begun = self.begin()?;
        Ok(Spent { resource: self.resource, _begun: begun })
    }

    /// Begins a first effect of a permit that goes on into a lease, such as emptying the file that is opened.
    ///
    /// # Errors
    /// As [`Permit::redeem`].
    pub(crate) fn begin(&mut self) -> Result<Begun<Arc<Session>>, Denied> {
        self.allowed.begin(A::id(&self.resource), &self.resource.clone().into())
    }

    /// Spends the permit for a lease: what a handle keeps.
    pub(crate) fn into_lease(self) -> Lease {
        let right = (A::id(&self.resource), self.allowed.standing());
        Lease::new(Arc::clone(self.allowed.session()), self.resource.into(), vec![right])
    }

    /// Adds this permit's right to a lease on the same resource.
    ///
    /// A permit for another resource or session is a fault of the caller and comes back.
    pub(crate) fn join(self, lease: Lease) -> Result<Lease, Lease> {
        let (action, resource): (_, Resource) = (A::id(&self.resource), self.resource.into());
        lease.with_right(self.allowed.session(), &resource, action, self.allowed.standing())
    }

    /// The session it was given to.
    pub fn session(&self) -> &Arc<Session> {
        self.allowed.session()
    }
}
