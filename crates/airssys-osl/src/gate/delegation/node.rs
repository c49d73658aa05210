//! One delegation: a link from a lender to whoever may accept it.

use super::registry::Registry;
use super::terms::Terms;
use crate::gate::ground::{Ground, Resting};
use crate::gate::shared::{keep_alive, lock};
use crate::gate::{Lease, Session};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// A delegation. Kept by the lender's session, by what was lent on from it, and by whoever accepted it.
pub(in crate::gate) struct Node {
    pub(super) number: u64,
    /// The component that may accept it, by name.
    pub(super) to: Box<str>,
    pub(super) terms: Terms,
    pub(super) lender: Weak<Session>,
    /// What it was lent on from; none when the lender lends what is its own.
    pub(super) from: Option<Arc<Node>>,
    pub(super) registry: Weak<Registry>,
    over: AtomicBool,
    lent_on: Mutex<Vec<Weak<Node>>>,
    held: Mutex<Vec<Weak<Holding>>>,
}

/// That a session has accepted a delegation, and holds it.
pub(in crate::gate) struct Holding {
    pub(super) node: Arc<Node>,
    session: Weak<Session>,
    ground: Arc<Ground>,
    /// Carries no right; it is taken back when the delegation ends.
    pub(super) lease: Lease,
}

/// What has ended. Effects that rest on it may still be under way.
#[must_use = "effects that began in time may still be under way"]
#[derive(Default)]
pub struct Ended(Vec<Arc<Holding>>);

impl Node {
    pub(super) fn new(
        number: u64,
        to: Box<str>,
        terms: Terms,
        lender: &Arc<Session>,
        from: Option<Arc<Node>>,
        registry: Weak<Registry>,
    ) -> Arc<Node> {
        let (lent_on, held) = Default::default();
        let (lender, over) = (Arc::downgrade(lender), AtomicBool::new(false));
        Arc::new(Node { number, to, terms, lender, from, registry, over, lent_on, held })
    }

    /// True once it has ended, by whatever.
    pub(in crate::gate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst) || self.terms.are_over() || self.lender.strong_count() == 0
    }

    /// Whose authority it is in the end.
    pub(super) fn first_lender(&self) -> Option<Arc<Session>> {
        let mut node = self;
        while let Some(from) = &node.from {
            node = from;
        }
        node.lender.upgrade()
    }

    /// Says that another was lent on from it; false when it has ended, and then the other is none.
    pub(super) fn lend_on(&self, node: &Arc<Node>) -> bool {
        let mut lent_on = lock(&self.lent_on);
        // Looked at under the lock: whoever ends it says so first, and then takes what is in the list.
        let stands = !self.is_over();
        if stands {
            keep_alive(&mut lent_on, Arc::downgrade(node));
        }
        stands
    }

    /// Gives it to a session to hold; none when it has ended.
    pub(super) fn hold(self: &Arc<Self>, session: &Arc<Session>) -> Option<Arc<Holding>> {
        let lease = Lease::for_walking(Arc::clone(session), self.terms.resource().clone());
        let holding = Arc::new(Holding {
            node: Arc::clone(self),
            session: Arc::downgrade(session),
            ground: Arc::default(),
            lease,
        });
        let mut held = lock(&self.held);
        if self.is_over() {
            return None;
        }
        keep_alive(&mut held, Arc::downgrade(&holding));
        Some(holding)
    }

    /// Ends it, and all that was lent on from it: nothing begins by it from now on, and whoever waits by it wakes.
    pub(in crate::gate) fn end(self: &Arc<Self>) -> Ended {
        let mut ended = Vec::new();
        self.end_all(&mut ended);
        // All of it has ended before anybody is told, so that who looks again finds no other link standing.
        let ended = Ended(ended);
        ended.tell();
        ended
    }

    fn end_all(self: &Arc<Self>, ended: &mut Vec<Arc<Holding>>) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(registry) = self.registry.upgrade() {
            registry.forget(self.number);
        }
        let held: Vec<_> = lock(&self.held).iter().filter_map(Weak::upgrade).collect();
        for holding in held {
            holding.ground.end();
            ended.push(holding);
        }
        let lent_on: Vec<_> = lock(&self.lent_on).iter().filter_map(Weak::upgrade).collect();
        // Never deeper than `MAX_DEPTH`.
        lent_on.iter().for_each(|node| node.end_all(ended));
    }
}

impl Holding {
    /// True while it may be used.
    pub(in crate::gate) fn stands(&self) -> bool {
        !self.ground.is_over() && !self.node.is_over()
    }

    /// Says that an effect by it is under way; none once it has ended.
    pub(in crate::gate) fn begin(&self) -> Option<Resting> {
        let resting = self.ground.begin()?;
        // The deadline counts by the clock, and not by when somebody gets to see it.
        if self.node.is_over() { None } else { Some(resting) }
    }

    /// Ends the use of it by who holds it.
    pub(super) fn let_go(self: &Arc<Self>) {
        self.ground.end();
        Ended(vec![Arc::clone(self)]).tell();
    }
}

impl Ended {
    pub(in crate::gate) fn and(mut self, more: Ended) -> Ended {
        self.0.extend(more.0);
        self
    }

    /// Returns when nothing that rests on it is under way any more. Not to be called from within an effect.
    pub fn wait(self) {
        self.0.iter().for_each(|holding| holding.ground.wait());
        // An effect that was under way may have made a socket.
        self.sessions().iter().for_each(|session| session.end_what_is_denied());
    }

    fn tell(&self) {
        for session in self.sessions() {
            session.wake();
            session.end_what_is_denied();
        }
        self.0.iter().for_each(|holding| holding.lease.revoke());
    }

    fn sessions(&self) -> Vec<Arc<Session>> {
        let mut sessions: Vec<_> = self.0.iter().filter_map(|holding| holding.session.upgrade()).collect();
        sessions.sort_by_key(Arc::as_ptr);
        sessions.dedup_by(|a, b| Arc::ptr_eq(a, b));
        sessions
    }
}

impl std::fmt::Debug for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ended", self.0.len())
    }
}

impl std::fmt::Debug for Holding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "delegation {} to {}", self.node.number, self.node.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ActionId, Clock, testing};
    use std::time::{Duration, Instant};

    #[test]
    fn what_has_ended_is_neither_held_nor_lent_on_by_who_found_it_before() {
        let (session, _) = testing::session(|_, _| true);
        let deadline = Instant::now() + Duration::from_secs(60);
        let terms = Terms::new([ActionId::ClockRead], Clock::Wall.into(), deadline, 1).unwrap();
        let node = |number| Node::new(number, "acme/y".into(), terms.clone(), &session, None, Weak::new());
        let (first, second) = (node(1), node(2));
        assert!(first.hold(&session).is_some() && first.lend_on(&second));
        first.end().wait();
        assert!(first.hold(&session).is_none() && !first.lend_on(&node(3)));
        assert!(second.is_over());
    }
}
