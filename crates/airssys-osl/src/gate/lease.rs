//! What an open handle keeps of the decision it was born from.
//!
//! A lease names one resource and the actions it was opened for, each with the epoch of its verdict. Using the
//! handle compares that epoch with the current one: equal means go on; otherwise the question is asked anew. A
//! verdict that read the context, and a revoked lease, hold epoch 0, which is never current.
//!
//! A wait rests on a lease too: [`Lease::lost`] ends it when the lease is revoked, and asks anew when the policies
//! change.

use crate::gate::decide::{Authority, MAX_CHANGES};
use crate::gate::delegation::{Borrowed, Holding};
use crate::gate::effects::{Begun, Counts};
use crate::gate::ties::{Ends, Tie, Ties};
use crate::gate::{Decision, Denied, Reasons, Session, Why};
use crate::{ActionId, Resource};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use tokio::sync::Notify;

/// The standing permission of an open handle. Clones are the same lease.
#[derive(Clone)]
pub struct Lease(Arc<State>);

pub(in crate::gate) struct State {
    session: Arc<Session>,
    resource: Resource,
    rights: Vec<Right>,
    revoked: AtomicBool,
    woken: Notify,
    ties: Ties,
}

/// How long a verdict may be used again.
#[derive(Debug, Clone)]
pub(in crate::gate) struct Standing {
    /// The epoch under which it may; 0: not at all.
    under: u64,
    /// The epoch it was taken under.
    asked: u64,
    /// What it rests on, when somebody lent it. Then it counts once.
    lent: Option<Arc<Holding>>,
}

/// A use of a handle that is under way.
pub type InUse<'a> = Begun<&'a Session>;

impl Standing {
    /// True when the verdict was taken under that epoch, or under a change to it that is just coming into force.
    fn was_asked_under(&self, epoch: u64) -> bool {
        self.asked >= epoch
    }

    pub(in crate::gate) fn of(decision: &Decision, borrowed: Option<&Borrowed>) -> Standing {
        let under = if decision.reusable && borrowed.is_none() { decision.epoch } else { 0 };
        Standing {
            under,
            asked: decision.epoch,
            lent: borrowed.map(|borrowed| Arc::clone(&borrowed.holding)),
        }
    }

    /// The effect that has begun, when the verdict carries it: it was taken under its epoch, and what it rests on stands.
    pub(in crate::gate) fn carry<E: Counts>(&self, begun: Begun<E>) -> Option<Begun<E>> {
        if !self.was_asked_under(begun.epoch()) {
            return None;
        }
        match &self.lent {
            None => Some(begun),
            Some(holding) => Some(begun.resting_on(Some(holding.begin()?))),
        }
    }

    /// What a lease may keep of when it was asked: what was lent is asked about each time.
    fn kept(&self) -> u64 {
        if self.lent.is_some() { 0 } else { self.asked }
    }
}

struct Right {
    action: ActionId,
    /// Epoch of the verdict; 0: ask each time.
    under: AtomicU64,
    /// Epoch of the last verdict, also where it counts only once.
    asked: AtomicU64,
    reused: AtomicU64,
}

impl Lease {
    pub(in crate::gate) fn new(
        session: Arc<Session>,
        resource: Resource,
        rights: Vec<(ActionId, Standing)>,
    ) -> Lease {
        let rights = rights.into_iter().map(|(action, standing)| Right::new(action, standing)).collect();
        let (revoked, woken) = (AtomicBool::new(session.is_revoked()), Notify::new());
        let ties = Ties::default();
        let lease = Lease(Arc::new(State { session, resource, rights, revoked, woken, ties }));
        lease.0.session.keep(Arc::downgrade(&lease.0));
        lease
    }

    pub(in crate::gate) fn of(state: Arc<State>) -> Lease {
        Lease(state)
    }

    /// A lease that carries no right: the root of a mount, which is only for walking.
    pub(crate) fn for_walking(session: Arc<Session>, resource: Resource) -> Lease {
        Lease::new(session, resource, Vec::new())
    }

