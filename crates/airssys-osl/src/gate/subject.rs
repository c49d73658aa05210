//! Who asks, as the gate knows it: one live instance, and on whose behalf it works at the moment.

use crate::principal::{Party, Principal};
use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One live instance of a component, or one connection of an operator.
pub struct Subject {
    party: Party,
    instance: u64,
    key: Option<Arc<str>>,
    serving: Mutex<Arc<Chain>>,
    slot: Arc<Mutex<Option<Arc<dyn Any + Send + Sync>>>>,
}

impl Subject {
    /// A subject for that party, told from its other instances by `instance`.
    pub fn new(party: impl Into<Party>, instance: u64) -> Subject {
        Subject { party: party.into(), instance, key: None, serving: Mutex::default(), slot: Arc::default() }
    }

    /// The same, with the id of the key that signed it.
    #[must_use]
    pub fn signed_by(self, key_id: &str) -> Subject {
        Subject { key: Some(key_id.into()), ..self }
    }

    /// The id of the key that signed it, where that is known.
    pub fn key_id(&self) -> Option<&Arc<str>> {
        self.key.as_ref()
    }

    /// The verified identity.
    pub fn party(&self) -> &Party {
        &self.party
    }

    /// The component's identity, if it is one.
    pub fn component(&self) -> Option<&Arc<Principal>> {
        self.party.component()
    }

    /// Number of this instance, unique in its runtime.
    pub fn instance(&self) -> u64 {
        self.instance
    }

    /// On whose behalf it works at the moment; policies see it as `context.caller` and `context.chain`.
    pub fn chain(&self) -> Arc<Chain> {
        Arc::clone(&lock(&self.serving))
    }

    /// Says on whose behalf it works from now on. An instance does one thing at a time, so this is said at its beginning.
    pub fn serve(&self, chain: Arc<Chain>) {
        *lock(&self.serving) = chain;
    }

    /// The same subject, on other people's behalf: what it is asked about while it does something else itself.
    pub(in crate::gate) fn serving(&self, chain: Arc<Chain>) -> Subject {
        let (party, key, slot) = (self.party.clone(), self.key.clone(), Arc::clone(&self.slot));
        Subject { party, instance: self.instance, key, serving: Mutex::new(chain), slot }
    }

    /// The chain of whomever this subject calls now, and waits for.
    pub fn chain_of_callee(&self) -> Arc<Chain> {
        self.chain_through(true)
    }

    /// The chain of whoever takes what this subject sends now, and does not wait for.
    pub fn chain_of_receiver(&self) -> Arc<Chain> {
        self.chain_through(false)
    }

    fn chain_through(&self, waits: bool) -> Arc<Chain> {
        let chain = self.chain();
        match &self.party {
            Party::Component(principal) => Arc::new(chain.through(principal, self.instance, waits)),
            Party::Operator(_) => chain,
        }
    }

    /// A value the authorizer keeps with the subject, such as prepared entities. Never consulted by the gate.
    pub fn prepared<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        lock(&self.slot).clone().and_then(|value| value.downcast::<T>().ok())
    }

    /// Keeps a value for [`Subject::prepared`], replacing the one before.
    pub fn prepare(&self, value: Arc<dyn Any + Send + Sync>) {
        *lock(&self.slot) = Some(value);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.party.name(), self.instance)
    }
}

/// Who called whom, so that this is being done: the nearest caller first, each component once.
///
/// Nothing of it gives authority: a component acts with its own. Policies may read it, to permit less.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain(Vec<Caller>);

/// One link of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who it was.
    pub principal: Arc<Principal>,
    /// Which live instance.
    pub instance: u64,
    /// Whether it waits for this, and could not be called.
    pub waits: bool,
}

impl Chain {
    /// A chain of these, the nearest first.
    pub fn of(callers: impl IntoIterator<Item = Caller>) -> Chain {
        callers.into_iter().fold(Chain::default(), |chain, caller| chain.with_last(caller))
    }

    /// The nearest caller; none where the host itself called.
    pub fn caller(&self) -> Option<&Caller> {
        self.0.first()
    }

    /// Everybody, the nearest first.
    pub fn callers(&self) -> &[Caller] {
        &self.0
    }

    /// True when a component of that name waits for this, directly or not.
    pub fn waits_for(&self, component: &str) -> bool {
        self.0.iter().any(|caller| caller.waits && caller.principal.name == component)
    }

    /// This chain as whoever is called by that component sees it. A component that is in it already moves to the front:
    /// the chain is never longer than there are components. Behind one that does not wait nobody waits for this.
    fn through(&self, principal: &Arc<Principal>, instance: u64, waits: bool) -> Chain {
        let nearest = Caller { principal: Arc::clone(principal), instance, waits };
        let others = self.0.iter().cloned().map(|other| Caller { waits: waits && other.waits, ..other });
        Chain::of(std::iter::once(nearest).chain(others))
    }

    fn with_last(mut self, caller: Caller) -> Chain {
        match self.0.iter_mut().find(|known| known.principal.name == caller.principal.name) {
            Some(known) => known.waits |= caller.waits,
            None => self.0.push(caller),
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::principal;

    #[test]
    fn a_chain_names_each_caller_once_and_the_nearest_first() {
        let (a, b) = (Subject::new(principal("acme/a"), 1), Subject::new(principal("acme/b"), 2));
        b.serve(a.chain_of_callee());
        let names = |chain: &Chain| -> Vec<String> {
            chain.callers().iter().map(|caller| caller.principal.name.clone()).collect()
        };
        assert_eq!(names(&b.chain_of_callee()), ["acme/b", "acme/a"]);
        a.serve(b.chain_of_callee());
        assert_eq!(names(&a.chain_of_callee()), ["acme/a", "acme/b"]);
        assert!(a.chain().waits_for("acme/b") && !a.chain().waits_for("acme/c"));
        b.serve(a.chain_of_receiver());
        assert_eq!(names(&b.chain()), ["acme/a", "acme/b"]);
        assert!(!b.chain().waits_for("acme/a") && b.chain_of_callee().waits_for("acme/b"));
    }
}
