//! What operators ask, each operation decided with the operator as principal.

use crate::embed::{Error, Named};
use crate::policy::Source;
use crate::serve::ComponentName;
use crate::serve::control::{
    CallAnswer, CallRequest, Code, ComponentStatus, ControlError, Controls, LogsRequest, Operator,
    PolicyRequest, PolicySwapped, Reloaded, Revoked, SendRequest, Sent, SourceText, StopRequest, Stopped,
    SystemStatus, TrustReloaded,
};
use crate::serve::follow::Logs;
use crate::serve::metrics::Gauges;
use crate::serve::run::System;
use crate::serve::system::asking::{Asking, refused};
use crate::serve::system::written::{Trusted, blocking};
use crate::serve::system::{LiveSystem, figures, told};
use airssys_osl::action::{
    ComponentLoad, ComponentStatus as SeeComponent, ComponentStop, RuntimePolicy, RuntimeRevoke,
    RuntimeStatus,
};
use airssys_osl::host_signals::own_pid_ambient;
use airssys_osl::post::{Draft, PostError};
use airssys_osl::{RuntimeSelf, replace};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::timeout;

#[async_trait]
impl Controls for LiveSystem {
    async fn status(&self, who: Operator) -> Result<SystemStatus, ControlError> {
        Asking::begin(self, who)?.may::<RuntimeStatus>(RuntimeSelf::Itself, "see the server's status")?;
        let all = self.runtime.all_named();
        let running = all.iter().filter(|named| named.status().running).count();
        Ok(SystemStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: own_pid_ambient(),
            since_unix_ms: self.since,
            ready: self.is_ready(),
            epoch: self.epoch(),
            components: all.len() as u64,
            running: running as u64,
            audit_head: self.runtime.audit().head().map(|head| head.to_string()),
        })
    }

    async fn ps(&self, who: Operator) -> Result<Vec<ComponentStatus>, ControlError> {
        let asking = Asking::begin(self, who)?;
        let seen = |named: &Named| {
            let what = "see it";
            let peer = named.peer().map(|peer| asking.may::<SeeComponent>(peer, what));
            match peer? {
                Ok(()) => figures::of(&named.status()).map(Ok),
                Err(error) if error.code == Code::Denied => None,
                Err(error) => Some(Err(error)),
            }
        };
        self.runtime.all_named().iter().filter_map(seen).collect()
    }

    async fn component(&self, who: Operator, name: ComponentName) -> Result<ComponentStatus, ControlError> {
        let named = Asking::begin(self, who)?.seen(self, &name)?;
        figures::of(&named.status()).ok_or_else(|| ControlError::unreachable(&name))
    }

    async fn call(
        &self,
        who: Operator,
        name: ComponentName,
        call: CallRequest,
    ) -> Result<CallAnswer, ControlError> {
        let asking = self.begin(who)?;
        let named = asking.seen(self, &name)?;
        let CallRequest { call, timeout_ms } = call;
        // It goes on when nobody waits for it any more, and so does its session.
        let work = tokio::spawn(async move { named.call_for(asking.session(), &call).await });
        let done = match timeout_ms {
            None => work.await,
            Some(most) => timeout(Duration::from_millis(most), work).await.map_err(|_| late(most))?,
        };
        let done = done.map_err(|_| told::failed())?;
        answered(done.map_err(|denied| refused(&denied, &format!("call this function of `{name}`")))?)
    }

    async fn send(
        &self,
        who: Operator,
        name: ComponentName,
        message: SendRequest,
    ) -> Result<Sent, ControlError> {
        let asking = self.begin(who)?;
        let named = asking.seen(self, &name)?;
        let time_to_live = message.time_to_live_ms.map(Duration::from_millis);
        let draft = Draft { body: message.body, time_to_live };
        let sent = self.runtime.send_for(asking.session(), named.name(), draft).await;
        sent.map_err(|error| unsent(error, &name))?;
        asking.keep();
        let status = named.status();
        Ok(Sent { durable: status.durable, depth: status.waiting })
    }

    async fn reload(
        &self,
        who: Operator,
        name: ComponentName,
        component: Bytes,
    ) -> Result<Reloaded, ControlError> {
        let asking = self.begin(who)?;
        let named = asking.seen(self, &name)?;
        let source = component.to_vec().into();
        let done = self.runtime.reload_asked(named.name(), source, Some(asking.session())).await;
        let done = done.map_err(|error| match error {
            Error::Denied(denied) => refused(&denied, &format!("reload `{name}` with that version")),
            error => told::of(&error),
        })?;
        let version = |(major, minor, patch): (u64, u64, u64)| format!("{major}.{minor}.{patch}");
        Ok(Reloaded {
            from_version: version(done.from.0),
            from_release: done.from.1,
            version: version(done.to.0),
            release: done.to.1,
            digest: done.digest,
            state_handed_over: done.state_handed_over,
            widened: done.widened,
            subscriptions_lost: done.subscriptions_lost,
        })
    }

    async fn stop(
        &self,
        who: Operator,
        name: ComponentName,
        stop: StopRequest,
    ) -> Result<Stopped, ControlError> {
        let asking = self.begin(who)?;
        let named = asking.seen(self, &name)?;
        let grace = stop.grace_ms.map(Duration::from_millis);
        let may = |peer| asking.may::<ComponentStop>(peer, &format!("stop `{name}`"));
        let stopped = self.runtime.stop_if(named.name(), grace, may).await?;
        let stopped = stopped.map_err(|error| told::of(&error))?;
        Ok(Stopped { in_time: stopped.in_time, left: stopped.left })
    }

    async fn start(&self, who: Operator, name: ComponentName) -> Result<ComponentStatus, ControlError> {
        let asking = self.begin(who)?;
        let named = asking.seen(self, &name)?;
        let peer = named.peer().ok_or_else(|| ControlError::unreachable(&name))?;
        let what = format!("start `{name}`");
        let permit = asking.authorize::<ComponentLoad>(peer, &what)?;
        // The component asks for itself, when it is started.
        replace::loaded(permit, || ()).map_err(|denied| refused(&denied, &what))?;
        self.runtime.start(named.name()).await.map_err(|error| match error {
            Error::Config(message) => ControlError::invalid(message, "`airssys ps` tells how it is"),
            error => told::of(&error),
        })?;
        figures::of(&named.status()).ok_or_else(|| ControlError::unreachable(&name))
    }

    async fn swap_policy(&self, who: Operator, policy: PolicyRequest) -> Result<PolicySwapped, ControlError> {
        let asking = self.begin(who)?;
        // Decided when its turn has come: who comes before may have taken the permission away.
        let _turn = self.changing.lock().await;
        asking.may::<RuntimePolicy>(RuntimeSelf::Itself, "put policies in force")?;
        let sources = |texts: Vec<SourceText>| -> Vec<Source> {
            texts.into_iter().map(|SourceText { name, text }| Source::new(name, text)).collect()
        };
        let (policies, entities) = (sources(policy.policies), sources(policy.entities));
        let runtime = self.runtime.clone();
        let swapped = move || {
            let epoch = runtime.swap_policy(&policies, &entities)?;
            Ok::<_, Error>((epoch, runtime.policies().rules().count()))
        };
        let (epoch, policies) = blocking(swapped).await?.map_err(|error| told::of(&error))?;
        Ok(PolicySwapped { epoch, policies: policies as u64 })
    }

    async fn reload_trust(&self, who: Operator) -> Result<TrustReloaded, ControlError> {
        let asking = self.begin(who)?;
        let read = {
            let _turn = self.changing.lock().await;
            asking.may::<RuntimePolicy>(RuntimeSelf::Itself, "have the trust file read anew")?;
            self.read_trust_anew().await
        };
        self.stop_distrusted().await;
        let Trusted { publishers, instances } = read.map_err(|error| {
            // Its sentence names a file of the host's, which is for whoever sees the server's own output.
            tracing::warn!(target: "airssys::serve", %error, "the trust file was not taken");
            let help = "the server's own output says what is wrong with it";
            ControlError::new(error.code, "the trust file was not taken, and the trust is as it was", help)
        })?;
        Ok(TrustReloaded { publishers, revoked_instances: instances })
    }

    async fn revoke_key(&self, who: Operator, key_id: String) -> Result<Revoked, ControlError> {
        let asking = self.begin(who)?;
        let revoked = {
            let _turn = self.changing.lock().await;
            asking.may::<RuntimeRevoke>(RuntimeSelf::Itself, "revoke keys")?;
            let runtime = self.runtime.clone();
            blocking(move || runtime.revoke_key(&key_id)).await?
        };
        self.stop_distrusted().await;
        let instances = revoked.map_err(|error| told::of(&error))?;
        Ok(Revoked { instances: instances as u64 })
    }

    async fn logs(&self, who: Operator, logs: LogsRequest) -> Result<Logs, ControlError> {
        self.read_log(self.begin(who)?, logs).await
    }

    fn settle(&self) {
        // What cannot be written is denied, and told where that is.
        drop(self.runtime.audit().settle());
    }
}

