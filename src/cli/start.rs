//! `airssys start`: a component that was stopped runs again.

use super::console::Console;
use super::failure::Failure;
use super::served::{self, Server};
use clap::Args;

/// Start a component of a running server again.
///
/// One that was stopped, or that its supervisor does not start again: the version that ran last. It returns when it runs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys start acme/thumb
  airssys start acme/thumb --socket control.sock --json")]
pub(super) struct Start {
    /// The component, `publisher/name`.
    name: String,
    #[command(flatten)]
    server: Server,
}

impl Start {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let name = served::name(&self.name)?;
        let client = self.server.client();
        let started = served::asked(async { Ok(client.start(&name).await?) })?;
        let text =
            format!("{name} is {}: {}, release {}", started.state.word(), started.version, started.release);
        console.answer(&text, &serde_json::to_value(&started).unwrap_or_default())?;
        Ok(0)
    }
}
