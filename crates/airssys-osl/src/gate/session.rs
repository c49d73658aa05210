//! One live instance at the gate: ask, decide, record, mint.

use crate::action::Action;
use crate::gate::decide::{Authority, Looked, MAX_CHANGES};
use crate::gate::delegation::{Ended, Loans};
use crate::gate::effects::{Begun, Counts, Effects};
use crate::gate::lease::{Standing, State};
use crate::gate::memo::Memo;
use crate::gate::pace::Pace;
use crate::gate::permit::mint;
use crate::gate::quota::Spending;
use crate::gate::reused::Reused;
use crate::gate::shared::{keep_alive, lock};
use crate::gate::{Allowance, Denied, Gate, Lease, Permit, RecordError, Subject, Verdict, Why};
use crate::{ActionId, GuestPath, Resource};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// One live instance at the gate: its memo of verdicts, its leases, its counts.
pub struct Session {
    pub(in crate::gate) gate: Arc<Gate>,
    pub(in crate::gate) subject: Subject,
    pub(in crate::gate) memo: Mutex<Memo>,
    pub(in crate::gate) leases: Mutex<Vec<Weak<State>>>,
    pub(in crate::gate) effects: Effects,
    pub(in crate::gate) reused: Reused,
    pub(in crate::gate) spent: Spending,
    pub(in crate::gate) denials: AtomicU64,
    pub(in crate::gate) pace: Mutex<Pace>,
    pub(in crate::gate) flooded: AtomicBool,
    pub(in crate::gate) outpaced: AtomicBool,
    pub(in crate::gate) revoked: AtomicBool,
    pub(in crate::gate) closed: AtomicBool,
    pub(in crate::gate) lapsed: AtomicBool,
    pub(in crate::gate) loans: Loans,
}

/// That a verdict allowed and was recorded. Made by [`Weighed::commit`] alone, consumed by minting.
#[derive(Debug)]
pub(in crate::gate) struct Allowed {
    session: Arc<Session>,
    import: &'static str,
    standing: Standing,
    authority: Authority,
}

impl Allowed {
    pub(in crate::gate) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// How long the verdict may be used again.
    pub(in crate::gate) fn standing(&self) -> Standing {
        self.standing.clone()
    }

    /// Begins the effect that was allowed; if the policies have changed since, by what they say now.
    pub(in crate::gate) fn begin(
        &mut self,
        action: ActionId,
        resource: &Resource,
    ) -> Result<Begun<Arc<Session>>, Denied> {
        for _ in 0..MAX_CHANGES {
            let begun = Begun::new(Arc::clone(&self.session), self.session.gate.epoch());
            if self.session.is_revoked() {
                let reasons = Arc::default();
                return Err(self.session.refuse(action, resource, self.import, Why::Revoked, reasons));
            }
            let epoch = begun.epoch();
            if let Some(begun) = self.standing.carry(begun) {
                self.session.starts(action, resource, self.import, epoch);
                return Ok(begun);
            }
            self.standing = self.session.decide_and_record(action, resource, self.import, self.authority)?;
        }
        Err(self.session.refuse(action, resource, self.import, Why::Unstable, Arc::default()))
    }
}

/// A verdict that was taken and not yet recorded. It has no effect until [`Weighed::commit`].
#[must_use = "a weighed question has no effect until it is committed"]
#[derive(Debug)]
pub struct Weighed<A: Action> {
    session: Arc<Session>,
    resource: A::Resource,
    value: Resource,
    import: &'static str,
    looked: Looked,
    authority: Authority,
}

impl<A: Action> Weighed<A> {
    /// True when committing would mint, as far as the policies are concerned.
    pub fn is_allowed(&self) -> bool {
        match self.looked.decision.verdict {
            Verdict::Allow(_) => true,
            Verdict::Deny(_) | Verdict::Fault(_) => false,
        }
    }

    /// Records a refusal that the policies alone would not have given.
    pub(crate) fn refuse(self, why: Why) -> Denied {
        let reasons = Arc::clone(self.looked.decision.verdict.reasons());
        self.session.refuse(A::id(&self.resource), &self.value, self.import, why, reasons)
    }

    /// The denial, without a record: for who counts those that others can cause.
    pub(crate) fn unrecorded(self) -> Denied {
        let (action, reasons) = (A::id(&self.resource), Arc::clone(self.looked.decision.verdict.reasons()));
        Denied::new(&self.session.subject, action, &self.value, self.import, Why::Policy, reasons)
    }

