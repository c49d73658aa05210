//! `airssys ps`: the components of a server.

use super::console::{Console, printable, shown, table};
use super::failure::Failure;
use super::served::{self, Server};
use crate::serve::control::ComponentStatus;
use clap::Args;
use serde_json::json;

/// List the components of a running server.
///
/// Those that you may see, by name: how each is, its version, how often it was started again, and how full its mailbox is.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys ps
  airssys ps --socket control.sock --json")]
pub(super) struct Ps {
    #[command(flatten)]
    server: Server,
}

impl Ps {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let client = self.server.client();
        let components = served::asked(async { Ok(client.ps().await?) })?;
        console.answer(&text(&components), &json!({ "components": components }))?;
        Ok(0)
    }
}

fn text(components: &[ComponentStatus]) -> String {
    let mut listing = table(&[
        "Name", "State", "Version", "Release", "Restarts", "Mailbox", "Memory", "Calls", "Denials", "Since",
    ]);
    for one in components {
        listing.add_row([
            one.name.to_string(),
            served::state(one),
            printable(&one.version),
            one.release.to_string(),
            one.restarts.to_string(),
            format!("{}/{}", one.mailbox.depth, one.mailbox.capacity),
            format!("{} KiB", one.memory_bytes / 1024),
            one.calls.to_string(),
            one.denials.to_string(),
            served::moment(one.since_unix_ms),
        ]);
    }
    shown(&listing)
}
