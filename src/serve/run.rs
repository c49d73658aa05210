//! The life of a served system: from the first connection to the last, by signals.
//!
//! ```text
//! bind ─▶ Ready ─▶ SIGHUP: read policies and trust anew ─▶ SIGTERM: no new work, end in order ─▶ Ended
//!                                                           └─ SIGTERM again: at once
//! ```

use crate::serve::config::SystemConfig;
use crate::serve::connection::Patience;
use crate::serve::control::{ControlError, ControlServer, Controls, Operators};
use crate::serve::health;
use crate::serve::metrics::{Gauges, Metrics};
use airssys_osl::host_signals::{HostSignal, HostSignals};
use airssys_osl::host_sockets::{ControlListener, HostSocketError, PlainListener};
use async_trait::async_trait;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long the last answers may take to be read once the components have ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the process itself asks of the actor system, on nobody's behalf.
#[async_trait]
pub trait System: Gauges {
    /// Whether all that must run runs.
    fn is_ready(&self) -> bool;

    /// Reads policies, entities and trust anew from the files that the configuration names; says what came of it. It is
    /// recorded like any change of them.
    ///
    /// # Errors
    /// [`ControlError`]; what could not be read stays as it was.
    async fn reload_written(&self) -> Result<String, ControlError>;

    /// Waits until files have changed that the configuration names, acts on that, and says what came of it, one by one.
    async fn change(&self) -> Vec<Result<String, ControlError>>;

    /// Waits until the identity of a component that is not stopped has run out, stops those of which that is so, and names
    /// them.
    async fn run_out(&self) -> Vec<String>;

    /// Begins nothing new and ends every component, in reverse order of their start; returns when all have ended, or when
    /// the time is over. The names of those that had not ended by themselves.
    async fn shutdown(&self, within: Duration) -> Vec<String>;

    /// Ends everything now.
    async fn abort(&self);

    /// Returns when the system has given up by itself, and says why: too many of its components failed.
    async fn over(&self) -> String;

    /// Itself, for the page of metrics.
    fn as_gauges(&self) -> &dyn Gauges;
}

/// What a served system is made of, once it has been built.
pub struct Served {
    /// What operators ask.
    pub controls: Arc<dyn Controls>,
    /// What the process asks.
    pub system: Arc<dyn System>,
    /// What is counted.
    pub metrics: Metrics,
    /// How long whoever connects may take.
    pub patience: Patience,
}

/// What happens to a served system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It answers there.
    Ready {
        /// The control socket.
        control: PathBuf,
        /// Where health and metrics are read.
        metrics: Option<SocketAddr>,
    },
    /// Policies and trust were read anew.
    Reloaded(String),
    /// They could not be, and are as they were.
    NotReloaded(ControlError),
    /// The identities of those components ran out, and they were stopped.
    RanOut(Vec<String>),
    /// It has given up: too many of its components failed.
    Failed(String),
    /// It ends.
    Ending,
    /// It was told to end at once.
    Aborting,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ended {
    /// Whether it was told to end at once.
    pub aborted: bool,
    /// Components that had not ended in time.
    pub late: Vec<String>,
    /// Why it gave up, if it ended by that.
    pub failed: Option<String>,
}

/// Why it could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A socket could not be had.
    #[error(transparent)]
    Socket(#[from] HostSocketError),
}

/// Answers until it is told to end. `tell` is told what happens, as it happens.
///
/// # Errors
/// [`ServeError`]; then nothing was begun, and the system is still to be ended.
pub async fn run(
    config: &SystemConfig,
    served: Served,
    mut signals: HostSignals,
    tell: &(dyn Fn(Event) + Send + Sync),
) -> Result<Ended, ServeError> {
    let doors = Doors::open(config, &served).await?;
    tell(Event::Ready { control: config.serve.control.clone(), metrics: doors.metrics });
    let failed = tokio::select! {
        () = attend(&*served.system, &mut signals, tell) => None,
        () = keep_up(&*served.system, tell) => None,
        () = end_in_time(&*served.system, tell) => None,
        why = served.system.over() => Some(why),
    };
    doors.closing.send_replace(true);
    tell(failed.clone().map_or(Event::Ending, Event::Failed));
    let ended = tokio::select! {
        late = served.system.shutdown(config.serve.shutdown) => Ended { aborted: false, late, failed },
        () = told_again(&mut signals) => {
            tell(Event::Aborting);
            served.system.abort().await;
            Ended { aborted: true, late: Vec::new(), failed }
        }
    };
    doors.close().await;
    Ok(ended)
}

