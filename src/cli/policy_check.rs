//! `airssys policy check`: are these files what a run would accept?

use super::console::{Console, printable, shown, table};
use super::failure::Failure;
use super::inputs;
use crate::policy::{BASE_NAME, Cited, Policies};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Check policy and entity files strictly, as a run would.
///
/// Everything that is wrong is shown with file, line and column, and the status is 125: what Cedar's strict validation
/// finds, its warnings, names that the kernel spells otherwise and that would never match, two policies of one id.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys policy check policy.cedar
  airssys policy check *.cedar --entities resources.json --json")]
pub(super) struct Check {
    /// Policy files.
    #[arg(required = true, value_name = "POLICY")]
    policies: Vec<PathBuf>,
    /// Entity files in Cedar's JSON, which put resources into sets.
    #[arg(long, value_name = "FILE")]
    entities: Vec<PathBuf>,
    /// Schemas of interfaces that a host offers itself, in Cedar's schema syntax.
    #[arg(long, value_name = "FILE")]
    schema: Vec<PathBuf>,
}

impl Check {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let policies = inputs::policies(&self.schema, &self.policies, &self.entities)?;
        let own: Vec<Cited> = policies.rules().filter(|rule| &*rule.place.file != BASE_NAME).collect();
        let value = json!({
            "policies": own,
            "built_in": policies.rules().count() - own.len(),
            "notes": policies.notes(),
            "digests": policies.digests(),
        });
        console.answer(&text(&policies, &own), &value)?;
        Ok(0)
    }
}

fn text(loaded: &Policies, own: &[Cited]) -> String {
    let mut listing = table(&["Policy", "Effect", "Place"]);
    for rule in own {
        listing.add_row([
            printable(&rule.id),
            rule.effect.name().to_owned(),
            printable(&rule.place.to_string()),
        ]);
    }
    let mut text = shown(&listing);
    for note in loaded.notes() {
        text += &format!(
            "note: `{}` ({}): {}\n",
            printable(&note.policy),
            printable(&note.place.to_string()),
            note.text
        );
    }
    let (count, built_in) = (own.len(), loaded.rules().count() - own.len());
    let policies = if count == 1 { "policy" } else { "policies" };
    text + &format!("in order: {count} {policies}, and {built_in} built in\n")
}
