//! Systems without Unix sockets: there is no control socket there, and it says so.

use crate::host_sockets::{HostSocketError, Nameless, Peer};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// See the Unix one. There is none here.
#[derive(Debug)]
pub enum ControlListener {}

/// See the Unix one. There is none here.
#[derive(Debug)]
pub enum ControlStream {}

impl ControlListener {
    /// Always an error.
    ///
    /// # Errors
    /// [`HostSocketError::Unsupported`].
    pub fn bind_ambient(_: &Path) -> Result<ControlListener, HostSocketError> {
        Err(HostSocketError::Unsupported)
    }

    /// There is none.
    pub fn path(&self) -> &Path {
        match *self {}
    }

    /// There is none.
    ///
    /// # Errors
    /// Never.
    pub async fn accept(&self) -> io::Result<(ControlStream, Result<Peer, Nameless>)> {
        match *self {}
    }

    /// There is none.
    ///
    /// # Errors
    /// Never.
    pub fn close(self) -> io::Result<()> {
        match self {}
    }
}

/// Always an error.
///
/// # Errors
/// [`HostSocketError::Unsupported`].
pub async fn connect_ambient(_: &Path) -> Result<ControlStream, HostSocketError> {
    Err(HostSocketError::Unsupported)
}

impl AsyncRead for ControlStream {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }
}

impl AsyncWrite for ControlStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match *self {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }
}
