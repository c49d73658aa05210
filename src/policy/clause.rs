//! Which clause of a condition does not hold.

use super::decide::holds;
use super::rule::Rule;
use super::scan::{Clause, clauses};
use super::source::Place;
use cedar_policy::Policy;
use cedar_policy_core::ast::{self, Expr, ExprKind};
use cedar_policy_core::evaluator::Evaluator;

/// A clause, or a part of one between `&&`, that keeps a policy from speaking.
pub(crate) struct Failure {
    pub(crate) unless: bool,
    pub(crate) text: String,
    pub(crate) place: Place,
    pub(crate) error: Option<String>,
}

const BEFORE: &str = "permit(principal,action,resource)when{";
const AFTER: &str = "};";

/// The clauses of a policy that do not hold: of each `when` the first part that is not true, each `unless` that is.
pub(crate) fn failures(rule: &Rule, evaluator: &Evaluator<'_>) -> Vec<Failure> {
    let Some(text) = rule.text.text.get(rule.span.clone()) else { return Vec::new() };
    clauses(text).iter().filter_map(|clause| failure(rule, text, clause, evaluator)).collect()
}

fn failure(rule: &Rule, text: &str, clause: &Clause, evaluator: &Evaluator<'_>) -> Option<Failure> {
    let body = text.get(clause.body.clone())?;
    // Parsed alone, because the parser joins all clauses into one expression. The body ends its own line: it may
    // end in a comment.
    let alone = Policy::parse(None, format!("{BEFORE}{body}\n{AFTER}")).ok()?;
    let core: &ast::Policy = alone.as_ref();
    let condition = core.non_scope_constraints()?;
    let parts = if clause.unless { vec![condition] } else { conjuncts(condition) };
    for part in parts {
        let error = match holds(evaluator, part) {
            Ok(truth) if truth == clause.unless => None,
            Ok(_) => continue,
            Err(error) => Some(error),
        };
        let (text, offset) = shown(part, body);
        let place = rule.text.place(rule.span.start + clause.body.start + offset);
        return Some(Failure { unless: clause.unless, text, place, error });
    }
    None
}

/// The source of a part on one line, and where it begins in the clause's body.
fn shown(part: &Expr, body: &str) -> (String, usize) {
    let lead = body.len() - body.trim_start().len();
    let own =
        part.source_loc().and_then(|loc| Some((loc.snippet()?, loc.start().checked_sub(BEFORE.len())?)));
    let (text, offset) = own.filter(|(_, at)| *at <= body.len()).unwrap_or((body.trim(), lead));
    let code = text.lines().map(|line| line.split("//").next().unwrap_or(line));
    let code = if text.contains('"') { text.to_owned() } else { code.collect::<Vec<_>>().join(" ") };
    (code.split_whitespace().collect::<Vec<_>>().join(" "), offset)
}

fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match expr.expr_kind() {
        ExprKind::And { left, right } => [conjuncts(left), conjuncts(right)].concat(),
        _ => vec![expr],
    }
}
