//! `airssys status`: how a server is, or one of its components.

use super::console::{Console, facts};
use super::failure::Failure;
use super::served::{self, Server};
use crate::serve::control::{ComponentStatus, SystemStatus};
use clap::Args;

/// Show how a running server is, or one of its components.
///
/// A component that you may not see and one that is not there answer alike, with 127.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys status
  airssys status acme/thumb
  airssys status acme/thumb --socket control.sock --json")]
pub(super) struct Status {
    /// The component, `publisher/name`.
    name: Option<String>,
    #[command(flatten)]
    server: Server,
}

impl Status {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let client = self.server.client();
        let (text, value) = match &self.name {
            None => {
                let status = served::asked(async { Ok(client.status().await?) })?;
                (of_system(&status), serde_json::to_value(&status))
            }
            Some(name) => {
                let name = served::name(name)?;
                let status = served::asked(async { Ok(client.component(&name).await?) })?;
                (of_component(&status), serde_json::to_value(&status))
            }
        };
        console.answer(&text, &value.unwrap_or_default())?;
        Ok(0)
    }
}

fn of_system(status: &SystemStatus) -> String {
    let ready = if status.ready { "yes" } else { "no" };
    facts(&[
        ("ready", ready.to_owned()),
        ("version", status.version.clone()),
        ("process", status.pid.to_string()),
        ("since", served::moment(status.since_unix_ms)),
        ("components", format!("{} of {} run", status.running, status.components)),
        ("policies", format!("epoch {}", status.epoch)),
        ("audit head", status.audit_head.clone().unwrap_or_else(|| "none".to_owned())),
    ])
}

fn of_component(status: &ComponentStatus) -> String {
    let mailbox = &status.mailbox;
    let kept = if mailbox.durable { ", durable" } else { "" };
    facts(&[
        ("name", status.name.to_string()),
        ("state", served::state(status)),
        ("version", format!("{}, release {}", status.version, status.release)),
        ("digest", status.digest.clone()),
        ("supervisor", status.supervisor.clone()),
        ("restarts", status.restarts.to_string()),
        ("last end", status.last_end.clone().unwrap_or_else(|| "none".to_owned())),
        ("mailbox", format!("{} of {}{kept}", mailbox.depth, mailbox.capacity)),
        ("mailbox", format!("{} dropped, {} dead letters", mailbox.dropped, mailbox.dead_letters)),
        ("memory", format!("{} KiB", status.memory_bytes / 1024)),
        ("calls", status.calls.to_string()),
        ("denials", status.denials.to_string()),
        ("since", served::moment(status.since_unix_ms)),
    ])
}
