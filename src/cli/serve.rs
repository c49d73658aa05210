//! `airssys serve`: a system of components that lives until it is told to end.

use super::console::{Console, shown_path};
use super::exit::Exit;
use super::failure::Failure;
use super::files::{compiler, directory_of};
use super::{harden, inputs, trace};
use crate::embed::Error;
use crate::serve::config::{MAX_CONFIG_BYTES, SystemConfig};
use crate::serve::metrics::Metrics;
use crate::serve::{Ended, Event, LiveSystem, Patience, Served, System, run};
use airssys_osl::host_signals::{HostSignal, HostSignals};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use miette::Diagnostic;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Builder;

/// Serve a system of components: supervised, linked, and tended through a control socket.
///
/// The configuration names policies, trust, components, supervisors and links. Once it says that it is ready, `airssys ps`,
/// `status`, `call`, `send`, `reload`, `stop`, `policy swap`, `revoke` and `logs` speak to it; what each operator may do is
/// decided by the policies. SIGHUP reads policies and trust anew, SIGTERM ends everything in reverse order of its start, a
/// second one at once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys serve --config airssys.toml
  airssys serve --config /etc/airssys/airssys.toml --json 2>events.jsonl")]
pub(super) struct Serve {
    /// The configuration, which holds `[serve]`.
    #[arg(long, value_name = "AIRSSYS.TOML")]
    config: PathBuf,
    /// Have the system hold this process to what the policies could ever grant (Linux 6.7: Landlock, seccomp).
    #[arg(long)]
    harden: bool,
}

impl Serve {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let text = inputs::bounded_text("configuration", &self.config, MAX_CONFIG_BYTES)?;
        let config = SystemConfig::parse(&text, &self.config, directory_of(&self.config));
        let config = config.map_err(|error| Failure::own(*error))?;
        if self.harden {
            // Before any thread is made.
            harden::hold(&LiveSystem::needs(&config, &self.config).map_err(Failure::own)?)?;
        }
        let traces = tracing(console, &config)?;
        let executor = Builder::new_multi_thread().enable_all().build().map_err(|error| {
            Failure::wrong(format!("no threads can be had: {error}"), "look at the limits of your session")
        })?;
        let ended = executor.block_on(served(console, config, &self.config, self.harden));
        // What is left of them goes out while the executor is there.
        drop(traces);
        told(console, ended?)
    }
}

#[cfg(feature = "otel")]
fn tracing(console: Console, config: &SystemConfig) -> Result<impl Sized + use<>, Failure> {
    trace::start_sending(console, config.serve.traces.as_deref())
}

#[cfg(not(feature = "otel"))]
fn tracing(console: Console, config: &SystemConfig) -> Result<impl Sized + use<>, Failure> {
    match &config.serve.traces {
        None => trace::start(console),
        Some(_) => Err(Failure::wrong(
            "`traces` is set, and this `airssys` was built without the feature `otel`",
            "build it with the feature, or remove the key",
        )),
    }
}

async fn served(console: Console, config: SystemConfig, path: &Path, harden: bool) -> Result<Ended, Failure> {
    // Before anything runs, so that whoever ends it meanwhile ends it in order.
    let mut signals = HostSignals::listen_ambient().map_err(|error| {
        Failure::wrong(format!("signals cannot be listened for: {error}"), "start it as a process of its own")
    })?;
    let metrics = Metrics::default();
    let read = LiveSystem::read(&config, path).map_err(Failure::own)?.compiled_by(compiler()?);
    let read = if harden { read.held().map_err(Failure::own)? } else { read };
    let spinner = spinner(console, config.components.len());
    let started = tokio::select! {
        started = LiveSystem::start(config.clone(), read, &metrics) => Some(started),
        // What has been started by then ends with the runtime.
        () = told_to_end(&mut signals) => None,
    };
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    let Some(started) = started else { return Ok(Ended::default()) };
    let system = Arc::new(started.map_err(not_started)?);
    let (controls, of_process) = (Arc::clone(&system) as _, Arc::clone(&system) as _);
    let patience = Patience::default();
    let served = Served { controls, system: of_process, metrics, patience };
    let ended = run(&config, served, signals, &|event| console.event(&text(&event), &value(&event))).await;
    if ended.is_err() {
        system.abort().await;
    }
    let closed = system.runtime().audit().close();
    let ended = ended.map_err(|error| {
        Failure::wrong(error.to_string(), "see that no other server runs there, or name another place")
    })?;
    closed.map_err(|error| inputs::bad_audit(&error.into()))?;
    Ok(ended)
}