    /// Records the verdict and mints the permit.
    ///
    /// # Errors
    /// [`Denied`] when the verdict is no, or could not be recorded.
    pub fn commit(mut self) -> Result<Permit<A>, Denied> {
        let action = A::id(&self.resource);
        let Weighed { session, import, authority, .. } = self;
        if self.looked.decision.epoch != session.gate.current_epoch() {
            // The policies changed since it was weighed; what they say now counts.
            self.looked = session.decide_now(action, &self.value, import, authority);
        }
        let standing = session.settle(action, &self.value, import, &self.looked)?;
        Ok(mint(self.resource, Allowed { session, import, standing, authority }))
    }
}

impl Session {
    pub(in crate::gate) fn new(gate: Arc<Gate>, subject: Subject, allowance: Allowance) -> Arc<Session> {
        Arc::new(Session {
            gate,
            subject,
            memo: Mutex::default(),
            leases: Mutex::default(),
            effects: Effects::default(),
            reused: Reused::default(),
            spent: Spending::nothing(allowance),
            denials: AtomicU64::new(0),
            pace: Mutex::default(),
            flooded: AtomicBool::new(false),
            outpaced: AtomicBool::new(false),
            revoked: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            lapsed: AtomicBool::new(false),
            loans: Loans::default(),
        })
    }

    /// Decides, records, mints.
    ///
    /// # Errors
    /// [`Denied`] with the facts, already recorded.
    pub fn authorize<A: Action>(
        self: &Arc<Self>,
        resource: A::Resource,
        import: &'static str,
    ) -> Result<Permit<A>, Denied> {
        self.weigh(resource, import).commit()
    }

    /// Decides without recording: for an operation that must know whether to look closer first.
    pub fn weigh<A: Action>(self: &Arc<Self>, resource: A::Resource, import: &'static str) -> Weighed<A> {
        self.weigh_by(Authority::OwnOrLent, resource, import)
    }

    /// As [`Session::authorize`], by the session's own authority alone: for what would outlast anything lent.
    ///
    /// # Errors
    /// As [`Session::authorize`].
    pub(crate) fn authorize_own<A: Action>(
        self: &Arc<Self>,
        resource: A::Resource,
        import: &'static str,
    ) -> Result<Permit<A>, Denied> {
        self.weigh_own(resource, import).commit()
    }

    /// As [`Session::weigh`], by the session's own authority alone.
    pub(crate) fn weigh_own<A: Action>(
        self: &Arc<Self>,
        resource: A::Resource,
        import: &'static str,
    ) -> Weighed<A> {
        self.weigh_by(Authority::Own, resource, import)
    }

    fn weigh_by<A: Action>(
        self: &Arc<Self>,
        authority: Authority,
        resource: A::Resource,
        import: &'static str,
    ) -> Weighed<A> {
        let value: Resource = resource.clone().into();
        let looked = self.look_up(A::id(&resource), &value, import, authority);
        Weighed { session: Arc::clone(self), resource, value, import, looked, authority }
    }

    /// Who this session is for.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The gate it stands at.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// What it has spent.
    pub(in crate::gate) fn spent(&self) -> &Spending {
        &self.spent
    }

    /// Writes something that is recorded and never denied.
    ///
    /// # Errors
    /// [`RecordError`] when it could not be written.
    pub fn note(&self, import: &'static str, text: &str) -> Result<(), RecordError> {
        self.gate.recorder.note(&self.subject, import, text)
    }

    /// True unless the policies are known to name no path strictly beneath `path`.
    pub fn names_beneath(&self, path: &GuestPath) -> bool {
        // A panic counts as "named": the directory then stays where it is.
        catch_unwind(AssertUnwindSafe(|| self.gate.authorizer.names_beneath(path))).unwrap_or(true)
    }

    /// True when `mount` may be listed to the guest. No decision, no record; the mount's root carries no right.
    pub fn sees_mount(&self, mount: &GuestPath) -> bool {
        self.sees_mount_by_itself(mount) || (!self.is_revoked() && self.lent_mount(mount))
    }

    /// As [`Session::sees_mount`], by the session's own policies.
    pub(in crate::gate) fn sees_mount_by_itself(&self, mount: &GuestPath) -> bool {
        let visible = || self.gate.authorizer.visible(&self.subject, mount);
        !self.is_revoked() && catch_unwind(AssertUnwindSafe(visible)).unwrap_or(false)
    }

