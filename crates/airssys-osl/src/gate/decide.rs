//! Taking a verdict: ask, remember, record, refuse.
//!
//! *Invariant:* nothing is allowed that is not recorded, and whatever goes wrong on the way denies.

use crate::gate::delegation::Borrowed;
use crate::gate::lease::Standing;
use crate::gate::memo::Kept;
use crate::gate::pace::Pace;
use crate::gate::shared::lock;
use crate::gate::{Ask, Decision, Denied, Entry, Outcome, Reasons, Session, Verdict, Why};
use crate::{ActionId, Resource};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// How many denials a session may put into the log before it is stopped.
pub const DENIAL_QUOTA: u64 = 10_000;
/// How often a question is asked again because the policies changed while it was answered.
pub(in crate::gate) const MAX_CHANGES: usize = 64;

/// By whose authority something may be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gate) enum Authority {
    /// The session's own.
    Own,
    /// The session's own, or what was lent to it.
    OwnOrLent,
}

/// A verdict, and what is to be known about it.
#[derive(Debug)]
pub(in crate::gate) struct Looked {
    pub(in crate::gate) decision: Decision,
    /// True when it stands in the log under this epoch.
    pub(in crate::gate) recorded: bool,
    /// What it rests on, when that is not the session's own authority.
    pub(in crate::gate) borrowed: Option<Borrowed>,
}

impl Looked {
    fn own(decision: Decision, recorded: bool) -> Looked {
        Looked { decision, recorded, borrowed: None }
    }
}

impl Session {
    /// What the policies in force say, also when they change meanwhile.
    pub(in crate::gate) fn decide_now(
        &self,
        action: ActionId,
        resource: &Resource,
        import: &'static str,
        authority: Authority,
    ) -> Looked {
        for _ in 0..MAX_CHANGES {
            let looked = self.look_up(action, resource, import, authority);
            // A newer epoch than the cell's is a change whose cell has not been moved yet.
            if looked.decision.epoch >= self.gate.current_epoch() {
                return looked;
            }
        }
        let verdict = Verdict::fault("the policies changed too often while it was decided");
        let epoch = self.gate.current_epoch();
        Looked::own(Decision { verdict, epoch, reusable: false }, false)
    }

    /// What the policies in force say, without a record. Nothing may be begun on it.
    pub(in crate::gate) fn would_allow(
        &self,
        action: ActionId,
        resource: &Resource,
        import: &'static str,
    ) -> bool {
        let looked = self.decide_now(action, resource, import, Authority::OwnOrLent);
        let verdict = looked.decision.verdict;
        !self.is_revoked() && verdict.outcome() == Outcome::Allow
    }

    /// What the policies said when they were looked at.
    pub(in crate::gate) fn look_up(
        &self,
        action: ActionId,
        resource: &Resource,
        import: &'static str,
        authority: Authority,
    ) -> Looked {
        let (own, recorded) = self.look_up_own(action, resource, import);
        // Only what nobody forbids can be lent, and only who holds something is asked for whom.
        if authority == Authority::OwnOrLent
            && own.verdict.is_by_default()
            && let Some((decision, borrowed)) = self.ask_lenders(action, resource, import, &own)
        {
            return Looked { decision, recorded: false, borrowed: Some(borrowed) };
        }
        Looked::own(own, recorded)
    }

    fn look_up_own(&self, action: ActionId, resource: &Resource, import: &'static str) -> (Decision, bool) {
        let epoch = self.gate.current_epoch();
        if let Some(kept) = lock(&self.memo).find(epoch, action, resource) {
            return (Decision { verdict: kept.verdict.clone(), epoch, reusable: true }, kept.recorded);
        }
        let ask = Ask { subject: &self.subject, action, resource, import };
        // The lock above is not held here.
        let decision = self.gate.decide(&ask);
        self.remember(action, resource, &decision, false);
        (decision, false)
    }

    fn remember(&self, action: ActionId, resource: &Resource, decision: &Decision, recorded: bool) {
        if decision.reusable {
            let kept = Kept { verdict: decision.verdict.clone(), recorded };
            lock(&self.memo).keep(decision.epoch, action, resource, kept);
        }
    }

