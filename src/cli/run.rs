//! `airssys run`: a command component, with its arguments.

use super::console::Console;
use super::failure::Failure;
use super::grants::Grants;
use super::outcome::with_component;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Run a command component.
///
/// Its identity is verified before anything is compiled; then its `wasi:cli/run` is called with your standard streams,
/// each use of them decided like everything else. The status is the component's own; ours are listed in `airssys
/// --help`. Arguments that begin with `-` stand behind `--`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys run --dev hello.wasm --policy starter.cedar
  airssys run thumb.signed.wasm --trust trust.toml --policy policy.cedar --dir ./photos::/photos:ro -- -v a.jpg
  airssys run thumb.signed.wasm --config airssys.toml --audit audit.jsonl")]
pub(super) struct Run {
    /// The component.
    component: PathBuf,
    /// Arguments for it.
    arguments: Vec<String>,
    #[command(flatten)]
    grants: Grants,
}

impl Run {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let mut given = self.grants.read(console, &self.component)?;
        let name = self.component.file_name().unwrap_or_default().to_string_lossy().into_owned();
        given.config = given.config.args(std::iter::once(name).chain(self.arguments));
        let status = with_component(console, given, |component| Ok(component.run_command()?))?;
        if console.is_json() {
            console.event("", &json!({ "exit": { "status": status, "kind": "guest" } }));
        }
        Ok(status)
    }
}
