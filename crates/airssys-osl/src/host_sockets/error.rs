//! Why a socket of the host's could not be used.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a socket of the host's could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostSocketError {
    /// Something else has the name.
    #[error("`{}` is {what} and is not replaced", path.display())]
    Taken {
        /// The name.
        path: PathBuf,
        /// What is there, such as `a regular file`.
        what: &'static str,
    },
    /// Somebody listens there.
    #[error("a server listens at `{}` already", path.display())]
    Live {
        /// The socket.
        path: PathBuf,
    },
    /// The socket, its directory, or the process behind it is another user's.
    #[error("{what} `{}` belongs to user {uid}", path.display())]
    NotOurs {
        /// The socket.
        path: PathBuf,
        /// What belongs to them, such as `the socket`.
        what: &'static str,
        /// Whose it is.
        uid: u32,
    },
    /// Others may put things in place of the socket.
    #[error("the directory of `{}` can be written by others than its owner", path.display())]
    Exposed {
        /// The socket.
        path: PathBuf,
    },
    /// It could not be made.
    #[error("no socket can be made at `{}`: {source}", path.display())]
    Bind {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody listens there.
    #[error("no server listens at `{}`", path.display())]
    Nobody {
        /// The socket.
        path: PathBuf,
    },
    /// It may not be connected to.
    #[error("you may not connect to `{}`", path.display())]
    NotPermitted {
        /// The socket.
        path: PathBuf,
    },
    /// The server takes no connection.
    #[error("the server at `{}` takes no connection", path.display())]
    Busy {
        /// The socket.
        path: PathBuf,
    },
    /// It could not be connected to.
    #[error("`{}` cannot be connected to: {source}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No TCP socket could be had.
    #[error("nothing can listen at `{address}`: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// This system has no such sockets.
    #[error("this system has no sockets that tell who is at the other end")]
    Unsupported,
}
