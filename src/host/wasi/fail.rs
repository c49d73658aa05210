//! How file functions fail: osl's neutral errors as `wasi:filesystem` codes.

use crate::host::bindings::filesystem::types::ErrorCode;
use crate::kernel::{Fail, Fault};
use airssys_osl::Denied;
use airssys_osl::fs::FsError;
use wasmtime::component::ResourceTableError;

/// A file function that did not happen.
#[derive(Debug)]
pub(crate) enum FsFail {
    /// With a code for the guest.
    Fs(FsError),
    /// With a code of this interface that no file operation gives.
    Code(ErrorCode),
    /// With the end of the guest.
    Trap(wasmtime::Error),
}

impl From<FsError> for FsFail {
    fn from(error: FsError) -> FsFail {
        match error {
            FsError::Denied(denied) => denied.into(),
            error => FsFail::Fs(error),
        }
    }
}

impl From<Denied> for FsFail {
    fn from(denied: Denied) -> FsFail {
        if denied.is_fatal() { FsFail::Trap(wasmtime::Error::new(denied)) } else { FsFail::Fs(denied.into()) }
    }
}

impl From<Fail> for FsFail {
    fn from(fail: Fail) -> FsFail {
        match fail {
            Fail::Denied(denied) => denied.into(),
            Fail::Trap(error) => match error.downcast::<ResourceTableError>() {
                Ok(error) => error.into(),
                Err(error) => FsFail::Trap(error),
            },
        }
    }
}

impl From<Fault> for FsFail {
    fn from(fault: Fault) -> FsFail {
        FsFail::Trap(fault.into())
    }
}

impl From<ResourceTableError> for FsFail {
    fn from(error: ResourceTableError) -> FsFail {
        match error {
            ResourceTableError::Full => FsFail::Code(ErrorCode::InsufficientMemory),
            error => FsFail::Trap(error.into()),
        }
    }
}

/// The code a guest is told. A denial and the system's own refusal are the same word.
pub(crate) fn code(error: &FsError) -> ErrorCode {
    match error {
        FsError::Denied(_) | FsError::Access => ErrorCode::Access,
        FsError::NoEntry => ErrorCode::NoEntry,
        FsError::Exist => ErrorCode::Exist,
        FsError::NotDirectory => ErrorCode::NotDirectory,
        FsError::IsDirectory => ErrorCode::IsDirectory,
        FsError::NotEmpty => ErrorCode::NotEmpty,
        FsError::Loop => ErrorCode::Loop,
        FsError::NotPermitted => ErrorCode::NotPermitted,
        FsError::ReadOnly => ErrorCode::ReadOnly,
        FsError::BadDescriptor => ErrorCode::BadDescriptor,
        FsError::Invalid => ErrorCode::Invalid,
        FsError::NameTooLong => ErrorCode::NameTooLong,
        FsError::IllegalByteSequence => ErrorCode::IllegalByteSequence,
        FsError::CrossDevice => ErrorCode::CrossDevice,
        FsError::Busy => ErrorCode::Busy,
        FsError::TooManyLinks => ErrorCode::TooManyLinks,
        FsError::NoSpace => ErrorCode::InsufficientSpace,
        FsError::FileTooLarge => ErrorCode::FileTooLarge,
        FsError::Unsupported => ErrorCode::Unsupported,
        FsError::OutOfMemory => ErrorCode::InsufficientMemory,
        _ => ErrorCode::Io,
    }
}
