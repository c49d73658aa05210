//! What a socket or stream may do, and the one door that each use goes through.

use crate::ActionId;
use crate::action::Action;
use crate::gate::{Denied, Ends, InUse, Lease, Permit};
use crate::resource::Endpoint;
use std::sync::Arc;

/// The rights a handle rests on. All of them must stand at each use: an address that carries another one rests on the
/// decisions on both, and a connection also on the local address it was made from.
#[derive(Debug, Clone)]
pub(in crate::net) struct Standing(Arc<[(Lease, ActionId)]>);

/// A use that was entered. Held across the system call it is for. The first right's stands for all: a change that waits
/// for it waits for the whole use. Those that rest on something lent stand beside it, each for its own end.
#[must_use = "a use is under way only while this is held"]
#[derive(Debug)]
pub(in crate::net) struct Begun<'a>(Option<InUse<'a>>, Vec<InUse<'a>>);

impl Standing {
    /// What the permits, all for one use, leave to a handle.
    pub(in crate::net) fn of<A: Action<Resource = Endpoint>>(permits: Vec<Permit<A>>) -> Standing {
        let right = |permit: Permit<A>| {
            let action = A::id(permit.resource());
            (permit.into_lease(), action)
        };
        Standing(permits.into_iter().map(right).collect())
    }

    /// Rests on these too.
    pub(in crate::net) fn and(&self, more: &Standing) -> Standing {
        Standing(self.0.iter().chain(more.0.iter()).cloned().collect())
    }

    /// True while nothing has to be decided anew for a use.
    pub(in crate::net) fn is_current(&self, import: &'static str) -> bool {
        self.0.iter().all(|(lease, action)| lease.enter_if_current(*action, import).is_some())
    }

    /// Enters a use, right before its system call.
    ///
    /// Each use of a socket goes through here, so that what a use costs and what it waits for is said in one place.
    pub(in crate::net) fn entered(&self, import: &'static str) -> Result<Begun<'_>, Denied> {
        let (mut first, mut lent) = (None, Vec::new());
        for (lease, action) in self.0.iter() {
            let in_use = lease.enter(*action, import)?;
            // One count of the session's is as good as another; what something lent rests on counts apart.
            if in_use.resting().is_some() {
                lent.push(in_use);
            } else {
                first.get_or_insert(in_use);
            }
        }
        Ok(Begun(first.or_else(|| lent.pop()), lent))
    }

    /// Ties a socket to all of its rights: whoever takes one of them back ends it. Within the use that made it, so that
    /// a change does not miss it.
    pub(in crate::net) fn tie<T: Ends + 'static>(
        &self,
        begun: &Begun<'_>,
        import: &'static str,
        what: &Arc<T>,
    ) {
        let Begun(Some(in_use), lent) = begun else { return };
        for (lease, action) in self.0.iter() {
            let what = Arc::downgrade(what);
            lease.tie(in_use, *action, import, what);
        }
        let stands = |lent: &InUse<'_>| lent.resting().is_none_or(|resting| resting.still_stands());
        if !lent.iter().all(stands) {
            // Taken back before it was tied: nobody else ends it.
            what.end();
        }
    }

    /// The right that names it: what was asked for first.
    pub(in crate::net) fn lease(&self) -> Option<&Lease> {
        self.0.first().map(|(lease, _)| lease)
    }
}
