//! The verbs that lend authority and borrow it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::probe_actor::airssys::runtime::delegation::{self, Accepted, Terms};
use crate::speech::{done, told};
use crate::verbs::{self, number, pair};

thread_local! {
    static HELD: RefCell<BTreeMap<u64, Accepted>> = const { RefCell::new(BTreeMap::new()) };
}

/// Does one verb; none if it is not among these.
pub(crate) fn run(verb: &str, argument: &str) -> Option<Result<String, String>> {
    Some(match verb {
        "delegate" => delegate(argument),
        "withdraw" => number(argument).and_then(|id| done(delegation::withdraw(id))),
        "accept" => number(argument).and_then(accept),
        "terms" => number(argument).and_then(|id| held(id, |accepted| shown(&accepted.terms()))),
        "drop-accepted" => number(argument).and_then(drop_accepted),
        "redelegate" => redelegate(argument),
        _ => return None,
    })
}

/// Does `verb` while what was lent under `id` is held, and gives it up again.
pub(crate) fn with(id: u64, verb: &str) -> Result<Option<String>, String> {
    let accepted = delegation::accept(id).map_err(told)?;
    let answer = verbs::run(verb);
    drop(accepted);
    answer
}

fn delegate(argument: &str) -> Result<String, String> {
    let (to, terms) = terms(argument)?;
    delegation::delegate(to, &terms).map(|id| id.to_string()).map_err(told)
}

fn redelegate(argument: &str) -> Result<String, String> {
    let (id, rest) = pair(argument, ",")?;
    let (to, terms) = terms(rest)?;
    held(number(id)?, |accepted| accepted.delegate(to, &terms).map(|id| id.to_string()).map_err(told))?
}

fn accept(id: u64) -> Result<String, String> {
    let accepted = delegation::accept(id).map_err(told)?;
    let terms = shown(&accepted.terms());
    HELD.with_borrow_mut(|held| held.insert(id, accepted));
    Ok(terms)
}

fn drop_accepted(id: u64) -> Result<String, String> {
    let accepted = HELD.with_borrow_mut(|held| held.remove(&id));
    accepted.map(|_| "ok".to_string()).ok_or_else(|| format!("nothing is held under {id}"))
}

fn held<T>(id: u64, using: impl FnOnce(&Accepted) -> T) -> Result<T, String> {
    HELD.with_borrow(|held| held.get(&id).map(using)).ok_or_else(|| format!("nothing is held under {id}"))
}

/// `TO,ACTION+ACTION…,KIND,ID,MS,DEPTH`.
fn terms(argument: &str) -> Result<(&str, Terms), String> {
    let fields: Vec<&str> = argument.split(',').collect();
    let &[to, actions, kind, id, ms, depth] = fields.as_slice() else {
        return Err("wanted TO,ACTIONS,KIND,ID,MS,DEPTH".to_string());
    };
    let terms = Terms {
        actions: actions.split('+').filter(|action| !action.is_empty()).map(str::to_string).collect(),
        kind: kind.to_string(),
        id: id.to_string(),
        lifetime_ms: number(ms)?,
        depth: depth.parse().map_err(|_| format!("`{depth}` is not a number"))?,
    };
    Ok((to, terms))
}

fn shown(terms: &Terms) -> String {
    let Terms { actions, kind, id, lifetime_ms, depth } = terms;
    format!("{},{kind},{id},{lifetime_ms},{depth}", actions.join("+"))
}
