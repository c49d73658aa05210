//! Why a question is answered as it is, in words and as data.

use super::clause;
use super::decide::Query;
use super::load::{Cited, Loaded, Policies};
use super::rule::{Effect, Rule, Scope};
use super::source::Place;
use super::stack::on_large_stack;
use super::subject::{Ready, ready};
use super::suggest::{Suggestion, suggestion};
use super::vocabulary::{Names, id_of};
use airssys_osl::{ActionId, Chain, Outcome, Party, Resource, Verdict};
use cedar_policy_core::ast::{Entity, EntityUID};
use std::fmt;
use std::sync::Arc;

/// How many policies are named as the nearest.
const NEAREST: usize = 5;

/// A question to explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who asks.
    pub principal: Party,
    /// What for.
    pub action: ActionId,
    /// On what.
    pub resource: Resource,
    /// Through which import; policies see it as `context.import`.
    pub import: String,
    /// On whose behalf; policies see it as `context.caller` and `context.chain`.
    pub chain: Arc<Chain>,
}

/// The answer with its grounds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Explanation {
    /// The principal's name.
    pub principal: String,
    /// The action's name.
    pub action: &'static str,
    /// The resource as policies write it.
    pub resource: String,
    /// `allow`, `deny` or `fault`.
    pub verdict: &'static str,
    /// The policies that determined it.
    pub policies: Vec<Cited>,
    /// Errors met while deciding.
    pub errors: Vec<String>,
    /// For a denial that no forbid determined: the permits that come nearest, and what they lack.
    pub nearest: Vec<Near>,
    /// For a denial: what would lift it.
    pub suggestion: Option<Suggestion>,
    /// On whose authority it is allowed, when that is not the principal's own: who lent it, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lenders: Vec<String>,
}

/// A permit that does not speak, and why not.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Near {
    /// The permit.
    pub policy: Cited,
    /// What about it does not hold: one part of its scope, or clauses of its condition.
    pub failed: Vec<Failed>,
}

/// A part of a policy that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "part", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Failed {
    /// The scope wants another principal.
    Principal {
        /// What the scope says.
        needs: String,
    },
    /// The scope wants another action.
    Action {
        /// What the scope says.
        needs: String,
    },
    /// The scope wants another resource.
    Resource {
        /// What the scope says.
        needs: String,
    },
    /// A part of a `when` clause is false.
    When {
        /// Its text.
        text: String,
        /// Where it stands.
        place: Place,
    },
    /// An `unless` clause is true.
    Unless {
        /// Its text.
        text: String,
        /// Where it stands.
        place: Place,
    },
    /// A clause could not be evaluated.
    Error {
        /// Its text.
        text: String,
        /// Where it stands.
        place: Place,
        /// What went wrong.
        message: String,
    },
}

/// Decides a question again and says why.
pub fn explain(policies: &Policies, question: &Question) -> Explanation {
    on_large_stack(|| Asked { loaded: &policies.0, question }.explain())
}

struct Asked<'a> {
    loaded: &'a Arc<Loaded>,
    question: &'a Question,
}

impl Asked<'_> {
    fn explain(&self) -> Explanation {
        let Question { principal, action, resource, .. } = self.question;
        let (verdict, near) = match ready(principal, self.loaded) {
            Err(error) => (Verdict::fault(error), Vec::new()),
            Ok(ready) => {
                let verdict = self.loaded.judge(&ready, self.query()).verdict;
                let near = if lacks_permit(&verdict) { self.nearest(&ready) } else { Vec::new() };
                (verdict, near)
            }
        };
        let reasons = verdict.reasons();
        let rules = reasons.policies.iter().filter_map(|id| self.loaded.rules.iter().find(|r| r.id == *id));
        let policies = rules.map(Rule::cited).collect();
        Explanation {
            principal: principal.name(),
            action: action.name(),
            resource: resource.to_string(),
            verdict: verdict.outcome().name(),
            policies,
            errors: reasons.errors.clone(),
            nearest: near,
            suggestion: suggestion(verdict.outcome(), principal, *action, resource, reasons),
            lenders: Vec::new(),
        }
    }

    fn nearest(&self, ready: &Ready) -> Vec<Near> {
        let words = &self.loaded.words;
        let (Some(action), Some(uid)) =
            (words.action(self.question.action), words.resource(&self.question.resource))
        else {
            return Vec::new();
        };
        let Ok(resource) = self.loaded.resource_entity(&self.question.resource, &uid) else {
            return Vec::new();
        };
        let names = words.names(&self.question.principal);
        let permits = self.loaded.rules.iter().filter(|rule| rule.effect == Effect::Permit);
        let mut near: Vec<_> = permits
            .filter_map(|rule| {
                let failed = scope_failures(rule, &names, action, &resource);
                let rank = rank(&failed, rule, &uid)?;
                Some((rank, rule, failed))
            })
            .collect();
        near.sort_by_key(|(rank, ..)| *rank);
        let with_clauses = near.into_iter().map(|(_, rule, failed)| {
            let failed = if failed.is_empty() { self.clause_failures(ready, rule) } else { failed };
            Near { policy: rule.cited(), failed }
        });
        with_clauses.filter(|near| !near.failed.is_empty()).take(NEAREST).collect()
    }

    fn query(&self) -> Query<'_> {
        let Question { action, resource, import, chain, .. } = self.question;
        Query { action: *action, resource, import, chain }
    }

    fn clause_failures(&self, ready: &Ready, rule: &Rule) -> Vec<Failed> {
        let found = self
            .loaded
            .with_evaluator(ready, self.query(), &[rule], |evaluator| clause::failures(rule, evaluator));
        found.unwrap_or_default().into_iter().map(Failed::from).collect()
    }
}