    /// Takes back everything the session holds, and returns when no effect of it is under way any more; every later
    /// question is denied. Not to be called from within an effect, which would wait for itself.
    pub fn end(&self) {
        let lent = self.take_back();
        self.effects.wait_for_all();
        // And what others do by what it has lent.
        lent.wait();
    }

    /// Takes back everything the session holds; every later question is denied. An effect that is under way is not
    /// waited for, see [`Session::end`].
    pub fn revoke(&self) {
        drop(self.take_back());
    }

    fn take_back(&self) -> Ended {
        self.revoked.store(true, Ordering::SeqCst);
        let lent = self.loans.end_all();
        // Taken out first: what ends with a lease may have locks of its own.
        let leases = std::mem::take(&mut *lock(&self.leases));
        for lease in leases.iter().filter_map(Weak::upgrade) {
            lease.revoke();
            lease.report();
        }
        lent
    }

    /// How many of its questions were denied.
    pub fn denials(&self) -> u64 {
        self.denials.load(Ordering::Relaxed)
    }

    /// True once it was revoked.
    pub fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::SeqCst)
    }

    /// Revokes the session and writes its summary; called once when the instance ends, further calls do nothing.
    ///
    /// # Errors
    /// [`RecordError`] when the summary could not be written.
    pub fn close(&self) -> Result<(), RecordError> {
        if !self.is_revoked() {
            self.lapsed.store(true, Ordering::SeqCst);
        }
        self.revoke();
        if self.closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        self.flush_summary()
    }

    /// True once the instance ended while nothing had been taken back from it: what it left on its way is nobody's any
    /// more, and not for that reason forbidden.
    pub(crate) fn has_lapsed(&self) -> bool {
        self.lapsed.load(Ordering::SeqCst)
    }

    /// Writes how often verdicts were used again since the last summary, if any was.
    ///
    /// # Errors
    /// [`RecordError`] when the summary could not be written.
    pub fn flush_summary(&self) -> Result<(), RecordError> {
        self.live_leases().iter().for_each(|lease| lease.report());
        let counts = self.reused.take();
        if counts.is_empty() {
            return Ok(());
        }
        let written = self.gate.recorder.summary(&self.subject, &counts);
        if written.is_err() {
            // Told with the next summary.
            counts.iter().for_each(|(action, count)| self.count_reuse(*action, *count));
        }
        written
    }

    /// Wakes every wait that rests on a verdict, to look again.
    pub(in crate::gate) fn wake(&self) {
        self.live_leases().iter().for_each(|lease| lease.wake());
    }

    /// Ends what is tied to a permission that the policies in force do not give.
    pub(in crate::gate) fn end_what_is_denied(&self) {
        self.live_leases().into_iter().for_each(|lease| Lease::of(lease).end_what_is_denied());
    }

    #[cfg(feature = "observed")]
    pub(in crate::gate) fn starts(
        &self,
        action: ActionId,
        resource: &Resource,
        import: &'static str,
        epoch: u64,
    ) {
        use crate::gate::observed::{Starts, tell};
        tell(&Starts { subject: &self.subject, action, resource, import, epoch });
    }

    #[cfg(not(feature = "observed"))]
    pub(in crate::gate) fn starts(&self, _: ActionId, _: &Resource, _: &'static str, _: u64) {}

    /// Returns when each effect that began under `old` is over.
    pub(in crate::gate) fn wait_for(&self, old: u64) {
        self.effects.wait_for(old);
    }

    /// Upgraded under the lock, dropped after it: a lease's end takes no lock of its own, but keep it simple to see.
    fn live_leases(&self) -> Vec<Arc<State>> {
        lock(&self.leases).iter().filter_map(Weak::upgrade).collect()
    }

    pub(in crate::gate) fn keep(&self, lease: Weak<State>) {
        keep_alive(&mut lock(&self.leases), lease.clone());
        // Revoked between the lease's birth and its registration: nobody else will tell it.
        if self.is_revoked()
            && let Some(lease) = lease.upgrade()
        {
            lease.revoke();
        }
    }

    pub(in crate::gate) fn count_reuse(&self, action: ActionId, times: u64) {
        self.reused.add(action, times);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Of one that nobody was left to close, as when the last of what it had sent was dealt with. What cannot be written
        // the log's owner hears of.
        let _ = self.close();
        // And of what was done by its leases since it was closed.
        let _ = self.flush_summary();
    }
}

impl Counts for &Session {
    fn effects(&self) -> &Effects {
        &self.effects
    }
}

impl Counts for Arc<Session> {
    fn effects(&self) -> &Effects {
        &self.effects
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "session of {:?}", self.subject)
    }
}