impl LiveSystem {
    /// Begins an operation that a system which ends no longer begins.
    fn begin(&self, who: Operator) -> Result<Asking, ControlError> {
        if self.ending.load(Ordering::SeqCst) {
            let help = "start the server again";
            return Err(ControlError::new(Code::Ending, "the server ends, and begins nothing new", help));
        }
        Asking::begin(self, who)
    }
}

/// Why a message was not taken.
fn unsent(error: PostError, name: &ComponentName) -> ControlError {
    let message = format!("nothing was sent to `{name}`: {error}");
    match error {
        PostError::Denied(denied) => refused(&denied, &format!("send to `{name}`")),
        PostError::Full => ControlError::new(Code::Full, message, "try again when it has dealt with some"),
        PostError::TooLarge(_) => ControlError::new(Code::TooLarge, message, "send less"),
        PostError::Unreachable => {
            ControlError::new(Code::Ended, message, "`airssys ps` tells whether it runs")
        }
        _ => ControlError::new(Code::Internal, message, "look at the server's log"),
    }
}

fn late(most: u64) -> ControlError {
    let message = format!("there was no answer within {most} ms; the call goes on");
    ControlError::new(Code::TimedOut, message, "ask for longer with `--timeout-ms`")
}

fn answered(done: Result<Option<String>, Error>) -> Result<CallAnswer, ControlError> {
    match done {
        Ok(result) => Ok(CallAnswer::Returned(result)),
        Err(Error::Guest(error)) => Ok(CallAnswer::Failed(error)),
        Err(Error::Exited(status)) => Ok(CallAnswer::Exited(status)),
        Err(error) => Err(told::of(&error)),
    }
}
