//! The served system itself: a runtime whose components stand in a tree, tended by operators.
//!
//! What the configuration says becomes a runtime here; what operators ask of it is in `controls`, decided one by one; what
//! the process does on nobody's behalf is below.
//!
//! *Invariant:* nothing is done for an operator, and nothing told, that was not decided with the operator as principal and
//! recorded before.

mod asking;
mod controls;
mod figures;
mod logs;
mod told;
mod watched;
mod written;

use crate::audit::Log;
use crate::embed::{
    Backoff, ComponentRuntime, ComponentSource, Condition, Config, Error, Intensity, MailboxTerms, Node,
    Restart, Spec, Strategy, Tree,
};
use crate::serve::config::{self, Child, ComponentConfig, SupervisorConfig, SystemConfig};
use crate::serve::control::{ComponentStatus, ControlError};
use crate::serve::follow::Follow;
use crate::serve::metrics::{Gauges, Metrics};
use crate::serve::run::System;
use crate::serve::system::watched::Watched;
use airssys_osl::stdio;
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// A system that runs.
pub struct LiveSystem {
    runtime: ComponentRuntime,
    config: SystemConfig,
    follow: Follow,
    since: u64,
    ending: AtomicBool,
    watched: Mutex<Watched>,
    /// One change of what is written down at a time.
    changing: Mutex<()>,
}

/// What was read for a system that is to be started.
pub struct Read {
    given: Config,
    watched: Watched,
}

impl LiveSystem {
    /// Reads the files that the configuration names. `path` is the configuration's own, which no component may write.
    ///
    /// # Errors
    /// [`Error`], with the place.
    pub fn read(config: &SystemConfig, path: &Path) -> Result<Read, Error> {
        // Watched from before the reading that counts, so that no change is missed.
        let watched = Watched::new(config, written::read(&config.granted)?.protected)?;
        let given = given(config, path)?;
        Ok(Read { given, watched })
    }

    /// Verifies and links all components, and starts them under their supervisors. Returns when all run.
    ///
    /// # Errors
    /// [`Error`]: nothing runs.
    pub async fn start(config: SystemConfig, read: Read, metrics: &Metrics) -> Result<LiveSystem, Error> {
        let Read { given, watched } = read;
        let follow = Follow::default();
        let log = match &config.granted.audit {
            Some(file) => Log::builder().file(file),
            None => Log::builder().tracing(true),
        };
        let log = Arc::new(log.sink(follow.clone()).build()?);
        let runtime = ComponentRuntime::new(given.audit(log).watched(metrics.watched()))?;
        let sources = watched::installed(&runtime, &config)?;
        runtime.supervise(tree(&config, &sources, &config.root)).await?;
        tokio::select! {
            () = runtime.settled() => {}
            why = runtime.over() => return Err(not_started(&runtime, why)),
        }
        let (since, ending) = (now(), AtomicBool::new(false));
        let (watched, changing) = (Mutex::new(watched), Mutex::default());
        Ok(LiveSystem { runtime, config, follow, since, ending, watched, changing })
    }

    /// The runtime, for whoever serves more than this.
    pub fn runtime(&self) -> &ComponentRuntime {
        &self.runtime
    }

    /// Stops what the trust file no longer names: an instance that is denied everything would only fail, and its supervisor
    /// could not start another.
    async fn stop_distrusted(&self) {
        for name in self.runtime.distrusted() {
            self.runtime.stop_if_distrusted(&name).await;
        }
    }
}

#[async_trait]
impl System for LiveSystem {
    fn is_ready(&self) -> bool {
        let conditions = self.runtime.all_named().into_iter().map(|named| named.status().condition);
        let runs =
            |condition| matches!(condition, Condition::Running | Condition::Reloading | Condition::Stopped);
        !self.ending.load(Ordering::SeqCst) && conditions.into_iter().all(runs)
    }

    async fn reload_written(&self) -> Result<String, ControlError> {
        let read = {
            let _turn = self.changing.lock().await;
            self.read_anew().await
        };
        self.stop_distrusted().await;
        read
    }

    async fn change(&self) -> Vec<Result<String, ControlError>> {
        LiveSystem::change(self).await
    }