    /// Records a verdict and says how long it may be used again.
    pub(in crate::gate) fn settle(
        &self,
        action: ActionId,
        resource: &Resource,
        import: &'static str,
        looked: &Looked,
    ) -> Result<Standing, Denied> {
        let Looked { decision, recorded, borrowed } = looked;
        let standing = Standing::of(decision, borrowed.as_ref());
        if self.is_revoked() {
            return Err(self.refuse_ended(action, resource, import, decision));
        }
        let why = match decision.verdict {
            Verdict::Allow(_) if *recorded => {
                self.count_reuse(action, 1);
                return Ok(standing);
            }
            Verdict::Allow(_) => None,
            Verdict::Deny(_) => Some(Why::Policy),
            Verdict::Fault(_) => Some(Why::Fault),
        };
        self.count_record(why.is_some(), action, resource, import, decision)?;
        let ask = Ask { subject: &self.subject, action, resource, import };
        let delegated = borrowed.as_ref().map(|borrowed| &*borrowed.told);
        let entry = Entry { ask, verdict: &decision.verdict, epoch: decision.epoch, delegated };
        let written = self.gate.recorder.decision(&entry);
        let reasons = || Arc::clone(decision.verdict.reasons());
        match (written, why) {
            (Err(_), _) => Err(Denied::new(&self.subject, action, resource, import, Why::Audit, reasons())),
            (Ok(()), Some(why)) => Err(Denied::new(&self.subject, action, resource, import, why, reasons())),
            (Ok(()), None) => {
                self.remember(action, resource, decision, true);
                Ok(standing)
            }
        }
    }

    /// Counts a record that is going to be written; the one that exceeds the quota of denials, or the pace of all
    /// records, stops the session.
    fn count_record(
        &self,
        denies: bool,
        action: ActionId,
        resource: &Resource,
        import: &'static str,
        decision: &Decision,
    ) -> Result<(), Denied> {
        let why = if denies {
            if self.denials.fetch_add(1, Ordering::Relaxed) < DENIAL_QUOTA {
                return Ok(());
            }
            self.stop(import, &format!("stopped: more than {DENIAL_QUOTA} denials"));
            Why::Flood
        } else {
            if self.admits_record(import) {
                return Ok(());
            }
            Why::Pace
        };
        let reasons = Arc::clone(decision.verdict.reasons());
        Err(Denied::new(&self.subject, action, resource, import, why, reasons))
    }

    /// True while the session may write another record; the one that is too many stops it.
    pub(in crate::gate) fn admits_record(&self, import: &'static str) -> bool {
        let admits = lock(&self.pace).admits(Instant::now());
        if !admits {
            self.outpaced.store(true, Ordering::SeqCst);
            self.stop(import, &Pace::note());
        }
        admits
    }

    /// Stops a session that used up its share of the log.
    fn stop(&self, import: &'static str, text: &str) {
        self.flooded.store(true, Ordering::SeqCst);
        if !self.revoked.swap(true, Ordering::SeqCst) {
            // The denial itself stands whether or not this note can be written.
            let _ = self.note(import, text);
        }
        self.revoke();
    }

    fn refuse_ended(
        &self,
        action: ActionId,
        resource: &Resource,
        import: &'static str,
        decision: &Decision,
    ) -> Denied {
        let why = match (self.outpaced.load(Ordering::SeqCst), self.flooded.load(Ordering::SeqCst)) {
            (true, _) => Why::Pace,
            (false, true) => Why::Flood,
            (false, false) => Why::Revoked,
        };
        self.refuse(action, resource, import, why, Arc::clone(decision.verdict.reasons()))
    }

    /// Decides anew for a lease and says how long the verdict may be used again.
    pub(in crate::gate) fn decide_and_record(
        &self,
        action: ActionId,
        resource: &Resource,
        import: &'static str,
        authority: Authority,
    ) -> Result<Standing, Denied> {
        let looked = self.decide_now(action, resource, import, authority);
        self.settle(action, resource, import, &looked)
    }

    /// A refusal that comes from the handle and not from the policies; recorded as a denial.
    pub(in crate::gate) fn refuse(
        &self,
        action: ActionId,
        resource: &Resource,
        import: &'static str,
        why: Why,
        reasons: Arc<Reasons>,
    ) -> Denied {
        let denied = Denied::new(&self.subject, action, resource, import, why, Arc::clone(&reasons));
        if self.denials.fetch_add(1, Ordering::Relaxed) < DENIAL_QUOTA {
            let reasons = Reasons { policies: reasons.policies.clone(), errors: vec![denied.to_string()] };
            let ask = Ask { subject: &self.subject, action, resource, import };
            let verdict = Verdict::Deny(Arc::new(reasons));
            let epoch = self.gate.current_epoch();
            let entry = Entry { ask, verdict: &verdict, epoch, delegated: None };
            // Nothing more can be refused than is refused already.
            let _ = self.gate.recorder.decision(&entry);
            return denied;
        }
        self.stop(import, &format!("stopped: more than {DENIAL_QUOTA} denials"));
        Denied { why: Why::Flood, ..denied }
    }
}
