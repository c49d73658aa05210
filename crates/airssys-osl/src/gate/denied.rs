//! A denial with its facts.

use crate::gate::{Ask, Entry, Reasons, Subject};
use crate::{ActionId, Party, Resource};
use std::sync::Arc;

/// Why a question was answered with no.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// The policies do not permit it, or forbid it.
    Policy,
    /// It could not be decided.
    Fault,
    /// The verdict could not be recorded.
    Audit,
    /// The handle, or the whole session, was revoked.
    Revoked,
    /// The session used up its quota of denials and is stopped.
    Flood,
    /// The session put more records of allowed questions into the log than its share, and is stopped.
    Pace,
    /// A handle was used for an action it was not opened for.
    NotHeld,
    /// A rename or link would make more possible at the new name than is permitted at the old one.
    Widens,
    /// What was decided on kept changing between the decision and the effect.
    Unstable,
}

/// A denied question, with everything needed to explain it.
///
/// Its display is one sentence naming who, what and on what; it holds no contents, no values and no host path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Who asked.
    pub subject: Party,
    /// What it asked for.
    pub action: ActionId,
    /// On what.
    pub resource: Resource,
    /// Through which import.
    pub import: &'static str,
    /// Which kind of no.
    pub why: Why,
    /// Determining policies and errors.
    pub reasons: Arc<Reasons>,
}

impl Denied {
    pub(crate) fn new(
        subject: &Subject,
        action: ActionId,
        resource: &Resource,
        import: &'static str,
        why: Why,
        reasons: Arc<Reasons>,
    ) -> Denied {
        let (subject, resource) = (subject.party().clone(), resource.clone());
        Denied { subject, action, resource, import, why, reasons }
    }

    /// The denial that a recorded verdict stands for.
    pub fn of(entry: &Entry<'_>, why: Why) -> Denied {
        let Ask { subject, action, resource, import } = entry.ask;
        Denied::new(subject, action, resource, import, why, Arc::clone(entry.verdict.reasons()))
    }

    /// True when the subject must be stopped, not only refused.
    pub fn is_fatal(&self) -> bool {
        matches!(self.why, Why::Flood | Why::Pace)
    }

    fn cause(&self) -> String {
        let policies =
            || self.reasons.policies.iter().map(|p| format!("`{p}`")).collect::<Vec<_>>().join(", ");
        match self.why {
            Why::Policy if self.reasons.policies.is_empty() => "no policy permits it".to_owned(),
            Why::Policy => format!("forbidden by {}", policies()),
            Why::Fault => match self.reasons.errors.first() {
                Some(error) => format!("the decision failed: {error}"),
                None => "the decision failed".to_owned(),
            },
            Why::Audit => "its audit record could not be written".to_owned(),
            Why::Revoked => "the permission was revoked".to_owned(),
            Why::Flood => "its quota of denials is used up".to_owned(),
            Why::Pace => "it makes more records than its share of the log".to_owned(),
            Why::NotHeld => "the handle was not opened for it".to_owned(),
            Why::Widens => "a move may not make more possible than is permitted at the old name".to_owned(),
            Why::Unstable => "it kept changing while it was opened".to_owned(),
        }
    }
}

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` may not {} {}: {}", self.subject.name(), self.action, self.resource, self.cause())
    }
}

impl std::error::Error for Denied {}
