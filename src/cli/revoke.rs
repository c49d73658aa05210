//! `airssys revoke`: a publisher's key is trusted no more.

use super::console::Console;
use super::failure::Failure;
use super::served::{self, Server};
use clap::Args;

/// Revoke a publisher's key in a running server, for good.
///
/// When it is done, no effect of anything that the key signed is under way, and none starts. The server keeps it: a restart
/// revives nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys revoke 5f0c0e4d8a1b2c3d4e5f6071
  airssys revoke 5f0c0e4d8a1b2c3d4e5f6071 --socket control.sock --json")]
pub(super) struct Revoke {
    /// The key's id, as `airssys keygen` and `airssys verify` print it.
    #[arg(value_name = "KEYID")]
    key_id: String,
    #[command(flatten)]
    server: Server,
}

impl Revoke {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let client = self.server.client();
        let revoked = served::asked(async { Ok(client.revoke_key(&self.key_id).await?) })?;
        let text =
            format!("key {} is revoked; {} instances lost their permissions", self.key_id, revoked.instances);
        console.answer(&text, &serde_json::to_value(&revoked).unwrap_or_default())?;
        Ok(0)
    }
}
