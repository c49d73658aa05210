//! A runtime with a file, a log, and a gate at which a callee waits.

use crate::guests;
use crate::support::{self, ALLOW_ALL};
use airssys_osl::GuestPath;
use airssys_osl::fs::MountSpec;
use airssys_wasm::audit::Memory;
use airssys_wasm::embed::{Asks, Component, ComponentRuntime, Config, Error, HostInterface};
use airssys_wasm::kernel::Unanswered;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

pub(crate) const SHOUT: &str = "acme:text/shout@1.0.0";
/// Long enough for whatever is going to happen at all.
pub(crate) const AT_LAST: Duration = Duration::from_secs(60);
/// Everything but calls of other components.
pub(crate) const NO_CALLS: &str = "@id(\"all\") permit (principal, action, resource);
    @id(\"no-calls\") forbid (principal, action == Action::\"component:call\", resource);";

const SCHEMA: &str = r#"namespace Acme {
    entity Gate;
    action "gate:wait" appliesTo { principal: [Component], resource: [Gate] };
}"#;

/// Where a callee waits.
#[derive(Clone)]
pub(crate) struct Gate {
    begun: Arc<Semaphore>,
    pub(crate) opened: Arc<Notify>,
    pub(crate) dropped: Arc<AtomicU64>,
}

struct Dropped(Arc<AtomicU64>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Gate {
    fn new() -> Gate {
        Gate { begun: Arc::new(Semaphore::new(0)), opened: Arc::default(), dropped: Arc::default() }
    }

    /// Returns when somebody waits at it.
    pub(crate) async fn is_waited_at(&self) {
        tokio::time::timeout(AT_LAST, self.begun.acquire()).await.expect("it waits").unwrap().forget();
    }

    fn interface(&self) -> HostInterface<()> {
        let gate = self.clone();
        let asks = Asks::on("Acme::gate:wait", "Acme::Gate", |(): &()| Ok("gate".to_owned()));
        HostInterface::new("acme:gate/gate@1.0.0", |_| ()).schema("gate.cedarschema", SCHEMA).function_async(
            "wait",
            asks,
            move |_, ()| {
                let (gate, dropped) = (gate.clone(), Dropped(Arc::clone(&gate.dropped)));
                Ok(async move {
                    let _dropped = dropped;
                    gate.begun.add_permits(1);
                    gate.opened.notified().await;
                    Ok(())
                })
            },
        )
    }
}

pub(crate) struct World {
    pub(crate) runtime: ComponentRuntime,
    pub(crate) log: Memory,
    pub(crate) gate: Gate,
    _directory: tempfile::TempDir,
}

impl World {
    pub(crate) fn new(policy: &str) -> World {
        World::with(policy, |config| config)
    }

    pub(crate) fn with(policy: &str, change: impl FnOnce(Config) -> Config) -> World {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "0123456789").unwrap();
        let ((config, log), gate) = (support::config(policy), Gate::new());
        let config = config
            .mount(MountSpec::new(directory.path(), GuestPath::root()))
            .host_interface(gate.interface());
        let runtime = ComponentRuntime::new(change(config)).unwrap();
        World { runtime, log, gate, _directory: directory }
    }

    pub(crate) async fn callee(&self) -> Component {
        self.callee_with("").await
    }

    /// With more in its manifest.
    pub(crate) async fn callee_with(&self, more: &str) -> Component {
        let signed = support::signed_with("callee", more, &guests::callee("1.0.0"));
        self.runtime.load_component(signed).await.unwrap()
    }

    pub(crate) async fn caller(&self, of: &Component) -> Component {
        self.caller_with("", of).await
    }

    pub(crate) async fn caller_with(&self, more: &str, of: &Component) -> Component {
        let signed = support::signed_with("caller", more, &guests::caller("1.0.0"));
        self.runtime.linked(signed).link(SHOUT, of).load().await.unwrap()
    }

    /// Who calls `of`, and is called itself, by that name.
    pub(crate) async fn middle(&self, name: &str, of: &Component) -> Component {
        let signed = support::signed(name, &guests::middle());
        self.runtime.linked(signed).link(SHOUT, of).load().await.unwrap()
    }

    /// The decisions on calls of other components.
    pub(crate) fn calls(&self) -> Vec<Value> {
        let mut decisions = support::of_kind(&self.log, "decision");
        decisions.retain(|record| record["action"] == "component:call");
        decisions
    }
}

/// A world that allows everything, with a callee and its caller.
pub(crate) async fn linked() -> (World, Component, Component) {
    let world = World::new(ALLOW_ALL);
    let callee = world.callee().await;
    let caller = world.caller(&callee).await;
    (world, callee, caller)
}

/// Calls a function that takes nothing.
pub(crate) async fn number(component: &Component, function: &str) -> Result<u32, Error> {
    component.call(function, &()).await
}

/// How the callee itself counts, asked by the host.
pub(crate) async fn own_count(callee: &Component) -> u32 {
    number(callee, "acme:text/shout@1.0.0#count").await.unwrap()
}

/// Why a call over a link had no answer.
#[track_caller]
pub(crate) fn unanswered<T: std::fmt::Debug>(done: Result<T, Error>) -> Unanswered {
    match done {
        Err(Error::Unanswered(fault)) => {
            assert!(fault.function.starts_with("acme/"), "{fault}");
            fault.why
        }
        other => panic!("{other:?}"),
    }
}
