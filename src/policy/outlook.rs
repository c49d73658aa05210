//! What a component may do, before it asks: always, never, or on conditions.
//!
//! Cedar's type-aware partial evaluation, with principal and action known, the context unknown and the resource
//! unknown where there are too many to name.

use super::load::{Cited, Loaded, Policies};
use super::rule::Rule;
use super::stack::on_large_stack;
use super::subject::{entities, ready_component};
use airssys_osl::{ActionId, Principal};
use cedar_policy::{
    Decision, Entity, EntityId, EntityTypeName, EntityUid, PartialEntities, PartialEntityUid, PartialRequest,
    Policy, PolicySet, TpeResponse,
};
use cedar_policy_core::ast::{self, BinaryOp, ExprKind, UnaryOp};
use std::collections::BTreeSet;
use std::str::FromStr;

/// How an action stands for a principal.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Outlook {
    /// The action's name.
    pub action: &'static str,
    /// The type of its resources.
    pub kind: &'static str,
    /// The one resource this row is about; none when it is about all of the type.
    pub resource: Option<&'static str>,
    /// Always, depends or never.
    pub chance: Chance,
    /// For `depends`: what remains of each policy that can still speak.
    pub residuals: Vec<Residual>,
}

/// Whether a question will be answered with yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Chance {
    /// Whatever the rest of the question is.
    Always,
    /// On the resource or the context.
    Depends,
    /// Whatever the rest of the question is.
    Never,
}

impl Chance {
    /// `always`, `depends` or `never`.
    pub const fn name(self) -> &'static str {
        match self {
            Chance::Always => "always",
            Chance::Depends => "depends",
            Chance::Never => "never",
        }
    }
}

/// What remains of a policy once principal and action are known.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Residual {
    /// The policy.
    pub policy: Cited,
    /// The condition that is left, in Cedar; `true` when nothing is.
    pub condition: String,
}

impl std::fmt::Display for Outlook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let resource = self.resource.map(|id| format!("::\"{id}\"")).unwrap_or_default();
        write!(f, "{} {}{resource}: {}", self.action, self.kind, self.chance.name())?;
        for Residual { policy, condition } in &self.residuals {
            write!(f, "\n  {policy}: {condition}")?;
        }
        Ok(())
    }
}

/// How each action stands for a principal, in the order of the actions.
///
/// # Errors
/// A sentence when the principal does not conform to the schema, or partial evaluation fails.
pub fn outlook(policies: &Policies, principal: &Principal) -> Result<Vec<Outlook>, String> {
    on_large_stack(|| {
        let ready = ready_component(principal, &policies.0)?;
        let partial = Partial::new(&policies.0, principal)?;
        let mut rows = Vec::new();
        for action in policies.0.words.all_actions() {
            let numbers: BTreeSet<u32> = ready.tables(action).iter().flat_map(|t| t.everything()).collect();
            let rules: Vec<_> = numbers.iter().filter_map(|n| policies.0.rules.get(*n as usize)).collect();
            for resource in resources(action) {
                rows.push(partial.row(action, *resource, &rules)?);
            }
        }
        Ok(rows)
    })
}

/// The resources of an action one by one where they are few; none where nobody but operators takes it.
fn resources(action: ActionId) -> &'static [Option<&'static str>] {
    match (action.kind(), action) {
        ("Stdio", ActionId::StdioRead) => &[Some("stdin")],
        ("Stdio", _) => &[Some("stdout"), Some("stderr")],
        ("Clock", _) => &[Some("monotonic"), Some("wall")],
        ("Random", _) => &[Some("secure"), Some("insecure")],
        ("Process", _) => &[Some("self")],
        ("Runtime", _) | (_, ActionId::ComponentStop | ActionId::ComponentStatus) => &[],
        _ => &[None],
    }
}

struct Partial<'a> {
    loaded: &'a Loaded,
    own: EntityUid,
    entities: PartialEntities,
}

