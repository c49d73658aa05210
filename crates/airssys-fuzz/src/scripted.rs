//! A gate whose policies are a set of names, and a log that keeps its lines.

use airssys_osl::{
    ActionId, Allowance, Ask, Authorizer, Decision, Entry, Gate, GuestPath, Principal, RecordError, Recorder,
    Session, Subject, Verdict,
};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What is decided now.
#[derive(Debug, Clone)]
pub(crate) enum Rules {
    /// Everything is allowed.
    Everything,
    /// What has one of these ids is, and may be answered from memory or not.
    Only(BTreeSet<&'static str>, bool),
}

/// Decides by [`Rules`].
pub(crate) struct Scripted {
    rules: Mutex<Rules>,
    epoch: Arc<AtomicU64>,
    /// How often it was asked.
    pub(crate) asked: AtomicU64,
}

impl Scripted {
    pub(crate) fn new(rules: Rules) -> Arc<Scripted> {
        let (epoch, asked) = (Arc::new(AtomicU64::new(1)), AtomicU64::new(0));
        Arc::new(Scripted { rules: Mutex::new(rules), epoch, asked })
    }

    /// Puts other rules in force, as a change of policies does, and returns the epoch before.
    pub(crate) fn swap(&self, rules: Rules) -> u64 {
        *self.rules.lock().unwrap() = rules;
        self.epoch.fetch_add(1, Ordering::SeqCst)
    }
}

impl Authorizer for Scripted {
    fn decide(&self, ask: &Ask<'_>) -> Decision {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let (allowed, reusable) = match &*self.rules.lock().unwrap() {
            Rules::Everything => (true, true),
            Rules::Only(ids, reusable) => (ids.contains(ask.resource.id()), *reusable),
        };
        let verdict = if allowed { Verdict::Allow(Arc::default()) } else { Verdict::Deny(Arc::default()) };
        Decision { verdict, epoch: self.epoch.load(Ordering::SeqCst), reusable }
    }
    fn epoch(&self) -> &Arc<AtomicU64> {
        &self.epoch
    }
    fn names_beneath(&self, _: &GuestPath) -> bool {
        false
    }
    fn visible(&self, _: &Subject, _: &GuestPath) -> bool {
        true
    }
}

/// Each verdict's outcome and what it was on.
#[derive(Default)]
pub(crate) struct Lines(Mutex<Vec<(bool, String)>>);

impl Lines {
    /// Those since the last call.
    pub(crate) fn take(&self) -> Vec<(bool, String)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Recorder for Lines {
    fn decision(&self, entry: &Entry<'_>) -> Result<(), RecordError> {
        let allowed = matches!(entry.verdict, Verdict::Allow(_));
        self.0.lock().unwrap().push((allowed, entry.ask.resource.id().to_owned()));
        Ok(())
    }
    fn note(&self, _: &Subject, _: &'static str, _: &str) -> Result<(), RecordError> {
        Ok(())
    }
    fn summary(&self, _: &Subject, _: &[(ActionId, u64)]) -> Result<(), RecordError> {
        Ok(())
    }
}

/// A session of somebody at that gate.
pub(crate) fn session(gate: &Arc<Gate>, instance: u64) -> Arc<Session> {
    let principal = Principal {
        name: "acme/thumb".to_owned(),
        publisher: "acme".to_owned(),
        digest: "00".repeat(32),
        version: (1, 0, 0),
        release: 1,
        dev: false,
        groups: Vec::new(),
    };
    gate.session_within(Subject::new(principal, instance), Allowance::default())
}
