//! The two parties the gate speaks to, and the words it uses.

use crate::gate::{Caller, LimitExceeded, Subject};
use crate::{ActionId, GuestPath, Resource};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Who decides. Implemented by the policy layer.
pub trait Authorizer: Send + Sync {
    /// Decides one question under one consistent set of policies. Has no effect and may be called from any thread
    /// and any stack.
    fn decide(&self, ask: &Ask<'_>) -> Decision;

    /// The cell that holds the current epoch: starts at 1, grows with every change of policies.
    fn epoch(&self) -> &Arc<AtomicU64>;

    /// True when some policy, in its scope or a condition, names a path strictly beneath `path`: the directory of
    /// that name must then not move, because what lies in it would be judged by other policies afterwards.
    fn names_beneath(&self, path: &GuestPath) -> bool;

    /// True when a mount may be listed to `subject`: by scopes alone some permit for files is, contains or lies
    /// beneath it, and no unconditional forbid covers it. Takes no decision and is never recorded.
    fn visible(&self, subject: &Subject, mount: &GuestPath) -> bool;
}

/// Who is told. Implemented by the audit layer.
pub trait Recorder: Send + Sync {
    /// Writes one verdict; when it returns `Ok`, the record is written.
    ///
    /// # Errors
    /// [`RecordError`] when it could not be written; the effect then does not happen.
    fn decision(&self, entry: &Entry<'_>) -> Result<(), RecordError>;

    /// Writes something that is recorded and never denied, such as an exit.
    ///
    /// # Errors
    /// [`RecordError`] when it could not be written.
    fn note(&self, subject: &Subject, import: &'static str, text: &str) -> Result<(), RecordError>;

    /// Writes how often verdicts already recorded were used again, by action.
    ///
    /// # Errors
    /// [`RecordError`] when it could not be written.
    fn summary(&self, subject: &Subject, reused: &[(ActionId, u64)]) -> Result<(), RecordError>;

    /// Writes that a limit was exceeded, and through which import where it was through one. Told once for each limit of
    /// a session. Unless it is implemented, it is a note.
    ///
    /// # Errors
    /// [`RecordError`] when it could not be written.
    fn exceeded(
        &self,
        subject: &Subject,
        import: Option<&'static str>,
        limit: &LimitExceeded,
    ) -> Result<(), RecordError> {
        self.note(subject, import.unwrap_or_default(), &limit.to_string())
    }
}

/// A record that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the audit record could not be written: {0}")]
pub struct RecordError(pub String);

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Who asks.
    pub subject: &'a Subject,
    /// What for.
    pub action: ActionId,
    /// On what.
    pub resource: &'a Resource,
    /// The import through which it is asked, such as `wasi:clocks/wall-clock#now`.
    pub import: &'static str,
}

/// What goes into the log for one verdict.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The question.
    pub ask: Ask<'a>,
    /// The answer.
    pub verdict: &'a Verdict,
    /// The epoch the answer was given under.
    pub epoch: u64,
    /// On whose authority, when it is not the subject's own.
    pub delegated: Option<&'a Delegated>,
}

/// On whose authority a question was allowed that the subject itself is not permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegated {
    /// The number of the delegation that the subject holds.
    pub id: u64,
    /// Who lent it, the nearest first. The last is the one who is permitted.
    pub lenders: Vec<Caller>,
}

/// The three answers there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Permitted, without any error on the way.
    Allow(Arc<Reasons>),
    /// Not permitted.
    Deny(Arc<Reasons>),
    /// Could not be decided, which denies.
    Fault(Arc<Reasons>),
}

/// A verdict without its reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// See [`Verdict::Allow`].
    Allow,
    /// See [`Verdict::Deny`].
    Deny,
    /// See [`Verdict::Fault`].
    Fault,
}

impl Outcome {
    /// The word in logs: `allow`, `deny` or `fault`.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Allow => "allow",
            Outcome::Deny => "deny",
            Outcome::Fault => "fault",
        }
    }
}

impl Verdict {
    /// The verdict without its reasons.
    pub fn outcome(&self) -> Outcome {
        match self {
            Verdict::Allow(_) => Outcome::Allow,
            Verdict::Deny(_) => Outcome::Deny,
            Verdict::Fault(_) => Outcome::Fault,
        }
    }

    /// True for a denial that no policy gave: nothing permits it, and nothing forbids it.
    pub fn is_by_default(&self) -> bool {
        match self {
            Verdict::Deny(reasons) => reasons.policies.is_empty() && reasons.errors.is_empty(),
            Verdict::Allow(_) | Verdict::Fault(_) => false,
        }
    }

    /// What it rests on.
    pub fn reasons(&self) -> &Arc<Reasons> {
        match self {
            Verdict::Allow(reasons) | Verdict::Deny(reasons) | Verdict::Fault(reasons) => reasons,
        }
    }

    /// A fault with one error.
    pub fn fault(error: impl Into<String>) -> Verdict {
        Verdict::Fault(Arc::new(Reasons { policies: Vec::new(), errors: vec![error.into()] }))
    }
}

/// What a verdict rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reasons {
    /// Ids of the policies that determined it.
    pub policies: Vec<Arc<str>>,
    /// Errors met while deciding, one sentence each.
    pub errors: Vec<String>,
}

/// A verdict with what the gate must know to use it again.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The answer.
    pub verdict: Verdict,
    /// The epoch of the policies it was taken under.
    pub epoch: u64,
    /// True when it is a function of subject, action and resource alone: no policy that could speak here reads the
    /// context, and no error was met.
    pub reusable: bool,
}