impl<'a> Partial<'a> {
    fn new(loaded: &'a Loaded, principal: &Principal) -> Result<Partial<'a>, String> {
        let words = &loaded.words;
        let names = words.component_names(principal);
        let who = entities(principal, &names, words)?;
        let groups = names.groups.iter().map(|uid| ast::Entity::with_uid(uid.clone()));
        let known = who.iter().cloned().chain(groups).map(Entity::from);
        let known = cedar_policy::Entities::from_entities(known, Some(&words.schema)).map_err(text)?;
        let entities = PartialEntities::from_concrete(known, &words.schema).map_err(text)?;
        Ok(Partial { loaded, own: names.own.into(), entities })
    }

    fn row(
        &self,
        action: ActionId,
        resource: Option<&'static str>,
        rules: &[&Rule],
    ) -> Result<Outlook, String> {
        let words = &self.loaded.words;
        let kind = words.kind_of(action).ok_or("the schema lacks the action")?;
        let asked = words.action(action).map(|entity| EntityUid::from(entity.uid().clone()));
        let asked = asked.ok_or("the schema lacks the action")?;
        let on =
            PartialEntityUid::new(EntityTypeName::from_str(kind).map_err(text)?, resource.map(EntityId::new));
        let who = PartialEntityUid::from_concrete(self.own.clone());
        let request = PartialRequest::new(who, asked, on, None, &words.schema).map_err(text)?;
        let set = PolicySet::from_policies(rules.iter().map(|rule| rule.policy.clone())).map_err(text)?;
        let response = set.tpe(&request, &self.entities, &words.schema).map_err(text)?;
        let chance = chance(&response, rules);
        let residuals = match chance {
            Chance::Depends => residuals(&response, rules),
            Chance::Always | Chance::Never => Vec::new(),
        };
        Ok(Outlook { action: action.name(), kind, resource, chance, residuals })
    }
}

fn chance(response: &TpeResponse<'_>, rules: &[&Rule]) -> Chance {
    let errs = response.error_permits().chain(response.error_forbids()).next().is_some();
    let open = || response.residual_permits().map(ToString::to_string);
    match response.decision() {
        _ if errs => Chance::Never,
        Some(Decision::Deny) => Chance::Never,
        // A permit that is satisfied anyway is worth nothing when another one errs: an error denies.
        Some(Decision::Allow) if open().any(|id| rules.iter().any(|r| *r.id == *id && may_err(r))) => {
            Chance::Depends
        }
        Some(Decision::Allow) => Chance::Always,
        None => Chance::Depends,
    }
}

fn residuals(response: &TpeResponse<'_>, rules: &[&Rule]) -> Vec<Residual> {
    let sure = response.true_permits().map(|id| (id.to_string(), "true".to_owned()));
    let left = response.residual_policies().map(|policy| (policy.id().to_string(), condition(&policy)));
    let all: std::collections::HashMap<_, _> = sure.chain(left).collect();
    let of = |rule: &&Rule| Some(Residual { policy: rule.cited(), condition: all.get(&*rule.id)?.clone() });
    rules.iter().filter_map(of).collect()
}

fn condition(policy: &Policy) -> String {
    let core: &ast::Policy = policy.as_ref();
    core.non_scope_constraints().map_or_else(|| "true".to_owned(), ToString::to_string)
}

/// Whether a valid condition can still err: arithmetic overflows, and an entity it names may not be known.
fn may_err(rule: &Rule) -> bool {
    let risky = |expr: &ast::Expr| match expr.expr_kind() {
        ExprKind::BinaryApp { op, .. } => matches!(op, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul),
        ExprKind::UnaryApp { op, .. } => matches!(op, UnaryOp::Neg),
        ExprKind::GetAttr { expr, .. } => matches!(expr.expr_kind(), ExprKind::Lit(_)),
        ExprKind::ExtensionFunctionApp { fn_name, .. } => !matches!(
            fn_name.to_string().as_str(),
            "ip" | "isInRange" | "isLoopback" | "isMulticast" | "isIpv4" | "isIpv6"
        ),
        _ => false,
    };
    rule.condition.iter().flat_map(|expr| expr.subexpressions()).any(risky)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
