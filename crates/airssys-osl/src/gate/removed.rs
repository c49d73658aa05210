//! For tests alone: a row of the mediation table that is no longer there, so that a test can show that somebody notices.
//!
//! A function without its row is neither decided on nor recorded. The environment variable [`VARIABLE`] names it when the
//! process begins. Without the feature `observed`, which only the tests of this workspace switch on, nothing of it is
//! compiled.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "for tests alone")]

use crate::gate::{Ask, Authorizer, Decision, Entry, LimitExceeded, RecordError, Recorder, Subject, Verdict};
use crate::{ActionId, GuestPath};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

/// Names the function whose row is removed, as in the table: `wasi:clocks/wall-clock#now`.
pub const VARIABLE: &str = "AIRSSYS_REMOVED_ROW";

/// The function whose row is removed in this process.
pub fn removed() -> Option<&'static str> {
    static REMOVED: LazyLock<Option<String>> = LazyLock::new(|| std::env::var(VARIABLE).ok());
    REMOVED.as_deref()
}

/// Both parties of a gate, for whom the removed row is not there.
pub(in crate::gate) fn without(
    authorizer: Arc<dyn Authorizer>,
    recorder: Arc<dyn Recorder>,
) -> (Arc<dyn Authorizer>, Arc<dyn Recorder>) {
    match removed() {
        None => (authorizer, recorder),
        Some(import) => (Arc::new(Undecided(import, authorizer)), Arc::new(Untold(import, recorder))),
    }
}

struct Undecided(&'static str, Arc<dyn Authorizer>);

impl Authorizer for Undecided {
    fn decide(&self, ask: &Ask<'_>) -> Decision {
        if ask.import != self.0 {
            return self.1.decide(ask);
        }
        let epoch = self.1.epoch().load(Ordering::SeqCst);
        Decision { verdict: Verdict::Allow(Arc::default()), epoch, reusable: false }
    }

    fn epoch(&self) -> &Arc<AtomicU64> {
        self.1.epoch()
    }

    fn names_beneath(&self, path: &GuestPath) -> bool {
        self.1.names_beneath(path)
    }

    fn visible(&self, subject: &Subject, mount: &GuestPath) -> bool {
        self.1.visible(subject, mount)
    }
}

struct Untold(&'static str, Arc<dyn Recorder>);

impl Recorder for Untold {
    fn decision(&self, entry: &Entry<'_>) -> Result<(), RecordError> {
        if entry.ask.import == self.0 { Ok(()) } else { self.1.decision(entry) }
    }

    fn note(&self, subject: &Subject, import: &'static str, text: &str) -> Result<(), RecordError> {
        if import == self.0 { Ok(()) } else { self.1.note(subject, import, text) }
    }

    fn summary(&self, subject: &Subject, reused: &[(ActionId, u64)]) -> Result<(), RecordError> {
        self.1.summary(subject, reused)
    }

    fn exceeded(
        &self,
        subject: &Subject,
        import: Option<&'static str>,
        limit: &LimitExceeded,
    ) -> Result<(), RecordError> {
        self.1.exceeded(subject, import, limit)
    }
}
