//! The end of an executor, for actors that have no task there.
//!
//! *Invariant:* when an executor has ended, so have all actors that were spawned on it. One that has a task is dropped with
//! that. For all others of a system one task waits there, and is dropped too.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::runtime::{Handle, Id};

use crate::runner::Lend;

/// Who lives where.
#[derive(Default)]
pub(crate) struct Executors(Mutex<HashMap<Id, Vec<Weak<dyn Lend>>>>);

impl Executors {
    /// Notes that `actor` lives there.
    pub(crate) fn note(self: &Arc<Self>, executor: &Handle, actor: Weak<dyn Lend>) {
        let id = executor.id();
        let is_new = match self.lock().entry(id) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                if known.len() == known.capacity() {
                    known.retain(|actor| actor.strong_count() > 0);
                }
                known.push(actor);
                false
            }
            Entry::Vacant(place) => {
                place.insert(vec![actor]);
                true
            }
        };
        if is_new {
            // If it has ended already, this is dropped here and now.
            let waits = Waits { executors: Arc::downgrade(self), id };
            drop(executor.spawn(async move {
                let _waits = waits;
                std::future::pending::<()>().await;
            }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Vec<Weak<dyn Lend>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Dropped with its executor.
struct Waits {
    executors: Weak<Executors>,
    id: Id,
}

impl Drop for Waits {
    fn drop(&mut self) {
        let Some(executors) = self.executors.upgrade() else { return };
        let there = executors.lock().remove(&self.id).unwrap_or_default();
        // The task that each gets now is dropped at once, and the actor with it.
        there.iter().filter_map(Weak::upgrade).for_each(Lend::wake_task);
    }
}
