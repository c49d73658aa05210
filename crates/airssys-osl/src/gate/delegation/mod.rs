//! Lending authority: explicit, attenuated, and never wider than any link of the chain.
//!
//! A component acts with its own authority. A delegation is the one exception: for some actions on one resource, until
//! a deadline, a component that was named may ask in the lender's name what it may not do itself. Each such question is
//! decided anew, of every link: whoever lends first must be allowed by the policies in force now, as the principal he
//! is; and nobody on the way, nor the user himself, may be forbidden.
//!
//! *Invariant:* nothing begins by a delegation after its end, whatever ended it: the lender, the end of a lender's
//! session, the deadline, or the end of a link before it. Nothing that was allowed by one is kept: neither the memo nor a
//! lease uses it again.

mod accepted;
mod ask;
mod node;
mod registry;
mod terms;

pub use accepted::Accepted;
pub(in crate::gate) use ask::Borrowed;
pub use node::Ended;
pub(in crate::gate) use node::{Holding, Node};
pub(in crate::gate) use registry::Registry;
pub use terms::{BadTerms, MAX_ACTIONS, MAX_DEPTH, Terms};

use crate::action::ComponentDelegate;
use crate::gate::shared::lock;
use crate::gate::{Denied, LimitExceeded, Permit, RecordError, Session};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// How many delegations of a session may stand at once.
pub const MAX_LENT: usize = 1024;
/// How many delegations a session may hold at once: those that fit a question are all asked.
pub const MAX_ACCEPTED: usize = 64;

/// A delegation that was not made, accepted or withdrawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LendError {
    /// The policies do not let this component lend to that one.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is none of that number, or it is not for this component, or it has ended: these are not told apart.
    #[error("there is no such delegation")]
    NoSuch,
    /// The terms.
    #[error(transparent)]
    Terms(#[from] BadTerms),
    /// Nobody lends to himself, and nobody but a component lends.
    #[error("a component lends to another component")]
    NotAnother,
    /// As many stand, or are held, as may.
    #[error(transparent)]
    Limit(LimitExceeded),
    /// It could not be recorded, or no number was to be had for it.
    #[error("the delegation could not be entered: {0}")]
    Entry(String),
}

impl From<RecordError> for LendError {
    fn from(error: RecordError) -> LendError {
        LendError::Entry(error.to_string())
    }
}

/// What a session lends, and what it has accepted.
#[derive(Default)]
pub(in crate::gate) struct Loans {
    lent: Mutex<Vec<Arc<Node>>>,
    accepted: Mutex<Vec<Weak<Holding>>>,
    /// How many are accepted: looked at after each denial, and mostly none.
    held: AtomicUsize,
}

/// Lends what the permit's session may do to the component that the permit names. Answers the delegation's number.
///
/// # Errors
/// [`LendError`].
pub fn lend(permit: Permit<ComponentDelegate>, terms: Terms, import: &'static str) -> Result<u64, LendError> {
    enter(permit, terms, None, import)
}

fn enter(
    permit: Permit<ComponentDelegate>,
    terms: Terms,
    from: Option<Arc<Node>>,
    import: &'static str,
) -> Result<u64, LendError> {
    let lender = Arc::clone(permit.session());
    let spent = permit.redeem()?;
    let to: Box<str> = spent.resource().name().into();
    if lender.subject().component().is_none_or(|own| *own.name == *to) {
        return Err(LendError::NotAnother);
    }
    if terms.are_over() {
        return Err(BadTerms::Over.into());
    }
    lender.loans.make_room()?;
    let registry = lender.gate().registry();
    let (told, parent) = (format!("to {to}: {terms}"), from.clone());
    let make = |number| Node::new(number, to, terms, &lender, from, Arc::downgrade(registry));
    let node = registry.enter(make).map_err(|error| LendError::Entry(error.to_string()))?;
    let of = parent.as_ref().map_or_else(String::new, |parent| format!(" of delegation {}", parent.number));
    // Until its number is told nobody can accept it.
    lender.note_lending(import, &format!("lends delegation {}{of} {told}", node.number))?;
    lock(&lender.loans.lent).push(Arc::clone(&node));
    let stands = parent.is_none_or(|parent| parent.lend_on(&node));
    if !stands || lender.is_revoked() {
        // Ended between the permit and this: whoever ended the one before did not see it.
        drop(node.end());
        return Err(LendError::NoSuch);
    }
    Ok(node.number)
}

