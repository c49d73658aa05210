//! The handle of one durable mailbox.

use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, RwLock};

use tokio::sync::oneshot;

use super::error::{EnqueueError, StoreError};
use super::rest::{Lane, Rested};
use super::store::{Job, Link, Message, job, whole};
use crate::Backoff;

/// What a mailbox may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Messages, the dead letters included.
    pub capacity: NonZeroUsize,
    /// Bytes in one message.
    pub max_body_bytes: u64,
    /// Bytes in all of them, the dead letters included.
    pub max_total_bytes: u64,
    /// How often one message is delivered before it is a dead letter.
    pub max_deliveries: NonZeroU32,
    /// How long a message that was released rests before it is delivered again, by how often it was.
    pub redelivery: Backoff,
}

impl Default for Terms {
    /// 1,024 messages of 64 KiB each, 16 MiB in all, five deliveries, without a rest between them.
    fn default() -> Self {
        Self {
            capacity: NonZeroUsize::MIN.saturating_add(1023),
            max_body_bytes: 64 << 10,
            max_total_bytes: 16 << 20,
            max_deliveries: NonZeroU32::MIN.saturating_add(4),
            redelivery: Backoff::NONE,
        }
    }
}

/// A message on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What it says.
    pub bytes: Vec<u8>,
    /// From when on nobody wants it, in milliseconds of the wall clock since 1970. It is then a dead letter.
    pub expires: Option<u64>,
}

/// A message handed out, until it is acknowledged or released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its place in the mailbox. Never given twice.
    pub sequence: u64,
    /// How often it was handed out, this time included.
    pub deliveries: u32,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// Who waits for a message.
pub(super) struct Waiter {
    tell: oneshot::Sender<Result<Option<Parcel>, StoreError>>,
    /// Is told at once when there is none.
    hurried: bool,
}

impl Waiter {
    pub(super) fn is_closed(&self) -> bool {
        self.tell.is_closed()
    }

    pub(super) fn is_hurried(&self) -> bool {
        self.hurried
    }

    /// A parcel that nobody takes comes back by itself.
    pub(super) fn send(self, parcel: Result<Option<Parcel>, StoreError>) {
        drop(self.tell.send(parcel));
    }
}

/// Why a message is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It was delivered as often as the terms allow, and never acknowledged.
    Undeliverable,
    /// Its time was over before it could be delivered.
    Expired,
}

/// A message that is not delivered any more, and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The place it had.
    pub sequence: u64,
    /// How often it was handed out.
    pub deliveries: u32,
    /// Why it is here.
    pub reason: Reason,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// How full a mailbox is, as of the last commit.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    pub(super) waiting: AtomicU64,
    pub(super) ready: AtomicU64,
    pub(super) resting: AtomicU64,
    /// The first that may be handed out and never was.
    pub(super) fresh: AtomicU64,
    /// Of each lane in which something rests the first message that was never handed out.
    pub(super) held: RwLock<BTreeMap<u64, u64>>,
    pub(super) dead: AtomicU64,
    pub(super) bytes: AtomicU64,
}

/// A mailbox whose messages outlive the process.
///
/// Clones lead to the same mailbox.
#[derive(Clone)]
pub struct Mailbox {
    link: Arc<Link>,
    name: Arc<str>,
    gauge: Arc<Gauge>,
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("name", &self.name)
            .field("gauge", &self.gauge)
            .finish_non_exhaustive()
    }
}

impl Mailbox {
    pub(super) fn new(link: Arc<Link>, name: Arc<str>, gauge: Arc<Gauge>) -> Self {
        Self { link, name, gauge }
    }

    /// Keeps a message, and says its sequence once it is on disk.
    ///
    /// # Errors
    ///
    /// [`EnqueueError::Full`] and [`EnqueueError::TooLarge`]: it is not kept. [`EnqueueError::Store`]: that is not
    /// known, as it is not known when the future is dropped before it is ready.
    pub async fn enqueue(&self, envelope: Envelope) -> Result<u64, EnqueueError> {
        let name = Arc::clone(&self.name);
        self.link.ask(move |batch| batch.enqueue(&name, envelope)).await?
    }

