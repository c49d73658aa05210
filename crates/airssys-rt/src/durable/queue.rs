//! One mailbox as the store's thread knows it: what waits, what is handed out, and how much there is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use redb::ReadableTable;

use super::disk::Tables;
use super::error::{EnqueueError, StoreError};
use super::mailbox::{Delivery, Envelope, Gauge, Reason, Terms, Waiter};
use super::rest::{Lane, Rested, Resting};
use super::store::whole;

/// What is known of a message without its body.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) deliveries: u32,
    pub(super) expires: Option<u64>,
    pub(super) bytes: u64,
    /// Not on disk: it follows from what the message says.
    pub(super) lane: u64,
}

/// All but the bodies, and nothing that is not on disk too, except who has what.
pub(super) struct Queue {
    name: Arc<str>,
    terms: Terms,
    pub(super) gauge: Arc<Gauge>,
    pub(super) next: u64,
    pub(super) heads: BTreeMap<u64, Head>,
    /// Not handed out.
    pub(super) ready: BTreeSet<u64>,
    /// Which of those rest.
    pub(super) resting: Resting,
    /// Handed out, and neither acknowledged nor released.
    pub(super) out: BTreeSet<u64>,
    /// What was handed out before the batch that runs, once that batch changed it.
    before: Option<BTreeSet<u64>>,
    pub(super) dead: u64,
    pub(super) bytes: u64,
    waiting: VecDeque<Waiter>,
}

impl Queue {
    pub(super) fn load(name: Arc<str>, terms: Terms, tables: &Tables<'_>) -> Result<Self, StoreError> {
        let mut queue = Self {
            name,
            terms,
            gauge: Arc::default(),
            next: 1,
            heads: BTreeMap::new(),
            ready: BTreeSet::new(),
            resting: Resting::default(),
            out: BTreeSet::new(),
            before: None,
            dead: 0,
            bytes: 0,
            waiting: VecDeque::new(),
        };
        queue.reload(tables)?;
        Ok(queue)
    }

    /// Takes what the disk says. What is handed out stays so.
    pub(super) fn reload(&mut self, tables: &Tables<'_>) -> Result<(), StoreError> {
        let name = &*self.name;
        self.next = tables.next.get(name)?.map_or(1, |next| next.value());
        (self.heads, self.dead, self.bytes) = (BTreeMap::new(), 0, 0);
        for row in tables.heads.range((name, 0)..=(name, u64::MAX))? {
            let (key, head) = row?;
            let (deliveries, expires, bytes) = head.value();
            self.bytes = self.bytes.saturating_add(bytes);
            self.heads.insert(key.value().1, Head { deliveries, expires, bytes, lane: 0 });
        }
        for row in tables.dead.range((name, 0)..=(name, u64::MAX))? {
            let (_, _, bytes) = row?.1.value();
            self.bytes = self.bytes.saturating_add(bytes);
            self.dead = self.dead.saturating_add(1);
        }
        self.sort_into_lanes(tables)?;
        self.out.retain(|sequence| self.heads.contains_key(sequence));
        self.ready = self.heads.keys().filter(|sequence| !self.out.contains(sequence)).copied().collect();
        Ok(())
    }

    fn sort_into_lanes(&mut self, tables: &Tables<'_>) -> Result<(), StoreError> {
        if self.resting.has_lanes() {
            for (sequence, head) in &mut self.heads {
                let body = tables.bodies.get((&*self.name, *sequence))?.ok_or_else(torn)?;
                head.lane = self.resting.lane(body.value());
            }
        }
        Ok(())
    }

    pub(super) fn set_terms(&mut self, terms: Terms) {
        self.terms = terms;
    }

    pub(super) fn set_lanes(
        &mut self,
        lane: Lane,
        rested: Rested,
        tables: &Tables<'_>,
    ) -> Result<(), StoreError> {
        self.resting.set(lane, rested);
        self.sort_into_lanes(tables)
    }

    /// What is not handed out and may be, in order: neither what rests, nor what is behind that in its lane.
    fn deliverable(&self) -> impl Iterator<Item = (u64, Head)> {
        let held = self.held();
        let heads = self.ready.iter().filter_map(|sequence| Some((*sequence, *self.heads.get(sequence)?)));
        heads.filter(move |(sequence, head)| held.get(&head.lane).is_none_or(|first| sequence < first))
    }

    fn first(&self) -> Option<u64> {
        self.deliverable().next().map(|(sequence, _)| sequence)
    }

