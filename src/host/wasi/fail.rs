//! How file and socket functions fail: osl's neutral errors as the codes of their interfaces.

use crate::host::bindings::filesystem::types::ErrorCode;
use crate::host::bindings::sockets::network::ErrorCode as SocketCode;
use crate::kernel::{Fail, Fault};
use airssys_osl::Denied;
use airssys_osl::fs::FsError;
use airssys_osl::net::NetError;
use wasmtime::component::ResourceTableError;

/// A file function that did not happen.
#[derive(Debug)]
#[expect(
    unreachable_pub,
    reason = "named in public traits that `bindgen!` makes, which compilers after 1.95 compare"
)]
pub enum FsFail {
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
        FsError::Limit(_) => ErrorCode::Quota,
        _ => ErrorCode::Io,
    }
}

/// A socket function that did not happen.
#[derive(Debug)]
#[expect(
    unreachable_pub,
    reason = "named in public traits that `bindgen!` makes, which compilers after 1.95 compare"
)]
pub enum SocketFail {
    /// With a code for the guest.
    Net(NetError),
    /// With the end of the guest.
    Trap(wasmtime::Error),
}

impl From<NetError> for SocketFail {
    fn from(error: NetError) -> SocketFail {
        match error {
            NetError::Denied(denied) => denied.into(),
            NetError::TooMuch => {
                SocketFail::Trap(wasmtime::Error::msg("more datagrams than check-send permitted"))
            }
            error => SocketFail::Net(error),
        }
    }
}

impl From<Denied> for SocketFail {
    fn from(denied: Denied) -> SocketFail {
        if denied.is_fatal() {
            SocketFail::Trap(wasmtime::Error::new(denied))
        } else {
            SocketFail::Net(denied.into())
        }
    }
}

impl From<Fail> for SocketFail {
    fn from(fail: Fail) -> SocketFail {
        match fail {
            Fail::Denied(denied) => denied.into(),
            Fail::Trap(error) => match error.downcast::<ResourceTableError>() {
                Ok(error) => error.into(),
                Err(error) => SocketFail::Trap(error),
            },
        }
    }
}

impl From<Fault> for SocketFail {
    fn from(fault: Fault) -> SocketFail {
        SocketFail::Trap(fault.into())
    }
}

impl From<ResourceTableError> for SocketFail {
    fn from(error: ResourceTableError) -> SocketFail {
        match error {
            ResourceTableError::Full => SocketFail::Net(NetError::OutOfMemory),
            error => SocketFail::Trap(error.into()),
        }
    }
}

/// The code a guest is told. A denial and the system's own refusal are the same word.
pub(crate) fn socket_code(error: &NetError) -> SocketCode {
    match error {
        NetError::Denied(_) | NetError::AccessDenied => SocketCode::AccessDenied,
        NetError::NotSupported => SocketCode::NotSupported,
        NetError::InvalidArgument => SocketCode::InvalidArgument,
        NetError::OutOfMemory | NetError::Limit(_) => SocketCode::OutOfMemory,
        NetError::Timeout => SocketCode::Timeout,
        NetError::ConcurrencyConflict => SocketCode::ConcurrencyConflict,
        NetError::NotInProgress => SocketCode::NotInProgress,
        NetError::WouldBlock => SocketCode::WouldBlock,
        // A socket that is gone is in no state for anything.
        NetError::InvalidState | NetError::Closed => SocketCode::InvalidState,
        NetError::NewSocketLimit => SocketCode::NewSocketLimit,
        NetError::AddressNotBindable => SocketCode::AddressNotBindable,
        NetError::AddressInUse => SocketCode::AddressInUse,
        NetError::RemoteUnreachable => SocketCode::RemoteUnreachable,
        NetError::ConnectionRefused => SocketCode::ConnectionRefused,
        NetError::ConnectionReset => SocketCode::ConnectionReset,
        NetError::ConnectionAborted => SocketCode::ConnectionAborted,
        NetError::DatagramTooLarge => SocketCode::DatagramTooLarge,
        NetError::NameUnresolvable => SocketCode::NameUnresolvable,
        NetError::TemporaryResolverFailure => SocketCode::TemporaryResolverFailure,
        NetError::PermanentResolverFailure => SocketCode::PermanentResolverFailure,
        _ => SocketCode::Unknown,
    }
}
