//! One session's view of the network.

use crate::gate::{Lease, Session};
use crate::net::lookups::Lookups;
use crate::net::slots::{Slot, Slots};
use crate::net::{NameService, NetError, SystemNames};
use crate::resource::{Endpoint, Transport};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How many look-ups of one session hold a thread at once.
const RESOLVING_THREADS: usize = 4;
/// How many look-ups of one session may be under way, waiting for a thread or holding one.
const LOOK_UPS: usize = 64;
/// How many denials of what comes in are recorded singly; who is outside must not fill the log, nor use up the quota
/// of a session that does nothing.
const RECORDED_REFUSALS: u64 = 64;
/// How many unknown remotes a second are judged, each form of theirs counted; traffic of more is refused unseen, for
/// the same reason. Well below the pace at which a session is stopped for the records it makes.
const JUDGED_A_SECOND: u32 = 2_000;

/// What one session may use of the network.
#[derive(Debug, Clone)]
pub struct NetLimits {
    /// Sockets open at once, whatever they are for.
    pub sockets: usize,
    /// For how long an address is judged as the host it was looked up as.
    pub look_up_lifetime: Duration,
    /// For how long a connection may take to be made.
    pub connect_time: Duration,
}

impl Default for NetLimits {
    fn default() -> NetLimits {
        NetLimits {
            sockets: 256,
            look_up_lifetime: Duration::from_secs(60),
            connect_time: Duration::from_secs(30),
        }
    }
}

/// What came in and was refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused {
    /// Connections, each reset.
    pub connections: u64,
    /// Datagrams, each dropped.
    pub datagrams: u64,
}

/// The network as one session sees it. Clones are the same: they share look-ups and limits.
///
/// Making one has no effect and asks nothing.
#[derive(Debug, Clone)]
pub struct Network(Arc<Shared>);

pub(in crate::net) struct Shared {
    session: Arc<Session>,
    lease: Lease,
    lookups: Mutex<Lookups>,
    pub(in crate::net) names: Arc<dyn NameService>,
    pub(in crate::net) resolving: Arc<Semaphore>,
    pub(in crate::net) look_ups: Slots,
    sockets: Slots,
    pub(in crate::net) limits: NetLimits,
    connections_refused: AtomicU64,
    datagrams_refused: AtomicU64,
    judged: Mutex<Judged>,
}

impl Network {
    /// The network for a session, with the system's names.
    pub fn new(session: &Arc<Session>, limits: NetLimits) -> Network {
        Network::with_names(session, limits, Arc::new(SystemNames))
    }

    /// The network for a session, with names from elsewhere.
    pub fn with_names(session: &Arc<Session>, limits: NetLimits, names: Arc<dyn NameService>) -> Network {
        Network(Arc::new(Shared {
            session: Arc::clone(session),
            lease: rightless(session, Transport::Tcp),
            lookups: Mutex::default(),
            names,
            resolving: Arc::new(Semaphore::new(RESOLVING_THREADS)),
            look_ups: Slots::new(LOOK_UPS),
            sockets: Slots::new(limits.sockets),
            limits,
            connections_refused: AtomicU64::new(0),
            datagrams_refused: AtomicU64::new(0),
            judged: Mutex::default(),
        }))
    }

    /// Its standing permission, which carries no right: each use decides.
    pub fn lease(&self) -> &Lease {
        &self.0.lease
    }

    /// How many sockets are open.
    pub fn open_sockets(&self) -> usize {
        self.0.sockets.taken()
    }

    /// What came in and was refused so far.
    pub fn refused(&self) -> Refused {
        Refused {
            connections: self.0.connections_refused.load(Ordering::Relaxed),
            datagrams: self.0.datagrams_refused.load(Ordering::Relaxed),
        }
    }

    pub(in crate::net) fn session(&self) -> &Arc<Session> {
        &self.0.session
    }

    pub(in crate::net) fn shared(&self) -> &Shared {
        &self.0
    }

    /// For a socket by itself.
    pub(in crate::net) fn rightless(&self, transport: Transport) -> Lease {
        rightless(&self.0.session, transport)
    }

    pub(in crate::net) fn lookups(&self) -> MutexGuard<'_, Lookups> {
        lock(&self.0.lookups)
    }

    pub(in crate::net) fn slot(&self) -> Result<Slot, NetError> {
        self.0.sockets.take().ok_or(NetError::NewSocketLimit)
    }

    /// Counts something refused, and says whether it is one of those that are recorded singly.
    pub(in crate::net) fn count_refused(&self, transport: Transport, import: &'static str) -> bool {
        match transport {
            Transport::Tcp => self.0.connections_refused.fetch_add(1, Ordering::Relaxed),
            Transport::Udp => self.0.datagrams_refused.fetch_add(1, Ordering::Relaxed),
        };
        let Refused { connections, datagrams } = self.refused();
        let all = connections.saturating_add(datagrams);
        if all > RECORDED_REFUSALS && all.is_power_of_two() {
            let text =
                format!("refused so far: {connections} connections and {datagrams} datagrams from outside");
            // It is refused whether or not this can be written.
            let _ = self.0.session.note(import, &text);
        }
        all <= RECORDED_REFUSALS
    }

    /// True while not too many unknown remotes were judged in this second. Each form of the one to be judged counts: it
    /// makes a record of its own.
    pub(in crate::net) fn may_judge(&self, forms: usize, now: Instant) -> bool {
        lock(&self.0.judged).admits(u32::try_from(forms).unwrap_or(u32::MAX), now)
    }
}

/// How much was judged since when.
#[derive(Debug, Default)]
struct Judged(Option<(Instant, u32)>);

impl Judged {
    fn admits(&mut self, forms: u32, now: Instant) -> bool {
        match &mut self.0 {
            Some((since, count)) if now.saturating_duration_since(*since) < Duration::from_secs(1) => {
                *count = count.saturating_add(forms);
                *count <= JUDGED_A_SECOND
            }
            other => {
                *other = Some((now, forms));
                true
            }
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "network of {:?}", self.session)
    }
}

/// Of everything there is, and with no right to any: what is free to ask rests on it, until it is revoked.
fn rightless(session: &Arc<Session>, transport: Transport) -> Lease {
    let all = Endpoint::of(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0), transport);
    Lease::for_walking(Arc::clone(session), all.into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What the locks guard is valid after every single statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_of_many_forms_make_no_more_records_a_second_than_plain_ones() {
        let now = Instant::now();
        for forms in [1, 3, 5] {
            let mut judged = Judged::default();
            let admitted = (0..JUDGED_A_SECOND).filter(|_| judged.admits(forms, now)).count();
            assert_eq!(admitted, JUDGED_A_SECOND as usize / forms as usize);
            assert!(judged.admits(forms, now + Duration::from_secs(1)), "another second");
        }
    }
}
