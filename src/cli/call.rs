//! `airssys call`: one function of a component, with values in WAVE.

use super::console::{Console, printable};
use super::exit::Exit;
use super::failure::Failure;
use super::grants::Grants;
use super::outcome::with_component;
use super::served;
use crate::embed::Error;
use crate::serve::client::Client;
use crate::serve::control::{CallAnswer, CallRequest};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Call a function of a component.
///
/// The call is written in WAVE, the WebAssembly value encoding, and so is the printed result. A name means the
/// component's own function, else the one interface that has it; `'ns:pkg/iface#name(…)'` says which. A result's error
/// is printed too, and the status is 1.
///
/// With `--socket` the component is one of a running server's, by its name, and the server gives it what it has.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys call stats.wasm 'process-data([1, 2, 3])' --trust trust.toml --policy policy.cedar
  airssys call thumb.wasm 'acme:images/resize#shrink({width: 64, name: \"a.jpg\"})' --dev
  airssys call stats.wasm 'mean([1.5, 2.5])' --dev --json
  airssys call --socket /run/airssys/control.sock acme/stats 'mean([1.5, 2.5])'")]
pub(super) struct Call {
    /// The component: its file, or with `--socket` its name, `publisher/name`.
    component: PathBuf,
    /// The call: `name(value, …)`.
    #[arg(value_name = "CALL")]
    expression: String,
    /// The control socket of the server that has the component.
    #[arg(long, value_name = "PATH", conflicts_with_all = GRANTS)]
    socket: Option<PathBuf>,
    /// How long to wait for the server's component, milliseconds; as long as its limits let it run unless this is said.
    #[arg(long, value_name = "N", requires = "socket")]
    timeout_ms: Option<u64>,
    #[command(flatten)]
    grants: Grants,
}

/// What a server has its own of.
const GRANTS: [&str; 9] =
    ["trust", "policies", "entities", "dir", "env", "audit", "config", "dev", "denials"];

/// How a call ended that ended by itself.
enum Ended {
    Returned(Option<String>),
    Refused(String),
    Exited(u8),
}

impl Call {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        if let Some(socket) = &self.socket {
            return self.ask(console, socket);
        }
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

    /// Has a server make the call.
    fn ask(&self, console: Console, socket: &Path) -> Result<u8, Failure> {
        let name = served::name(&self.component.to_string_lossy())?;
        let call = CallRequest { call: self.expression.clone(), timeout_ms: self.timeout_ms };
        let client = Client::new(socket);
        let answer = served::asked(async { Ok(client.call(&name, &call).await?) })?;
        tell(
            console,
            match answer {
                CallAnswer::Returned(result) => Ended::Returned(result),
                CallAnswer::Failed(error) => Ended::Refused(error),
                CallAnswer::Exited(status) => Ended::Exited(status),
            },
        )
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
