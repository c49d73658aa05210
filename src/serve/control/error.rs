//! Why an operation was not done: one shape for all of them, and one table of what they are called.

use crate::serve::ComponentName;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

/// What kind of reason it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// No such component, or the operator may not see it: these answer alike.
    Unreachable,
    /// The policies do not permit it.
    Denied,
    /// Who asks is no operator.
    NotAnOperator,
    /// The request makes no sense.
    Invalid,
    /// What was handed in is not let through: a component's identity, policies that do not hold.
    Refused,
    /// The mailbox is full; nothing was sent.
    Full,
    /// More is under way than there is room for; nothing was done.
    Busy,
    /// There was no answer in time. It may have been done.
    TimedOut,
    /// The component used up its time.
    TimeLimit,
    /// The component trapped, or a denial or a limit stopped it.
    Trap,
    /// The component ended before it had answered. It may have been done.
    Ended,
    /// The request is larger than is taken.
    TooLarge,
    /// The two sides speak different versions.
    Protocol,
    /// The system ends, and begins nothing new.
    Ending,
    /// The server failed.
    Internal,
}

impl Code {
    /// Every code.
    pub const ALL: &'static [Code] = &[
        Code::Unreachable,
        Code::Denied,
        Code::NotAnOperator,
        Code::Invalid,
        Code::Refused,
        Code::Full,
        Code::Busy,
        Code::TimedOut,
        Code::TimeLimit,
        Code::Trap,
        Code::Ended,
        Code::TooLarge,
        Code::Protocol,
        Code::Ending,
        Code::Internal,
    ];

    /// The status of HTTP that goes with it.
    pub(in crate::serve) fn status(self) -> StatusCode {
        match self {
            Code::Unreachable => StatusCode::NOT_FOUND,
            Code::Denied | Code::NotAnOperator => StatusCode::FORBIDDEN,
            Code::Invalid => StatusCode::BAD_REQUEST,
            Code::Refused => StatusCode::UNPROCESSABLE_ENTITY,
            Code::Full | Code::Busy | Code::Ending => StatusCode::SERVICE_UNAVAILABLE,
            Code::TimedOut | Code::TimeLimit => StatusCode::GATEWAY_TIMEOUT,
            Code::Trap | Code::Ended => StatusCode::BAD_GATEWAY,
            Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::Protocol => StatusCode::UPGRADE_REQUIRED,
            Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// An operation that was not done, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[error("{message}")]
pub struct ControlError {
    /// What kind of reason.
    pub code: Code,
    /// What happened and why, in one sentence.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl ControlError {
    /// An error of that kind.
    pub fn new(code: Code, message: impl Into<String>, help: impl Into<String>) -> ControlError {
        ControlError { code, message: message.into(), help: help.into() }
    }

    /// The one answer for a component that is not there and for one that the operator may not see.
    pub fn unreachable(name: &ComponentName) -> ControlError {
        let message = format!("no component `{name}` can be reached");
        ControlError::new(Code::Unreachable, message, "`airssys ps` lists the components that you may see")
    }

    /// The operator may see it, and the policies do not permit this: `what` as in `reload acme/thumb`.
    pub fn denied(what: &str) -> ControlError {
        let help = "whoever writes the policies can permit it to your `Operator`";
        ControlError::new(Code::Denied, format!("you are not permitted to {what}"), help)
    }

    /// The request makes no sense.
    pub fn invalid(message: impl Into<String>, help: impl Into<String>) -> ControlError {
        ControlError::new(Code::Invalid, message, help)
    }
}

/// How an error stands on the wire.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::serve) struct Told {
    pub(in crate::serve) error: ControlError,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_has_the_status_of_success_and_all_lead_back() {
        for code in Code::ALL {
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{code:?}");
            let error = ControlError::new(*code, "a", "b");
            let text = serde_json::to_string(&Told { error: error.clone() }).unwrap();
            assert_eq!(serde_json::from_str::<Told>(&text).unwrap().error, error);
        }
    }
}
