//! What is done for all who waited, in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use redb::ReadableTable;

use super::disk::Tables;
use super::error::{EnqueueError, StoreError};
use super::mailbox::{DeadLetter, Delivery, Envelope, Gauge, Reason, Terms, Waiter};
use super::marks::Change;
use super::queue::{Head, Queue, torn};
use super::rest::{Lane, Rested};

/// Bodies in one page of dead letters, in bytes, beyond which it ends.
const PAGE_BYTES: usize = 4 << 20;

/// The mailboxes that were opened, by name.
pub(super) type Queues = BTreeMap<Arc<str>, Queue>;

/// A transaction, and what follows from it once it is committed.
///
/// The queues are changed at once. Should the commit fail, they are read from disk again.
pub(super) struct Batch<'b, 'txn> {
    pub(super) tables: Tables<'txn>,
    queues: &'b mut Queues,
    now: u64,
    pub(super) after: After,
}

/// What follows from a batch.
#[derive(Default)]
pub(super) struct After {
    /// Something was written.
    pub(super) dirty: bool,
    /// Something failed; nothing of the batch is to be kept.
    pub(super) failed: Option<StoreError>,
    /// Who gets what.
    pub(super) handed: Vec<(Waiter, Arc<str>, Delivery)>,
    /// Marks that were set.
    pub(super) marks: Vec<Change>,
}

impl<'b, 'txn> Batch<'b, 'txn> {
    pub(super) fn new(tables: Tables<'txn>, queues: &'b mut Queues, now: u64) -> Self {
        Self { tables, queues, now, after: After::default() }
    }

