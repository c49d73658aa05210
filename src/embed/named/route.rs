//! The way to a named component, whoever lives there.

use crate::embed::named::Condition;
use crate::embed::named::finishing::Finishing;
use crate::embed::version::Version;
use crate::embed::{Component, Error, Restart};
use crate::host::linked::{Answer, Callee, LinkedCall, NotDone, Target};
use airssys_osl::Principal;
use airssys_osl::post::{Shelf, Terms};
use arc_swap::{ArcSwap, ArcSwapOption};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{RwLock as Gate, watch};

/// The end of an instance, as the log names it.
const END: &str = "component:end";

/// So many first starts that fail, and whoever waits for it hears so: its supervisor may try for ever.
const FIRST_TRIES: u64 = 5;

/// All names of a runtime.
#[derive(Default)]
pub(in crate::embed) struct Routes(RwLock<BTreeMap<Arc<str>, Arc<Route>>>);

impl Routes {
    /// Who has that name.
    pub(in crate::embed) fn find(&self, name: &str) -> Result<Arc<Route>, Error> {
        let found = self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        found.ok_or_else(|| Error::Unknown { name: name.to_owned() })
    }

    /// All of them, by name.
    pub(in crate::embed) fn all(&self) -> Vec<Arc<Route>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Gives out a name.
    pub(in crate::embed) fn add(&self, route: Arc<Route>) -> Result<(), Error> {
        let mut routes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if routes.contains_key(&route.name) {
            return Err(Error::Config(format!("`{}` is there already", route.name)));
        }
        routes.insert(Arc::clone(&route.name), route);
        Ok(())
    }

    /// Takes back the name that this way has.
    pub(in crate::embed) fn remove(&self, route: &Arc<Route>) {
        let mut routes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if routes.get(&route.name).is_some_and(|there| Arc::ptr_eq(there, route)) {
            routes.remove(&route.name);
        }
    }
}

/// The way to one.
pub(in crate::embed) struct Route {
    pub(in crate::embed) name: Arc<str>,
    /// What its next instance is made of.
    pub(in crate::embed) version: ArcSwapOption<Version>,
    /// Who lives there; none while it is started again.
    pub(in crate::embed) current: ArcSwapOption<Component>,
    /// Who lived there and finishes what it had accepted.
    pub(in crate::embed) finishing: Finishing,
    /// Made before there is a seat for it: whoever spawns it hears what went wrong, and no supervisor counts it as a fault.
    first: Mutex<Option<Arc<Component>>>,
    /// Open for whoever begins a call, closed for a change of version.
    pub(in crate::embed) gate: Arc<Gate<()>>,
    /// One change of version at a time.
    pub(in crate::embed) reloading: tokio::sync::Mutex<()>,
    pub(in crate::embed) terms: Terms,
    /// Where its messages are kept, if its mailbox is durable.
    pub(in crate::embed) shelf: OnceLock<Arc<Shelf>>,
    /// Imports and the names of those who serve them.
    pub(in crate::embed) links: Vec<(String, String)>,
    /// What it is before it lives.
    ahead: ArcSwap<Target>,
    /// Whose child it is.
    pub(in crate::embed) supervisor: Arc<str>,
    /// When it is started again.
    restart: Restart,
    /// How long it may take to finish what it has accepted when it is told to end.
    pub(in crate::embed) shutdown: Duration,
    /// It is not started again.
    pub(in crate::embed) gone: AtomicBool,
    /// It was stopped, and whoever is its supervisor by then does not start it again either.
    pub(in crate::embed) stopped: AtomicBool,
    /// How it rests, if it does.
    rest: Mutex<Option<Condition>>,
    /// True once it was started, or will not be, or has failed to be too often.
    settled: watch::Sender<bool>,
    /// First starts that failed.
    tries: AtomicU64,
    pub(in crate::embed) calls: AtomicU64,
    pub(in crate::embed) starts: AtomicU64,
    /// Messages that were left in the mailbox of the instance that ended last.
    pub(in crate::embed) left: AtomicU64,
    /// Denials that instances before the one that lives have met.
    denials_before: AtomicU64,
    pub(in crate::embed) last_end: Mutex<Option<String>>,
    /// The highest release that ever took this place.
    pub(in crate::embed) highest: AtomicU64,
}

impl Route {
    pub(in crate::embed) fn new(
        principal: &Principal,
        ahead: Target,
        terms: Terms,
        links: Vec<(String, String)>,
        (supervisor, restart, shutdown): (Arc<str>, Restart, Duration),
    ) -> Route {
        Route {
            name: principal.name.as_str().into(),
            version: ArcSwapOption::empty(),
            current: ArcSwapOption::empty(),
            finishing: Finishing::default(),
            first: Mutex::default(),
            gate: Arc::default(),
            reloading: tokio::sync::Mutex::default(),
            terms,
            shelf: OnceLock::new(),
            links,
            ahead: ArcSwap::from_pointee(ahead),
            supervisor,
            restart,
            shutdown,
            gone: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            rest: Mutex::default(),
            settled: watch::Sender::new(false),
            tries: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            starts: AtomicU64::new(0),
            left: AtomicU64::new(0),
            denials_before: AtomicU64::new(0),
            last_end: Mutex::default(),
            highest: AtomicU64::new(0),
        }
    }

