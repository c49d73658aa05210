//! A mailbox whose messages outlive the process.

use std::sync::Arc;

use super::disk;
use super::envelope::Envelope;
use super::error::{EnqueueError, StoreError};
use super::queue::{Depth, Out, Queue, Reason, Slot};
use super::store::Clock;
use super::writer::Writer;

/// One durable mailbox. Clones are the same mailbox.
#[derive(Clone)]
pub struct Mailbox {
    pub(super) queue: Arc<Queue>,
    pub(super) writer: Writer,
    pub(super) clock: Clock,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("name", &self.queue.name).finish_non_exhaustive()
    }
}

/// A message that is no longer delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its place in the mailbox, by which it is requeued or discarded.
    pub sequence: u64,
    /// How often it was delivered.
    pub deliveries: u32,
    /// Why it is dead.
    pub reason: Reason,
    /// The message.
    pub envelope: Envelope,
}

impl Mailbox {
    /// Keeps a message. `Ok` with its sequence means that it is on disk.
    ///
    /// A future that is dropped before it is ready may have kept the message or not.
    ///
    /// # Errors
    ///
    /// [`EnqueueError`]; the message is not on disk, or, with [`EnqueueError::Store`], may not be.
    pub async fn enqueue(&self, envelope: Envelope) -> Result<u64, EnqueueError> {
        let body = u64::try_from(envelope.body.len()).unwrap_or(u64::MAX);
        if body > self.queue.state().terms.max_body_bytes || envelope.overlong() {
            return Err(EnqueueError::TooLarge);
        }
        let encoded = envelope.encode();
        let bytes = u64::try_from(encoded.len()).unwrap_or(u64::MAX);
        let room = self.queue.reserve(bytes).ok_or(EnqueueError::Full)?;
        let slot = Slot { deliveries: 0, bytes, expires: envelope.expires.unwrap_or(u64::MAX) };
        let work = move |tx: &redb::WriteTransaction, _: &_| {
            Ok((disk::put(tx, &room.queue.name, &encoded, slot)?, room))
        };
        let kept = self.writer.run(work, move |(sequence, room), _| {
            room.queue.state().live.insert(sequence, slot);
            room.queue.changed.notify_one();
            sequence
        });
        Ok(kept.await?)
    }

    /// Waits for the oldest message, and hands it out when its delivery is counted on disk.
    ///
    /// While a delivery is out, this waits for its end. What has expired or was delivered too often becomes a
    /// dead letter here.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the delivery could not be counted; nothing is handed out then.
    pub async fn next(&self) -> Result<Delivery, StoreError> {
        loop {
            let Some((out, slot, most)) = self.queue.take() else {
                // A permit is kept for whoever asks next, so nothing that changes in between is missed.
                self.queue.changed.notified().await;
                continue;
            };
            if slot.expires <= (self.clock)() {
                self.bury(out, slot, Reason::Expired).await?;
            } else if slot.deliveries >= most {
                self.bury(out, slot, Reason::Deliveries).await?;
            } else {
                return self.deliver(out, slot).await;
            }
        }
    }

    async fn deliver(&self, out: Out, slot: Slot) -> Result<Delivery, StoreError> {
        let slot = Slot { deliveries: slot.deliveries.saturating_add(1), ..slot };
        let writer = self.writer.clone();
        let work = move |tx: &redb::WriteTransaction, _: &_| {
            let bytes = disk::count(tx, &out.queue.name, out.sequence, slot)?;
            let envelope = Envelope::decode(&bytes)
                .ok_or_else(|| redb::Error::Corrupted("a message that cannot be read".to_owned()))?;
            Ok((out, envelope))
        };
        let counted = self.writer.run(work, move |(out, envelope), _| {
            out.queue.state().live.insert(out.sequence, slot);
            // Should nobody wait for it any longer, dropping it lets it be delivered again.
            Delivery { out, writer, deliveries: slot.deliveries, envelope }
        });
        counted.await
    }

