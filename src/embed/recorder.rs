//! The audit log, and beside it whoever wants to hear of denials.

use crate::audit::Log;
use airssys_osl::{
    ActionId, Authorizer, Denied, Entry, LimitExceeded, RecordError, Recorder, Subject, Verdict, Why,
};
use std::sync::Arc;

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
        self.log.decision(entry)?;
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
