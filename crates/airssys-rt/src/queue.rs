//! The bounded queue in a mailbox: one reader, many senders, and a capacity that is kept.
//!
//! *Invariant:* never more than `capacity` messages are accepted and not yet begun. A message is in one place at a
//! time: in the queue, in the reader's batch, in the list of senders that wait, or with its sender.
//!
//! The reader takes messages in batches, so that a busy actor locks once for many of them. What is in the batch
//! still counts (`held`). With [`Overflow::DropOldest`] there are no batches: the oldest must be here to be dropped.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::overflow::{Dropped, Overflow};
use crate::sync::{AtomicBool, AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError};

/// How many messages the reader takes at once, at most.
const BATCH: usize = 64;

/// A bounded queue.
pub(crate) struct Queue<M> {
    inner: Mutex<Inner<M>>,
    /// How many messages are in the reader's batch. Written by the reader alone.
    held: AtomicUsize,
    /// Whether a sender waits, or is about to.
    crowded: AtomicBool,
    capacity: usize,
    overflow: Overflow,
}

struct Inner<M> {
    messages: VecDeque<M>,
    waiting: VecDeque<Waiting<M>>,
    tickets: u64,
    reader: Option<Waker>,
    closed: bool,
    dropped: Dropped,
}

/// A sender that waits: the message is kept here, so that the reader takes it in without asking the sender.
struct Waiting<M> {
    ticket: u64,
    message: M,
    waker: Waker,
}

/// What became of a message that was offered.
pub(crate) enum Offer<M> {
    /// It is in the queue.
    Queued,
    /// It is in the queue, and this one is out.
    Displaced(M),
    /// It was dropped and counted, as was asked for.
    Dropped(M),
    /// There is no room.
    Full(M),
    /// Nothing is taken any more.
    Closed(M),
}

/// What became of a message whose sender is willing to wait.
enum Enlisted<M> {
    Queued,
    Waits(u64),
    Closed(M),
}