    /// Who lives there now.
    pub(in crate::embed) fn living(&self) -> Result<Arc<Component>, Error> {
        self.current.load_full().ok_or_else(|| Error::Unavailable { name: self.name.to_string() })
    }

    /// What its first seat is given.
    pub(in crate::embed) fn first(&self) -> MutexGuard<'_, Option<Arc<Component>>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody begins to live there: how the one before ended no longer counts.
    pub(in crate::embed) fn begins(&self, living: Arc<Component>) {
        self.highest.fetch_max(living.principal().release, Ordering::SeqCst);
        *self.rest() = None;
        self.leaves(self.current.swap(Some(living)));
        self.settled.send_replace(true);
    }

    /// Puts another version in place, for this and each later start.
    pub(in crate::embed) fn becomes(&self, version: Arc<Version>, ahead: Target, living: Arc<Component>) {
        self.current.load().iter().for_each(|before| self.finishing.add(before));
        self.version.store(Some(version));
        self.ahead.store(Arc::new(ahead));
        self.begins(living);
    }

    /// Counts what is left of an instance that has the name no longer.
    fn leaves(&self, before: Option<Arc<Component>>) {
        let Some(before) = before else { return };
        self.denials_before.fetch_add(before.live.session.denials(), Ordering::Relaxed);
        let messages = before.live.inbox().map_or(0, |inbox| inbox.taken());
        self.calls.fetch_add(messages, Ordering::Relaxed);
    }

    /// Questions of all its instances that were denied.
    pub(in crate::embed) fn denials(&self) -> u64 {
        let now = self.current.load().as_ref().map_or(0, |living| living.live.session.denials());
        self.denials_before.load(Ordering::Relaxed).saturating_add(now)
    }

    /// Calls and messages that all its instances were given.
    pub(in crate::embed) fn calls(&self) -> u64 {
        let living = self.current.load();
        let now = living.as_ref().and_then(|living| living.live.inbox()).map_or(0, |inbox| inbox.taken());
        self.calls.load(Ordering::Relaxed).saturating_add(now)
    }

    /// Returns when it was started for the first time, or will not be, or has failed to be five times.
    pub(in crate::embed) async fn settles(&self) {
        // The sender is here.
        let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
    }

    /// It is started again after all. How it rested.
    pub(in crate::embed) fn wakes(&self) -> Option<Condition> {
        self.stopped.store(false, Ordering::SeqCst);
        self.gone.store(false, Ordering::SeqCst);
        self.rest().take()
    }

    /// Nobody starts it again.
    pub(in crate::embed) fn rests(&self, how: Condition) {
        self.gone.store(true, Ordering::SeqCst);
        *self.rest() = Some(how);
        self.settled.send_replace(true);
    }

    /// An instance ended by itself: whether it is started again is its supervisor's affair, who goes by the same.
    pub(in crate::embed) fn ended_by_itself(&self, how: String, failed: bool) {
        self.ended(how);
        let first = self.starts.load(Ordering::Relaxed) == 0;
        if first && self.tries.fetch_add(1, Ordering::Relaxed) + 1 >= FIRST_TRIES {
            self.settled.send_replace(true);
        }
        match (self.restart, failed) {
            (Restart::Permanent, _) | (Restart::Transient, true) => {}
            (Restart::Temporary, true) => self.rests(Condition::Failed),
            (Restart::Transient | Restart::Temporary, false) => self.rests(Condition::Stopped),
        }
    }

    /// How it stands with its supervisor.
    pub(in crate::embed) fn condition(&self) -> Condition {
        let running = self.current.load().is_some();
        match *self.rest() {
            Some(rest) => rest,
            None if running && self.reloading.try_lock().is_err() => Condition::Reloading,
            None if running => Condition::Running,
            None if self.starts.load(Ordering::Relaxed) == 0 => Condition::Starting,
            None => Condition::Waiting,
        }
    }

    fn rest(&self) -> MutexGuard<'_, Option<Condition>> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts down how an instance ended, also in the log: nobody may have waited for what it did.
    pub(in crate::embed) fn ended(&self, how: String) {
        let before = self.current.swap(None);
        if let Some(living) = &before {
            // It has ended whether or not this can be written.
            drop(living.live.session.note(END, &how));
        }
        tracing::warn!(target: "airssys::components", component = &*self.name, how, "ended");
        self.leaves(before);
        *self.last_end.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
    }
}

impl Callee for Route {
    fn name(&self) -> &str {
        &self.name
    }

    fn now(&self) -> Option<Arc<Target>> {
        match self.current.load_full() {
            Some(living) => living.live.now(),
            None if self.gone.load(Ordering::SeqCst) => None,
            None => Some(self.ahead.load_full()),
        }
    }

    fn call(&self, call: LinkedCall) -> Answer<'_> {
        Box::pin(async move {
            let open = self.gate.read().await;
            let Some(living) = self.current.load_full() else { return Err(NotDone::Ended) };
            if call.to.instance() != living.live.target.peer.instance() {
                return Err(NotDone::Replaced(call.arguments));
            }
            self.calls.fetch_add(1, Ordering::Relaxed);
            let LinkedCall { function, arguments, chain, under, .. } = call;
            let begun = living.live.begin(&function, arguments, chain, Some(under)).await;
            drop(open);
            living.live.told(match begun {
                Ok(pending) => pending.answer().await,
                Err(error) => Err(error),
            })
        })
    }
}