    fn held(&self) -> BTreeMap<u64, u64> {
        self.resting.held(&self.ready, |sequence| self.heads.get(&sequence).map_or(0, |head| head.lane))
    }

    /// It was released, and may be delivered again when it has rested.
    pub(super) fn rest(&mut self, sequence: u64) {
        let deliveries = self.heads.get(&sequence).map_or(0, |head| head.deliveries);
        self.resting.rest(sequence, self.terms.redelivery.delay(deliveries), Instant::now());
    }

    /// Remembers what is handed out, in case the batch fails.
    pub(super) fn touch(&mut self) {
        if self.before.is_none() {
            self.before = Some(self.out.clone());
        }
    }

    /// The batch is on disk.
    pub(super) fn confirm(&mut self) {
        self.before = None;
        self.measure();
    }

    /// The batch is not. What the disk says is to be read again.
    pub(super) fn revert(&mut self) {
        if let Some(before) = self.before.take() {
            self.out = before;
        }
    }

    pub(super) fn measure(&self) {
        let waiting = u64::try_from(self.heads.len()).unwrap_or(u64::MAX);
        let ready = u64::try_from(self.ready.len()).unwrap_or(u64::MAX);
        let resting = self.measure_resting(ready);
        let ready = ready.saturating_sub(resting);
        let fresh = self.deliverable().find(|(_, head)| head.deliveries == 0);
        self.gauge.fresh.store(fresh.map_or(u64::MAX, |(sequence, _)| sequence), Ordering::Relaxed);
        self.gauge.waiting.store(waiting, Ordering::Relaxed);
        self.gauge.ready.store(ready, Ordering::Relaxed);
        self.gauge.dead.store(self.dead, Ordering::Relaxed);
        self.gauge.bytes.store(self.bytes, Ordering::Relaxed);
    }

    /// How many of those that are not handed out may not be; and behind what, for those who ask.
    fn measure_resting(&self, ready: u64) -> u64 {
        let deliverable = if self.resting.is_empty() {
            ready
        } else {
            u64::try_from(self.deliverable().count()).unwrap_or(u64::MAX)
        };
        let resting = ready.saturating_sub(deliverable);
        let mut first = BTreeMap::new();
        if resting > 0 {
            let held = self.held();
            let behind =
                self.ready.iter().filter_map(|sequence| Some((*sequence, self.heads.get(sequence)?)));
            for (sequence, head) in behind.filter(|(_, head)| head.deliveries == 0) {
                if held.get(&head.lane).is_some_and(|resting| *resting <= sequence) {
                    first.entry(head.lane).or_insert(sequence);
                }
            }
        }
        if resting > 0 || self.gauge.resting.load(Ordering::Relaxed) > 0 {
            *whole(self.gauge.held.write()) = first;
        }
        self.gauge.resting.store(resting, Ordering::Relaxed);
        resting
    }

    pub(super) fn wait(&mut self, waiter: Waiter) {
        // Who gave up waiting left its place behind.
        self.waiting.retain(|waiter| !waiter.is_closed());
        self.waiting.push_back(waiter);
    }

    /// The first who still waits, if there is something to hand out.
    pub(super) fn waiter(&mut self) -> Option<Waiter> {
        self.first()?;
        std::iter::from_fn(|| self.waiting.pop_front()).find(|waiter| !waiter.is_closed())
    }

    /// Tells those who are hurried and got nothing.
    pub(super) fn answer_hurried(&mut self, result: &Result<(), StoreError>) {
        let (hurried, patient): (VecDeque<_>, _) =
            std::mem::take(&mut self.waiting).into_iter().partition(|waiter: &Waiter| waiter.is_hurried());
        self.waiting = patient;
        hurried.into_iter().for_each(|waiter| waiter.send(result.clone().map(|()| None)));
    }

    /// Nothing was there for it after all.
    pub(super) fn wait_first(&mut self, waiter: Waiter) {
        self.waiting.push_front(waiter);
    }

    pub(super) fn enqueue(
        &mut self,
        envelope: &Envelope,
        tables: &mut Tables<'_>,
    ) -> Result<Result<u64, EnqueueError>, StoreError> {
        let bytes = u64::try_from(envelope.bytes.len()).unwrap_or(u64::MAX);
        if let Err(refused) = self.room_for(bytes) {
            return Ok(Err(refused));
        }
        let head = Head { deliveries: 0, expires: envelope.expires, bytes, lane: 0 };
        let sequence = self.append(head, &envelope.bytes, tables)?;
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(Ok(sequence))
    }

