//! The two directions of a connection. Bytes go in bounded pieces, and each piece enters its lease.

use crate::gate::{Ends, Lease};
use crate::net::connection::Conn;
use crate::net::{NetError, Shutdown};
use bytes::{Buf, Bytes};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError, TryLockError};

/// The most bytes that go over to the system, or come from it, at once.
pub const PIECE_BYTES: usize = 64 * 1024;

/// What comes from the other side.
#[derive(Debug)]
pub struct Reader(Arc<Conn>);

/// What goes to the other side.
#[derive(Debug)]
pub struct Writer(Arc<Conn>);

/// What was written and the system has not taken yet: one piece at most.
#[derive(Debug)]
pub(in crate::net) struct Outbox {
    pending: Bytes,
    /// A task sees to what is pending.
    draining: bool,
    /// Nothing more is written after it.
    ended: bool,
    /// What the task met; told to the next who writes.
    failed: Option<NetError>,
    import: &'static str,
}

impl Outbox {
    pub(in crate::net) fn new(import: &'static str) -> Outbox {
        Outbox { pending: Bytes::new(), draining: false, ended: false, failed: None, import }
    }

    /// What is left goes nowhere, and nothing follows.
    fn drop_all(&mut self) {
        self.pending = Bytes::new();
        self.ended = true;
    }
}

impl Reader {
    pub(in crate::net) fn of(conn: &Arc<Conn>) -> Reader {
        Reader(Arc::clone(conn))
    }

    /// Takes at most `most` bytes of what is there, and never more than [`PIECE_BYTES`]; nothing when it has to wait for
    /// [`Reader::ready`].
    ///
    /// # Errors
    /// [`NetError::Closed`] at the end.
    pub fn read(&self, most: usize, import: &'static str) -> Result<Bytes, NetError> {
        let _begun = self.0.entered(import)?;
        if self.0.input_ended.load(Ordering::SeqCst) {
            return Err(NetError::Closed);
        }
        let most = most.min(PIECE_BYTES);
        if most == 0 {
            return Ok(Bytes::new());
        }
        let session = self.0.lease.session();
        let aside = session.aside_to_read(most);
        // Who may read no more still learns of the end; a byte that is not the end is lost, as all would be after it.
        let mut buffer = vec![0; aside.bytes().max(1)];
        match self.0.line.try_read(|socket| socket.receive(&mut buffer)) {
            Ok(0) => {
                self.0.input_ended.store(true, Ordering::SeqCst);
                Err(NetError::Closed)
            }
            Ok(_) if aside.bytes() == 0 => Err(session.no_more_to_read(import).into()),
            Ok(read) => {
                aside.spend(read);
                buffer.truncate(read);
                Ok(buffer.into())
            }
            Err(NetError::WouldBlock) => Ok(Bytes::new()),
            Err(error) => Err(error),
        }
    }

    /// Returns when there is something to read, the stream has ended, or the permission was lost.
    pub async fn ready(&self) {
        if !self.0.input_ended.load(Ordering::SeqCst) {
            self.0.line.readable().await;
        }
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        &self.0.lease
    }
}

impl Writer {
    pub(in crate::net) fn of(conn: &Arc<Conn>) -> Writer {
        Writer(Arc::clone(conn))
    }

    /// How many bytes the next write may bring; 0 when it has to wait for [`Writer::ready`].
    ///
    /// # Errors
    /// [`NetError`]: how an earlier write failed, [`NetError::Closed`] after the end.
    pub fn budget(&self, import: &'static str) -> Result<usize, NetError> {
        let _begun = self.0.entered(import)?;
        let mut outbox = self.0.outbox();
        outbox.check()?;
        let room = if outbox.pending.is_empty() && self.0.line.has_room() { PIECE_BYTES } else { 0 };
        Ok(self.0.lease.session().room_to_write(room))
    }

    /// Writes all of `bytes`: what the system does not take at once follows when it does.
    ///
    /// # Errors
    /// [`NetError::TooMuch`] when there was no room for it; otherwise as [`Writer::budget`].
    pub fn write(&self, bytes: Bytes, import: &'static str) -> Result<(), NetError> {
        let mut outbox = self.0.outbox();
        outbox.check()?;
        if bytes.len() > PIECE_BYTES || !(outbox.pending.is_empty() || bytes.is_empty()) {
            return Err(NetError::TooMuch);
        }
        let aside = self.0.lease.session().all_to_write(bytes.len(), import)?;
        outbox.import = import;
        aside.spend(bytes.len());
        if !bytes.is_empty() {
            outbox.pending = bytes;
        }
        self.0.push(&mut outbox)?;
        self.0.drain_later(&mut outbox);
        Ok(())
    }

