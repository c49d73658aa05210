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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::ClockRead;
    use crate::{Authorizer, Clock, Lease, Session, testing};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    const IMPORT: &str = "test:ties/types#call";

    #[derive(Default)]
    struct Thing(AtomicBool);

    impl Ends for Thing {
        fn end(&self) {
            self.0.store(true, Ordering::SeqCst);
        }
        fn is_over(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }
    }

    fn lease(session: &Arc<Session>) -> Lease {
        session.authorize::<ClockRead>(Clock::Wall, IMPORT).unwrap().into_lease()
    }

    fn tie(lease: &Lease, made_under: &crate::gate::InUse<'_>) -> Arc<Thing> {
        let thing = Arc::new(Thing::default());
        let what: Weak<Thing> = Arc::downgrade(&thing);
        lease.tie(made_under, ActionId::ClockRead, IMPORT, what);
        thing
    }

    #[test]
    fn what_is_tied_to_a_lease_that_was_taken_back_meanwhile_is_ended_at_once() {
        let (session, _) = testing::session(|_, _| true);
        let lease = lease(&session);
        let in_use = lease.enter(ActionId::ClockRead, IMPORT).unwrap();
        let before = tie(&lease, &in_use);
        assert!(!before.is_over());
        session.revoke();
        assert!(before.is_over());
        assert!(tie(&lease, &in_use).is_over());
    }

    #[test]
    fn what_an_effect_makes_while_a_change_waits_for_it_is_ended_before_the_change_returns() {
        static PERMITTED: AtomicBool = AtomicBool::new(true);
        let (session, told) = testing::session(|_, _| PERMITTED.load(Ordering::SeqCst));
        let lease = lease(&session);
        let in_use = lease.enter(ActionId::ClockRead, IMPORT).unwrap();
        PERMITTED.store(false, Ordering::SeqCst);
        let old = told.epoch().fetch_add(1, Ordering::SeqCst);
        let changing = {
            let gate = Arc::clone(session.gate());
            std::thread::spawn(move || gate.policies_changed(old))
        };
        // It has looked at what there was, and waits for this effect.
        std::thread::sleep(Duration::from_millis(200));
        let thing = tie(&lease, &in_use);
        drop(in_use);
        changing.join().unwrap();
        assert!(thing.is_over());
    }

    #[test]
    fn what_is_still_permitted_after_a_change_goes_on() {
        let (session, told) = testing::session(|_, _| true);
        let lease = lease(&session);
        let in_use = lease.enter(ActionId::ClockRead, IMPORT).unwrap();
        let thing = tie(&lease, &in_use);
        drop(in_use);
        session.gate().policies_changed(told.epoch().fetch_add(1, Ordering::SeqCst));
        assert!(!thing.is_over());
        lease.revoke();
        assert!(thing.is_over());
    }
}
