//! What operators are told of errors.

use crate::embed::Error;
use crate::kernel::EngineError;
use crate::serve::control::{Code, ControlError};
use miette::Diagnostic;

/// An error of the runtime's, as the control plane tells it.
pub(super) fn of(error: &Error) -> ControlError {
    let help = error.help().map(|help| help.to_string());
    let help = help.unwrap_or_else(|| "look at the server's log".to_owned());
    ControlError::new(code(error), error.to_string(), help)
}

fn code(error: &Error) -> Code {
    match error {
        Error::Identity(_)
        | Error::Import(_)
        | Error::Unenforceable(_)
        | Error::Reload(_)
        | Error::Policy(_)
        | Error::Engine(EngineError::Invalid(_)) => Code::Refused,
        Error::LimitExceeded(limit) if matches!(limit.limit, "cpu_ms" | "wall_ms") => Code::TimeLimit,
        Error::Denied(_) | Error::Trap(_) | Error::Unanswered(_) | Error::LimitExceeded(_) => Code::Trap,
        Error::Ended | Error::Unavailable { .. } => Code::Ended,
        Error::Value(_) => Code::Invalid,
        // Written out, so that a new error is given its code on purpose.
        Error::NotFound(_)
        | Error::Unknown { .. }
        | Error::Engine(_)
        | Error::Mount(_)
        | Error::Environment(_)
        | Error::HostFile(_)
        | Error::Config(_)
        | Error::Audit(_)
        | Error::Record(_)
        | Error::Exited(_)
        | Error::Guest(_)
        | Error::BlockingInsideAsync
        | Error::Executor(_) => Code::Internal,
    }
}

/// The work itself was lost.
pub(super) fn failed() -> ControlError {
    ControlError::new(
        Code::Internal,
        "the operation failed within the server",
        "look at the server's log, and report it",
    )
}