    /// Does one caller's work. What fails, fails for all.
    pub(super) fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Some(error) = &self.after.failed {
            return Err(error.clone());
        }
        work(self).inspect_err(|error| self.after.failed = Some(error.clone()))
    }

    pub(super) fn open_mailbox(&mut self, name: Arc<str>, terms: Terms) -> Result<Arc<Gauge>, StoreError> {
        if let Some(queue) = self.queues.get_mut(&name) {
            queue.set_terms(terms);
            return Ok(Arc::clone(&queue.gauge));
        }
        let queue = Queue::load(Arc::clone(&name), terms, &self.tables)?;
        let gauge = Arc::clone(&queue.gauge);
        self.queues.insert(name, queue);
        Ok(gauge)
    }

    pub(super) fn in_lanes(&mut self, name: &str, lane: Lane, rested: Rested) -> Result<(), StoreError> {
        let (queue, tables) = self.queue(name)?;
        queue.set_lanes(lane, rested, tables)
    }

    pub(super) fn enqueue(
        &mut self,
        name: &str,
        envelope: Envelope,
    ) -> Result<Result<u64, EnqueueError>, StoreError> {
        let (queue, tables) = self.queue(name)?;
        let kept = queue.enqueue(&envelope, tables)?;
        self.after.dirty |= kept.is_ok();
        Ok(kept)
    }

    pub(super) fn wait(&mut self, name: &str, waiter: Waiter) {
        match (self.after.failed.clone(), self.queues.get_mut(name)) {
            (None, Some(queue)) => queue.wait(waiter),
            (failed, _) => waiter.send(Err(failed.unwrap_or(StoreError::Closed))),
        }
    }

    pub(super) fn acknowledge(&mut self, name: &str, sequence: u64) -> Result<bool, StoreError> {
        let (queue, tables) = self.queue(name)?;
        if !queue.out.remove(&sequence) {
            return Ok(false);
        }
        queue.remove(sequence, tables)?;
        self.after.dirty = true;
        Ok(true)
    }

    pub(super) fn release(&mut self, name: &str, sequence: u64) -> Result<bool, StoreError> {
        let now = self.now;
        let (queue, tables) = self.queue(name)?;
        if !queue.out.remove(&sequence) {
            return Ok(false);
        }
        queue.ready.insert(sequence);
        let buried = queue.bury_if_doomed(sequence, tables, now)?;
        if !buried {
            queue.rest(sequence);
        }
        self.after.dirty |= buried;
        Ok(true)
    }

    pub(super) fn release_all(&mut self, name: &str) -> Result<usize, StoreError> {
        let out: Vec<_> = self.queue(name)?.0.out.iter().copied().collect();
        for sequence in &out {
            self.release(name, *sequence)?;
        }
        Ok(out.len())
    }

    /// A delivery that nobody saw: it does not count.
    pub(super) fn take_back(&mut self, name: &str, sequence: u64, deliveries: u32) -> Result<(), StoreError> {
        let (queue, tables) = self.queue(name)?;
        let Some(head) = queue.heads.get(&sequence).copied() else { return Ok(()) };
        // Another count is another delivery, which somebody may have.
        if head.deliveries != deliveries || !queue.out.remove(&sequence) {
            return Ok(());
        }
        queue.write(sequence, Head { deliveries: deliveries.saturating_sub(1), ..head }, tables)?;
        queue.ready.insert(sequence);
        self.after.dirty = true;
        Ok(())
    }

    pub(super) fn dead_letters(
        &mut self,
        name: &str,
        from: u64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        self.bury_all_doomed(name)?;
        let (mut page, mut bytes) = (Vec::new(), 0_usize);
        for row in self.tables.dead.range((name, from)..=(name, u64::MAX))?.take(limit) {
            let (key, letter) = row?;
            let (deliveries, code, _) = letter.value();
            let sequence = key.value().1;
            let body = self.tables.bodies.get((name, sequence))?.ok_or_else(torn)?.value().to_vec();
            bytes = bytes.saturating_add(body.len());
            if bytes > PAGE_BYTES && !page.is_empty() {
                break;
            }
            page.push(DeadLetter { sequence, deliveries, reason: Reason::from_code(code)?, bytes: body });
        }
        Ok(page)
    }

    fn bury_all_doomed(&mut self, name: &str) -> Result<(), StoreError> {
        let now = self.now;
        let (queue, tables) = self.queue(name)?;
        let mut buried = false;
        for sequence in queue.ready.clone() {
            buried |= queue.bury_if_doomed(sequence, tables, now)?;
        }
        self.after.dirty |= buried;
        Ok(())
    }

    pub(super) fn requeue(&mut self, name: &str, dead: u64) -> Result<Option<u64>, StoreError> {
        let (queue, tables) = self.queue(name)?;
        let Some(bytes) = tables.dead.remove((name, dead))?.map(|letter| letter.value().2) else {
            return Ok(None);
        };
        let body = tables.bodies.remove((name, dead))?.map(|body| body.value().to_vec()).ok_or_else(torn)?;
        queue.dead = queue.dead.saturating_sub(1);
        let sequence = queue.append(Head { deliveries: 0, expires: None, bytes, lane: 0 }, &body, tables)?;
        self.after.dirty = true;
        Ok(Some(sequence))
    }

    pub(super) fn discard(&mut self, name: &str, dead: u64) -> Result<bool, StoreError> {
        let (queue, tables) = self.queue(name)?;
        let Some(bytes) = tables.dead.remove((name, dead))?.map(|letter| letter.value().2) else {
            return Ok(false);
        };
        tables.bodies.remove((name, dead))?;
        queue.dead = queue.dead.saturating_sub(1);
        queue.bytes = queue.bytes.saturating_sub(bytes);
        self.after.dirty = true;
        Ok(true)
    }

    /// Gives those who wait what there is, as the last work of the batch.
    pub(super) fn hand_out(&mut self) -> Result<(), StoreError> {
        for (name, queue) in self.queues.iter_mut() {
            while let Some(waiter) = queue.waiter() {
                queue.touch();
                // Also where nothing is handed out: what was found dead on the way is written.
                self.after.dirty = true;
                match queue.hand_out(&mut self.tables, self.now) {
                    Ok(Some(delivery)) => self.after.handed.push((waiter, Arc::clone(name), delivery)),
                    Ok(None) => queue.wait_first(waiter),
                    Err(error) => {
                        // Who waits no longer is not told; the batch fails all the same.
                        waiter.send(Err(error.clone()));
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    fn queue(&mut self, name: &str) -> Result<(&mut Queue, &mut Tables<'txn>), StoreError> {
        // A mailbox's handle exists only once its queue does, and no queue is ever removed.
        let queue = self.queues.get_mut(name).ok_or(StoreError::Closed)?;
        queue.touch();
        Ok((queue, &mut self.tables))
    }
}
