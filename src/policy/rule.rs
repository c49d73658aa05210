//! One policy, taken apart for the index.

use super::source::{Place, Text};
use airssys_osl::Reasons;
use cedar_policy::Policy;
use cedar_policy_core::ast;
use cedar_policy_core::ast::{
    EntityReference, EntityType, EntityUID, Expr, ExprKind, Literal, PrincipalOrResourceConstraint, Var,
};
use std::ops::Range;
use std::sync::Arc;

/// Permit or forbid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// A permit.
    Permit,
    /// A forbid.
    Forbid,
}

impl Effect {
    /// `permit` or `forbid`.
    pub const fn name(self) -> &'static str {
        match self {
            Effect::Permit => "permit",
            Effect::Forbid => "forbid",
        }
    }
}

/// What a policy's scope says of the principal or of the resource.
#[derive(Debug, Clone)]
pub(crate) enum Scope {
    Any,
    Is(EntityType),
    Equals(EntityUID),
    In(EntityUID),
    IsIn(EntityType, EntityUID),
}

impl Scope {
    fn read(constraint: &PrincipalOrResourceConstraint) -> Option<Scope> {
        let uid = |entity: &EntityReference| match entity {
            EntityReference::EUID(uid) => Some(EntityUID::clone(uid)),
            EntityReference::Slot(_) => None,
        };
        Some(match constraint {
            PrincipalOrResourceConstraint::Any => Scope::Any,
            PrincipalOrResourceConstraint::Is(kind) => Scope::Is(EntityType::clone(kind)),
            PrincipalOrResourceConstraint::Eq(entity) => Scope::Equals(uid(entity)?),
            PrincipalOrResourceConstraint::In(entity) => Scope::In(uid(entity)?),
            PrincipalOrResourceConstraint::IsIn(kind, entity) => {
                Scope::IsIn(EntityType::clone(kind), uid(entity)?)
            }
        })
    }

    /// The entity it names.
    pub(crate) fn uid(&self) -> Option<&EntityUID> {
        match self {
            Scope::Any | Scope::Is(_) => None,
            Scope::Equals(uid) | Scope::In(uid) | Scope::IsIn(_, uid) => Some(uid),
        }
    }

    /// Whether an entity with these ancestors is in the scope. The index answers the same by hashing.
    pub(crate) fn covers(&self, own: &EntityUID, is_ancestor: impl Fn(&EntityUID) -> bool) -> bool {
        let within = |uid| own == uid || is_ancestor(uid);
        match self {
            Scope::Any => true,
            Scope::Is(kind) => own.entity_type() == kind,
            Scope::Equals(uid) => own == uid,
            Scope::In(uid) => within(uid),
            Scope::IsIn(kind, uid) => own.entity_type() == kind && within(uid),
        }
    }

    pub(crate) fn shown(&self, variable: &str) -> String {
        match self {
            Scope::Any => variable.to_owned(),
            Scope::Is(kind) => format!("{variable} is {kind}"),
            Scope::Equals(uid) => format!("{variable} == {uid}"),
            Scope::In(uid) => format!("{variable} in {uid}"),
            Scope::IsIn(kind, uid) => format!("{variable} is {kind} in {uid}"),
        }
    }
}

/// What a policy's scope says of the action.
#[derive(Debug, Clone)]
pub(crate) enum Actions {
    Any,
    Equals(EntityUID),
    In(Vec<EntityUID>),
}

impl Actions {
    fn read(constraint: &ast::ActionConstraint) -> Actions {
        match constraint {
            ast::ActionConstraint::Any => Actions::Any,
            ast::ActionConstraint::Eq(uid) => Actions::Equals(EntityUID::clone(uid)),
            ast::ActionConstraint::In(uids) => {
                Actions::In(uids.iter().map(|uid| EntityUID::clone(uid)).collect())
            }
        }
    }

    pub(crate) fn cover(&self, action: &ast::Entity) -> bool {
        match self {
            Actions::Any => true,
            Actions::Equals(uid) => action.uid() == uid,
            Actions::In(uids) => uids.iter().any(|uid| action.uid() == uid || action.is_descendant_of(uid)),
        }
    }

    pub(crate) fn shown(&self) -> String {
        match self {
            Actions::Any => "action".to_owned(),
            Actions::Equals(uid) => format!("action == {uid}"),
            Actions::In(uids) => {
                let list: Vec<_> = uids.iter().map(ToString::to_string).collect();
                format!("action in [{}]", list.join(", "))
            }
        }
    }
}

/// One policy with its place, scope and condition.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: Arc<str>,
    pub(crate) effect: Effect,
    pub(crate) text: Arc<Text>,
    pub(crate) span: Range<usize>,
    pub(crate) principal: Scope,
    pub(crate) actions: Actions,
    pub(crate) resource: Scope,
    pub(crate) condition: Option<Arc<Expr>>,
    pub(crate) reads_context: bool,
    /// Entities the condition names: Cedar must be told what they are in.
    pub(crate) mentions: Vec<EntityUID>,
    /// The reasons of a verdict which this policy alone determines, made once.
    pub(crate) alone: Arc<Reasons>,
    pub(crate) policy: Policy,
}

impl Rule {
    /// Takes a policy apart; none for a template.
    pub(crate) fn read(policy: Policy, text: &Arc<Text>, span: Range<usize>) -> Option<Rule> {
        let core: &ast::Policy = policy.as_ref();
        let id: Arc<str> = policy.id().to_string().into();
        let condition = core.non_scope_constraints_arc().cloned();
        let parts = || condition.iter().flat_map(|expr| expr.subexpressions());
        let reads_context = parts()
            .any(|part| matches!(part.expr_kind(), ExprKind::Var(Var::Context) | ExprKind::Unknown(_)));
        let mentions = parts().filter_map(literal).map(|(uid, _)| uid).collect();
        Some(Rule {
            effect: match core.effect() {
                ast::Effect::Permit => Effect::Permit,
                ast::Effect::Forbid => Effect::Forbid,
            },
            principal: Scope::read(core.principal_constraint().as_inner())?,
            actions: Actions::read(core.action_constraint()),
            resource: Scope::read(core.resource_constraint().as_inner())?,
            alone: Arc::new(Reasons { policies: vec![Arc::clone(&id)], errors: Vec::new() }),
            text: Arc::clone(text),
            id,
            span,
            condition,
            reads_context,
            mentions,
            policy,
        })
    }

    pub(crate) fn place(&self) -> Place {
        self.text.place(self.span.start)
    }

    /// Every entity the policy names, with its own place where the parser kept one.
    pub(crate) fn literals(&self) -> Vec<(EntityUID, Range<usize>)> {
        let scopes = [self.principal.uid(), self.resource.uid()].into_iter().flatten();
        let scopes = scopes.map(|uid| (uid.clone(), range(uid.loc())));
        let parts = self.condition.iter().flat_map(|expr| expr.subexpressions()).filter_map(literal);
        let found = scopes.chain(parts).map(|(uid, range)| (uid, range.unwrap_or(self.span.clone())));
        found.collect()
    }
}

fn literal(expr: &Expr) -> Option<(EntityUID, Option<Range<usize>>)> {
    match expr.expr_kind() {
        ExprKind::Lit(Literal::EntityUID(uid)) => {
            Some((EntityUID::clone(uid), range(uid.loc().or(expr.source_loc()))))
        }
        _ => None,
    }
}

fn range(loc: Option<&cedar_policy_core::parser::Loc>) -> Option<Range<usize>> {
    loc.map(|loc| loc.start()..loc.end())
}
