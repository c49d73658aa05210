//! What operators are told of errors.

use crate::embed::Error;
use crate::kernel::EngineError;
use crate::serve::control::{Code, ControlError};
use miette::Diagnostic;

/// An error of the runtime's, as the control plane tells it.
pub(super) fn of(error: &Error) -> ControlError {
    if let Error::Ended = error {
        return ControlError::new(
            Code::Ended,
            "it has ended, and answers no more",
            "`airssys ps` tells how it is",
        );
    }
    let help = error.help().map(|help| help.to_string());
    let code = code(error);
    let help = help.unwrap_or_else(|| remedy(code).to_owned());
    ControlError::new(code, error.to_string(), help)
}

/// What to do about an error that does not say so itself.
fn remedy(code: Code) -> &'static str {
    match code {
        Code::Invalid => "`airssys inspect` shows the functions of a component's file, with their types",
        Code::Refused => "mend it, and try again",
        _ => "look at the server's log",
    }
}

fn code(error: &Error) -> Code {
    match error {
        Error::Of { error, .. } => code(error),
        Error::Identity(_)
        | Error::Import(_)
        | Error::Unenforceable(_)
        | Error::Reload(_)
        | Error::Engine(EngineError::Invalid(_) | EngineError::TooCostly(_)) => Code::Refused,
        Error::LimitExceeded(limit) if matches!(limit.limit, "cpu_ms" | "wall_ms") => Code::TimeLimit,
        Error::Denied(_) | Error::Trap(_) | Error::Unanswered(_) | Error::LimitExceeded(_) => Code::Trap,
        Error::Ended | Error::Unavailable { .. } | Error::Start { .. } => Code::Ended,
        Error::Value(_) | Error::Policy(_) | Error::UnknownKey(_) => Code::Invalid,
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
