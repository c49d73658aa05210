//! One decision: candidates by scope, conditions by Cedar, the verdict from both.
//!
//! *Invariant:* verdict, determining policies and errors are those of plain Cedar on the full set, but that any error
//! makes the verdict a fault (in Cedar a `forbid` that errs is skipped, which would fail open). `airssys-fuzz` holds
//! the two together.

use super::index::candidates;
use super::load::Loaded;
use super::network;
use super::peers;
use super::rule::{Effect, Rule};
use super::stack::on_stack;
use super::subject::Ready;
use super::vocabulary::{Vocabulary, uid_of};
use airssys_osl::{ActionId, Caller, Chain, Reasons, Resource, Verdict};
use cedar_policy_core::ast::{
    Context, Entity, EntityUID, EntityUIDEntry, Expr, Literal, Request, SlotEnv, Value, ValueKind,
};
use cedar_policy_core::entities::{Entities, NoEntitiesSchema, TCComputation};
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, LazyLock};

/// A question about a principal that is ready.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    pub(crate) action: ActionId,
    pub(crate) resource: &'a Resource,
    pub(crate) import: &'a str,
    pub(crate) chain: &'a Chain,
}

/// An answer, and whether it may be given again for the same subject, action and resource.
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) reusable: bool,
}

static NOTHING: LazyLock<Arc<Reasons>> = LazyLock::new(Arc::default);

impl Loaded {
    /// Decides one question. Total: whatever goes wrong is a fault.
    pub(crate) fn judge(&self, ready: &Ready, query: Query<'_>) -> Judged {
        let Query { action, resource, .. } = query;
        if self.words.kind_of(action) != Some(resource.kind()) {
            return faulty(format!("`{action}` is not asked of {resource}"));
        }
        let found = candidates(ready.tables(action), resource, &self.known, &self.words);
        let rules: Rules<'_> = found.iter().filter_map(|number| self.rules.get(*number as usize)).collect();
        if rules.iter().all(|rule| rule.condition.is_none()) {
            return Judged { verdict: conclude(&rules, Vec::new()), reusable: true };
        }
        let judged = on_stack(|| self.evaluate(ready, query, &rules));
        judged.unwrap_or_else(faulty)
    }

    fn evaluate(&self, ready: &Ready, query: Query<'_>, rules: &Rules<'_>) -> Result<Judged, String> {
        // Whoever called is shown to policies that read the context, and to no others: a name in another policy must not
        // mean more on somebody's behalf.
        let (reading, others): (Rules<'_>, Rules<'_>) = rules.iter().partition(|rule| rule.reads_context);
        let (mut satisfied, mut errors) = (Rules::new(), Vec::new());
        for part in [&others, &reading].into_iter().filter(|part| !part.is_empty()) {
            self.with_evaluator(ready, query, part, |evaluator| {
                for rule in part {
                    match rule.condition.as_ref().map_or(Ok(true), |condition| holds(evaluator, condition)) {
                        Ok(true) => satisfied.push(rule),
                        Ok(false) => {}
                        Err(error) => {
                            errors.push(format!("policy `{}` ({}): {error}", rule.id, rule.place()))
                        }
                    }
                }
            })?;
        }
        let reusable = errors.is_empty() && reading.is_empty();
        Ok(Judged { verdict: conclude(&satisfied, errors), reusable })
    }

