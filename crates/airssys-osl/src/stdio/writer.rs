//! The writer of a stream of the process: a bounded queue, and one thread that may wait.
//!
//! The thread lives from the first write that would have had to wait until the process ends. Pieces leave in the order
//! in which they came, whoever wrote them, each after its lease was asked once more. What can fill the queue: one
//! session [`BUDGET_BYTES`], all together [`QUEUE_BYTES`], and one [`PIECE_BYTES`](super::channel::PIECE_BYTES) for
//! each open handle that was promised room before. A piece is charged for what keeping it costs, too.

use crate::action::ActionId;
use crate::gate::{InUse, Session};
use crate::stdio::channel::{Channel, Share};
use crate::stdio::system::{Stream, is_passing};
use crate::stdio::{BUDGET_BYTES, lock};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// The most that is queued for all sessions together. Full, it takes nothing until half of it has left, so that not
/// every piece wakes everybody.
pub(super) const QUEUE_BYTES: usize = 16 * BUDGET_BYTES;

/// What a queued piece costs besides its bytes.
const PIECE_COST: usize = 128;

/// How long the thread waits for a reader before it looks which pieces nobody may write any more.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The pause after a stream said that it had room and took nothing.
const PAUSE: Duration = Duration::from_millis(1);

/// One piece of one write.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) channel: Arc<Channel>,
    pub(super) bytes: Vec<u8>,
    pub(super) import: &'static str,
}

/// How a piece ended.
enum End {
    Written,
    /// Its permission no longer stands.
    Refused,
    Failed(io::Error),
}

/// A queue and its thread.
#[derive(Debug)]
pub(super) struct Writer {
    name: &'static str,
    queue: Mutex<Queue>,
    work: Condvar,
    /// Told when a queue that was full takes pieces again.
    pub(super) room: Notify,
    /// By the address of a session, which a share's handles keep where it is.
    shares: Mutex<BTreeMap<usize, Weak<Share>>>,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Piece>,
    /// The thread has a piece in hand.
    in_flight: bool,
    running: bool,
    charge: usize,
    full: bool,
}

impl Writer {
    pub(super) const fn new(name: &'static str) -> Writer {
        let queue =
            Queue { waiting: VecDeque::new(), in_flight: false, running: false, charge: 0, full: false };
        Writer {
            name,
            queue: Mutex::new(queue),
            work: Condvar::new(),
            room: Notify::const_new(),
            shares: Mutex::new(BTreeMap::new()),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }

    /// The session's share, with `stream` in it unless it has one already: a guest that asks for its stream again and
    /// again holds one file.
    pub(super) fn share(&self, session: &Arc<Session>, stream: Stream) -> Arc<Share> {
        let mut shares = lock(&self.shares);
        if let Some(share) = shares.get(&address(session)).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Share::new(stream));
        shares.insert(address(session), Arc::downgrade(&share));
        share
    }

    /// Returns when nothing of the session is queued any more.
    pub(super) async fn settled(&self, session: &Arc<Session>) {
        let share = lock(&self.shares).get(&address(session)).and_then(Weak::upgrade);
        let Some(share) = share else { return };
        loop {
            let news = share.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if share.charge() == 0 {
                return;
            }
            news.await;
        }
    }

    /// Puts a piece at the end of the queue.
    pub(super) fn push(&'static self, queue: &mut Queue, piece: Piece) -> io::Result<()> {
        if !queue.running {
            let thread = std::thread::Builder::new().name(self.name.to_owned());
            thread.spawn(|| self.run())?;
            queue.running = true;
        }
        queue.charge += piece.charge();
        queue.full |= queue.charge >= QUEUE_BYTES;
        piece.channel.share.add(piece.charge());
        queue.waiting.push_back(piece);
        self.work.notify_one();
        Ok(())
    }

