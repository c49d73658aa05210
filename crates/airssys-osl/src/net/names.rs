//! Looking up names.
//!
//! A look-up happens once, after an allowed `net:resolve`; what it found is handed out one address at a time, and only
//! what was handed out is judged as that host later. Inner addresses are handed out like others: the decision on an
//! address falls when something is done with it.

use crate::action::{ActionId, NetResolve};
use crate::gate::{Lease, Permit};
use crate::net::lookups::MAX_ADDRESSES;
use crate::net::slots::Slot;
use crate::net::{NetError, Network};
use crate::resource::Host;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::task::AbortHandle;

/// How many look-ups of all sessions hold a thread at once. A resolver that gives no answer must leave threads to those
/// who do other things on them, such as waiting for a disk.
static ALL_THREADS: Semaphore = Semaphore::const_new(128);

/// Who knows the addresses of names. Asked on a thread that may wait.
pub trait NameService: Send + Sync {
    /// The addresses of a host, best first.
    ///
    /// # Errors
    /// [`NameError`].
    fn resolve(&self, host: &Host) -> Result<Vec<IpAddr>, NameError>;
}

/// Why a name has no addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no such name, or it has no address.
    #[error("the name cannot be resolved")]
    NotFound,
    /// It cannot be looked up right now.
    #[error("the name cannot be looked up right now")]
    Temporary,
    /// It cannot be looked up.
    #[error("the name cannot be looked up")]
    Permanent,
}

impl From<NameError> for NetError {
    fn from(error: NameError) -> NetError {
        match error {
            NameError::NotFound => NetError::NameUnresolvable,
            NameError::Temporary => NetError::TemporaryResolverFailure,
            NameError::Permanent => NetError::PermanentResolverFailure,
        }
    }
}

/// The addresses of a name, one after the other.
#[derive(Debug)]
pub struct Addresses {
    network: Network,
    lease: Lease,
    answer: Arc<Answer>,
    /// None for an address that was given as a name: nothing was asked, and nothing stops.
    task: Option<AbortHandle>,
    import: &'static str,
}

#[derive(Debug, Default)]
struct Answer {
    found: Mutex<Option<Found>>,
    news: Notify,
}

#[derive(Debug)]
enum Found {
    /// Not yet handed out, and the number of the look-up.
    Addresses(VecDeque<IpAddr>, u64),
    Failed(NameError),
}

impl Network {
    /// Begins to look up a name. An address needs no look-up and no decision, and is given back as it is.
    ///
    /// # Errors
    /// [`NetError::InvalidArgument`] when it is neither, [`NetError::Denied`], and
    /// [`NetError::TemporaryResolverFailure`] when too many names are being looked up already.
    pub fn resolve(&self, name: &str, import: &'static str) -> Result<Addresses, NetError> {
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(Addresses::of_literal(self, address.to_canonical(), import));
        }
        let host = Host::canonical(name).map_err(|_| NetError::InvalidArgument)?;
        let permit = self.session().authorize::<NetResolve>(host, import)?;
        let slot = self.shared().look_ups.take().ok_or(NetError::TemporaryResolverFailure)?;
        Addresses::begin(self, permit, slot, import)
    }
}

impl Addresses {
    fn of_literal(network: &Network, address: IpAddr, import: &'static str) -> Addresses {
        let answer = Arc::new(Answer::default());
        // No look-up has the number 0, so that the address is judged as no host.
        *answer.found() = Some(Found::Addresses(VecDeque::from([address]), 0));
        Addresses { network: network.clone(), lease: network.lease().clone(), answer, task: None, import }
    }

    fn begin(
        network: &Network,
        permit: Permit<NetResolve>,
        slot: Slot,
        import: &'static str,
    ) -> Result<Addresses, NetError> {
        let runtime = Handle::try_current().map_err(|_| NetError::NotSupported)?;
        let host = permit.resource().clone();
        let (lease, answer) = (permit.into_lease(), Arc::new(Answer::default()));
        let task = look_up(network.clone(), host, lease.clone(), Arc::clone(&answer), slot, import);
        let task = Some(runtime.spawn(task).abort_handle());
        Ok(Addresses { network: network.clone(), lease, answer, task, import })
    }

    /// The next address; none after the last.
    ///
    /// # Errors
    /// [`NetError::WouldBlock`] while there is no answer, how it failed, or [`NetError::Denied`] when the permission
    /// no longer stands.
    pub fn next(&self, import: &'static str) -> Result<Option<IpAddr>, NetError> {
        match self.task {
            Some(_) => self.lease.enter(ActionId::NetResolve, import).map(drop)?,
            None => self.lease.check_live(ActionId::NetResolve, import)?,
        }
        match &mut *self.answer.found() {
            None => Err(NetError::WouldBlock),
            Some(Found::Failed(error)) => Err((*error).into()),
            Some(Found::Addresses(left, number)) => {
                let next = left.pop_front();
                if let Some(address) = next {
                    self.network.lookups().hand_out(*number, address);
                }
                Ok(next)
            }
        }
    }

    /// Returns when there is an answer, or the permission was lost.
    pub async fn ready(&self) {
        loop {
            let news = self.answer.news.notified();
            tokio::pin!(news);
            // Registered before the look, so that nothing falls between.
            news.as_mut().enable();
            if self.answer.found().is_some() {
                return;
            }
            tokio::select! {
                () = news => {}
                () = self.lease.lost(ActionId::NetResolve, self.import) => return,
            }
        }
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }
}

impl Drop for Addresses {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Answer {
    fn found(&self) -> MutexGuard<'_, Option<Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a free thread of this session's share and of all that there are, asks there, and leaves the answer.
async fn look_up(
    network: Network,
    host: Host,
    lease: Lease,
    answer: Arc<Answer>,
    slot: Slot,
    import: &'static str,
) {
    let Ok(thread) = Arc::clone(&network.shared().resolving).acquire_owned().await else { return };
    let Ok(one_of_all) = ALL_THREADS.acquire().await else { return };
    let (names, asked) = (Arc::clone(&network.shared().names), host.clone());
    let asking = tokio::task::spawn_blocking(move || {
        // They are given back when the thread is, also when nobody waits for the answer any more.
        let _held = (one_of_all, thread, slot);
        // What has been asked cannot be taken back, and may take long: a change of policies does not wait for it. What
        // comes back is given to nobody who is denied it by then.
        lease.enter(ActionId::NetResolve, import).map(drop).map_err(|_| NameError::Permanent)?;
        names.resolve(&asked)
    });
    let found = asking.await.unwrap_or(Err(NameError::Permanent)).and_then(first_of_all);
    *answer.found() = Some(match found {
        Ok(found) => {
            let (now, lifetime) = (Instant::now(), network.shared().limits.look_up_lifetime);
            let expires = now.checked_add(lifetime).unwrap_or(now);
            Found::Addresses(found, network.lookups().answered(host, expires, now))
        }
        Err(error) => Found::Failed(error),
    });
    answer.news.notify_waiters();
}

/// Each address once, IPv4 never in disguise, and not too many.
fn first_of_all(found: Vec<IpAddr>) -> Result<VecDeque<IpAddr>, NameError> {
    let mut kept = VecDeque::new();
    for address in found.into_iter().map(|address| address.to_canonical()) {
        if kept.len() < MAX_ADDRESSES && !kept.contains(&address) {
            kept.push_back(address);
        }
    }
    if kept.is_empty() { Err(NameError::NotFound) } else { Ok(kept) }
}
