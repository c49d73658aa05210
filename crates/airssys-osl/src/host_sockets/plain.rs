//! TCP sockets for what everybody may read: health and metrics, and traces on their way to who collects them.

use crate::host_sockets::HostSocketError;
use std::io;
use std::net::SocketAddr;

/// A connection to a [`PlainListener`], or by [`connect_plain_ambient`].
#[expect(clippy::disallowed_types, reason = "the host's own socket, made from an address its operator named")]
pub type PlainStream = tokio::net::TcpStream;

/// Connects to that host, by its name or address.
///
/// # Errors
/// What the system says.
pub async fn connect_plain_ambient(host: &str, port: u16) -> io::Result<PlainStream> {
    PlainStream::connect((host, port)).await
}

/// A TCP socket of the host's that listens.
#[derive(Debug)]
pub struct PlainListener {
    #[expect(
        clippy::disallowed_types,
        reason = "the host's own socket, made from an address its operator named"
    )]
    socket: tokio::net::TcpListener,
    address: SocketAddr,
}

impl PlainListener {
    /// Listens at that address and nowhere else.
    ///
    /// # Errors
    /// [`HostSocketError::Listen`].
    #[expect(
        clippy::disallowed_types,
        reason = "the host's own socket, made from an address its operator named"
    )]
    pub async fn listen_ambient(address: SocketAddr) -> Result<PlainListener, HostSocketError> {
        let failed = |source| HostSocketError::Listen { address, source };
        let socket = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(PlainListener { socket, address })
    }

    /// The address, with the port the system chose where none was named.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection.
    ///
    /// # Errors
    /// What the system says; the next one may well come.
    pub async fn accept(&self) -> io::Result<PlainStream> {
        self.socket.accept().await.map(|(stream, _)| stream)
    }
}