    /// The first message that may be handed out; waits for one where there is none.
    ///
    /// Dropping the future takes nothing: what came in between is for the next who asks, its count unchanged.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store failed. Nothing was handed out then.
    pub async fn next(&self) -> Result<Delivery, StoreError> {
        // Who is not hurried is not told that there is none.
        self.ask_for_one(false).await?.ok_or(StoreError::Closed)
    }

    /// The first message that may be handed out, if there is one now.
    ///
    /// Dropping the future takes nothing, as with [`Mailbox::next`].
    ///
    /// # Errors
    ///
    /// Those of [`Mailbox::next`].
    pub async fn try_next(&self) -> Result<Option<Delivery>, StoreError> {
        self.ask_for_one(true).await
    }

    async fn ask_for_one(&self, hurried: bool) -> Result<Option<Delivery>, StoreError> {
        let (tell, answered) = oneshot::channel();
        let (name, waiter) = (Arc::clone(&self.name), Waiter { tell, hurried });
        let place = self.link.place().await?;
        let wait: Job = Box::new(move |batch| {
            match batch {
                Ok(batch) => batch.wait(&name, waiter),
                Err(error) => waiter.send(Err(error)),
            }
            Box::new(|_| ())
        });
        self.link.send(wait, Some(place))?;
        Ok(answered.await.unwrap_or(Err(StoreError::Closed))?.map(Parcel::claim))
    }

    /// The message was handled: it never comes again. Whether it was handed out at all.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when that may not be on disk. The message stays handed out: acknowledge it again.
    pub async fn acknowledge(&self, sequence: u64) -> Result<bool, StoreError> {
        let name = Arc::clone(&self.name);
        self.link.ask(move |batch| batch.acknowledge(&name, sequence)).await
    }

    /// The handler failed: the message comes again when it has rested, before those behind it, or is a dead letter now.
    /// Whether it was handed out at all.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: the message stays handed out.
    pub async fn release(&self, sequence: u64) -> Result<bool, StoreError> {
        let name = Arc::clone(&self.name);
        self.link.ask(move |batch| batch.release(&name, sequence)).await
    }

    /// The same as [`Mailbox::acknowledge`], for who does not wait for it. Should it fail, the message stays handed out.
    pub fn acknowledge_later(&self, sequence: u64) {
        let name = Arc::clone(&self.name);
        self.later(job(move |batch| batch.acknowledge(&name, sequence), drop));
    }

    /// The same as [`Mailbox::release`], for who does not wait for it; `then` is called when it is done or has failed, by
    /// the store's own thread, which does nothing else meanwhile.
    pub fn release_later(&self, sequence: u64, then: impl FnOnce() + Send + 'static) {
        let name = Arc::clone(&self.name);
        self.later(job(move |batch| batch.release(&name, sequence), move |_| then()));
    }

    /// A delivery that the receiver never saw goes back and does not count, unless it was handed out anew meanwhile; `then`
    /// as with [`Mailbox::release_later`].
    pub fn return_later(&self, delivery: &Delivery, then: impl FnOnce() + Send + 'static) {
        let (name, sequence, deliveries) = (Arc::clone(&self.name), delivery.sequence, delivery.deliveries);
        self.later(job(move |batch| batch.take_back(&name, sequence, deliveries), move |_| then()));
    }

    /// Keeps the order of the messages of each lane from now on, and of no others: what rests holds back those behind it in its
    /// own lane alone. Without this all are of one. `rested` is told whenever a rest is over.
    pub fn in_lanes(&self, lane: Lane, rested: Rested) {
        let name = Arc::clone(&self.name);
        self.later(job(move |batch| batch.in_lanes(&name, lane, rested), drop));
    }

