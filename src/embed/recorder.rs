//! The audit log, and beside it whoever wants to hear of denials.

use crate::audit::{Log, named};
use crate::kernel::SPANS;
use airssys_osl::{
    ActionId, Ask, Authorizer, Denied, Entry, LimitExceeded, RecordError, Recorder, Subject, Verdict, Why,
};
use std::sync::Arc;
use tracing::field::Empty;

/// Who is told of denials.
pub(crate) type OnDenied = Arc<dyn Fn(&Denied) + Send + Sync>;

/// Who is told of limits.
pub(crate) type OnExceeded = Arc<dyn Fn(&Subject, &LimitExceeded) + Send + Sync>;

/// What stands around an authorizer.
type AroundAuthorizer = Arc<dyn Fn(Arc<dyn Authorizer>) -> Arc<dyn Authorizer> + Send + Sync>;

/// What stands around a recorder.
type AroundRecorder = Arc<dyn Fn(Arc<dyn Recorder>) -> Arc<dyn Recorder> + Send + Sync>;

/// Who watches decisions and records as they are taken, and changes none.
#[derive(Clone, Default)]
pub(crate) struct Watched {
    pub(crate) authorizer: Option<AroundAuthorizer>,
    pub(crate) recorder: Option<AroundRecorder>,
}

impl Watched {
    /// That authorizer, watched.
    pub(crate) fn authorizer(&self, inner: Arc<dyn Authorizer>) -> Arc<dyn Authorizer> {
        self.authorizer.as_ref().map_or(Arc::clone(&inner), |around| around(inner))
    }

    /// That recorder, watched.
    pub(crate) fn recorder(&self, inner: Arc<dyn Recorder>) -> Arc<dyn Recorder> {
        self.recorder.as_ref().map_or(Arc::clone(&inner), |around| around(inner))
    }
}

/// Records first, tells afterwards.
pub(crate) struct TellingRecorder {
    pub(crate) log: Arc<Log>,
    pub(crate) on_denied: Option<OnDenied>,
    pub(crate) on_exceeded: Option<OnExceeded>,
}

impl Recorder for TellingRecorder {
    fn decision(&self, entry: &Entry<'_>) -> Result<(), RecordError> {
        in_span(entry, || self.log.decision(entry))?;
        let Some(tell) = &self.on_denied else { return Ok(()) };
        match entry.verdict {
            Verdict::Allow(_) => {}
            Verdict::Deny(_) => tell(&Denied::of(entry, Why::Policy)),
            Verdict::Fault(_) => tell(&Denied::of(entry, Why::Fault)),
        }
        Ok(())
    }

    fn note(&self, subject: &Subject, import: &'static str, text: &str) -> Result<(), RecordError> {
        self.log.note(subject, import, text)
    }

    fn summary(&self, subject: &Subject, reused: &[(ActionId, u64)]) -> Result<(), RecordError> {
        self.log.summary(subject, reused)
    }

    fn exceeded(
        &self,
        subject: &Subject,
        import: Option<&'static str>,
        limit: &LimitExceeded,
    ) -> Result<(), RecordError> {
        self.log.exceeded(subject, import, limit)?;
        if let Some(tell) = &self.on_exceeded {
            tell(subject, limit);
        }
        Ok(())
    }
}

/// Records a decision inside a span of its own, in whatever the call is that asked.
fn in_span(entry: &Entry<'_>, record: impl FnOnce() -> Result<(), RecordError>) -> Result<(), RecordError> {
    let Ask { subject, action, resource, import } = entry.ask;
    let span = tracing::debug_span!(
        target: SPANS,
        "airssys.decision",
        component = subject.party().name(),
        instance = subject.instance(),
        action = action.name(),
        resource.kind = resource.kind(),
        resource.id = &*named(resource).1,
        verdict = entry.verdict.outcome().name(),
        epoch = entry.epoch,
        import,
        recorded = Empty,
    );
    let written = span.in_scope(record);
    span.record("recorded", written.is_ok());
    written
}
