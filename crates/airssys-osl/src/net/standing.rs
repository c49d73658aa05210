//! What a socket or stream may do, and the one door that each use goes through.

use crate::ActionId;
use crate::action::Action;
use crate::gate::{Denied, InUse, Lease, Permit};
use crate::resource::Endpoint;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

/// The rights a handle rests on. All of them must stand at each use: an address that carries another one rests on the
/// decisions on both, and a connection also on the local address it was made from.
#[derive(Debug, Clone)]
pub(in crate::net) struct Standing(Arc<[(Lease, ActionId)]>);

/// A use that was entered. Held across the system call it is for. The first right's stands for all: a change that waits
/// for it waits for the whole use.
#[must_use = "a use is under way only while this is held"]
#[derive(Debug)]
pub(in crate::net) struct Begun<'a>(#[expect(dead_code, reason = "held")] Option<InUse<'a>>);

impl Standing {
    /// What the permits, all for one use, leave to a handle.
    pub(in crate::net) fn of<A: Action<Resource = Endpoint>>(permits: Vec<Permit<A>>) -> Standing {
        Standing(permits.into_iter().map(|permit| (permit.into_lease(), A::ID)).collect())
    }

    /// Rests on these too.
    pub(in crate::net) fn and(&self, more: &Standing) -> Standing {
        Standing(self.0.iter().chain(more.0.iter()).cloned().collect())
    }

    /// True while nothing has to be decided anew for a use.
    pub(in crate::net) fn is_current(&self) -> bool {
        self.0.iter().all(|(lease, action)| lease.enter_if_current(*action).is_some())
    }

    /// Enters a use, right before its system call.
    ///
    /// Each use of a socket goes through here, so that what a use costs and what it waits for is said in one place.
    pub(in crate::net) fn entered(&self, import: &'static str) -> Result<Begun<'_>, Denied> {
        let mut first = None;
        for (lease, action) in self.0.iter() {
            let in_use = lease.enter(*action, import)?;
            first.get_or_insert(in_use);
        }
        Ok(Begun(first))
    }

    /// Returns when one of the rights is lost: revoked, or denied after a change of policies.
    pub(in crate::net) async fn lost(&self, import: &'static str) {
        let mut losses: Vec<_> =
            self.0.iter().map(|(lease, action)| Box::pin(lease.lost(*action, import))).collect();
        poll_fn(|context| {
            let mut any = Poll::Pending;
            for loss in &mut losses {
                if loss.as_mut().poll(context).is_ready() {
                    any = Poll::Ready(());
                    break;
                }
            }
            any
        })
        .await;
    }

    /// The right that names it: what was asked for first.
    pub(in crate::net) fn lease(&self) -> Option<&Lease> {
        self.0.first().map(|(lease, _)| lease)
    }
}
