//! The actor that a supervisor starts for a named component.

use crate::embed::named::Route;
use crate::embed::runtime::Shared;
use crate::embed::version::{Place, Version};
use crate::embed::{Component, Error};
use crate::host::linked::Target;
use airssys_rt::{Actor, Context, Down, ExitReason, Failure, MonitorId, Reply};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// Owns the instance that has the name.
pub(in crate::embed) struct Seat {
    route: Arc<Route>,
    component: Arc<Component>,
    monitor: Option<MonitorId>,
}

/// Another version takes the place.
pub(in crate::embed) struct Adopt {
    pub(in crate::embed) version: Arc<Version>,
    pub(in crate::embed) ahead: Target,
    pub(in crate::embed) component: Arc<Component>,
    /// Told who had it before.
    pub(in crate::embed) reply: Reply<Arc<Component>>,
}

impl Seat {
    /// A fresh instance of the version that has the name now.
    pub(in crate::embed) async fn new(shared: Weak<Shared>, route: Arc<Route>) -> Result<Seat, Failure> {
        let shared = shared.upgrade().ok_or_else(|| Failure::new("its runtime has gone"))?;
        let version = route.version.load_full().ok_or_else(|| Failure::new("it is not linked yet"))?;
        let started = Component::start(shared, version, Place::Named(route.terms)).await;
        let component = Arc::new(started.map_err(|error| {
            route.ended_by_itself(error.to_string(), true);
            told(&error)
        })?);
        route.starts.fetch_add(1, Ordering::Relaxed);
        Ok(Seat { route, component, monitor: None })
    }

    fn watch(&mut self, context: &mut Context<Seat>) {
        self.monitor = Some(context.monitor(&self.component.live.actor()));
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
        if let Some(monitor) = self.monitor.take() {
            context.demonitor(&self.component.live.actor(), monitor);
        }
        let before = std::mem::replace(&mut self.component, Arc::clone(&adopt.component));
        self.watch(context);
        self.route.becomes(adopt.version, adopt.ahead, adopt.component);
        // Whoever asked for it goes on also when nobody waits any more: the one before ends with its last holder.
        drop(adopt.reply.send(before));
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
    }
}