impl<M> Queue<M> {
    pub(crate) fn new(capacity: usize, overflow: Overflow) -> Self {
        let inner = Inner {
            messages: VecDeque::new(),
            waiting: VecDeque::new(),
            tickets: 0,
            reader: None,
            closed: false,
            dropped: Dropped::default(),
        };
        Self {
            inner: Mutex::new(inner),
            held: AtomicUsize::new(0),
            crowded: AtomicBool::new(false),
            capacity,
            overflow,
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// Accepted and not yet begun.
    pub(crate) fn depth(&self) -> usize {
        let inner = self.lock();
        inner.messages.len().saturating_add(self.held.load(Ordering::SeqCst))
    }

    pub(crate) fn dropped(&self) -> Dropped {
        self.lock().dropped
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Takes `message` in if there is room, and does what the policy says if there is none.
    pub(crate) fn offer(&self, message: M) -> Offer<M> {
        let mut inner = self.lock();
        if inner.closed {
            return Offer::Closed(message);
        }
        if self.has_room(&inner) {
            self.push(inner, message);
            return Offer::Queued;
        }
        match self.overflow {
            Overflow::Wait | Overflow::Refuse => Offer::Full(message),
            Overflow::DropNewest => {
                inner.dropped.newest = inner.dropped.newest.saturating_add(1);
                Offer::Dropped(message)
            }
            Overflow::DropOldest => {
                let Some(oldest) = inner.messages.pop_front() else { return Offer::Full(message) };
                inner.dropped.oldest = inner.dropped.oldest.saturating_add(1);
                self.push(inner, message);
                Offer::Displaced(oldest)
            }
        }
    }

    /// Takes `message` in as soon as there is room, after those that wait already.
    pub(crate) fn wait(&self, message: M) -> Wait<'_, M> {
        Wait { queue: self, stage: Stage::Fresh(message) }
    }

    /// Who is woken by the first message, for a reader that has not looked yet.
    pub(crate) fn register(&self, reader: Waker) {
        self.lock().reader = Some(reader);
    }

    /// The next message; `None` when the queue is closed and read to its end.
    ///
    /// `batch` belongs to the reader, and there is one reader.
    pub(crate) fn poll_next(&self, batch: &mut VecDeque<M>, context: &Context<'_>) -> Poll<Option<M>> {
        if let Some(message) = batch.pop_front() {
            // Before the look at `crowded`: a sender sets that first and looks at `held` after. One sees the other.
            self.held.store(batch.len(), Ordering::SeqCst);
            if self.crowded.load(Ordering::SeqCst) {
                self.admit(self.lock());
            }
            return Poll::Ready(Some(message));
        }
        let mut inner = self.lock();
        if inner.messages.is_empty() {
            if inner.closed {
                return Poll::Ready(None);
            }
            remember(&mut inner.reader, context.waker());
            return Poll::Pending;
        }
        self.fill(&mut inner, batch);
        let message = batch.pop_front();
        self.held.store(batch.len(), Ordering::SeqCst);
        self.admit(inner);
        Poll::Ready(message)
    }

    /// Takes nothing any more. Senders that wait have their messages back; what was accepted can still be read.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        let reader = inner.reader.take();
        let senders: Vec<_> = inner.waiting.iter().map(|waiting| waiting.waker.clone()).collect();
        drop(inner);
        reader.into_iter().chain(senders).for_each(Waker::wake);
    }

    /// Takes nothing any more, and hands out what nobody will read. What is left in the batch is counted too.
    pub(crate) fn end(&self) -> VecDeque<M> {
        self.close();
        let mut inner = self.lock();
        let messages = std::mem::take(&mut inner.messages);
        let unread = messages.len().saturating_add(self.held.swap(0, Ordering::SeqCst));
        inner.dropped.unread = inner.dropped.unread.saturating_add(u64::try_from(unread).unwrap_or(u64::MAX));
        messages
    }

    fn fill(&self, inner: &mut Inner<M>, batch: &mut VecDeque<M>) {
        let most = if self.overflow == Overflow::DropOldest { 1 } else { BATCH };
        if inner.messages.len() <= most {
            std::mem::swap(&mut inner.messages, batch);
        } else {
            batch.extend(inner.messages.drain(..most));
        }
    }

    fn push(&self, mut inner: MutexGuard<'_, Inner<M>>, message: M) {
        inner.messages.push_back(message);
        let reader = inner.reader.take();
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Lets in senders that wait, as many as there is room for, in the order in which they came.
    fn admit(&self, mut inner: MutexGuard<'_, Inner<M>>) {
        if inner.waiting.is_empty() || inner.closed {
            return;
        }
        let mut awake = Vec::new();
        while self.is_below(&inner) {
            let Some(waiting) = inner.waiting.pop_front() else { break };
            inner.messages.push_back(waiting.message);
            awake.push(waiting.waker);
        }
        self.crowded.store(!inner.waiting.is_empty(), Ordering::SeqCst);
        drop(inner);
        awake.into_iter().for_each(Waker::wake);
    }

    fn enlist(&self, message: M, waker: &Waker) -> Enlisted<M> {
        let mut inner = self.lock();
        if inner.closed {
            return Enlisted::Closed(message);
        }
        // Before the look at `held`, see `poll_next`.
        self.crowded.store(true, Ordering::SeqCst);
        if self.has_room(&inner) {
            self.crowded.store(false, Ordering::SeqCst);
            self.push(inner, message);
            return Enlisted::Queued;
        }
        let ticket = inner.tickets;
        inner.tickets = ticket.wrapping_add(1);
        inner.waiting.push_back(Waiting { ticket, message, waker: waker.clone() });
        Enlisted::Waits(ticket)
    }

    fn poll_ticket(&self, ticket: u64, waker: &Waker) -> Poll<Result<(), M>> {
        let mut inner = self.lock();
        let closed = inner.closed;
        let Some(at) = inner.place_of(ticket) else { return Poll::Ready(Ok(())) };
        if closed {
            return Poll::Ready(inner.waiting.remove(at).map_or(Ok(()), |waiting| Err(waiting.message)));
        }
        if let Some(waiting) = inner.waiting.get_mut(at) {
            waiting.waker.clone_from(waker);
        }
        Poll::Pending
    }

    /// Takes a sender that waits out of the list. `None`: its message has been let in.
    fn withdraw(&self, ticket: u64) -> Option<M> {
        let mut inner = self.lock();
        let at = inner.place_of(ticket)?;
        let waiting = inner.waiting.remove(at);
        self.crowded.store(!inner.waiting.is_empty(), Ordering::SeqCst);
        waiting.map(|waiting| waiting.message)
    }

    fn has_room(&self, inner: &Inner<M>) -> bool {
        inner.waiting.is_empty() && self.is_below(inner)
    }

    fn is_below(&self, inner: &Inner<M>) -> bool {
        inner.messages.len().saturating_add(self.held.load(Ordering::SeqCst)) < self.capacity
    }

    // No message is dropped and no waker called under the lock, so nothing foreign can panic or wait there.
    fn lock(&self) -> MutexGuard<'_, Inner<M>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> Inner<M> {
    /// Tickets are given in order, so the list is sorted by them.
    fn place_of(&self, ticket: u64) -> Option<usize> {
        self.waiting.binary_search_by_key(&ticket, |waiting| waiting.ticket).ok()
    }
}

fn remember(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(known) if known.will_wake(waker) => {}
        Some(_) | None => *slot = Some(waker.clone()),
    }
}

/// A sender that waits for room. Dropped, it withdraws its message.
pub(crate) struct Wait<'a, M> {
    queue: &'a Queue<M>,
    stage: Stage<M>,
}

enum Stage<M> {
    Fresh(M),
    Waits(u64),
    Done,
}

// The message is moved, never pinned.
impl<M> Unpin for Wait<'_, M> {}

impl<M> Wait<'_, M> {
    /// Gives up waiting: the message, unless it has been let in.
    pub(crate) fn give_up(mut self) -> Option<M> {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Fresh(message) => Some(message),
            Stage::Waits(ticket) => self.queue.withdraw(ticket),
            Stage::Done => None,
        }
    }
}

impl<M> Future for Wait<'_, M> {
    type Output = Result<(), M>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Fresh(message) => match self.queue.enlist(message, context.waker()) {
                Enlisted::Queued => Poll::Ready(Ok(())),
                Enlisted::Closed(message) => Poll::Ready(Err(message)),
                Enlisted::Waits(ticket) => {
                    self.stage = Stage::Waits(ticket);
                    Poll::Pending
                }
            },
            Stage::Waits(ticket) => {
                let polled = self.queue.poll_ticket(ticket, context.waker());
                if polled.is_pending() {
                    self.stage = Stage::Waits(ticket);
                }
                polled
            }
            Stage::Done => Poll::Ready(Ok(())),
        }
    }
}

impl<M> Drop for Wait<'_, M> {
    fn drop(&mut self) {
        if let Stage::Waits(ticket) = self.stage {
            drop(self.queue.withdraw(ticket));
        }
    }
}
