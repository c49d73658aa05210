//! Every delegation by its number, and the clock that ends them.
//!
//! A deadline is looked at whenever a delegation is used. What nobody uses, a socket that listens, a wait, is ended by a
//! thread that sleeps until the next deadline; there is one while anything is lent.

use super::node::Node;
use crate::gate::shared::lock;
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Instant;

/// The delegations of one gate.
#[derive(Default)]
pub(in crate::gate) struct Registry {
    book: Mutex<Book>,
    changed: Condvar,
}

#[derive(Default)]
struct Book {
    by_number: HashMap<u64, Weak<Node>>,
    /// True while a thread looks at the deadlines.
    watched: bool,
    closed: bool,
}

/// Numbers are drawn, so that nobody learns from his own how much others lend; and fit into what JSON holds exactly.
const NUMBERS: u64 = (1 << 53) - 1;

impl Registry {
    /// Enters the delegation that `make` makes of a number nobody has.
    pub(super) fn enter(
        self: &Arc<Self>,
        make: impl FnOnce(u64) -> Arc<Node>,
    ) -> Result<Arc<Node>, getrandom::Error> {
        let mut book = lock(&self.book);
        let number = loop {
            let mut bytes = [0; 8];
            getrandom::fill(&mut bytes)?;
            let drawn = u64::from_ne_bytes(bytes) & NUMBERS;
            if drawn != 0 && !book.by_number.contains_key(&drawn) {
                break drawn;
            }
        };
        if !book.watched {
            let registry = Arc::clone(self);
            let thread = std::thread::Builder::new().name("airssys-lent".to_owned());
            thread.spawn(move || registry.watch()).map_err(|_| getrandom::Error::UNSUPPORTED)?;
            book.watched = true;
        }
        let node = make(number);
        book.by_number.insert(number, Arc::downgrade(&node));
        self.changed.notify_one();
        Ok(node)
    }

    /// What has that number and was lent to that component: what was lent to others is not there.
    pub(super) fn lent_to(&self, number: u64, to: &str) -> Option<Arc<Node>> {
        let found = lock(&self.book).by_number.get(&number).and_then(Weak::upgrade);
        found.filter(|node| *node.to == *to)
    }

    pub(super) fn forget(&self, number: u64) {
        lock(&self.book).by_number.remove(&number);
    }

    /// No deadline is of interest any more.
    pub(in crate::gate) fn close(&self) {
        lock(&self.book).closed = true;
        self.changed.notify_one();
    }

    /// Ends each delegation at its deadline, until none is left.
    fn watch(&self) {
        loop {
            let mut book = lock(&self.book);
            book.by_number.retain(|_, node| node.strong_count() > 0);
            let nodes: Vec<_> = book.by_number.values().filter_map(Weak::upgrade).collect();
            if book.closed || nodes.is_empty() {
                book.watched = false;
                return;
            }
            let (over, left): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|node| node.is_over());
            let next = left.iter().map(|node| node.terms.deadline()).min();
            drop(left);
            if !over.is_empty() {
                drop(book);
                // What rests on them ends; nobody waits for what is under way.
                over.iter().for_each(|node| drop(node.end()));
                continue;
            }
            let wait =
                next.map_or_else(Default::default, |next| next.saturating_duration_since(Instant::now()));
            let waited = self.changed.wait_timeout(book, wait);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }
}
