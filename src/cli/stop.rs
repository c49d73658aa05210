//! `airssys stop`: the end of a component.

use super::console::Console;
use super::failure::Failure;
use super::served::{self, Server};
use crate::serve::control::StopRequest;
use clap::Args;

/// Stop a component of a running server.
///
/// A call under way may end by itself for as long as the configuration or `--grace-ms` says. It stays stopped, whatever its
/// supervisor would do otherwise.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys stop acme/thumb
  airssys stop acme/thumb --grace-ms 0
  airssys stop acme/thumb --socket control.sock --json")]
pub(super) struct Stop {
    /// The component, `publisher/name`.
    name: String,
    /// How long a call under way may go on, milliseconds; 0 stops at once.
    #[arg(long, value_name = "N")]
    grace_ms: Option<u64>,
    #[command(flatten)]
    server: Server,
}

impl Stop {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let name = served::name(&self.name)?;
        let (client, stop) = (self.server.client(), StopRequest { grace_ms: self.grace_ms });
        let stopped = served::asked(async { Ok(client.stop(&name, &stop).await?) })?;
        let how = if stopped.in_time { "ended by itself" } else { "was ended" };
        let text = format!("{name} {how}; {} messages were left in its mailbox", stopped.left);
        console.answer(&text, &serde_json::to_value(&stopped).unwrap_or_default())?;
        Ok(0)
    }
}
