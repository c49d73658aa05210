//! Control sockets where there are Unix sockets.
#![expect(clippy::disallowed_types, reason = "the control socket itself")]

use crate::host_sockets::place::{self, Id};
use crate::host_sockets::{HostSocketError, Nameless, Peer, own_uid_ambient};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Handle;

/// A connection between an operator and the server.
pub type ControlStream = UnixStream;

/// A Unix socket of mode 0600 that listens.
#[derive(Debug)]
pub struct ControlListener {
    socket: UnixListener,
    path: PathBuf,
    id: Id,
}

impl ControlListener {
    /// Listens at that path. A dead socket of this very user's is replaced, and nothing else.
    ///
    /// The name stays when the process dies; [`ControlListener::close`] takes it away. To be called where there is an
    /// executor.
    ///
    /// # Errors
    /// [`HostSocketError`].
    pub fn bind_ambient(path: &Path) -> Result<ControlListener, HostSocketError> {
        let failed = |source| HostSocketError::Bind { path: path.to_owned(), source };
        Handle::try_current().map_err(|error| failed(io::Error::other(error)))?;
        let (socket, id) = place::make(path)?;
        let listening = socket.set_nonblocking(true).and_then(|()| UnixListener::from_std(socket));
        let socket = listening.inspect_err(|_| drop(place::unmake(path, id))).map_err(failed)?;
        Ok(ControlListener { socket, path: path.to_owned(), id })
    }

    /// The name it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next connection, and whose it is.
    ///
    /// # Errors
    /// What the system says; the next one may well come.
    pub async fn accept(&self) -> io::Result<(ControlStream, Result<Peer, Nameless>)> {
        let (stream, _) = self.socket.accept().await?;
        let who = stream.peer_cred()?;
        let pid = who.pid().and_then(|pid| u32::try_from(pid).ok());
        Ok((stream, Peer::of(who.uid(), who.gid(), pid)))
    }

    /// Ends it, and takes its name away unless that leads to something else by now.
    ///
    /// # Errors
    /// What the system says.
    pub fn close(self) -> io::Result<()> {
        // While it is open, its inode's number is no other's.
        place::unmake(&self.path, self.id)
    }
}

/// Connects to a server of one's own, or of the system's; the superuser to anybody's.
///
/// # Errors
/// [`HostSocketError`].
pub async fn connect_ambient(path: &Path) -> Result<ControlStream, HostSocketError> {
    let path_buf = || path.to_owned();
    let stream = UnixStream::connect(path).await.map_err(|source| match source.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => HostSocketError::Nobody { path: path_buf() },
        ErrorKind::PermissionDenied => HostSocketError::NotPermitted { path: path_buf() },
        ErrorKind::WouldBlock => HostSocketError::Busy { path: path_buf() },
        _ => HostSocketError::Connect { path: path_buf(), source },
    })?;
    let server =
        stream.peer_cred().map_err(|source| HostSocketError::Connect { path: path_buf(), source })?;
    let own = own_uid_ambient();
    if own == 0 || [0, own].contains(&server.uid()) {
        return Ok(stream);
    }
    Err(HostSocketError::NotOurs { path: path_buf(), what: "the server at", uid: server.uid() })
}