    fn room_for(&self, bytes: u64) -> Result<(), EnqueueError> {
        if bytes > self.terms.max_body_bytes {
            return Err(EnqueueError::TooLarge { bytes, most: self.terms.max_body_bytes });
        }
        let waiting = u64::try_from(self.heads.len()).unwrap_or(u64::MAX);
        let capacity = u64::try_from(self.terms.capacity.get()).unwrap_or(u64::MAX);
        let held = waiting.saturating_add(self.dead);
        if held >= capacity || self.bytes.saturating_add(bytes) > self.terms.max_total_bytes {
            return Err(EnqueueError::Full { waiting, dead: self.dead, bytes: self.bytes });
        }
        Ok(())
    }

    /// Puts a message at the end. The caller counts its bytes.
    pub(super) fn append(
        &mut self,
        mut head: Head,
        body: &[u8],
        tables: &mut Tables<'_>,
    ) -> Result<u64, StoreError> {
        head.lane = self.resting.lane(body);
        let sequence = self.next;
        self.next = sequence.saturating_add(1);
        tables.next.insert(&*self.name, self.next)?;
        tables.bodies.insert((&*self.name, sequence), body)?;
        self.write(sequence, head, tables)?;
        self.ready.insert(sequence);
        Ok(sequence)
    }

    pub(super) fn write(
        &mut self,
        sequence: u64,
        head: Head,
        tables: &mut Tables<'_>,
    ) -> Result<(), StoreError> {
        tables.heads.insert((&*self.name, sequence), (head.deliveries, head.expires, head.bytes))?;
        self.heads.insert(sequence, head);
        Ok(())
    }

    /// Takes the first that is ready and raises its count; what is not to be delivered any more is buried.
    pub(super) fn hand_out(
        &mut self,
        tables: &mut Tables<'_>,
        now: u64,
    ) -> Result<Option<Delivery>, StoreError> {
        while let Some(sequence) = self.first() {
            if self.bury_if_doomed(sequence, tables, now)? {
                continue;
            }
            let Some(mut head) = self.heads.get(&sequence).copied() else { return Err(torn()) };
            head.deliveries = head.deliveries.saturating_add(1);
            self.write(sequence, head, tables)?;
            let bytes = tables.bodies.get((&*self.name, sequence))?.ok_or_else(torn)?.value().to_vec();
            self.ready.remove(&sequence);
            self.out.insert(sequence);
            return Ok(Some(Delivery { sequence, deliveries: head.deliveries, bytes }));
        }
        Ok(None)
    }

    /// Makes it a dead letter if it was delivered too often or has expired. Whether it was.
    pub(super) fn bury_if_doomed(
        &mut self,
        sequence: u64,
        tables: &mut Tables<'_>,
        now: u64,
    ) -> Result<bool, StoreError> {
        let Some(head) = self.heads.get(&sequence).copied() else { return Err(torn()) };
        let reason = if head.deliveries >= self.terms.max_deliveries.get() {
            Reason::Undeliverable
        } else if head.expires.is_some_and(|expires| expires <= now) {
            Reason::Expired
        } else {
            return Ok(false);
        };
        let row = (head.deliveries, reason.code(), head.bytes);
        tables.dead.insert((&*self.name, sequence), row)?;
        tables.heads.remove((&*self.name, sequence))?;
        self.heads.remove(&sequence);
        self.ready.remove(&sequence);
        self.resting.forget(sequence);
        self.dead = self.dead.saturating_add(1);
        Ok(true)
    }

    /// Removes an acknowledged message.
    pub(super) fn remove(&mut self, sequence: u64, tables: &mut Tables<'_>) -> Result<(), StoreError> {
        tables.heads.remove((&*self.name, sequence))?;
        tables.bodies.remove((&*self.name, sequence))?;
        self.resting.forget(sequence);
        if let Some(head) = self.heads.remove(&sequence) {
            self.bytes = self.bytes.saturating_sub(head.bytes);
        }
        Ok(())
    }
}

/// The tables contradict each other.
pub(super) fn torn() -> StoreError {
    StoreError::Damaged("a message without its body or its head".to_owned())
}

impl Reason {
    fn code(self) -> u8 {
        match self {
            Self::Undeliverable => 1,
            Self::Expired => 2,
        }
    }

    pub(super) fn from_code(code: u8) -> Result<Self, StoreError> {
        match code {
            1 => Ok(Self::Undeliverable),
            2 => Ok(Self::Expired),
            other => Err(StoreError::Damaged(format!("a dead letter of reason {other}"))),
        }
    }
}
