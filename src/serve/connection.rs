//! One connection of HTTP, by somebody who may stall.
//!
//! One request each. The head must come in time, and what is sent must be taken in time; an answer may take what it takes.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};

/// The longest head of a request that is held, bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// How long whoever connects may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the head of a request, from when the connection was accepted.
    pub head: Duration,
    /// For its body.
    pub body: Duration,
    /// For the body of one that carries policies or a component.
    pub large_body: Duration,
    /// Without taking any of what it is sent.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        let seconds = Duration::from_secs;
        Patience { head: seconds(5), body: seconds(10), large_body: seconds(60), write: seconds(10) }
    }
}

/// Answers the one request of a connection. When `stop` says so, one that has not come is no longer waited for.
pub(super) async fn serve<S>(stream: S, router: Router, patience: Patience, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience.head);
    builder.keep_alive(false).max_buf_size(MAX_HEAD_BYTES);
    let io = TokioIo::new(Impatient { stream, most: patience.write, running: None });
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(builder.serve_connection(io, service));
    tokio::select! {
        // Whoever went away, or was sent away, is told nothing more.
        _ = connection.as_mut() => return,
        () = stopped(&mut stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Returns when `stop` says so, or nobody is left to say it.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// A stream whose other end must take what is written.
struct Impatient<S> {
    stream: S,
    most: Duration,
    running: Option<Pin<Box<Sleep>>>,
}

impl<S> Impatient<S> {
    /// Lets a write that waits wait for so long and no longer.
    fn judge<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.running = None;
            return polled;
        }
        let most = self.most;
        let running = self.running.get_or_insert_with(|| Box::pin(sleep(most)));
        running.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.judge(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(context);
        self.judge(context, polled)
    }
}
