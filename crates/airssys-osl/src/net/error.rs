//! What can go wrong with a socket or a name, in neutral words.

use crate::gate::{Denied, LimitExceeded};
use std::io;

/// Why an operation on the network did not happen.
///
/// The variants have the meaning of the codes of `wasi:sockets` of the same name. [`NetError::Denied`] and
/// [`NetError::AccessDenied`] must look alike to a guest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// A decision said no.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The bytes that may be read or written are used up.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The operating system permits it not.
    #[error("the operating system permits it not")]
    AccessDenied,
    /// Neither this platform nor this kind of socket can do it.
    #[error("it is not supported")]
    NotSupported,
    /// An argument makes no sense.
    #[error("an argument makes no sense")]
    InvalidArgument,
    /// The host has too few resources right now.
    #[error("the host has too few resources")]
    OutOfMemory,
    /// The other side did not answer in time.
    #[error("the other side did not answer in time")]
    Timeout,
    /// Another operation on the same socket is not finished.
    #[error("another operation on this socket is not finished")]
    ConcurrencyConflict,
    /// There is no such operation to finish.
    #[error("there is no such operation to finish")]
    NotInProgress,
    /// It has to wait.
    #[error("it has to wait")]
    WouldBlock,
    /// The socket is not in a state for this.
    #[error("the socket is not in a state for this")]
    InvalidState,
    /// One socket more than there may be.
    #[error("too many sockets are open")]
    NewSocketLimit,
    /// The address is none of this host.
    #[error("the address is none of this host")]
    AddressNotBindable,
    /// The address, or every free port, is taken.
    #[error("the address is taken")]
    AddressInUse,
    /// No way leads there.
    #[error("the address cannot be reached")]
    RemoteUnreachable,
    /// Nobody listens there.
    #[error("the connection was refused")]
    ConnectionRefused,
    /// The other side broke the connection.
    #[error("the connection was reset")]
    ConnectionReset,
    /// The connection ended before it was taken up.
    #[error("the connection was aborted")]
    ConnectionAborted,
    /// More than fits into a datagram.
    #[error("the datagram is too large")]
    DatagramTooLarge,
    /// There is no such name, or it has no address.
    #[error("the name cannot be resolved")]
    NameUnresolvable,
    /// The name cannot be looked up right now.
    #[error("the name cannot be looked up right now")]
    TemporaryResolverFailure,
    /// The name cannot be looked up.
    #[error("the name cannot be looked up")]
    PermanentResolverFailure,
    /// The stream has ended.
    #[error("the stream has ended")]
    Closed,
    /// More was written than there was room for; the caller did not ask.
    #[error("more was given than there is room for")]
    TooMuch,
    /// Any other failure of the system. Its text is for the host's log, never for a guest.
    #[error("input or output failed")]
    Io(#[source] io::Error),
}

impl From<io::Error> for NetError {
    fn from(error: io::Error) -> NetError {
        match error.kind() {
            io::ErrorKind::WouldBlock => NetError::WouldBlock,
            io::ErrorKind::UnexpectedEof => NetError::Closed,
            _ => by_code(error),
        }
    }
}

#[cfg(unix)]
fn by_code(error: io::Error) -> NetError {
    use rustix::io::Errno;
    match Errno::from_io_error(&error) {
        Some(Errno::ACCESS | Errno::PERM) => NetError::AccessDenied,
        Some(Errno::OPNOTSUPP | Errno::PROTONOSUPPORT | Errno::NOPROTOOPT) => NetError::NotSupported,
        Some(Errno::INVAL | Errno::AFNOSUPPORT | Errno::DESTADDRREQ) => NetError::InvalidArgument,
        Some(Errno::NOMEM | Errno::NOBUFS) => NetError::OutOfMemory,
        Some(Errno::TIMEDOUT) => NetError::Timeout,
        Some(Errno::INPROGRESS | Errno::ALREADY) => NetError::WouldBlock,
        Some(Errno::ISCONN | Errno::NOTCONN) => NetError::InvalidState,
        Some(Errno::MFILE | Errno::NFILE) => NetError::NewSocketLimit,
        Some(Errno::ADDRNOTAVAIL) => NetError::AddressNotBindable,
        Some(Errno::ADDRINUSE) => NetError::AddressInUse,
        Some(Errno::HOSTUNREACH | Errno::HOSTDOWN | Errno::NETUNREACH | Errno::NETDOWN | Errno::NETRESET) => {
            NetError::RemoteUnreachable
        }
        Some(Errno::CONNREFUSED) => NetError::ConnectionRefused,
        Some(Errno::CONNRESET) => NetError::ConnectionReset,
        Some(Errno::CONNABORTED) => NetError::ConnectionAborted,
        Some(Errno::PIPE) => NetError::Closed,
        Some(Errno::MSGSIZE) => NetError::DatagramTooLarge,
        _ => NetError::Io(error),
    }
}

#[cfg(not(unix))]
fn by_code(error: io::Error) -> NetError {
    NetError::Io(error)
}

impl NetError {
    /// The same failure, met while connecting: an address that could not be had is then the local one.
    pub(in crate::net) fn connecting(self) -> NetError {
        match self {
            NetError::AddressNotBindable => NetError::AddressInUse,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_system_error_is_not_in_the_sentence() {
        let error = NetError::from(io::Error::other("10.0.0.1 secret"));
        assert!(matches!(error, NetError::Io(_)) && !error.to_string().contains("secret"));
    }
}