impl Loans {
    fn make_room(&self) -> Result<(), LendError> {
        let mut lent = lock(&self.lent);
        if lent.len() >= MAX_LENT {
            lent.retain(|node| !node.is_over());
        }
        let exceeded = LimitExceeded::new("delegations", MAX_LENT as u64);
        if lent.len() < MAX_LENT { Ok(()) } else { Err(LendError::Limit(exceeded)) }
    }

    /// Those that the session holds.
    fn accepted(&self) -> Vec<Arc<Holding>> {
        if self.held.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        lock(&self.accepted).iter().filter_map(Weak::upgrade).collect()
    }

    fn keep(&self, holding: &Arc<Holding>) -> Result<(), LendError> {
        let mut accepted = lock(&self.accepted);
        accepted.retain(|held| held.upgrade().is_some_and(|held| held.stands()));
        if accepted.len() >= MAX_ACCEPTED {
            return Err(LendError::Limit(LimitExceeded::new("accepted delegations", MAX_ACCEPTED as u64)));
        }
        accepted.push(Arc::downgrade(holding));
        self.held.store(accepted.len(), Ordering::Relaxed);
        Ok(())
    }

    fn let_go(&self, holding: &Arc<Holding>) {
        let mut accepted = lock(&self.accepted);
        accepted.retain(|held| !std::ptr::eq(held.as_ptr(), Arc::as_ptr(holding)));
        self.held.store(accepted.len(), Ordering::Relaxed);
    }

    /// Ends everything that is lent.
    pub(in crate::gate) fn end_all(&self) -> Ended {
        // Taken out first: what ends may take locks.
        let lent = std::mem::take(&mut *lock(&self.lent));
        lent.iter().map(Node::end).fold(Ended::default(), Ended::and)
    }
}

impl Drop for Loans {
    fn drop(&mut self) {
        // A session that nobody holds any more lends nothing.
        drop(self.end_all());
    }
}

impl Session {
    /// Accepts what was lent to this component.
    ///
    /// # Errors
    /// [`LendError`].
    pub fn accept_lent(self: &Arc<Self>, number: u64, import: &'static str) -> Result<Accepted, LendError> {
        let own = self.subject().component().ok_or(LendError::NoSuch)?;
        let node = self.gate().registry().lent_to(number, &own.name).ok_or(LendError::NoSuch)?;
        let holding = node.hold(self).ok_or(LendError::NoSuch)?;
        self.loans.keep(&holding)?;
        let accepted = Accepted::of(Arc::clone(self), holding);
        self.note_lending(import, &format!("accepts delegation {number}: {}", node.terms))?;
        Ok(accepted)
    }

    /// Notes it, at the pace of all records: a guest could lend and take back for ever.
    fn note_lending(&self, import: &'static str, text: &str) -> Result<(), LendError> {
        if !self.admits_record(import) {
            return Err(LendError::Entry("the session has used up its share of the log".to_owned()));
        }
        Ok(self.note(import, text)?)
    }

    /// Takes back what this session has lent, and all that was lent on from it. Nothing begins by it when this has
    /// returned; what is under way, [`Ended::wait`] waits for.
    ///
    /// # Errors
    /// [`LendError::NoSuch`] also for what others lend, and what has ended.
    pub fn withdraw(&self, number: u64, import: &'static str) -> Result<Ended, LendError> {
        let node = {
            let mut lent = lock(&self.loans.lent);
            let place = lent.iter().position(|node| node.number == number).ok_or(LendError::NoSuch)?;
            lent.swap_remove(place)
        };
        let stood = !node.is_over();
        let ended = node.end();
        // It is taken back whether or not this can be written.
        let _ = self.note_lending(import, &format!("withdraws delegation {number}"));
        if stood { Ok(ended) } else { Err(LendError::NoSuch) }
    }
}
