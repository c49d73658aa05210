//! A socket that is in use, until it is reset.

use crate::gate::Ends;
use crate::net::NetError;
use crate::net::slots::Slot;
use crate::net::sys::{Io, Socket};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// A socket in use. When it is reset, what the system still holds is thrown away, and everyone who waits wakes.
#[derive(Debug)]
pub(in crate::net) struct Line {
    io: Mutex<Option<Arc<Io>>>,
    gone: AtomicBool,
    settled: AtomicBool,
    woken: Notify,
    _slot: Slot,
}

/// Resets a line that was not settled in time. Stops with it.
#[derive(Debug)]
pub(in crate::net) struct Watcher(AbortHandle);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Line {
    pub(in crate::net) fn new(socket: Socket, slot: Slot) -> Result<Arc<Line>, NetError> {
        let io = Mutex::new(Some(Arc::new(Io::new(socket)?)));
        let (gone, settled) = (AtomicBool::new(false), AtomicBool::new(true));
        Ok(Arc::new(Line { io, gone, settled, woken: Notify::new(), _slot: slot }))
    }

    /// Gives it until then to be [`Line::settle`]d.
    pub(in crate::net) fn until(self: &Arc<Line>, deadline: Instant) -> Option<Watcher> {
        self.settled.store(false, Ordering::SeqCst);
        Some(Watcher(self.runtime()?.spawn(reset_at(Arc::downgrade(self), deadline)).abort_handle()))
    }

    /// Says that what it was given time for has come.
    pub(in crate::net) fn settle(&self) {
        self.settled.store(true, Ordering::SeqCst);
    }

    pub(in crate::net) fn runtime(&self) -> Option<Handle> {
        self.io().map(|io| io.runtime().clone())
    }

    fn io(&self) -> Option<Arc<Io>> {
        self.slot().clone()
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Io>>> {
        self.io.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Throws away what is under way, and tells the other side by a reset.
    pub(in crate::net) fn reset(&self) {
        let io = self.slot().take();
        self.gone.store(true, Ordering::SeqCst);
        if let Some(io) = io {
            io.socket().abort();
        }
        self.woken.notify_waiters();
    }

    pub(in crate::net) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::SeqCst)
    }

    /// Does something with the socket that waits for nothing. A socket that was reset is in no state for anything.
    pub(in crate::net) fn with<R>(&self, act: impl FnOnce(&Socket) -> io::Result<R>) -> Result<R, NetError> {
        let io = self.io().ok_or(NetError::InvalidState)?;
        Ok(act(io.socket())?)
    }

    pub(in crate::net) fn try_read<R>(
        &self,
        act: impl FnMut(&Socket) -> io::Result<R>,
    ) -> Result<R, NetError> {
        Ok(self.io().ok_or(NetError::Closed)?.try_read(act)?)
    }

    pub(in crate::net) fn try_write<R>(
        &self,
        act: impl FnMut(&Socket) -> io::Result<R>,
    ) -> Result<R, NetError> {
        Ok(self.io().ok_or(NetError::Closed)?.try_write(act)?)
    }

    /// True when there may be room to write, or the socket was reset, which the write reports.
    pub(in crate::net) fn has_room(&self) -> bool {
        self.io().is_none_or(|io| io.has_room())
    }

    /// Returns when there may be something to read, or it was reset.
    pub(in crate::net) async fn readable(&self) {
        if let Some(io) = self.io() {
            tokio::select! {
                () = io.readable() => {}
                () = self.reset_by_now() => {}
            }
        }
    }

    /// Returns when there may be room to write, or it was reset.
    pub(in crate::net) async fn writable(&self) {
        if let Some(io) = self.io() {
            tokio::select! {
                () = io.writable() => {}
                () = self.reset_by_now() => {}
            }
        }
    }

    /// Returns when it was reset.
    pub(in crate::net) async fn reset_by_now(&self) {
        loop {
            let woken = self.woken.notified();
            if self.is_gone() {
                return;
            }
            woken.await;
        }
    }
}

impl Ends for Line {
    fn end(&self) {
        self.reset();
    }

    fn is_over(&self) -> bool {
        self.is_gone()
    }
}

async fn reset_at(line: Weak<Line>, deadline: Instant) {
    tokio::time::sleep_until(deadline.into()).await;
    if let Some(line) = line.upgrade().filter(|line| !line.settled.load(Ordering::SeqCst)) {
        line.reset();
    }
}