    fn run(&self) {
        loop {
            let mut queue = self.lock();
            let Some(piece) = queue.waiting.pop_front() else {
                drop(self.work.wait(queue).unwrap_or_else(PoisonError::into_inner));
                continue;
            };
            queue.in_flight = true;
            drop(queue);
            let end = self.write(&piece);
            self.finish(piece, end);
        }
    }

    /// Writes all of a piece, unless its permission is taken back before.
    fn write(&self, piece: &Piece) -> End {
        let stream = &piece.channel.share.stream;
        let mut rest = piece.bytes.as_slice();
        while !rest.is_empty() {
            while !stream.has_room(LOOK_AGAIN) {
                self.forget_revoked();
                if piece.channel.lease().is_revoked() {
                    return End::Refused;
                }
            }
            let Some(in_use) = piece.may_go() else { return End::Refused };
            let written = match stream.write_never_waiting(rest) {
                Some(done) => done,
                None => {
                    // It may wait here, and nothing may wait for that.
                    drop(in_use);
                    stream.write_waiting(rest)
                }
            };
            match written {
                Ok(0) => return End::Failed(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if is_passing(&error) => std::thread::sleep(PAUSE),
                Err(error) => return End::Failed(error),
            }
        }
        End::Written
    }

    /// Takes note of a piece's end; after a bad one nothing else of its handle is written.
    fn finish(&self, piece: Piece, end: End) {
        let mut queue = self.lock();
        queue.in_flight = false;
        let (failure, is_last) = match end {
            End::Written => (None, false),
            End::Refused => (None, true),
            End::Failed(error) => (Some(error), true),
        };
        self.leave(&mut queue, &piece, failure);
        if is_last {
            self.forget(queue, |other| Arc::ptr_eq(&other.channel, &piece.channel));
        }
    }

    fn forget_revoked(&self) {
        self.forget(self.lock(), |piece| piece.channel.lease().is_revoked());
    }

    fn forget(&self, mut queue: MutexGuard<'_, Queue>, is_unwanted: impl Fn(&Piece) -> bool) {
        let (gone, kept): (VecDeque<_>, _) =
            std::mem::take(&mut queue.waiting).into_iter().partition(is_unwanted);
        queue.waiting = kept;
        for piece in &gone {
            self.leave(&mut queue, piece, None);
        }
        // The end of a piece may be the end of a session, which is not to be met under the lock.
        drop(queue);
    }

    fn leave(&self, queue: &mut Queue, piece: &Piece, failure: Option<io::Error>) {
        queue.charge = queue.charge.saturating_sub(piece.charge());
        piece.channel.share.remove(piece.charge());
        piece.channel.one_less(failure);
        piece.channel.share.news.notify_waiters();
        if queue.full && queue.charge <= QUEUE_BYTES / 2 {
            queue.full = false;
            self.room.notify_waiters();
        }
    }
}

impl Queue {
    /// True when nothing is before a new piece.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.in_flight
    }

    pub(super) fn has_room(&self, share: &Share) -> bool {
        !self.full && share.charge() < BUDGET_BYTES
    }

    #[cfg(test)]
    pub(super) fn charge(&self) -> usize {
        self.charge
    }

    #[cfg(test)]
    pub(super) fn is_running(&self) -> bool {
        self.running
    }
}

impl Piece {
    fn charge(&self) -> usize {
        self.bytes.len() + PIECE_COST
    }

    /// Asks its lease right before the system call. A panic in whoever decides or records is a no.
    fn may_go(&self) -> Option<InUse<'_>> {
        let lease = self.channel.lease();
        // What is known to be revoked is dropped without a record: that was no new question.
        if lease.is_revoked() {
            return None;
        }
        let enter = || lease.enter(ActionId::StdioWrite, self.import).ok();
        catch_unwind(AssertUnwindSafe(enter)).ok().flatten()
    }
}

fn address(session: &Arc<Session>) -> usize {
    Arc::as_ptr(session).addr()
}
