//! `airssys send`: a message for a component.

use super::console::Console;
use super::failure::Failure;
use super::files::read_ambient;
use super::served::{self, Server};
use crate::serve::control::{MAX_BODY_BYTES, SendRequest};
use clap::Args;
use std::path::PathBuf;

/// Put a message into the mailbox of a component of a running server.
///
/// Done means that it is in the mailbox, and on disk where the mailbox is durable; what the component makes of it is not
/// waited for.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys send acme/thumb 'resize a.jpg'
  airssys send acme/thumb --file message.bin --ttl-ms 60000
  airssys send acme/thumb hello --socket control.sock --json")]
pub(super) struct Send {
    /// The component, `publisher/name`.
    name: String,
    /// The message.
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    body: Option<String>,
    /// The file that holds the message.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Milliseconds until nobody wants it any more.
    #[arg(long, value_name = "N")]
    ttl_ms: Option<u64>,
    #[command(flatten)]
    server: Server,
}

/// Base64 needs four bytes for three, and there are words around it.
const MAX_MESSAGE_BYTES: usize = MAX_BODY_BYTES / 4 * 3 - 1024;

impl Send {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let name = served::name(&self.name)?;
        let message = SendRequest { body: self.body()?, time_to_live_ms: self.ttl_ms };
        let client = self.server.client();
        let sent = served::asked(async { Ok(client.send(&name, &message).await?) })?;
        let kept = if sent.durable { "it is on disk" } else { "it is in memory" };
        let text = format!("sent to {name}: {kept}, {} in the mailbox", sent.depth);
        console.answer(&text, &serde_json::to_value(&sent).unwrap_or_default())?;
        Ok(0)
    }

    fn body(&self) -> Result<Vec<u8>, Failure> {
        let most = MAX_MESSAGE_BYTES as u64;
        let Some(file) = &self.file else {
            let body = self.body.clone().unwrap_or_default().into_bytes();
            let long = || Failure::wrong(format!("the message has more than {most} bytes"), "send less");
            return (body.len() as u64 <= most).then_some(body).ok_or_else(long);
        };
        read_ambient(file, most).map_err(|error| Failure::file("message", &error))
    }
}
