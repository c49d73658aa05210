//! How a host function fails, and what of it reaches whom.

use crate::kernel::LimitExceeded;
use airssys_osl::Denied;
use airssys_osl::random::RandomError;
use wasmtime_wasi_io::streams::StreamError;

/// A host function that could not do what it was asked.
#[derive(Debug)]
pub(crate) enum Fail {
    /// Denied; the table's row says how the guest hears it.
    Denied(Denied),
    /// The guest is stopped.
    Trap(wasmtime::Error),
}

impl From<Denied> for Fail {
    fn from(denied: Denied) -> Fail {
        if denied.is_fatal() { Fail::Trap(wasmtime::Error::new(denied)) } else { Fail::Denied(denied) }
    }
}

impl From<RandomError> for Fail {
    fn from(error: RandomError) -> Fail {
        match error {
            RandomError::Denied(denied) => denied.into(),
            error => Fail::Trap(wasmtime::Error::new(error)),
        }
    }
}

impl From<Fail> for wasmtime::Error {
    fn from(fail: Fail) -> wasmtime::Error {
        match fail {
            Fail::Denied(denied) => wasmtime::Error::new(denied),
            Fail::Trap(error) => error,
        }
    }
}

impl From<wasmtime::component::ResourceTableError> for Fail {
    fn from(error: wasmtime::component::ResourceTableError) -> Fail {
        Fail::Trap(error.into())
    }
}

impl From<Fault> for Fail {
    fn from(fault: Fault) -> Fail {
        Fail::Trap(fault.into())
    }
}

/// A broken rule inside the kernel, found in time: the guest is stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A handle that nobody vouched for.
    #[error("`{import}`: handle {rep} is attributed to no decision")]
    Unattributed {
        /// The import that met it.
        import: &'static str,
        /// Its number.
        rep: u32,
    },
    /// A record that is written in any case could not be.
    #[error("`{import}`: the audit record could not be written")]
    Unrecorded {
        /// The import.
        import: &'static str,
    },
}

impl From<Fault> for StreamError {
    fn from(fault: Fault) -> StreamError {
        StreamError::Trap(fault.into())
    }
}

/// The guest asked to end, with this status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("exit with status {0}")]
pub struct Exit(pub u8);

/// A call of another component that came to nothing, which stops the caller. What happened inside the other is not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{function}` {why}")]
pub struct CallFault {
    /// The function as policies name it: `acme/resize#acme:images/resize.shrink`.
    pub function: String,
    /// What came in between.
    pub why: Unanswered,
}

/// Why a call of another component has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unanswered {
    /// The other has ended.
    #[error("cannot be called: its component has ended")]
    Ended,
    /// The other waits for the caller, directly or not, or is the caller.
    #[error("cannot be called: its component waits for this very call")]
    Circular,
    /// The other has failed in this call, and ended.
    #[error("did not return: its component has failed")]
    Failed,
    /// The arguments are more than the other takes in one call.
    #[error("cannot be called with so much: its limit `host_call_bytes` is {limit}")]
    TooMuch {
        /// The other's limit.
        limit: u64,
    },
    /// The other has another function by now, or none.
    #[error("cannot be called any more: {reason}")]
    Misfit {
        /// What differs, and where.
        reason: String,
    },
    /// Another version took the other's place, again and again.
    #[error("cannot be called: its component is being replaced")]
    Replaced,
}

/// How a call into a component ended other than by returning.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// By `wasi:cli/exit`.
    Exit(u8),
    /// A denial through a function that has no other way to say no.
    Denied(Denied),
    /// A limit.
    Limit(LimitExceeded),
    /// It called another component, and there was no answer.
    Unanswered(CallFault),
    /// A trap; the text is one sentence and holds no host path.
    Trap(String),
}

impl Failure {
    /// Tells by the typed errors that host functions put into a trap.
    pub(crate) fn of(error: &wasmtime::Error) -> Failure {
        if let Some(Exit(status)) = error.downcast_ref() {
            return Failure::Exit(*status);
        }
        if let Some(denied) = error.downcast_ref::<Denied>() {
            return Failure::Denied(denied.clone());
        }
        if let Some(fault) = error.downcast_ref::<CallFault>() {
            return Failure::Unanswered(fault.clone());
        }
        if let Some(fault) = error.downcast_ref::<Fault>() {
            return Failure::Trap(fault.to_string());
        }
        match error.downcast_ref::<wasmtime::Trap>() {
            Some(trap) => Failure::Trap(trap.to_string()),
            None => Failure::Trap(error.root_cause().to_string()),
        }
    }
}
