//! A system that does nothing and remembers what it was asked.
//!
//! `acme/thumb` answers; `acme/guarded` may be seen and nothing else; `acme/hidden` is there and may not be seen; calls of
//! `acme/thumb` end as their function's name says.

use airssys_wasm::audit::Log;
use airssys_wasm::serve::control::{
    CallAnswer, CallRequest, Code, ComponentStatus, ControlError, Controls, LogsRequest, Mailbox, Operator,
    PolicyRequest, PolicySwapped, Reloaded, Revoked, SendRequest, Sent, State, StopRequest, Stopped,
    SystemStatus, TrustReloaded,
};
use airssys_wasm::serve::metrics::Gauges;
use airssys_wasm::serve::{ComponentName, Follow, Logs, System};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::Duration;
use tokio::sync::Semaphore;

pub(crate) struct Fake {
    asked: Mutex<Vec<String>>,
    /// Told when an operation that waits has begun and ended.
    pub(crate) steps: Mutex<Option<mpsc::Sender<&'static str>>>,
    /// Lets what waits go on.
    pub(crate) go: Semaphore,
    pub(crate) follow: Follow,
    pub(crate) past: Mutex<Vec<Bytes>>,
    pub(crate) ready: AtomicBool,
}

impl Default for Fake {
    fn default() -> Fake {
        Fake {
            asked: Mutex::default(),
            steps: Mutex::default(),
            go: Semaphore::new(0),
            follow: Follow::default(),
            past: Mutex::default(),
            ready: AtomicBool::new(true),
        }
    }
}

impl Fake {
    /// What it was asked, each with the user who did.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn note(&self, who: Operator, what: impl Into<String>) {
        self.asked.lock().unwrap().push(format!("{} {}", who.uid(), what.into()));
    }

    pub(crate) fn step(&self, step: &'static str) {
        if let Some(steps) = &*self.steps.lock().unwrap() {
            let _ = steps.send(step);
        }
    }

    /// Hears of the steps of what waits.
    pub(crate) fn watch(&self) -> mpsc::Receiver<&'static str> {
        let (sender, receiver) = mpsc::channel();
        *self.steps.lock().unwrap() = Some(sender);
        receiver
    }

    async fn wait(&self) {
        self.step("begun");
        self.go.acquire().await.unwrap().forget();
        self.step("ended");
    }

    /// Writes a log of some records to its followers, and keeps it as the past.
    pub(crate) fn log(&self) -> Log {
        Log::builder().follower(self.follow.clone()).build().unwrap()
    }

    fn may(&self, name: &ComponentName, what: &str) -> Result<(), ControlError> {
        match name.to_string().as_str() {
            "acme/thumb" => Ok(()),
            "acme/guarded" => Err(ControlError::denied(&format!("{what} {name}"))),
            _ => Err(ControlError::unreachable(name)),
        }
    }
}

pub(crate) fn component(name: &str) -> ComponentStatus {
    ComponentStatus {
        name: name.parse().unwrap(),
        state: State::Running,
        version: "1.2.3".into(),
        release: 4,
        digest: "0f".repeat(32),
        supervisor: "root".into(),
        restarts: 2,
        last_end: Some("it trapped: unreachable\u{1b}[31m".into()),
        mailbox: Mailbox { depth: 3, capacity: 64, dropped: 1, durable: true, dead_letters: 5 },
        memory_bytes: 1_179_648,
        calls: 17,
        denials: 6,
        finishing: 2,
        since_unix_ms: 1_795_000_000_000,
    }
}

#[async_trait]
impl Controls for Fake {
    async fn status(&self, who: Operator) -> Result<SystemStatus, ControlError> {
        self.note(who, "status");
        Ok(SystemStatus {
            version: "0.1.0".into(),
            pid: 4711,
            since_unix_ms: 1_795_000_000_000,
            ready: true,
            epoch: 3,
            components: 2,
            running: 1,
            audit_head: None,
        })
    }

    async fn ps(&self, who: Operator) -> Result<Vec<ComponentStatus>, ControlError> {
        self.note(who, "ps");
        Ok(vec![component("acme/guarded"), component("acme/thumb")])
    }

    async fn component(&self, who: Operator, name: ComponentName) -> Result<ComponentStatus, ControlError> {
        self.note(who, format!("component {name}"));
        match name.to_string().as_str() {
            "acme/thumb" | "acme/guarded" => Ok(component(&name.to_string())),
            _ => Err(ControlError::unreachable(&name)),
        }
    }