/// Does what signals ask for until one asks to end, also while another's work is under way.
async fn attend(system: &dyn System, signals: &mut HostSignals, tell: &(dyn Fn(Event) + Send + Sync)) {
    let mut again = false;
    loop {
        if !std::mem::take(&mut again) && signals.next().await == HostSignal::End {
            return;
        }
        let reloading = system.reload_written();
        tokio::pin!(reloading);
        loop {
            tokio::select! {
                reloaded = reloading.as_mut() => {
                    tell(reloaded.map_or_else(Event::NotReloaded, Event::Reloaded));
                    break;
                }
                signal = signals.next() => match signal {
                    HostSignal::End => return,
                    // What is being read may be older than this signal.
                    HostSignal::Reload => again = true,
                },
            }
        }
    }
}

/// Tells of files that have changed, and what came of it. Does not return.
async fn keep_up(system: &dyn System, tell: &(dyn Fn(Event) + Send + Sync)) {
    loop {
        for outcome in system.change().await {
            tell(outcome.map_or_else(Event::NotReloaded, Event::Reloaded));
        }
    }
}

/// Tells of components whose time is over. Does not return.
async fn end_in_time(system: &dyn System, tell: &(dyn Fn(Event) + Send + Sync)) {
    loop {
        tell(Event::RanOut(system.run_out().await));
    }
}

/// Returns at the next signal to end.
async fn told_again(signals: &mut HostSignals) {
    while signals.next().await != HostSignal::End {}
}

/// The two sockets.
struct Doors {
    control: Arc<ControlServer>,
    answering: Vec<JoinHandle<()>>,
    metrics: Option<SocketAddr>,
    /// No new work.
    closing: watch::Sender<bool>,
    /// Nothing at all.
    closed: watch::Sender<bool>,
}

impl Doors {
    async fn open(config: &SystemConfig, served: &Served) -> Result<Doors, ServeError> {
        let health = match config.serve.metrics {
            Some(address) => Some(PlainListener::listen_ambient(address).await?),
            None => None,
        };
        let listener = ControlListener::bind_ambient(&config.serve.control)?;
        let operators = Operators::with_own_ambient(config.operators.iter().map(|operator| operator.uid));
        let control = ControlServer::new(listener, operators, Arc::clone(&served.controls));
        let control = Arc::new(control.patience(served.patience));
        let (closing, closed) = (watch::Sender::new(false), watch::Sender::new(false));
        let metrics = health.as_ref().map(PlainListener::address);
        let (answers, stop) = (Arc::clone(&control), closing.subscribe());
        let mut answering = vec![tokio::spawn(async move { answers.run(stop).await })];
        if let Some(listener) = health {
            let (system, metrics) = (Arc::clone(&served.system), served.metrics.clone());
            let (stop, ended) = (closing.subscribe(), closed.subscribe());
            answering.push(tokio::spawn(health::run(
                listener,
                system,
                metrics,
                served.patience,
                stop,
                ended,
            )));
        }
        Ok(Doors { control, answering, metrics, closing, closed })
    }

    async fn close(self) {
        self.closed.send_replace(true);
        for mut answering in self.answering {
            if timeout(LAST_WORDS, &mut answering).await.is_err() {
                answering.abort();
                // What it held is let go before this returns.
                let _ = answering.await;
            }
        }
        let Some(control) = Arc::into_inner(self.control) else { return };
        let path = control.path().to_owned();
        if let Err(error) = control.close() {
            tracing::warn!(target: "airssys::serve", %error, path = %path.display(), "the control socket's name stays");
        }
    }
}
