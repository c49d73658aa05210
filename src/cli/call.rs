//! `airssys call`: one function of a component, with values in WAVE.

use super::console::{Console, printable};
use super::exit::Exit;
use super::failure::Failure;
use super::grants::Grants;
use super::outcome::with_component;
use crate::embed::Error;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Call a function of a component.
///
/// The call is written in WAVE, the WebAssembly value encoding, and so is the printed result. A name means the
/// component's own function, else the one interface that has it; `'ns:pkg/iface#name(…)'` says which. A result's error
/// is printed too, and the status is 1.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys call stats.wasm 'process-data([1, 2, 3])' --trust trust.toml --policy policy.cedar
  airssys call thumb.wasm 'acme:images/resize#shrink({width: 64, name: \"a.jpg\"})' --dev
  airssys call stats.wasm 'mean([1.5, 2.5])' --dev --json")]
pub(super) struct Call {
    /// The component.
    component: PathBuf,
    /// The call: `name(value, …)`.
    #[arg(value_name = "CALL")]
    expression: String,
    #[command(flatten)]
    grants: Grants,
}

/// How a call ended that ended by itself.
enum Ended {
    Returned(Option<String>),
    Refused(String),
    Exited(u8),
}

impl Call {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let given = self.grants.read(console, &self.component)?;
        let ended =
            with_component(console, given, |component| match component.call_wave(&self.expression) {
                Ok(result) => Ok(Ended::Returned(result)),
                Err(Error::Guest(error)) => Ok(Ended::Refused(error)),
                Err(Error::Exited(status)) => Ok(Ended::Exited(status)),
                Err(error) => Err(error.into()),
            })?;
        tell(console, ended)
    }
}

fn tell(console: Console, ended: Ended) -> Result<u8, Failure> {
    match ended {
        Ended::Returned(None) if !console.is_json() => Ok(0),
        Ended::Returned(result) => {
            let text = result.as_deref().map(printable).unwrap_or_default();
            console.answer(&text, &json!({ "result": result }))?;
            Ok(0)
        }
        Ended::Refused(error) => {
            let text =
                if error.is_empty() { "err".to_owned() } else { format!("err({})", printable(&error)) };
            console.answer(
                &text,
                &json!({ "error": { "status": 1, "kind": Exit::GuestError.word(), "value": error } }),
            )?;
            Ok(Exit::GuestError.code())
        }
        Ended::Exited(status) => {
            console.note(&format!("the component ended itself with status {status}"));
            Ok(status)
        }
    }
}
