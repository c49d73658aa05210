//! One stream handle on a stream of the process: what it was promised, what of it is still under way.

use crate::action::ActionId;
use crate::gate::Lease;
use crate::stdio::system::Stream;
use crate::stdio::writer::{Piece, Queue, Writer};
use crate::stdio::{StdioError, lock};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// The most that one write brings: a pipe takes that much whole or not at all, so that no two writes are mixed.
pub(super) const PIECE_BYTES: usize = 4096;

/// What all handles of one session on one stream have in common: the file, and what is queued for it.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) stream: Stream,
    /// Told whenever something of it has left the queue.
    pub(super) news: Notify,
    /// Changed under the queue's lock alone.
    charge: AtomicUsize,
}

impl Share {
    pub(super) fn new(stream: Stream) -> Share {
        Share { stream, news: Notify::new(), charge: AtomicUsize::new(0) }
    }

    /// What it holds of the queue: bytes, and what keeping them costs.
    pub(super) fn charge(&self) -> usize {
        self.charge.load(Ordering::SeqCst)
    }

    pub(super) fn add(&self, charge: usize) {
        self.charge.fetch_add(charge, Ordering::SeqCst);
    }

    pub(super) fn remove(&self, charge: usize) {
        self.charge.fetch_sub(charge, Ordering::SeqCst);
    }
}

/// One stream handle.
#[derive(Debug)]
pub(super) struct Channel {
    writer: &'static Writer,
    pub(super) share: Arc<Share>,
    lease: Lease,
    /// Locked after the queue, where both are.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What the next write may bring, whoever took the room meanwhile.
    promised: usize,
    /// Pieces under way.
    pending: usize,
    flushing: bool,
    failure: Option<io::Error>,
    closed: bool,
}

impl Channel {
    pub(super) fn new(lease: Lease, stream: Stream, writer: &'static Writer) -> Channel {
        let share = writer.share(lease.session(), stream);
        Channel { writer, share, lease, state: Mutex::default() }
    }

    /// How much the next write may bring. The promise stands until that write.
    pub(super) fn budget(&self) -> Result<usize, StdioError> {
        let queue = self.writer.lock();
        let mut state = lock(&self.state);
        state.check()?;
        state.promise(queue.has_room(&self.share));
        Ok(if state.flushing { 0 } else { state.promised })
    }

    /// Writes in place what goes without waiting, and leaves the rest to the writer.
    pub(super) fn write(self: &Arc<Self>, bytes: &[u8], import: &'static str) -> Result<(), StdioError> {
        // Held throughout: between two pieces of this write there must be no other's.
        let mut queue = self.writer.lock();
        let mut state = lock(&self.state);
        state.check()?;
        state.promise(queue.has_room(&self.share));
        if bytes.len() > state.promised {
            return Err(StdioError::TooMuch);
        }
        state.promised = 0;
        match self.put(&mut queue, bytes, import) {
            Ok(queued) => {
                state.pending += usize::from(queued);
                Ok(())
            }
            Err(error) => {
                state.fail(error);
                state.check()
            }
        }
    }

    /// True when some of `bytes` had to be queued.
    fn put(self: &Arc<Self>, queue: &mut Queue, bytes: &[u8], import: &'static str) -> io::Result<bool> {
        let written = if queue.is_idle() { self.share.stream.write_at_once(bytes)? } else { 0 };
        let rest = bytes.get(written..).unwrap_or_default();
        if !rest.is_empty() {
            let piece = Piece { channel: Arc::clone(self), bytes: rest.to_vec(), import };
            self.writer.push(queue, piece)?;
        }
        Ok(!rest.is_empty())
    }

    /// Until all that was written is out, there is no room.
    pub(super) fn flush(&self) -> Result<(), StdioError> {
        let mut state = lock(&self.state);
        state.check()?;
        state.flushing = state.pending > 0;
        Ok(())
    }

    /// True when [`Channel::budget`] has something to tell; from then on it has.
    pub(super) fn is_ready(&self) -> bool {
        let queue = self.writer.lock();
        let mut state = lock(&self.state);
        state.promise(queue.has_room(&self.share));
        state.closed || (!state.flushing && state.promised > 0)
    }

    /// Returns when it is ready, or the permission was taken back.
    pub(super) async fn ready(&self, import: &'static str) {
        loop {
            let (news, room) = (self.share.news.notified(), self.writer.room.notified());
            tokio::pin!(news, room);
            // Registered before the look, so that nothing falls between.
            news.as_mut().enable();
            room.as_mut().enable();
            if self.lease.is_revoked() || self.is_ready() {
                return;
            }
            tokio::select! {
                () = news => {}
                () = room => {}
                () = self.lease.lost(ActionId::StdioWrite, import) => return,
            }
        }
    }

    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// One piece is out, or never will be. Under the queue's lock.
    pub(super) fn one_less(&self, failure: Option<io::Error>) {
        let mut state = lock(&self.state);
        state.pending = state.pending.saturating_sub(1);
        state.flushing &= state.pending > 0;
        if let Some(failure) = failure {
            state.fail(failure);
        }
    }
}

impl State {
    /// What went wrong is told once; after that the stream is closed.
    fn check(&mut self) -> Result<(), StdioError> {
        match self.failure.take() {
            Some(error) => Err(StdioError::Io(error)),
            None if self.closed => Err(StdioError::Closed),
            None => Ok(()),
        }
    }

    fn promise(&mut self, has_room: bool) {
        if has_room && !self.flushing {
            self.promised = PIECE_BYTES;
        }
    }

    fn fail(&mut self, error: io::Error) {
        self.closed = true;
        self.flushing = false;
        // A reader that has gone is an end like any other.
        self.failure = Some(error).filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
    }
}
