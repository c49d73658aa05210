//! Traces: what the library tells as it goes, on standard error, when `AIRSSYS_LOG` asks for it.

use super::console::Console;
use super::failure::Failure;
use super::files::setting_ambient;
#[cfg(feature = "otel")]
use crate::serve::telemetry::{Traces, traces};
use std::io::{self, IsTerminal};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

/// The setting that names what is told, such as `airssys_wasm=info`.
const SETTING: &str = "AIRSSYS_LOG";

/// Starts telling, if it is asked for.
pub(super) fn start(console: Console) -> Result<(), Failure> {
    tell(told(console)?)
}

/// The same, and sends traces to that collector until what is returned is dropped.
#[cfg(feature = "otel")]
pub(super) fn start_sending(console: Console, endpoint: Option<&str>) -> Result<Option<Traces>, Failure> {
    let Some(endpoint) = endpoint else { return start(console).map(|()| None) };
    let (sent, traces) = traces(endpoint).map_err(|error| {
        Failure::wrong(error.to_string(), "write `traces = \"http://HOST:PORT\"` under `[serve]`")
    })?;
    let subscriber = Registry::default().with(told(console)?).with(sent);
    // Another subscriber can only be there if somebody else's program calls us; then theirs counts.
    let _ = subscriber.try_init();
    Ok(Some(traces))
}

/// What is told on standard error, if anything is.
type Told = Option<Box<dyn Layer<Registry> + Send + Sync>>;

fn tell(told: Told) -> Result<(), Failure> {
    if let Some(told) = told {
        // As above.
        let _ = Registry::default().with(told).try_init();
    }
    Ok(())
}

fn told(console: Console) -> Result<Told, Failure> {
    let Some(wanted) = setting_ambient(SETTING) else { return Ok(None) };
    let wrong = || {
        Failure::wrong(
            format!("`{SETTING}` names no filter"),
            "write a level or `target=level`, such as `info`",
        )
    };
    let filter = EnvFilter::try_new(wanted).map_err(|_| wrong())?;
    let colour = io::stderr().is_terminal() && setting_ambient("NO_COLOR").is_none();
    let layer = fmt::layer().with_writer(io::stderr).with_ansi(colour);
    Ok(Some(match console.is_json() {
        true => layer.json().with_filter(filter).boxed(),
        false => layer.with_filter(filter).boxed(),
    }))
}