    /// Nothing is kept back but what the system does not take, so there is nothing to flush but the permission; wait
    /// for [`Writer::ready`] to know that it took all.
    ///
    /// # Errors
    /// As [`Writer::budget`].
    pub fn flush(&self, import: &'static str) -> Result<(), NetError> {
        let _begun = self.0.entered(import)?;
        self.0.outbox().check()
    }

    /// Returns when all was taken and there is room for more, the stream has ended, or the permission was lost.
    pub async fn ready(&self) {
        loop {
            let drained = self.0.drained.notified();
            tokio::pin!(drained);
            // Registered before the look, so that nothing falls between.
            drained.as_mut().enable();
            if !self.0.outbox().draining {
                break;
            }
            drained.await;
        }
        let ended = self.0.outbox().ended;
        if !ended {
            self.0.line.writable().await;
        }
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        &self.0.lease
    }
}

impl Outbox {
    fn check(&mut self) -> Result<(), NetError> {
        match self.failed.take() {
            Some(error) => Err(error),
            None if self.ended => Err(NetError::Closed),
            None => Ok(()),
        }
    }
}

impl Ends for Conn {
    fn end(&self) {
        self.line.reset();
        // Who holds it writes, finds the line gone, and drops it. The next use says why there is nothing left.
        match self.outbox.try_lock() {
            Ok(mut outbox) => outbox.pending = Bytes::new(),
            Err(TryLockError::Poisoned(outbox)) => outbox.into_inner().pending = Bytes::new(),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    fn is_over(&self) -> bool {
        self.line.is_gone()
    }
}

impl Conn {
    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the system what it takes of one piece.
    fn push(&self, outbox: &mut Outbox) -> Result<(), NetError> {
        let _begun = self.entered(outbox.import).inspect_err(|_| outbox.drop_all())?;
        while !outbox.pending.is_empty() {
            match self.line.try_write(|socket| socket.send(&outbox.pending)) {
                Ok(sent) => outbox.pending.advance(sent.min(outbox.pending.len())),
                Err(NetError::WouldBlock) => return Ok(()),
                Err(error) => {
                    outbox.drop_all();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn drain_later(self: &Arc<Conn>, outbox: &mut Outbox) {
        if outbox.pending.is_empty() || outbox.draining {
            return;
        }
        if let Some(runtime) = self.line.runtime() {
            outbox.draining = true;
            runtime.spawn(drain(Arc::clone(self)));
        }
    }

    /// Ends directions of the connection: what was written before goes first.
    pub(in crate::net) fn shut(&self, how: Shutdown, import: &'static str) -> Result<(), NetError> {
        let _begun = self.entered(import)?;
        if matches!(how, Shutdown::Receive | Shutdown::Both) {
            self.input_ended.store(true, Ordering::SeqCst);
            self.end(Shutdown::Receive)?;
        }
        if matches!(how, Shutdown::Send | Shutdown::Both) {
            let mut outbox = self.outbox();
            outbox.ended = true;
            if !outbox.draining {
                self.end(Shutdown::Send)?;
            }
        }
        Ok(())
    }

    /// What the other side has ended already needs no end.
    fn end(&self, how: Shutdown) -> Result<(), NetError> {
        match self.line.with(|socket| socket.shutdown(how)) {
            Err(NetError::InvalidState) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Writes the rest of a piece as the system takes it. It is also what keeps a connection that the guest has let go of,
/// until all of that is written or the permission is lost.
async fn drain(conn: Arc<Conn>) {
    loop {
        conn.line.writable().await;
        let mut outbox = conn.outbox();
        let pushed = conn.push(&mut outbox);
        if pushed.is_ok() && !outbox.pending.is_empty() {
            continue;
        }
        outbox.draining = false;
        if pushed.is_ok() && outbox.ended {
            // Ended meanwhile, and this was the last of it.
            let _ = conn.entered(outbox.import).map(|_begun| conn.end(Shutdown::Send));
        }
        outbox.failed = pushed.err();
        drop(outbox);
        conn.drained.notify_waiters();
        return;
    }
}
