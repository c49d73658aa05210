//! Traces: what the library tells as it goes, on standard error, when `AIRSSYS_LOG` asks for it.

use super::console::Console;
use super::failure::Failure;
use super::files::setting_ambient;
use std::io::{self, IsTerminal};
use tracing_subscriber::EnvFilter;

/// The setting that names what is told, such as `airssys_wasm=info`.
const SETTING: &str = "AIRSSYS_LOG";

/// Starts telling, if it is asked for.
pub(super) fn start(console: Console) -> Result<(), Failure> {
    let Some(wanted) = setting_ambient(SETTING) else { return Ok(()) };
    let wrong = || {
        Failure::wrong(
            format!("`{SETTING}` names no filter"),
            "write a level or `target=level`, such as `info`",
        )
    };
    let filter = EnvFilter::try_new(wanted).map_err(|_| wrong())?;
    let colour = io::stderr().is_terminal() && setting_ambient("NO_COLOR").is_none();
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colour);
    // Another subscriber can only be there if somebody else's program calls us; then theirs counts.
    let _ = if console.is_json() { subscriber.json().try_init() } else { subscriber.try_init() };
    Ok(())
}