    fn later(&self, job: Job) {
        // An error says that the store is closed: it will deliver again when it is opened.
        drop(self.link.send(job, None));
    }

    /// The receiver is gone: releases all that it had, and says how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: all of it stays handed out.
    pub async fn release_all(&self) -> Result<usize, StoreError> {
        let name = Arc::clone(&self.name);
        self.link.ask(move |batch| batch.release_all(&name)).await
    }

    /// Up to `limit` dead letters from that sequence on, in order.
    ///
    /// A page is shorter where its letters are large, and never empty before the end.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when they cannot be read.
    pub async fn dead_letters(&self, from: u64, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let name = Arc::clone(&self.name);
        self.link.ask(move |batch| batch.dead_letters(&name, from, limit)).await
    }

    /// Puts a dead letter at the end of the mailbox, with no deliveries and no expiry, and says its new sequence.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: it is a dead letter still, or is queued once.
    pub async fn requeue(&self, dead: u64) -> Result<Option<u64>, StoreError> {
        let name = Arc::clone(&self.name);
        self.link.ask(move |batch| batch.requeue(&name, dead)).await
    }

    /// Removes a dead letter for good. Whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it may be there still.
    pub async fn discard(&self, dead: u64) -> Result<bool, StoreError> {
        let name = Arc::clone(&self.name);
        self.link.ask(move |batch| batch.discard(&name, dead)).await
    }

    /// Messages that are not acknowledged, without a look at the disk.
    #[must_use]
    pub fn depth(&self) -> u64 {
        self.gauge.waiting.load(Ordering::Relaxed)
    }

    /// Messages that may be handed out, without a look at the disk.
    #[must_use]
    pub fn ready(&self) -> u64 {
        self.gauge.ready.load(Ordering::Relaxed)
    }

    /// Messages that rest, or wait behind what rests, without a look at the disk.
    #[must_use]
    pub fn resting(&self) -> u64 {
        self.gauge.resting.load(Ordering::Relaxed)
    }

    /// Whether one that may be handed out, up to that sequence, never was; without a look at the disk.
    #[must_use]
    pub fn has_fresh(&self, until: u64) -> bool {
        self.gauge.fresh.load(Ordering::Relaxed) <= until
    }

    /// Whether one of that lane, up to that sequence, was never handed out since something before it rests; without a look at
    /// the disk.
    #[must_use]
    pub fn holds_back(&self, lane: u64, until: u64) -> bool {
        self.resting() > 0 && whole(self.gauge.held.read()).get(&lane).is_some_and(|first| *first <= until)
    }

    /// Dead letters, without a look at the disk.
    #[must_use]
    pub fn dead_depth(&self) -> u64 {
        self.gauge.dead.load(Ordering::Relaxed)
    }

    /// Bytes of both, without a look at the disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.gauge.bytes.load(Ordering::Relaxed)
    }
}

/// A delivery on its way to who asked. One that is not claimed goes back.
pub(super) struct Parcel {
    delivery: Delivery,
    claimed: bool,
    name: Arc<str>,
    back: mpsc::Sender<Message>,
}

impl Parcel {
    pub(super) fn new(delivery: Delivery, name: Arc<str>, back: mpsc::Sender<Message>) -> Self {
        Self { delivery, claimed: false, name, back }
    }

    fn claim(mut self) -> Delivery {
        self.claimed = true;
        let Delivery { sequence, deliveries, .. } = self.delivery;
        Delivery { sequence, deliveries, bytes: std::mem::take(&mut self.delivery.bytes) }
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        if self.claimed {
            return;
        }
        let (name, sequence, deliveries) =
            (Arc::clone(&self.name), self.delivery.sequence, self.delivery.deliveries);
        let back = job(move |batch| batch.take_back(&name, sequence, deliveries), |_| ());
        // An error says that the store is closed: it will deliver again when it is opened.
        drop(self.back.send(Message::Job(back, None)));
    }
}
