//! Who there is, by id and by name.
//!
//! *Invariant:* a name leads to at most one actor. An unknown name is an error; a name whose owner is being restarted
//! is kept for it, and is an error that says so.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use tokio::sync::Notify;

use crate::address::ActorRef;
use crate::cell::{Cell, Remote};
use crate::exit::ActorId;

/// Why an actor was not found.
///
/// ```
/// use airssys_rt::{ActorSystem, LookupError};
///
/// let error = ActorSystem::new().address::<u8>("acme/thumb").unwrap_err();
/// assert!(matches!(error, LookupError::Unknown { .. }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// Nobody has this name.
    #[error("nobody is known as `{name}`: check the name, or start its owner first")]
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// Its owner has ended and will be started anew by its supervisor.
    #[error("`{name}` is being restarted: try again later")]
    Restarting {
        /// The name that was asked for.
        name: String,
    },
    /// Its owner takes messages of another type.
    #[error("`{name}` takes messages of another type")]
    OtherType {
        /// The name that was asked for.
        name: String,
    },
}

/// Why an actor was not spawned.
///
/// ```
/// use airssys_rt::{ActorSystem, SpawnError};
/// # use airssys_rt::{Actor, Context, Failure};
/// # struct Idle;
/// # impl Actor for Idle {
/// #     type Message = ();
/// #     async fn handle(&mut self, _: (), _: &mut Context<Self>) -> Result<(), Failure> { Ok(()) }
/// # }
///
/// // Outside of a tokio runtime nobody would run it.
/// assert!(matches!(ActorSystem::new().spawn(Idle), Err(SpawnError::NoRuntime)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The name belongs to somebody who is still there, or is kept for somebody who is being restarted.
    #[error("the name `{name}` is taken: end its owner first, or choose another name")]
    NameTaken {
        /// The name that was asked for.
        name: String,
    },
    /// The system is shutting down and takes nobody in.
    #[error("the system is shutting down")]
    ShuttingDown,
    /// There is no tokio runtime on this thread.
    #[error("there is no tokio runtime here: spawn from inside of one")]
    NoRuntime,
}

/// The right of a supervisor to the names of its children, while they are restarted.
pub(crate) struct Claim;

enum Named {
    Here { remote: Arc<dyn Remote>, claim: Weak<Claim> },
    Kept(Weak<Claim>),
}

#[derive(Default)]
struct Tables {
    live: HashMap<ActorId, Arc<dyn Remote>>,
    names: HashMap<Arc<str>, Named>,
    closed: bool,
}

/// The tables of one system.
#[derive(Default)]
pub(crate) struct Directory {
    tables: RwLock<Tables>,
    changed: Notify,
}

impl Directory {
    /// Takes an actor in, with its name. `claim` is its supervisor's, if it has one.
    pub(crate) fn enter(&self, remote: Arc<dyn Remote>, claim: Weak<Claim>) -> Result<(), SpawnError> {
        let mut tables = self.write();
        if tables.closed {
            return Err(SpawnError::ShuttingDown);
        }
        let id = remote.cell().id;
        if let Some(name) = remote.cell().name.clone() {
            let named = Named::Here { remote: Arc::clone(&remote), claim: Weak::clone(&claim) };
            match tables.names.entry(name) {
                Entry::Occupied(entry) if !is_free_for(entry.get(), &claim) => {
                    return Err(SpawnError::NameTaken { name: entry.key().to_string() });
                }
                Entry::Occupied(mut entry) => drop(entry.insert(named)),
                Entry::Vacant(entry) => drop(entry.insert(named)),
            }
        }
        tables.live.insert(id, remote);
        Ok(())
    }

    /// Keeps a name for a child that is to be started.
    pub(crate) fn keep(&self, name: &Arc<str>, claim: &Arc<Claim>) -> Result<(), SpawnError> {
        let claim = Arc::downgrade(claim);
        let mut tables = self.write();
        match tables.names.entry(Arc::clone(name)) {
            Entry::Occupied(entry) if !is_free_for(entry.get(), &claim) => {
                Err(SpawnError::NameTaken { name: entry.key().to_string() })
            }
            Entry::Occupied(mut entry) => {
                entry.insert(Named::Kept(claim));
                Ok(())
            }
            Entry::Vacant(entry) => {
                entry.insert(Named::Kept(claim));
                Ok(())
            }
        }
    }

    /// Gives a kept name up.
    pub(crate) fn release(&self, name: &str, claim: &Weak<Claim>) {
        let mut tables = self.write();
        if matches!(tables.names.get(name), Some(Named::Kept(known)) if known.ptr_eq(claim)) {
            tables.names.remove(name);
        }
    }

    /// The name of one that has ended leads to nobody, or is kept for its successor.
    pub(crate) fn vacate(&self, cell: &Cell) {
        let Some(name) = &cell.name else { return };
        let mut tables = self.write();
        let Some(Named::Here { remote, claim }) = tables.names.get(name) else { return };
        if remote.cell().id != cell.id {
            return;
        }
        if claim.strong_count() > 0 {
            let claim = Weak::clone(claim);
            tables.names.insert(Arc::clone(name), Named::Kept(claim));
        } else {
            tables.names.remove(name);
        }
    }

    /// Takes one that has ended out.
    pub(crate) fn leave(&self, id: ActorId) {
        let mut tables = self.write();
        let gone = tables.live.remove(&id);
        let empty = tables.live.is_empty();
        drop(tables);
        drop(gone);
        if empty {
            self.changed.notify_waiters();
        }
    }

    pub(crate) fn by_id(&self, id: ActorId) -> Option<ActorRef> {
        self.read().live.get(&id).map(|remote| ActorRef { remote: Arc::clone(remote) })
    }

    pub(crate) fn by_name(&self, name: &str) -> Result<ActorRef, LookupError> {
        match self.read().names.get(name) {
            Some(Named::Here { remote, .. }) => Ok(ActorRef { remote: Arc::clone(remote) }),
            Some(Named::Kept(claim)) if claim.strong_count() > 0 => {
                Err(LookupError::Restarting { name: name.to_owned() })
            }
            Some(Named::Kept(_)) | None => Err(LookupError::Unknown { name: name.to_owned() }),
        }
    }

    pub(crate) fn all(&self) -> Vec<ActorRef> {
        self.read().live.values().map(|remote| ActorRef { remote: Arc::clone(remote) }).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.read().live.len()
    }

    /// Takes nobody in any more.
    pub(crate) fn close(&self) {
        self.write().closed = true;
    }

    /// Waits until nobody is left.
    pub(crate) async fn empty(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on a notice is not missed.
            changed.as_mut().enable();
            if self.read().live.is_empty() {
                return;
            }
            changed.await;
        }
    }

    // A panic under the lock leaves the tables whole: nothing foreign is called there.
    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a name that is known may be given to one with this claim.
fn is_free_for(named: &Named, claim: &Weak<Claim>) -> bool {
    match named {
        Named::Here { remote, .. } => remote.cell().exit().is_some(),
        Named::Kept(kept) => kept.strong_count() == 0 || kept.ptr_eq(claim),
    }
}