/// True where no forbid spoke and a permit was missing or erred.
fn lacks_permit(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Allow(_) => false,
        Verdict::Deny(reasons) => reasons.policies.is_empty(),
        Verdict::Fault(_) => true,
    }
}

fn scope_failures(rule: &Rule, names: &Names, action: &Entity, resource: &Entity) -> Vec<Failed> {
    let mut failed = Vec::new();
    if !rule.principal.covers(&names.own, |uid| names.all().any(|name| name == uid)) {
        failed.push(Failed::Principal { needs: rule.principal.shown("principal") });
    }
    if !rule.actions.cover(action) {
        failed.push(Failed::Action { needs: rule.actions.shown() });
    }
    if !rule.resource.covers(resource.uid(), |uid| resource.is_descendant_of(uid)) {
        failed.push(Failed::Resource { needs: rule.resource.shown("resource") });
    }
    failed
}

/// Order of nearness: conditions first, then resource, action, principal; none when more than one part fails.
fn rank(failed: &[Failed], rule: &Rule, asked: &EntityUID) -> Option<(u8, std::cmp::Reverse<usize>)> {
    let part = match failed {
        [] => 0,
        [Failed::Resource { .. }] => 1,
        [Failed::Action { .. }] => 2,
        [_] => 3,
        _ => return None,
    };
    Some((part, std::cmp::Reverse(closeness(&rule.resource, asked))))
}

/// How many leading names a scope's path shares with the path asked for.
fn closeness(scope: &Scope, asked: &EntityUID) -> usize {
    let Some(uid) = scope.uid().filter(|uid| uid.entity_type() == asked.entity_type()) else { return 0 };
    let (ours, theirs) = (id_of(uid).split('/'), id_of(asked).split('/'));
    ours.zip(theirs).take_while(|(a, b)| a == b).count()
}

impl From<clause::Failure> for Failed {
    fn from(failure: clause::Failure) -> Failed {
        let clause::Failure { unless, text, place, error } = failure;
        match (error, unless) {
            (Some(message), _) => Failed::Error { text, place, message },
            (None, false) => Failed::When { text, place },
            (None, true) => Failed::Unless { text, place },
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failed::Principal { needs } | Failed::Action { needs } | Failed::Resource { needs } => {
                write!(f, "it is for `{needs}`")
            }
            Failed::When { text, place } => write!(f, "`when {{ {text} }}` is false ({place})"),
            Failed::Unless { text, place } => write!(f, "`unless {{ {text} }}` is true ({place})"),
            Failed::Error { text, place, message } => write!(f, "`{text}` failed ({place}): {message}"),
        }
    }
}

impl fmt::Display for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed: Vec<_> = self.failed.iter().map(ToString::to_string).collect();
        write!(f, "{}: {}", self.policy, failed.join("; "))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let may = if self.verdict == Outcome::Allow.name() { "may" } else { "may not" };
        writeln!(f, "{}: `{}` {may} {} {}", self.verdict, self.principal, self.action, self.resource)?;
        for (at, lender) in self.lenders.iter().enumerate() {
            writeln!(f, "  {} by `{lender}`", if at == 0 { "lent" } else { "to which it was lent" })?;
        }
        for policy in &self.policies {
            writeln!(f, "  decided by {policy}")?;
        }
        for error in &self.errors {
            writeln!(f, "  error: {error}")?;
        }
        for near in &self.nearest {
            writeln!(f, "  near: {near}")?;
        }
        match &self.suggestion {
            Some(suggestion) => writeln!(f, "  {suggestion}"),
            None => Ok(()),
        }
    }
}
