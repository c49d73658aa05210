//! A gate for this crate's own tests. Exists under `cfg(test)` alone: no feature mints a permit.

use crate::gate::{
    Ask, Authorizer, Decision, Entry, Gate, Reasons, RecordError, Recorder, Session, Subject, Verdict,
};
use crate::{ActionId, GuestPath, Principal};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Decides by a function and keeps what was recorded.
pub(crate) struct Told {
    rule: fn(ActionId, &str) -> bool,
    epoch: Arc<AtomicU64>,
    lines: Mutex<Vec<String>>,
}

impl Told {
    /// What was recorded since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap())
    }
}

impl Authorizer for Told {
    fn decide(&self, ask: &Ask<'_>) -> Decision {
        let reasons = Arc::new(Reasons::default());
        let allowed = (self.rule)(ask.action, ask.resource.id());
        let verdict = if allowed { Verdict::Allow(reasons) } else { Verdict::Deny(reasons) };
        Decision { verdict, epoch: self.epoch.load(Ordering::SeqCst), reusable: true }
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

impl Recorder for Told {
    fn decision(&self, entry: &Entry<'_>) -> Result<(), RecordError> {
        let (ask, outcome) = (entry.ask, entry.verdict.outcome().name());
        self.lines.lock().unwrap().push(format!("{outcome} {} {}", ask.action, ask.resource.id()));
        Ok(())
    }
    fn note(&self, _: &Subject, _: &'static str, _: &str) -> Result<(), RecordError> {
        Ok(())
    }
    fn summary(&self, _: &Subject, _: &[(ActionId, u64)]) -> Result<(), RecordError> {
        Ok(())
    }
}

/// A session under a rule, and what it records.
pub(crate) fn session(rule: fn(ActionId, &str) -> bool) -> (Arc<Session>, Arc<Told>) {
    let told = Arc::new(Told { rule, epoch: Arc::new(AtomicU64::new(1)), lines: Mutex::default() });
    let (authorizer, recorder) = (Arc::clone(&told), Arc::clone(&told));
    (Gate::new(authorizer, recorder).session(Subject::new(principal("acme/x"), 1)), told)
}

/// A component's identity.
pub(crate) fn principal(name: &str) -> Principal {
    Principal {
        name: name.to_owned(),
        publisher: "acme".to_owned(),
        digest: String::new(),
        version: (1, 0, 0),
        release: 1,
        dev: false,
        groups: Vec::new(),
    }
}

/// A canonical path.
pub(crate) fn path(text: &str) -> GuestPath {
    GuestPath::parse(text).unwrap()
}
