//! The actor that a supervisor starts for a named component.

use crate::embed::named::Route;
use crate::embed::named::reload::RELOAD;
use crate::embed::runtime::Shared;
use crate::embed::version::{Place, Version};
use crate::embed::{Component, Error};
use crate::host::linked::Target;
use airssys_osl::Topic;
use airssys_osl::replace::{self, Succession};
use airssys_rt::{Actor, Context, Down, ExitReason, Failure, MonitorId, Reply};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use tokio::sync::{OwnedMutexGuard, OwnedRwLockWriteGuard};

/// Owns the instance that has the name.
pub(in crate::embed) struct Seat {
    route: Arc<Route>,
    component: Arc<Component>,
    monitor: Option<MonitorId>,
}

/// Another version takes the place.
pub(in crate::embed) struct Adopt {
    /// Whose place, and nobody else's: whoever was started again meanwhile has a state of its own.
    pub(in crate::embed) before: Arc<Component>,
    pub(in crate::embed) version: Arc<Version>,
    pub(in crate::embed) ahead: Target,
    pub(in crate::embed) component: Arc<Component>,
    pub(in crate::embed) permit: Succession,
    /// Until this is dropped nobody begins a call, and no message is handed over: also when nobody waits for it any more.
    pub(in crate::embed) held: (OwnedRwLockWriteGuard<()>, OwnedMutexGuard<()>),
    /// Told when it has taken the place, with the topics it no longer hears of; or why not: then nothing has changed.
    pub(in crate::embed) reply: Reply<Result<Vec<Topic>, Error>>,
}

impl Seat {
    /// A fresh instance of the version that has the name now.
    pub(in crate::embed) async fn new(shared: Weak<Shared>, route: Arc<Route>) -> Result<Seat, Failure> {
        let shared = shared.upgrade().ok_or_else(|| Failure::new("its runtime has gone"))?;
        let version = route.version.load_full().ok_or_else(|| Failure::new("it is not linked yet"))?;
        let first = route.first().take();
        let component = match first {
            Some(first) => first,
            None => {
                let started = Component::start(shared, version, Place::Named(route.terms)).await;
                Arc::new(started.map_err(|error| {
                    route.ended_by_itself(error.to_string(), true);
                    told(&error)
                })?)
            }
        };
        route.starts.fetch_add(1, Ordering::Relaxed);
        Ok(Seat { route, component, monitor: None })
    }

    /// Puts the other one in place with everything that belongs to it, while the permission for that is counted as being
    /// used; or leaves everything as it is.
    fn adopt(&mut self, adopt: Adopt, context: &mut Context<Seat>) {
        let Adopt { before, version, ahead, component, permit, held, reply } = adopt;
        let switched = self.switch(&before, &component, permit, |route| {
            route.becomes(version, ahead, Arc::clone(&component));
        });
        if switched.is_ok() {
            if let Some(monitor) = self.monitor.take() {
                context.demonitor(&before.live.actor(), monitor);
            }
            self.component = component;
            self.watch(context);
            tokio::spawn(finished(before));
        }
        drop(held);
        // Whoever gave it up does not hear of it.
        drop(reply.send(switched));
    }

    fn switch(
        &self,
        before: &Arc<Component>,
        component: &Component,
        permit: Succession,
        becomes: impl FnOnce(&Route),
    ) -> Result<Vec<Topic>, Error> {
        if !Arc::ptr_eq(before, &self.component) {
            return Err(Error::Unavailable { name: self.route.name.to_string() });
        }
        let switched = replace::replaced(permit, || {
            component.runs()?;
            let live = &component.live;
            let lost = live.inbox().map(|inbox| inbox.succeed(&live.session, RELOAD));
            becomes(&self.route);
            Ok(lost.unwrap_or_default())
        });
        switched.map_err(Error::Denied)?
    }

    fn watch(&mut self, context: &mut Context<Seat>) {
        self.monitor = Some(context.monitor(&self.component.live.actor()));
    }
}

/// Ends when the one before has done what it had begun, whether or not anybody waits for that; at once if that is trusted no
/// longer: whoever took its trust back while it was replaced has looked for it in its place.
async fn finished(before: Arc<Component>) {
    if before.is_trusted() {
        before.live.finish().await;
    } else {
        before.live.end().await;
    }
}

fn told(error: &Error) -> Failure {
    Failure::new(error.to_string())
}

impl Actor for Seat {
    type Message = Adopt;

    async fn started(&mut self, context: &mut Context<Seat>) -> Result<(), Failure> {
        self.watch(context);
        self.route.begins(Arc::clone(&self.component));
        Ok(())
    }

    async fn handle(&mut self, adopt: Adopt, context: &mut Context<Seat>) -> Result<(), Failure> {
        self.adopt(adopt, context);
        Ok(())
    }

    async fn down(&mut self, down: Down, context: &mut Context<Seat>) -> Result<(), Failure> {
        if down.id != self.component.live.actor().id() {
            return Ok(());
        }
        self.route.ended_by_itself(down.reason.to_string(), down.reason.is_abnormal());
        if down.reason.is_abnormal() {
            return Err(Failure::new(down.reason.to_string()));
        }
        context.stop();
        Ok(())
    }

    async fn stopped(&mut self, reason: &ExitReason, _: &mut Context<Seat>) {
        if *reason == ExitReason::Shutdown {
            self.route.ended(reason.to_string());
            // What it has accepted is done first; its supervisor says how long that may take.
            self.component.live.finish().await;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Killed, it has had no time for more.
        let is_current = |current: &Option<Arc<Component>>| {
            current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &self.component))
        };
        if is_current(&self.route.current.load_full()) {
            self.route.ended("it was stopped".to_owned());
        }
        // Whoever still holds it, as a change of version does, must not keep the name from the one that is started next.
        if let Some(inbox) = self.component.live.inbox() {
            self.route.left.store(inbox.depth() as u64, Ordering::SeqCst);
            inbox.close();
        }
    }
}