    pub(in crate::gate) fn with_right(
        self,
        session: &Arc<Session>,
        resource: &Resource,
        action: ActionId,
        standing: Standing,
    ) -> Result<Lease, Lease> {
        if !Arc::ptr_eq(&self.0.session, session) || self.0.resource != *resource {
            return Err(self);
        }
        let held = |r: &Right| (r.action, r.standing());
        let mut rights: Vec<_> = self.0.rights.iter().map(held).filter(|(held, _)| *held != action).collect();
        rights.push((action, standing));
        Ok(Lease::new(Arc::clone(session), self.0.resource.clone(), rights))
    }

    /// Enters a use of the handle: a count, a load and a compare, or a new decision. The use is under way while what
    /// is returned is held, and a change of policies waits for it.
    ///
    /// # Errors
    /// [`Denied`] when the lease was revoked, was not opened for `action`, or a new decision says no.
    pub fn enter(&self, action: ActionId, import: &'static str) -> Result<InUse<'_>, Denied> {
        let state = &*self.0;
        let Some(right) = state.rights.iter().find(|r| r.action == action) else {
            return Err(self.refuse(action, import, Why::NotHeld));
        };
        if let Some(begun) = self.enter_under(right, import) {
            return Ok(begun);
        }
        self.enter_anew(right, import)
    }

    /// A use whose verdict no longer stands: by a new one, taken under the epoch that it begins in.
    #[cold]
    fn enter_anew(&self, right: &Right, import: &'static str) -> Result<InUse<'_>, Denied> {
        for _ in 0..MAX_CHANGES {
            let standing = self.renew(right, import)?;
            let begun = Begun::new(&*self.0.session, self.0.session.gate().epoch());
            if self.is_revoked() {
                break;
            }
            let epoch = begun.epoch();
            if let Some(begun) = standing.carry(begun) {
                self.0.session.starts(right.action, &self.0.resource, import, epoch);
                return Ok(begun);
            }
        }
        let why = if self.is_revoked() { Why::Revoked } else { Why::Unstable };
        Err(self.refuse(right.action, import, why))
    }

    /// Enters the next step of a use that was counted already. It rests on the verdict of the use, also where that
    /// counts only once, until the policies change.
    ///
    /// # Errors
    /// As [`Lease::enter`].
    pub(crate) fn enter_step(&self, action: ActionId, import: &'static str) -> Result<InUse<'_>, Denied> {
        let Some(right) = self.0.rights.iter().find(|r| r.action == action) else {
            return Err(self.refuse(action, import, Why::NotHeld));
        };
        self.step_as_asked(right, import).map_or_else(|| self.enter_anew(right, import), Ok)
    }

    /// The same for who works where the holder of the permission waits: what is lost is asked about, and recorded, there.
    pub(crate) fn enter_step_elsewhere(&self, action: ActionId, import: &'static str) -> Option<InUse<'_>> {
        let right = self.0.rights.iter().find(|right| right.action == action)?;
        let step = self.step_as_asked(right, import);
        step.or_else(|| if self.stands(action, import) { self.enter_anew(right, import).ok() } else { None })
    }

    fn step_as_asked(&self, right: &Right, import: &'static str) -> Option<InUse<'_>> {
        let session = &self.0.session;
        let begun = Begun::new(&**session, session.gate().epoch());
        // Only a yes is put down as asked.
        if right.asked.load(Ordering::SeqCst) != begun.epoch() || self.is_revoked() {
            return None;
        }
        session.starts(right.action, &self.0.resource, import, begun.epoch());
        Some(begun)
    }

    /// Enters a use that the last verdict still covers. None when it has to be decided anew, which [`Lease::enter`]
    /// does: for a handle that must look around before that.
    pub(crate) fn enter_if_current(&self, action: ActionId, import: &'static str) -> Option<InUse<'_>> {
        let right = self.0.rights.iter().find(|right| right.action == action)?;
        self.enter_under(right, import)
    }

    /// A count, a load and a compare.
    fn enter_under(&self, right: &Right, import: &'static str) -> Option<InUse<'_>> {
        let session = &self.0.session;
        let begun = Begun::new(&**session, session.gate().epoch());
        // Whoever decides anew may store an epoch just after the end took all of them away.
        if right.under.load(Ordering::SeqCst) != begun.epoch() || self.is_revoked() {
            return None;
        }
        right.reused.fetch_add(1, Ordering::Relaxed);
        session.starts(right.action, &self.0.resource, import, begun.epoch());
        Some(begun)
    }

    /// Refuses `action` on a handle that was revoked.
    ///
    /// # Errors
    /// [`Denied`] when the lease was revoked.
    pub(crate) fn check_live(&self, action: ActionId, import: &'static str) -> Result<(), Denied> {
        if self.is_revoked() { Err(self.refuse(action, import, Why::Revoked)) } else { Ok(()) }
    }

    #[cold]
    fn renew(&self, right: &Right, import: &'static str) -> Result<Standing, Denied> {
        if self.is_revoked() {
            return Err(self.refuse(right.action, import, Why::Revoked));
        }
        let standing = self.decide(right.action, import)?;
        right.asked.store(standing.kept(), Ordering::SeqCst);
        right.under.store(standing.under, Ordering::SeqCst);
        if self.is_revoked() {
            // Revoked while deciding: take back what was just stored.
            right.under.store(0, Ordering::SeqCst);
            return Err(self.refuse(right.action, import, Why::Revoked));
        }
        Ok(standing)
    }

    pub(crate) fn refuse(&self, action: ActionId, import: &'static str, why: Why) -> Denied {
        self.0.session.refuse(action, &self.0.resource, import, why, Arc::new(Reasons::default()))
    }

    /// True when the handle was opened for `action`.
    pub fn holds(&self, action: ActionId) -> bool {
        self.0.rights.iter().any(|r| r.action == action)
    }

    /// The actions it was opened for.
    pub fn actions(&self) -> impl Iterator<Item = ActionId> {
        self.0.rights.iter().map(|r| r.action)
    }

    /// What it is on.
    pub fn resource(&self) -> &Resource {
        &self.0.resource
    }

    /// Whose it is.
    pub fn session(&self) -> &Arc<Session> {
        &self.0.session
    }

    /// Takes the permission back; blocked waits on it wake.
    pub fn revoke(&self) {
        self.0.revoke();
    }

    /// True once it was revoked.
    pub fn is_revoked(&self) -> bool {
        self.0.revoked.load(Ordering::SeqCst)
    }

    /// Returns when a wait that rests on `action` has to end: the lease was revoked, or the policies have changed
    /// since it was last asked and now say no.
    pub async fn lost(&self, action: ActionId, import: &'static str) {
        loop {
            // Registered before the look, so that nothing is missed in between.
            let woken = self.0.woken.notified();
            if self.is_revoked() || self.asked_anew(action, import).is_err() {
                return;
            }
            woken.await;
        }
    }

    /// Ties something to the right to `action`: it is ended when that is taken back, before whoever does so returns.
    ///
    /// A use must be under way, so that a change waits until what was made under it is tied.
    pub(crate) fn tie(
        &self,
        under_way: &InUse<'_>,
        action: ActionId,
        import: &'static str,
        what: Weak<dyn Ends>,
    ) {
        let tie = Tie::new(action, import, what);
        self.0.ties.add(tie.clone());
        if self.is_revoked() || under_way.resting().is_some_and(|lent| !lent.still_stands()) {
            // Taken back before it was tied: nobody else ends it.
            tie.end();
        }
    }

    /// Looks anew at everything that is tied to it, and ends what is denied.
    pub(in crate::gate) fn end_what_is_denied(&self) {
        for tie in self.0.ties.live() {
            if !self.still_permits(tie.action, tie.import) {
                tie.end();
            }
        }
    }

    /// Whether a step under `action` would be permitted. Only weighed: whoever waits for the step records what comes of it.
    pub(crate) fn stands(&self, action: ActionId, import: &'static str) -> bool {
        let session = &self.0.session;
        let Some(right) = self.0.rights.iter().find(|r| r.action == action) else { return false };
        let asked = right.asked.load(Ordering::SeqCst) == session.gate().current_epoch();
        !self.is_revoked() && (asked || session.would_allow(action, &self.0.resource, import))
    }

    /// Whether what is open under `action` may stay. That it may starts nothing, so it is only weighed, and the next use
    /// takes and records the verdict; that it may not ends something, and is recorded.
    fn still_permits(&self, action: ActionId, import: &'static str) -> bool {
        let session = &self.0.session;
        let Some(right) = self.0.rights.iter().find(|r| r.action == action) else { return false };
        if right.asked.load(Ordering::SeqCst) >= session.gate().current_epoch() {
            return !self.is_revoked();
        }
        session.would_allow(action, &self.0.resource, import) || self.ask_again(right, import).is_ok()
    }

    /// Asks whether `action` is still permitted, for something that was done under the lease before and is only handed
    /// out now. A new answer counts this once: whether the resource is still what it was, the next use finds out.
    ///
    /// # Errors
    /// As [`Lease::enter`].
    pub fn permits(&self, action: ActionId, import: &'static str) -> Result<(), Denied> {
        let Some(right) = self.0.rights.iter().find(|r| r.action == action) else {
            return Err(self.refuse(action, import, Why::NotHeld));
        };
        match self.enter_under(right, import) {
            Some(_) => Ok(()),
            None => self.ask_again(right, import),
        }
    }

    /// Decides anew without making the lease current.
    fn ask_again(&self, right: &Right, import: &'static str) -> Result<(), Denied> {
        if self.is_revoked() {
            return Err(self.refuse(right.action, import, Why::Revoked));
        }
        let standing = self.decide(right.action, import)?;
        right.asked.store(standing.kept(), Ordering::SeqCst);
        Ok(())
    }

    fn decide(&self, action: ActionId, import: &'static str) -> Result<Standing, Denied> {
        self.0.session.decide_and_record(action, &self.0.resource, import, Authority::OwnOrLent)
    }

    /// Asks anew if the policies have changed since the last time.
    fn asked_anew(&self, action: ActionId, import: &'static str) -> Result<(), Denied> {
        let Some(right) = self.0.rights.iter().find(|r| r.action == action) else {
            return Err(self.refuse(action, import, Why::NotHeld));
        };
        let current = self.0.session.gate().current_epoch();
        if right.asked.load(Ordering::SeqCst) >= current {
            return Ok(());
        }
        self.ask_again(right, import)
    }
}

impl State {
    pub(in crate::gate) fn revoke(&self) {
        self.revoked.store(true, Ordering::SeqCst);
        for right in &self.rights {
            right.under.store(0, Ordering::SeqCst);
        }
        self.ties.end_all();
        self.wake();
    }

    /// Wakes the waits that rest on it, to look again.
    pub(in crate::gate) fn wake(&self) {
        self.woken.notify_waiters();
    }

    /// Hands the counts of reuse to the session.
    pub(in crate::gate) fn report(&self) {
        for right in &self.rights {
            self.session.count_reuse(right.action, right.reused.swap(0, Ordering::Relaxed));
        }
    }
}

impl Right {
    fn new(action: ActionId, standing: Standing) -> Right {
        let (under, asked) = (AtomicU64::new(standing.under), AtomicU64::new(standing.kept()));
        Right { action, under, asked, reused: AtomicU64::new(0) }
    }

    fn standing(&self) -> Standing {
        let (under, asked) = (self.under.load(Ordering::SeqCst), self.asked.load(Ordering::SeqCst));
        Standing { under, asked, lent: None }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.report();
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "lease of {:?} on {}", self.0.session.subject(), self.0.resource)
    }
}
