//! The gate's authorizer: one consistent set of policies at a time, exchanged as a whole.

use super::decide::Query;
use super::load::{Loaded, Policies};
use super::subject::prepared;
use airssys_osl::{Ask, Authorizer, Decision, GuestPath, Subject};
use arc_swap::ArcSwap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Policies with the epoch they are in force under.
#[derive(Debug)]
pub struct Snapshot {
    policies: Policies,
    epoch: u64,
}

impl Snapshot {
    /// The policies.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Their epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

/// Decides with Cedar.
///
/// *Invariant:* a decision uses one [`Snapshot`] from beginning to end and names its epoch. The epoch's cell is moved
/// only after the snapshot is, and never back; whoever compares a decision's epoch with the cell can take a verdict
/// for stale that is not, never the other way round.
///
/// ```
/// use airssys_osl::Authorizer;
/// use airssys_wasm::policy::{CedarAuthorizer, Policies};
/// let authorizer = CedarAuthorizer::new(Policies::load(&[], &[])?);
/// assert_eq!(authorizer.snapshot().epoch(), 1);
/// assert_eq!(authorizer.swap(Policies::load(&[], &[])?), 2);
/// # Ok::<(), airssys_wasm::policy::PolicyError>(())
/// ```
#[derive(Debug)]
pub struct CedarAuthorizer {
    current: ArcSwap<Snapshot>,
    epoch: Arc<AtomicU64>,
    swapping: Mutex<()>,
}

impl CedarAuthorizer {
    /// An authorizer in its first epoch.
    pub fn new(policies: Policies) -> CedarAuthorizer {
        CedarAuthorizer {
            current: ArcSwap::from_pointee(Snapshot { policies, epoch: 1 }),
            epoch: Arc::new(AtomicU64::new(1)),
            swapping: Mutex::new(()),
        }
    }

    /// Puts other policies in force and returns their epoch. When it has returned, no decision is taken under the
    /// policies before.
    pub fn swap(&self, policies: Policies) -> u64 {
        let _one_at_a_time = self.swapping.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = self.current.load().epoch + 1;
        self.current.store(Arc::new(Snapshot { policies, epoch }));
        self.epoch.store(epoch, Ordering::SeqCst);
        epoch
    }

    /// The policies in force, with their epoch.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }
}

impl Authorizer for CedarAuthorizer {
    fn decide(&self, ask: &Ask<'_>) -> Decision {
        let snapshot = self.current.load();
        let (loaded, epoch): (&Arc<Loaded>, u64) = (&snapshot.policies.0, snapshot.epoch);
        match &prepared(ask.subject, loaded).ready {
            Ok(ready) => {
                let chain = ask.subject.chain();
                let Ask { action, resource, import, .. } = *ask;
                let judged = loaded.judge(ready, Query { action, resource, import, chain: &chain });
                Decision { verdict: judged.verdict, epoch, reusable: judged.reusable }
            }
            Err(fault) => Decision { verdict: fault.clone(), epoch, reusable: false },
        }
    }

    fn epoch(&self) -> &Arc<AtomicU64> {
        &self.epoch
    }

    fn names_beneath(&self, path: &GuestPath) -> bool {
        self.current.load().policies.names_beneath(path)
    }

    fn visible(&self, subject: &Subject, mount: &GuestPath) -> bool {
        let snapshot = self.current.load();
        match &prepared(subject, &snapshot.policies.0).ready {
            Ok(ready) => snapshot.policies.0.shows(ready, mount),
            Err(_) => false,
        }
    }
}
