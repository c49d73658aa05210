//! `airssys reload`: a new version of a component.

use super::console::{Console, printable};
use super::failure::Failure;
use super::inputs;
use super::served::{self, Server};
use crate::serve::control::Reloaded;
use clap::Args;
use std::path::PathBuf;

/// Put a new version of a component in the place of the one that runs.
///
/// The server verifies it like any other: the same publisher and name, not older than any release that was installed
/// there, and permitted by the policies. Calls under way finish on the old version. A refusal leaves the old one running.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys reload acme/thumb thumb-2.signed.wasm
  airssys reload acme/thumb thumb-2.signed.wasm --socket control.sock --json")]
pub(super) struct Reload {
    /// The component, `publisher/name`.
    name: String,
    /// Its new version, signed.
    component: PathBuf,
    #[command(flatten)]
    server: Server,
}

impl Reload {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let name = served::name(&self.name)?;
        let component = inputs::component(&self.component)?;
        let client = self.server.client();
        let reloaded = served::asked(async { Ok(client.reload(&name, component).await?) })?;
        let text = format!("{name}: {}", text(&reloaded));
        console.answer(&text, &serde_json::to_value(&reloaded).unwrap_or_default())?;
        Ok(0)
    }
}

fn text(reloaded: &Reloaded) -> String {
    let Reloaded { from_version, from_release, version, release, .. } = reloaded;
    let state =
        if reloaded.state_handed_over { "its state was handed over" } else { "it begins without state" };
    let mut text = printable(&format!(
        "version {version}, release {release} runs in place of {from_version}, release {from_release}; {state}"
    ));
    for widened in &reloaded.widened {
        text += &format!("\n  new: {}", printable(widened));
    }
    for topic in &reloaded.subscriptions_lost {
        text += &format!("\n  no longer heard of: {}", printable(topic));
    }
    text
}
