//! How functions of airssys:runtime fail.

use crate::host::bindings::runtime::types::Error as Code;
use crate::kernel::{Fail, Fault};
use airssys_osl::{BadTerms, Denied, LendError};
use wasmtime::component::ResourceTableError;

/// A function that did not happen.
#[derive(Debug)]
#[expect(
    unreachable_pub,
    reason = "named in public traits that `bindgen!` makes, which compilers after 1.95 compare"
)]
pub enum RuntimeFail {
    /// With an error for the guest.
    Code(Code),
    /// With the end of the guest.
    Trap(wasmtime::Error),
}

impl From<Denied> for RuntimeFail {
    fn from(denied: Denied) -> RuntimeFail {
        if denied.is_fatal() {
            RuntimeFail::Trap(wasmtime::Error::new(denied))
        } else {
            RuntimeFail::Code(Code::Unreachable)
        }
    }
}

impl From<Fail> for RuntimeFail {
    fn from(fail: Fail) -> RuntimeFail {
        match fail {
            Fail::Denied(denied) => denied.into(),
            Fail::Trap(error) => match error.downcast::<ResourceTableError>() {
                Ok(error) => error.into(),
                Err(error) => RuntimeFail::Trap(error),
            },
        }
    }
}

impl From<Fault> for RuntimeFail {
    fn from(fault: Fault) -> RuntimeFail {
        RuntimeFail::Trap(fault.into())
    }
}

impl From<ResourceTableError> for RuntimeFail {
    fn from(error: ResourceTableError) -> RuntimeFail {
        match error {
            ResourceTableError::Full => RuntimeFail::Code(Code::Full),
            error => RuntimeFail::Trap(error.into()),
        }
    }
}

impl From<BadTerms> for RuntimeFail {
    fn from(bad: BadTerms) -> RuntimeFail {
        RuntimeFail::Code(Code::Invalid(bad.to_string()))
    }
}

impl From<LendError> for RuntimeFail {
    fn from(error: LendError) -> RuntimeFail {
        match error {
            LendError::Denied(denied) => denied.into(),
            LendError::Terms(bad) => bad.into(),
            LendError::NotAnother => RuntimeFail::Code(Code::Invalid(error.to_string())),
            LendError::NoSuch => RuntimeFail::Code(Code::NotFound),
            LendError::Limit(_) => RuntimeFail::Code(Code::Full),
            error => RuntimeFail::Trap(wasmtime::Error::new(error)),
        }
    }
}

/// The error a guest is told.
pub(crate) fn convert(fail: RuntimeFail) -> wasmtime::Result<Code> {
    match fail {
        RuntimeFail::Code(code) => Ok(code),
        RuntimeFail::Trap(error) => Err(error),
    }
}