    async fn shutdown(&self, within: Duration) -> Vec<String> {
        self.ending.store(true, Ordering::SeqCst);
        let report = self.runtime.shutdown(within).await;
        let late = report.killed.into_iter().chain(report.stuck);
        late.filter_map(|late| late.name.map(|name| name.to_string())).collect()
    }

    async fn abort(&self) {
        self.ending.store(true, Ordering::SeqCst);
        drop(self.runtime.shutdown(Duration::ZERO).await);
    }

    async fn over(&self) -> String {
        match self.runtime.over().await {
            Some(why) => why,
            None => std::future::pending().await,
        }
    }

    fn as_gauges(&self) -> &dyn Gauges {
        self
    }
}

impl Gauges for LiveSystem {
    fn components(&self) -> Vec<ComponentStatus> {
        self.runtime.all_named().iter().filter_map(|named| figures::of(&named.status())).collect()
    }

    fn epoch(&self) -> u64 {
        self.runtime.epoch()
    }
}

/// Why a system gave up before all of it had been started.
fn not_started(runtime: &ComponentRuntime, why: Option<String>) -> Error {
    let statuses = runtime.all_named().into_iter().map(|named| named.status());
    let failed = statuses.filter_map(|status| Some((status.name, status.last_end?))).next();
    Error::Config(match failed {
        Some((name, how)) => format!("`{name}` was not started: {how}"),
        None => format!("the components were not started: {}", why.unwrap_or_default()),
    })
}

/// Where each component comes from, by its name.
type Sources = BTreeMap<String, ComponentSource>;

/// What components are given.
fn given(config: &SystemConfig, path: &Path) -> Result<Config, Error> {
    let granted = &config.granted;
    let limits = crate::kernel::Limits::default().replaced_by(&granted.limits);
    let mut given = written::read(granted)?
        .limits(limits)
        // What the server itself tells stands on standard error, and no component can write there.
        .stdout(stdio::Sink::Stdout)
        .stderr(stdio::Sink::Stdout)
        .state_dir(&config.serve.state)
        .protect(path);
    for mount in &granted.mounts {
        given = given.mount(mount.spec());
    }
    for (name, value) in &granted.env {
        given = given.env(name, value);
    }
    for component in &config.components {
        given = given.limits_of(component.name.to_string(), component.limits);
    }
    Ok(config.protected().into_iter().fold(given, Config::protect))
}

/// The tree of supervisors with what stands beneath it.
fn tree(config: &SystemConfig, sources: &Sources, supervisor: &SupervisorConfig) -> Tree {
    let child = |child: &Child| match child {
        Child::Supervisor(inner) => Some(Node::Supervisor(tree(config, sources, inner))),
        Child::Component(name) => {
            let known = config.components.iter().find(|component| component.name == *name)?;
            Some(Node::Component(spec(config, sources, supervisor, known)))
        }
    };
    Tree {
        name: supervisor.name.to_string(),
        strategy: match supervisor.strategy {
            config::Strategy::OneForOne => Strategy::OneForOne,
            config::Strategy::OneForAll => Strategy::OneForAll,
            config::Strategy::RestForOne => Strategy::RestForOne,
        },
        intensity: Intensity { faults: supervisor.restarts, window: supervisor.within },
        children: supervisor.children.iter().filter_map(child).collect(),
    }
}

fn spec(
    config: &SystemConfig,
    sources: &Sources,
    supervisor: &SupervisorConfig,
    component: &ComponentConfig,
) -> Spec {
    let config::Backoff { first, most } = supervisor.backoff;
    let restart = match component.restart {
        config::Restart::Permanent => Restart::Permanent,
        config::Restart::Transient => Restart::Transient,
        config::Restart::Temporary => Restart::Temporary,
    };
    let (messages, durable) = (component.mailbox.capacity.get(), component.mailbox.durable);
    let mailbox = MailboxTerms { messages, durable, ..MailboxTerms::default() };
    let name = component.name.to_string();
    let source = sources.get(&name).cloned().unwrap_or_else(|| component.file.clone().into());
    let spec = Spec::new(source)
        .named(name)
        .restart(restart)
        .shutdown(component.shutdown)
        .backoff(Backoff { first, most, ..Backoff::default() })
        .mailbox(mailbox);
    let own = config.links.iter().filter(|link| link.from == component.name);
    own.fold(spec, |spec, link| spec.link(link.import.clone(), link.to.to_string()))
}

/// Milliseconds since 1970.
fn now() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default()
}
