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
mod needs;
mod told;
#[cfg(test)]
mod trials;
mod watched;
mod written;

use crate::audit::Log;
use crate::embed::{
    Backoff, ComponentRuntime, ComponentSource, Condition, Config, Error, Intensity, MailboxTerms, Node,
    Restart, Spec, Strategy, Tree,
};
use crate::kernel::Compiler;
use crate::serve::ComponentName;
use crate::serve::config::{self, Child, ComponentConfig, SupervisorConfig, SystemConfig};
use crate::serve::control::{ComponentStatus, ControlError, Controls};
use crate::serve::follow::Follow;
use crate::serve::metrics::{Gauges, Metrics};
use crate::serve::run::System;
use crate::serve::system::watched::Watched;
use airssys_osl::host_harden::HostNeeds;
use airssys_osl::stdio;
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::sleep_until;

/// How often it is asked anew which identity runs out first.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A system that runs.
pub struct LiveSystem {
    runtime: ComponentRuntime,
    config: SystemConfig,
    follow: Follow,
    since: u64,
    ending: AtomicBool,
    watched: Arc<Watched>,
    /// One change of what is written down at a time.
    changing: Mutex<()>,
}

/// What was read for a system that is to be started.
pub struct Read {
    given: Config,
    watched: Watched,
}

impl Read {
    /// The same, with components that somebody compiles.
    #[must_use]
    pub fn compiled_by(self, compiler: Compiler) -> Read {
        Read { given: self.given.compiler(compiler), ..self }
    }

    /// The same, under which no policies come into force that could grant more than these.
    ///
    /// # Errors
    /// [`Error::Policy`].
    pub fn held(self) -> Result<Read, Error> {
        Ok(Read { given: self.given.hardened()?.0, ..self })
    }
}

impl LiveSystem {
    /// What a process needs of the system that serves this configuration, which stands at `path`.
    ///
    /// # Errors
    /// [`Error`], with the place.
    pub fn needs(config: &SystemConfig, path: &Path) -> Result<HostNeeds, Error> {
        needs::of(config, given(config, path)?)
    }

    /// Reads the files that the configuration names. `path` is the configuration's own, which no component may write.
    ///
    /// # Errors
    /// [`Error`], with the place.
    pub fn read(config: &SystemConfig, path: &Path) -> Result<Read, Error> {
        // Watched from before the reading that counts, so that no change is missed.
        let watched = Watched::new(config, path, written::read(&config.granted)?.protected)?;
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
        let log = Arc::new(log.follower(follow.clone()).build()?);
        let runtime = ComponentRuntime::new(given.audit(log).watched(metrics.watched()))?;
        let sources = watched::installed(&runtime, &config)?;
        runtime.supervise(tree(&config, &sources, &config.root)).await?;
        tokio::select! {
            () = runtime.settled() => {}
            why = runtime.over() => return Err(not_started(&runtime, why)),
        }
        let failed = |condition| matches!(condition, Condition::Failed | Condition::Starting);
        if runtime.all_named().iter().any(|named| failed(named.status().condition)) {
            let error = not_started(&runtime, None);
            runtime.shutdown(Duration::ZERO).await;
            return Err(error);
        }
        let (since, ending) = (now(), AtomicBool::new(false));
        let (watched, changing) = (Arc::new(watched), Mutex::default());
        Ok(LiveSystem { runtime, config, follow, since, ending, watched, changing })
    }

    /// The runtime, for whoever serves more than this.
    pub fn runtime(&self) -> &ComponentRuntime {
        &self.runtime
    }

    /// Stops what the trust file no longer names, and what has run out: an instance that is denied everything would only fail, and its supervisor
    /// could not start another.
    async fn stop_distrusted(&self) -> Vec<String> {
        // First, since those wait for nobody's turn.
        self.runtime.end_distrusted_older().await;
        let distrusted = self.runtime.distrusted();
        for name in &distrusted {
            self.runtime.stop_if_distrusted(name).await;
        }
        distrusted
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
        let stopped = self.stop_distrusted().await;
        // Whoever is told finds it in the log.
        self.settle();
        read.map(|read| match stopped.is_empty() {
            true => read,
            false => format!("{read}; trusted no longer, and stopped: {}", stopped.join(", ")),
        })
    }

    async fn change(&self) -> Vec<Result<String, ControlError>> {
        let outcomes = LiveSystem::change(self).await;
        self.settle();
        outcomes
    }

    async fn run_out(&self) -> Vec<String> {
        loop {
            let now = Instant::now();
            let first = self.runtime.first_runs_out();
            if first.is_some_and(|first| first <= now) {
                return self.stop_distrusted().await;
            }
            // What is loaded meanwhile may have less time than all that is there by now.
            let most = now + LOOK_AGAIN;
            sleep_until(first.map_or(most, |first| first.min(most)).into()).await;
        }
    }

    async fn shutdown(&self, within: Duration) -> Vec<String> {
        self.ending.store(true, Ordering::SeqCst);
        let report = self.runtime.shutdown(within).await;
        let late = report.killed.into_iter().chain(report.stuck);
        // One that has ended late in more than one version is told once.
        let names: BTreeSet<_> = late.filter_map(|late| late.name.map(|name| name.to_string())).collect();
        names.into_iter().collect()
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
    let failed = statuses.filter(|status| !status.running);
    let failed = failed.filter_map(|status| Some((status.name, status.last_end?))).next();
    match failed {
        Some((name, why)) => Error::Start { name, why },
        None => Error::Config(format!("the components were not started: {}", why.unwrap_or_default())),
    }
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
    if let Some(directory) = &granted.code_cache {
        given = given.code_cache(directory);
    }
    for mount in &granted.mounts {
        given = given.mount(mount.spec());
    }
    for (name, value) in &granted.env {
        given = given.env(name, value);
    }
    for component in &config.components {
        given = given.limits_of(component.name.to_string(), component.limits);
    }
    for operator in &config.operators {
        given = given.operator(operator.uid, operator.groups.iter().map(ToString::to_string).collect());
    }
    Ok(config.protected().into_iter().fold(given, Config::protect))
}

/// The tree of supervisors with what stands beneath it.
fn tree(config: &SystemConfig, sources: &Sources, supervisor: &SupervisorConfig) -> Tree {
    let intensity = Intensity { faults: supervisor.restarts, window: supervisor.within };
    let component = |name: &ComponentName| {
        let known = config.components.iter().find(|component| component.name == *name)?;
        Some(spec(config, sources, supervisor, known))
    };
    let child = |child: &Child| match child {
        Child::Supervisor(inner) => Some(Node::Supervisor(tree(config, sources, inner))),
        Child::Component(name) => component(name).map(Node::Component),
        Child::Alone(name) => component(name).map(|spec| Node::Component(spec.alone(intensity))),
    };
    Tree {
        name: supervisor.name.to_string(),
        strategy: match supervisor.strategy {
            config::Strategy::OneForOne => Strategy::OneForOne,
            config::Strategy::OneForAll => Strategy::OneForAll,
            config::Strategy::RestForOne => Strategy::RestForOne,
        },
        intensity,
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