/// Whoever may not be served any longer keeps the others from being served, until that is decided on by a person.
fn not_started(error: Error) -> Failure {
    match error {
        Error::Of { name, error } if matches!(*error, Error::Identity(_)) => {
            let help = error.help().map(|help| format!("{help}, ")).unwrap_or_default();
            let help = format!("{help}or take `{name}` out of the configuration");
            Failure::said(Exit::Refused, format!("`{name}`: {error}"), help).with_their_names()
        }
        error => error.into(),
    }
}

async fn told_to_end(signals: &mut HostSignals) {
    while signals.next().await != HostSignal::End {}
}

/// How it ended, as a status.
fn told(console: Console, ended: Ended) -> Result<u8, Failure> {
    let Ended { aborted, late, failed } = ended;
    if let Some(why) = failed {
        let message = format!("the system gave up: {why}");
        return Err(Failure::wrong(
            message,
            "the log says how its components ended; mend that, and start it again",
        ));
    }
    if aborted {
        return Err(Failure::said(
            Exit::TimeLimit,
            "everything was ended at once",
            "it was told to by a second signal",
        ));
    }
    if !late.is_empty() {
        let message = format!("{} had not ended in time and was stopped", late.join(", "));
        return Err(Failure::said(Exit::TimeLimit, message, "give it more time by `shutdown_ms`"));
    }
    console.event("ended", &json!({ "event": "ended" }));
    Ok(Exit::Done.code())
}

fn text(event: &Event) -> String {
    match event {
        Event::Ready { control, metrics } => {
            let metrics = metrics.map_or_else(String::new, |at| format!(", health and metrics at {at}"));
            format!("ready: control socket `{}`{metrics}", shown_path(control))
        }
        Event::Reloaded(what) => format!("read anew: {what}"),
        Event::NotReloaded(error) => format!("not read anew: {error}; {}", error.help),
        Event::RanOut(names) => format!("run out, and stopped: {}", names.join(", ")),
        Event::Failed(why) => format!("too many components failed: {why}"),
        Event::Ending => "ending".to_owned(),
        Event::Aborting => "ending at once".to_owned(),
    }
}

fn value(event: &Event) -> Value {
    match event {
        Event::Ready { control, metrics } => {
            json!({ "event": "ready", "control": control, "metrics": metrics.map(|at| at.to_string()) })
        }
        Event::Reloaded(what) => json!({ "event": "reloaded", "text": what }),
        Event::NotReloaded(error) => {
            json!({ "event": "not-reloaded", "text": error.message, "help": error.help })
        }
        Event::RanOut(names) => json!({ "event": "ran-out", "components": names }),
        Event::Failed(why) => json!({ "event": "failed", "text": why }),
        Event::Ending => json!({ "event": "ending" }),
        Event::Aborting => json!({ "event": "aborting" }),
    }
}

/// Something that moves while components are verified and compiled, for a person who watches.
fn spinner(console: Console, components: usize) -> Option<ProgressBar> {
    if !console.is_watched() || components == 0 {
        return None;
    }
    let style = ProgressStyle::with_template("{spinner} starting {msg} {elapsed}").ok()?;
    let message = if components == 1 { "1 component".to_owned() } else { format!("{components} components") };
    let spinner = ProgressBar::new_spinner().with_style(style).with_message(message);
    spinner.enable_steady_tick(Duration::from_millis(100));
    Some(spinner)
}
