//! A running server, as the commands see it: its socket, its answers, and what its errors mean.

use super::exit::Exit;
use super::failure::Failure;
use crate::serve::client::{Client, ClientError};
use crate::serve::control::{Code, ComponentStatus, ControlError};
use crate::serve::{CONTROL, ComponentName};
use airssys_osl::host_sockets::HostSocketError;
use clap::Args;
use jiff::Timestamp;
use std::future::Future;
use std::path::PathBuf;
use tokio::runtime::Builder;

/// Where the server is.
#[derive(Debug, Args)]
pub(super) struct Server {
    /// The control socket, as `[serve] control` names it.
    #[arg(long, value_name = "PATH", default_value = CONTROL)]
    socket: PathBuf,
}

impl Server {
    /// The server's client.
    pub(super) fn client(&self) -> Client {
        Client::new(&self.socket)
    }
}

/// Does what is asked of a server, and waits for it.
pub(super) fn asked<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let executor = Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::wrong(
            format!("nothing can be waited for here: {error}"),
            "look at the limits of your session",
        )
    })?;
    executor.block_on(work)
}

/// The component of that name.
pub(super) fn name(text: &str) -> Result<ComponentName, Failure> {
    text.parse().map_err(|error: crate::serve::BadName| {
        Failure::wrong(error.to_string(), "`airssys ps` lists the names of a server's components")
    })
}

/// How a component is, in words, with the older versions that finish what they had accepted.
pub(super) fn state(status: &ComponentStatus) -> String {
    let state = status.state.word();
    match status.finishing {
        0 => state.to_owned(),
        older => format!("{state}, {older} finishing"),
    }
}

/// A moment as people read it; a dash where there is none.
pub(super) fn moment(unix_ms: u64) -> String {
    if unix_ms == 0 {
        return "-".to_owned();
    }
    let moment = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    moment.map_or_else(|| format!("{unix_ms} ms"), |moment| moment.to_string())
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        let message = error.to_string();
        let own = |help| Failure::wrong(message.clone(), help);
        match error {
            ClientError::Socket(error) => Failure::said(socket_exit(&error), message, socket_help(&error)),
            ClientError::Stalled { .. } => own("look at the server's own log, or start it anew"),
            ClientError::HungUp { .. } => own("`airssys status` tells how the server is"),
            ClientError::OtherVersion { .. } => {
                own("use the `airssys` of the server's own version, or name its socket")
            }
            ClientError::Said(error) => said(error),
        }
    }
}

fn socket_exit(error: &HostSocketError) -> Exit {
    match error {
        HostSocketError::NotPermitted { .. } | HostSocketError::NotOurs { .. } => Exit::Refused,
        _ => Exit::Own,
    }
}

fn socket_help(error: &HostSocketError) -> &'static str {
    match error {
        HostSocketError::Nobody { .. } => "start it with `airssys serve`, or name its socket with `--socket`",
        HostSocketError::NotPermitted { .. } => "ask as the user who runs the server, or as the superuser",
        HostSocketError::NotOurs { .. } => {
            "nothing is said to another user's server: name your own with `--socket`"
        }
        HostSocketError::Busy { .. } => "try again, or start the server anew",
        _ => "name the server's socket with `--socket`",
    }
}

fn said(error: ControlError) -> Failure {
    let ControlError { code, message, help } = error;
    let exit = match code {
        Code::Unreachable => Exit::NotFound,
        Code::Denied | Code::NotAnOperator | Code::Refused => Exit::Refused,
        Code::TimedOut | Code::TimeLimit => Exit::TimeLimit,
        Code::Trap | Code::Ended => Exit::Trap,
        Code::Invalid
        | Code::Full
        | Code::Busy
        | Code::TooLarge
        | Code::Protocol
        | Code::Ending
        | Code::Internal => Exit::Own,
    };
    Failure::said(exit, message, help).with_their_names()
}