    /// Runs `work` with an evaluator that sees the principal, the action, the resource, their ancestors, and what
    /// the conditions of `rules` name.
    pub(crate) fn with_evaluator<R>(
        &self,
        ready: &Ready,
        query: Query<'_>,
        rules: &[&Rule],
        work: impl FnOnce(&Evaluator<'_>) -> R,
    ) -> Result<R, String> {
        let Query { action, resource, import, chain } = query;
        let lacks = |what: &str| format!("the schema lacks {what}");
        let action = self.words.action(action).ok_or_else(|| lacks("the action"))?;
        let uid = self.words.resource(resource).ok_or_else(|| lacks("the resource's type"))?;
        let entity = self.resource_entity(resource, &uid)?;
        let reads_context = rules.iter().any(|rule| rule.reads_context);
        let callers = if reads_context { peers::callers(chain, &self.words)? } else { Vec::new() };
        let entities = self.entities(ready, action, entity, callers, rules)?;
        let known = |uid: EntityUID| EntityUIDEntry::known(uid, None);
        let (own, action) = (known(ready.own.clone()), known(action.uid().clone()));
        let request =
            Request::new_unchecked(own, action, known(uid), Some(context(import, chain, &self.words)));
        Ok(work(&Evaluator::new(request, &entities, Extensions::all_available())))
    }

    /// The resource that is asked for, with all that it lies in.
    pub(crate) fn resource_entity(
        &self,
        resource: &Resource,
        uid: &EntityUID,
    ) -> Result<Arc<Entity>, String> {
        let (network, peers) = (network::entity(resource, &self.words), peers::entity(resource, &self.words));
        network.or(peers).unwrap_or_else(|| Ok(self.known.entity(uid, &self.words)))
    }

    fn entities(
        &self,
        ready: &Ready,
        action: &Arc<Entity>,
        resource: Arc<Entity>,
        callers: Vec<Arc<Entity>>,
        rules: &[&Rule],
    ) -> Result<Entities, String> {
        let mut present: HashSet<EntityUID> =
            ready.entities.iter().map(|entity| entity.uid().clone()).collect();
        let mut more = Vec::new();
        // A component can be its own resource: it is then there already, and so is a caller that is the resource.
        for entity in std::iter::once(resource).chain(callers) {
            if present.insert(entity.uid().clone()) {
                more.push(entity);
            }
        }
        for uid in std::iter::once(action.uid()).chain(rules.iter().flat_map(|r| &r.mentions)) {
            if present.insert(uid.clone()) {
                more.push(self.known.entity(uid, &self.words));
            }
        }
        let (schema, computed) = (None::<&NoEntitiesSchema>, TCComputation::AssumeAlreadyComputed);
        let all = ready.entities.clone().add_entities(more, schema, computed, Extensions::all_available());
        all.map_err(|e| e.to_string())
    }
}

fn faulty(error: String) -> Judged {
    Judged { verdict: Verdict::fault(error), reusable: false }
}

type Rules<'a> = Vec<&'a Rule>;

fn context(import: &str, chain: &Chain, words: &Vocabulary) -> Context {
    let uid = |caller: &Caller| Value::from(Literal::from(uid_of(&words.component, &caller.principal.name)));
    let callers = Value::set(chain.callers().iter().map(uid), None);
    let mut record =
        BTreeMap::from([("import".into(), Value::from(Literal::from(import))), ("chain".into(), callers)]);
    if let Some(caller) = chain.caller() {
        record.insert("caller".into(), uid(caller));
    }
    Context::Value(Arc::new(record))
}

/// Whether an expression is true; anything but a Boolean is an error.
pub(crate) fn holds(evaluator: &Evaluator<'_>, expr: &Expr) -> Result<bool, String> {
    let value = evaluator.interpret(expr, &SlotEnv::new()).map_err(|e| e.to_string())?;
    match value.value {
        ValueKind::Lit(Literal::Bool(truth)) => Ok(truth),
        _ => Err("the condition is neither true nor false".to_owned()),
    }
}

/// The verdict of the policies that are satisfied: a forbid wins, an error denies.
fn conclude(satisfied: &[&Rule], errors: Vec<String>) -> Verdict {
    let forbidden = satisfied.iter().any(|rule| rule.effect == Effect::Forbid);
    let effect = if forbidden { Effect::Forbid } else { Effect::Permit };
    let mut determining = satisfied.iter().filter(|rule| rule.effect == effect);
    let reasons = match (determining.next(), determining.next(), errors.is_empty()) {
        (None, _, true) => return Verdict::Deny(Arc::clone(&NOTHING)),
        (Some(only), None, true) => Arc::clone(&only.alone),
        _ => {
            let all = satisfied.iter().filter(|rule| rule.effect == effect);
            Arc::new(Reasons { policies: all.map(|rule| Arc::clone(&rule.id)).collect(), errors })
        }
    };
    match (reasons.errors.is_empty(), effect) {
        (false, _) => Verdict::Fault(reasons),
        (true, Effect::Forbid) => Verdict::Deny(reasons),
        (true, Effect::Permit) => Verdict::Allow(reasons),
    }
}
