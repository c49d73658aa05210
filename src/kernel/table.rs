//! The mediation table as data: one row for every function offered to components.

use airssys_osl::ActionId;
use std::sync::{Mutex, PoisonError};

/// One function offered to components: what it asks and how it says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its place in the table.
    pub index: usize,
    /// `package/interface#function`, without a version.
    pub id: &'static str,
    /// The interface, without a version.
    pub interface: &'static str,
    /// The function as the WIT names it.
    pub function: &'static str,
    /// When it asks.
    pub class: Class,
    /// The actions it can ask for.
    pub asks: &'static [ActionId],
    /// The resource of the question, in words.
    pub on: &'static str,
    /// How it says no.
    pub denial: Denial,
}

/// Rows of embedders' functions, kept for the life of the process like the built-in ones.
static OWN: Mutex<Vec<&'static Row>> = Mutex::new(Vec::new());

impl Row {
    /// The row of an embedder's function; the same one whenever it is declared alike. Its names are kept ones already,
    /// so these are no more than they.
    pub(crate) fn kept(asks: ActionId, row: Row) -> &'static Row {
        let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |kept: &Row| kept.asks == [asks] && Row { asks: row.asks, ..*kept } == row;
        if let Some(kept) = own.iter().find(|kept| is_it(kept)) {
            return kept;
        }
        let asks: &'static [ActionId] = Box::leak(Box::new([asks]));
        let kept: &'static Row = Box::leak(Box::new(Row { asks, ..row }));
        own.push(kept);
        kept
    }
}

/// When a function asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Before its effect.
    Decide,
    /// On a handle whose lease answers or decides anew.
    Use,
    /// Never: it is recorded.
    Record,
    /// Never, and leaves no record; its handles must be attributed, and what was revoked is not waited for.
    Free,
}

/// How a function says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// With its interface's own error.
    Error,
    /// With a trap that carries the denial.
    Trap,
    /// With an empty list.
    Empty,
    /// With a closed stream.
    Closed,
    /// It has nothing to deny.
    None,
}
