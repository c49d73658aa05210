//! A named component as the host speaks to it.

use crate::embed::named::{Condition, Route};
use crate::embed::{Component, ComponentRuntime, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// A component by its name: whoever has that at the moment. Clones are the same.
#[derive(Clone)]
pub struct Named {
    pub(in crate::embed) route: Arc<Route>,
}

/// How a named component is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Its name.
    pub name: String,
    /// How it stands with its supervisor.
    pub condition: Condition,
    /// Whose child it is.
    pub supervisor: String,
    /// Whether an instance lives.
    pub running: bool,
    /// The version that is in place.
    pub version: (u64, u64, u64),
    /// Its release.
    pub release: u64,
    /// Its signed hash.
    pub digest: String,
    /// How often it was started again.
    pub restarts: u64,
    /// How its last instance ended, if one has.
    pub last_end: Option<String>,
    /// Messages that wait.
    pub waiting: u64,
    /// Messages it may have waiting.
    pub capacity: u64,
    /// Messages that were dropped, since their time was over or a permission was taken back.
    pub dropped: u64,
    /// Whether its mailbox is durable.
    pub durable: bool,
    /// Messages of a durable mailbox that are not delivered any more, and kept.
    pub dead_letters: u64,
    /// Calls that were begun, and messages that were handed over.
    pub calls: u64,
    /// Bytes of the linear memories of its instance.
    pub memory_bytes: u64,
    /// Questions of its instances that were denied.
    pub denials: u64,
    /// Older versions, whose place was taken, that finish what they had accepted.
    pub finishing: u64,
    /// When its instance was made, milliseconds since 1970; 0 while there is none.
    pub since_unix_ms: u64,
}

impl ComponentRuntime {
    /// The component of that name.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn named(&self, name: &str) -> Result<Named, Error> {
        Ok(Named { route: self.shared.routes().find(name)? })
    }

    /// Returns when each named component was started for the first time, or will not be, or has failed to be five times:
    /// [`Condition::Starting`] then, and tried again as long as its supervisor does.
    pub async fn settled(&self) {
        for route in self.shared.routes().all() {
            route.settles().await;
        }
    }

    /// All named components, by name.
    pub fn all_named(&self) -> Vec<Named> {
        self.shared.routes().all().into_iter().map(|route| Named { route }).collect()
    }
}

impl Named {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.route.name
    }

    /// Calls an export, as [`Component::call`] does. A call that was begun goes on also when nobody waits for it any more.
    ///
    /// # Errors
    /// As there; [`Error::Unavailable`] while it is started again.
    pub async fn call<I, O>(&self, function: &str, input: &I) -> Result<O, Error>
    where
        I: Serialize + ?Sized,
        O: DeserializeOwned,
    {
        let begun = {
            let _open = self.route.gate.read().await;
            self.begin()?.begin(function, input).await?
        };
        begun.kept().await?.lifted()
    }

    /// Calls an export written in WAVE, as [`Component::call_wave`] does.
    ///
    /// # Errors
    /// As [`Named::call`].
    pub async fn call_wave(&self, expression: &str) -> Result<Option<String>, Error> {
        let begun = {
            let _open = self.route.gate.read().await;
            self.begin()?.begin_wave(expression).await?
        };
        begun.kept().await?.in_wave()
    }

    fn begin(&self) -> Result<Arc<Component>, Error> {
        let living = self.route.living()?;
        self.route.calls.fetch_add(1, Ordering::Relaxed);
        Ok(living)
    }

    /// How it is.
    pub fn status(&self) -> Status {
        let (route, version) = (&self.route, self.route.version.load_full());
        let living = route.current.load_full();
        let principal = version.as_ref().map(|version| version.principal());
        let inbox = living.as_ref().and_then(|living| living.live.inbox());
        Status {
            name: route.name.to_string(),
            condition: route.condition(),
            supervisor: route.supervisor.to_string(),
            running: living.is_some(),
            version: principal.map_or((0, 0, 0), |principal| principal.version),
            release: principal.map_or(0, |principal| principal.release),
            digest: principal.map(|principal| principal.digest.clone()).unwrap_or_default(),
            restarts: route.starts.load(Ordering::Relaxed).saturating_sub(1),
            last_end: route.last_end.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            waiting: match inbox {
                Some(inbox) => inbox.depth() as u64,
                // On disk, for whoever lives there next.
                None => route.shelf.get().map_or(0, |shelf| shelf.mailbox().ready()),
            },
            capacity: route.terms.messages as u64,
            dropped: inbox.map_or(0, |inbox| inbox.dropped()),
            durable: route.shelf.get().is_some(),
            dead_letters: route.shelf.get().map_or(0, |shelf| shelf.mailbox().dead_depth()),
            calls: route.calls(),
            memory_bytes: living.as_ref().map_or(0, |living| living.live.memory.bytes() as u64),
            denials: route.denials(),
            finishing: route.finishing.living().len() as u64,
            since_unix_ms: living.as_ref().map_or(0, |living| living.live.since),
        }
    }
}

impl std::fmt::Debug for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "component `{}`", self.name())
    }
}
