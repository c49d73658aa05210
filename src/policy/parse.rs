//! Policy texts to rules: bounds first, then Cedar's parser, then ids.

use super::error::{Flaw, Problem};
use super::rule::Rule;
use super::scan::{self, Excess};
use super::source::Text;
use cedar_policy::{Policy, PolicyId, PolicySet};
use cedar_policy_core::ast::{self, Expr, ExprKind};
use miette::Diagnostic;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

/// The largest policy or entity file.
pub(crate) const MAX_FILE_BYTES: usize = 16 * 1024 * 1024;
/// How deep the operators of a condition may nest: what evaluation on a fresh small stack can bear, with room to spare.
pub(crate) const MAX_DEPTH: usize = 100;

/// Parses one policy file. What is wrong goes to `problems`; the rules that are right come back.
pub(crate) fn rules(text: &Arc<Text>, problems: &mut Vec<Problem>) -> Vec<Rule> {
    if let Some(problem) = too_large(text).or_else(|| out_of_bounds(text)) {
        problems.push(problem);
        return Vec::new();
    }
    let set = match PolicySet::from_str(&text.text) {
        Ok(set) => set,
        Err(errors) => {
            problems.extend(errors.iter().map(|error| syntax(text, error, &error.to_string())));
            return Vec::new();
        }
    };
    for template in set.templates() {
        let core: &ast::Template = template.as_ref();
        let flaw = Flaw::Template(name(template.annotation("id"), text, 1).unwrap_or_default());
        problems.push(Problem::at(text, span(core.loc(), text), flaw));
    }
    let mut policies: Vec<_> = set.policies().map(|policy| (span(location(policy), text), policy)).collect();
    policies.sort_by_key(|(span, _)| span.start);
    let numbered = policies.into_iter().enumerate();
    numbered.filter_map(|(n, (span, policy))| rule(text, n + 1, span, policy, problems)).collect()
}

fn rule(
    text: &Arc<Text>,
    number: usize,
    span: Range<usize>,
    policy: &Policy,
    problems: &mut Vec<Problem>,
) -> Option<Rule> {
    let Some(id) = name(policy.annotation("id"), text, number) else {
        problems.push(Problem::at(text, span, Flaw::EmptyId));
        return None;
    };
    let core: &ast::Policy = policy.as_ref();
    if core.non_scope_constraints().is_some_and(|condition| depth(condition) > MAX_DEPTH) {
        problems.push(Problem::at(text, span, Flaw::TooDeep { most: MAX_DEPTH }));
        return None;
    }
    Rule::read(policy.new_id(PolicyId::new(id)), text, span)
}

/// `@id`, or the file and the policy's number in it, counted from 1; none when the annotation is empty.
fn name(id: Option<&str>, text: &Text, number: usize) -> Option<String> {
    match id {
        Some(id) => (!id.trim().is_empty()).then(|| id.to_owned()),
        None => Some(format!("{}#{number}", text.name)),
    }
}

pub(crate) fn too_large(text: &Text) -> Option<Problem> {
    let bytes = text.text.len();
    (bytes > MAX_FILE_BYTES).then(|| Problem::at(text, 0..0, Flaw::TooLarge { bytes, most: MAX_FILE_BYTES }))
}

fn out_of_bounds(text: &Text) -> Option<Problem> {
    let (at, flaw) = match scan::excess(&text.text)? {
        Excess::Brackets(at) => (at, Flaw::TooDeep { most: scan::MAX_BRACKETS }),
        Excess::Policy(at) => (at, Flaw::TooLong { most: scan::MAX_POLICY_BYTES }),
    };
    Some(Problem::at(text, at..at, flaw))
}

fn location(policy: &Policy) -> Option<&cedar_policy_core::parser::Loc> {
    let core: &ast::Policy = policy.as_ref();
    core.loc()
}

fn span(loc: Option<&cedar_policy_core::parser::Loc>, text: &Text) -> Range<usize> {
    let end = text.text.len();
    loc.map_or(0..0, |loc| loc.start().min(end)..loc.end().min(end))
}

fn syntax(text: &Text, error: &dyn Diagnostic, message: &str) -> Problem {
    let at = label(error).unwrap_or(0..0);
    let help = error.help().map(|help| help.to_string());
    Problem::at(text, at, Flaw::Syntax(message.to_owned())).with_help(help)
}

/// Where a diagnostic of Cedar's points to.
pub(crate) fn label(error: &dyn Diagnostic) -> Option<Range<usize>> {
    let first = error.labels()?.next()?;
    Some(first.offset()..first.offset() + first.len())
}

/// How deep an expression nests, found without recursion.
fn depth(expr: &Expr) -> usize {
    let (mut deepest, mut open) = (0, vec![(expr, 1)]);
    while let Some((expr, level)) = open.pop() {
        deepest = deepest.max(level);
        if deepest > MAX_DEPTH {
            break;
        }
        open.extend(children(expr).into_iter().map(|child| (child, level + 1)));
    }
    deepest
}

fn children(expr: &Expr) -> Vec<&Expr> {
    match expr.expr_kind() {
        ExprKind::Lit(_) | ExprKind::Var(_) | ExprKind::Slot(_) | ExprKind::Unknown(_) => Vec::new(),
        ExprKind::If { test_expr, then_expr, else_expr } => vec![test_expr, then_expr, else_expr],
        ExprKind::And { left, right } | ExprKind::Or { left, right } => vec![left, right],
        ExprKind::UnaryApp { arg, .. } => vec![arg],
        ExprKind::BinaryApp { arg1, arg2, .. } => vec![arg1, arg2],
        ExprKind::ExtensionFunctionApp { args, .. } => args.iter().collect(),
        ExprKind::GetAttr { expr, .. }
        | ExprKind::HasAttr { expr, .. }
        | ExprKind::ExtHasAttr { expr, .. }
        | ExprKind::Like { expr, .. }
        | ExprKind::Is { expr, .. } => vec![expr],
        ExprKind::Set(items) => items.iter().collect(),
        ExprKind::Record(fields) => fields.values().collect(),
    }
}