    async fn call(
        &self,
        who: Operator,
        name: ComponentName,
        call: CallRequest,
    ) -> Result<CallAnswer, ControlError> {
        self.note(who, format!("call {name} {} {:?}", call.call, call.timeout_ms));
        self.may(&name, "call")?;
        let error = |code| Err(ControlError::new(code, "it ended otherwise", "do otherwise"));
        match call.call.as_str() {
            "wait()" => {
                self.wait().await;
                Ok(CallAnswer::Returned(None))
            }
            "panic()" => panic!("as it was asked to"),
            "fail()" => Ok(CallAnswer::Failed("\"no\u{1b}\"".into())),
            "exit()" => Ok(CallAnswer::Exited(7)),
            "nothing()" => Ok(CallAnswer::Returned(None)),
            "trap()" => error(Code::Trap),
            "loop()" => error(Code::TimeLimit),
            _ => Ok(CallAnswer::Returned(Some("[1, 2]".into()))),
        }
    }

    async fn send(
        &self,
        who: Operator,
        name: ComponentName,
        message: SendRequest,
    ) -> Result<Sent, ControlError> {
        self.note(who, format!("send {name} {:?} {:?}", message.body, message.time_to_live_ms));
        self.may(&name, "send to")?;
        Ok(Sent { durable: true, depth: 4 })
    }

    async fn reload(
        &self,
        who: Operator,
        name: ComponentName,
        component: Bytes,
    ) -> Result<Reloaded, ControlError> {
        self.note(who, format!("reload {name} {} bytes", component.len()));
        self.may(&name, "reload")?;
        Ok(Reloaded {
            from_version: "1.2.3".into(),
            from_release: 4,
            version: "1.3.0".into(),
            release: 5,
            digest: "0e".repeat(32),
            state_handed_over: true,
            widened: vec!["imports `wasi:sockets/tcp`".into()],
            subscriptions_lost: Vec::new(),
        })
    }

    async fn stop(
        &self,
        who: Operator,
        name: ComponentName,
        stop: StopRequest,
    ) -> Result<Stopped, ControlError> {
        self.note(who, format!("stop {name} {:?}", stop.grace_ms));
        self.may(&name, "stop")?;
        Ok(Stopped { in_time: true, left: 2 })
    }

    async fn start(&self, who: Operator, name: ComponentName) -> Result<ComponentStatus, ControlError> {
        self.note(who, format!("start {name}"));
        self.may(&name, "start")?;
        Ok(component(&name.to_string()))
    }

    async fn swap_policy(&self, who: Operator, policy: PolicyRequest) -> Result<PolicySwapped, ControlError> {
        let names = |texts: &[airssys_wasm::serve::control::SourceText]| {
            texts.iter().map(|text| text.name.clone()).collect::<Vec<_>>().join("+")
        };
        self.note(who, format!("policy {} {}", names(&policy.policies), names(&policy.entities)));
        if policy.policies.iter().any(|text| text.text.contains("broken")) {
            return Err(ControlError::new(Code::Refused, "policy.cedar:1:1: broken", "mend it"));
        }
        Ok(PolicySwapped { epoch: 4, policies: 12 })
    }

    async fn reload_trust(&self, who: Operator) -> Result<TrustReloaded, ControlError> {
        self.note(who, "trust");
        Ok(TrustReloaded { publishers: 1, revoked_instances: 0 })
    }

    async fn revoke_key(&self, who: Operator, key_id: String) -> Result<Revoked, ControlError> {
        self.note(who, format!("revoke {key_id}"));
        Ok(Revoked { instances: 3 })
    }

    async fn logs(&self, who: Operator, logs: LogsRequest) -> Result<Logs, ControlError> {
        self.note(who, format!("logs {} {}", logs.last, logs.follow));
        let live = logs.follow.then(|| self.follow.followed());
        self.step("followed");
        Ok(Logs { past: self.past.lock().unwrap().clone(), live })
    }

    fn settle(&self) {}
}

impl Gauges for Fake {
    fn components(&self) -> Vec<ComponentStatus> {
        vec![component("acme/thumb")]
    }

    fn epoch(&self) -> u64 {
        3
    }
}

#[async_trait]
impl System for Fake {
    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    async fn reload_written(&self) -> Result<String, ControlError> {
        match self.ready.load(Ordering::Relaxed) {
            true => Ok("all of it".into()),
            false => Err(ControlError::new(Code::Refused, "policy.cedar:1:1: broken", "mend it")),
        }
    }

    async fn shutdown(&self, within: Duration) -> Vec<String> {
        self.step("shutdown");
        match tokio::time::timeout(within, self.wait()).await {
            Ok(()) => Vec::new(),
            Err(_) => vec!["acme/thumb".into()],
        }
    }

    async fn abort(&self) {
        self.step("abort");
    }

    async fn change(&self) -> Vec<Result<String, ControlError>> {
        std::future::pending().await
    }

    async fn run_out(&self) -> Vec<String> {
        std::future::pending().await
    }

    async fn over(&self) -> String {
        std::future::pending().await
    }

    fn as_gauges(&self) -> &dyn Gauges {
        self
    }
}
