//! `airssys policy swap`: other policies for a running server.

use super::console::Console;
use super::failure::Failure;
use super::inputs;
use super::served::{self, Server};
use crate::policy::Source;
use crate::serve::control::{PolicyRequest, SourceText};
use clap::Args;
use std::path::PathBuf;

/// Put these policies in force in a running server, in place of all others.
///
/// When it is done, no effect is under way that was decided by the old ones. They stay in force until the next swap; on
/// SIGHUP and after a restart the server reads the files that its configuration names.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys policy swap policy.cedar policies/starter.cedar
  airssys policy swap policy.cedar --entities resources.json --socket control.sock --json")]
pub(super) struct Swap {
    /// Policy files.
    #[arg(required = true, value_name = "POLICY")]
    policies: Vec<PathBuf>,
    /// Entity files in Cedar's JSON, which put resources into sets.
    #[arg(long, value_name = "FILE")]
    entities: Vec<PathBuf>,
    #[command(flatten)]
    server: Server,
}

impl Swap {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let policy = PolicyRequest {
            policies: texts(inputs::sources("policy file", &self.policies)?),
            entities: texts(inputs::sources("entities file", &self.entities)?),
        };
        let client = self.server.client();
        let swapped = served::asked(async { Ok(client.swap_policy(&policy).await?) })?;
        let text = format!("{} policies are in force, epoch {}", swapped.policies, swapped.epoch);
        console.answer(&text, &serde_json::to_value(&swapped).unwrap_or_default())?;
        Ok(0)
    }
}

fn texts(sources: Vec<Source>) -> Vec<SourceText> {
    sources.into_iter().map(|Source { name, text }| SourceText { name, text }).collect()
}