    async fn bury(&self, out: Out, slot: Slot, why: Reason) -> Result<(), StoreError> {
        let work = move |tx: &redb::WriteTransaction, _: &_| {
            disk::bury(tx, &out.queue.name, out.sequence, slot, why)?;
            Ok(out)
        };
        let buried = self.writer.run(work, move |out, _| {
            let mut state = out.queue.state();
            if state.live.remove(&out.sequence).is_some() {
                state.dead += 1;
                state.dead_bytes += slot.bytes;
            }
        });
        buried.await
    }

    /// How much is in the mailbox; does not ask the disk.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.queue.depth()
    }

    /// Dead letters from sequence `from` on, at most `limit`, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the disk cannot be read.
    pub async fn dead_letters(&self, from: u64, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let queue = Arc::clone(&self.queue);
        let work = move |tx: &redb::WriteTransaction, _: &_| {
            let mut letters = Vec::new();
            for (sequence, slot, reason) in disk::dead(tx, &queue.name, from, limit)? {
                let envelope = Envelope::decode(&disk::body(tx, &queue.name, sequence)?)
                    .ok_or_else(|| redb::Error::Corrupted("a message that cannot be read".to_owned()))?;
                letters.push(DeadLetter { sequence, deliveries: slot.deliveries, reason, envelope });
            }
            Ok(letters)
        };
        self.writer.run(work, |letters, _| letters).await
    }

    /// Puts a dead letter at the end of the mailbox, uncounted and without an expiry. Its new sequence, or nothing
    /// when there is no such letter.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when that may not be on disk.
    pub async fn requeue(&self, sequence: u64) -> Result<Option<u64>, StoreError> {
        let queue = Arc::clone(&self.queue);
        let name = self.queue.name.clone();
        let work = move |tx: &redb::WriteTransaction, _: &_| disk::requeue(tx, &name, sequence);
        let moved = self.writer.run(work, move |moved, _| {
            let (sequence, slot) = moved?;
            let mut state = queue.state();
            state.dead = state.dead.saturating_sub(1);
            state.dead_bytes = state.dead_bytes.saturating_sub(slot.bytes);
            state.live.insert(sequence, slot);
            drop(state);
            queue.changed.notify_one();
            Some(sequence)
        });
        moved.await
    }

    /// Forgets a dead letter; whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when that may not be on disk.
    pub async fn discard(&self, sequence: u64) -> Result<bool, StoreError> {
        let queue = Arc::clone(&self.queue);
        let name = self.queue.name.clone();
        let work = move |tx: &redb::WriteTransaction, _: &_| disk::discard(tx, &name, sequence);
        let gone = self.writer.run(work, move |gone, _| {
            let Some(bytes) = gone else { return false };
            let mut state = queue.state();
            state.dead = state.dead.saturating_sub(1);
            state.dead_bytes = state.dead_bytes.saturating_sub(bytes);
            true
        });
        gone.await
    }
}

/// A message that is being handled.
///
/// Dropping it is [`Delivery::release`]: a handler that fails, or is cancelled, loses nothing.
#[derive(Debug)]
pub struct Delivery {
    out: Out,
    writer: Writer,
    deliveries: u32,
    envelope: Envelope,
}

impl Delivery {
    /// Its place in the mailbox. Later messages have higher ones, and none is used twice.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.out.sequence
    }

    /// How often it was delivered, this time included.
    #[must_use]
    pub fn deliveries(&self) -> u32 {
        self.deliveries
    }

    /// The message.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Says that the message is handled. `Ok` means that it is never delivered again.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when that may not be on disk; the message may be delivered again.
    pub async fn acknowledge(self) -> Result<(), StoreError> {
        let out = self.out;
        let work = move |tx: &redb::WriteTransaction, _: &_| {
            disk::remove(tx, &out.queue.name, out.sequence)?;
            Ok(out)
        };
        let gone = self.writer.run(work, |out, _| {
            out.queue.state().live.remove(&out.sequence);
        });
        gone.await
    }

    /// Says that the message was not handled: it is delivered again, before any later one, and keeps its count.
    pub fn release(self) {
        drop(self);
    }
}
