//! What keeps one receiver's messages on disk.
//!
//! *Invariant:* what lies here is no permission. While whoever sent it lives, or was taken its permissions from, the lease
//! that it was sent by counts, as for a message in memory. Otherwise, after a restart above all, it is decided anew: by the
//! policies in force, about the sender as it was, and only if the key that signed it is trusted still.

use crate::gate::{Caller, Chain, Lease};
use crate::post::PostError;
use crate::post::desk::Letter;
use crate::post::envelope::Envelope;
use crate::{Operator, Principal};
use airssys_rt::durable::{self, Clock, DeadLetter, EnqueueError, Mailbox, StoreError};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The number of an instance that does not live in this run of the host.
const OF_ANOTHER_RUN: u64 = 0;

/// Whether a component of that identity is trusted still by the key of that id.
pub type Trusts = Arc<dyn Fn(&Principal, &str) -> bool + Send + Sync>;

/// The groups that the host's configuration grants to the operator of that id.
pub type Groups = Arc<dyn Fn(u32) -> Vec<String> + Send + Sync>;

/// Where the messages of one receiver are kept until they are acknowledged.
pub struct Shelf {
    mailbox: Mailbox,
    clock: Clock,
    trusts: Trusts,
    groups: Groups,
    /// Told from every other run of the host.
    run: u64,
    sent: AtomicU64,
    /// The permissions by which was sent what was sent in this run, by its number.
    leases: Mutex<BTreeMap<u64, Sent>>,
    most: usize,
    /// Most bytes of one body: what whoever lived there last could be given.
    most_bytes: AtomicU64,
    /// The last that was put here, and the last that was handed out.
    put: AtomicU64,
    handed: AtomicU64,
}

/// What a message was sent by.
#[derive(Clone)]
pub(in crate::post) struct Sent {
    pub(in crate::post) lease: Lease,
    pub(in crate::post) import: &'static str,
}

/// A message that was taken from the shelf and is not the receiver's yet.
pub(in crate::post) struct Opened {
    pub(in crate::post) sequence: u64,
    pub(in crate::post) deliveries: u32,
    pub(in crate::post) envelope: Envelope,
    /// None where whoever sent it is gone, or lived in another run.
    pub(in crate::post) sent: Option<Sent>,
}

impl Opened {
    pub(in crate::post) fn kept(&self) -> Kept {
        Kept { sequence: self.sequence, sent_in: self.envelope.sent_in }
    }
}

impl Shelf {
    /// What that mailbox keeps, of which so many messages may wait.
    ///
    /// # Errors
    /// [`PostError::Unkept`] when the system has no random numbers.
    pub fn new(
        mailbox: Mailbox,
        most: usize,
        clock: Clock,
        (trusts, groups): (Trusts, Groups),
    ) -> Result<Shelf, PostError> {
        let mut run = [0; 8];
        getrandom::fill(&mut run).map_err(|error| PostError::Unkept(error.to_string()))?;
        Ok(Shelf {
            mailbox,
            clock,
            trusts,
            groups,
            run: u64::from_le_bytes(run),
            sent: AtomicU64::new(0),
            leases: Mutex::default(),
            most,
            most_bytes: AtomicU64::new(u64::MAX),
            put: AtomicU64::new(0),
            handed: AtomicU64::new(0),
        })
    }

    /// Somebody lives there who can be given bodies of so many bytes.
    pub(in crate::post) fn bounds(&self, most_bytes: u64) {
        self.most_bytes.store(most_bytes, Ordering::SeqCst);
    }

    /// Whether its body is not too long for who lives there.
    pub(in crate::post) fn measured(&self, letter: &Letter) -> Result<(), PostError> {
        let most = self.most_bytes.load(Ordering::SeqCst);
        if letter.body.len() as u64 > most { Err(PostError::TooLarge(most)) } else { Ok(()) }
    }

    /// Keeps a letter. It is on disk when this has returned.
    pub(in crate::post) async fn put(
        &self,
        letter: Letter,
        time_to_live: Option<Duration>,
    ) -> Result<(), PostError> {
        let number = self.sent.fetch_add(1, Ordering::SeqCst);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let expires = time_to_live.map(|time| (self.clock)().saturating_add(millis(time)));
        let sent_in = (self.run, number);
        let sealed = Envelope {
            sent_in,
            key_id: letter.key_id.unwrap_or_default(),
            operator: letter.sender.operator().cloned(),
            expires,
            chain: Chain::clone(&letter.chain),
            body: letter.body,
        };
        // Put down first: it may be taken before whoever sends it hears that it is kept.
        self.remember(number, Sent { lease: letter.lease, import: letter.import });
        let kept = self.mailbox.enqueue(durable::Envelope { bytes: sealed.seal(), expires }).await;
        let sequence = kept.map_err(|error| {
            self.forget(sent_in);
            refused(&error)
        })?;
        self.put.fetch_max(sequence, Ordering::SeqCst);
        Ok(())
    }

    /// What was put here last: who comes after it in another way waits until that was handed out.
    pub(in crate::post) fn last(&self) -> u64 {
        self.put.load(Ordering::SeqCst)
    }

    /// Whether that, and all before it that may be, was handed out once at least.
    pub(in crate::post) fn has_handed(&self, last: u64) -> bool {
        self.handed.load(Ordering::SeqCst) >= last && !self.mailbox.has_fresh(last)
    }

    /// The first message that is not handed out. Dropping the future takes nothing.
    pub(in crate::post) async fn take(&self) -> Result<Option<durable::Delivery>, StoreError> {
        let taken = self.mailbox.try_next().await?;
        if let Some(delivery) = &taken {
            self.handed.fetch_max(delivery.sequence, Ordering::SeqCst);
        }
        Ok(taken)
    }

    /// What was taken, as far as it can be read.
    pub(in crate::post) fn open(&self, taken: &durable::Delivery) -> Option<Opened> {
        let envelope = self.read(&taken.bytes)?;
        let (run, number) = envelope.sent_in;
        let sent = self.leases().get(&number).filter(|_| run == self.run).cloned();
        let sent = sent.filter(|sent| !sent.lease.session().has_lapsed());
        Some(Opened { sequence: taken.sequence, deliveries: taken.deliveries, envelope, sent })
    }

    /// An envelope; callers of another run live in none of the instances of this one, whatever their numbers.
    fn read(&self, bytes: &[u8]) -> Option<Envelope> {
        let mut envelope = Envelope::open(bytes)?;
        if let Some(operator) = envelope.operator {
            let uid = operator.uid();
            envelope.operator = Operator::new(uid, (self.groups)(uid)).map(Arc::new);
        }
        if envelope.sent_in.0 == self.run {
            return Some(envelope);
        }
        let of_another = |one: &Caller| Caller { instance: OF_ANOTHER_RUN, waits: false, ..one.clone() };
        let chain = Chain::of(envelope.chain.callers().iter().map(of_another));
        Some(Envelope { chain, ..envelope })
    }

    /// Whether the component that sent it is trusted still, if one has.
    pub(in crate::post) fn trusts(&self, envelope: &Envelope) -> bool {
        let sender = envelope.chain.caller().filter(|_| envelope.operator.is_none());
        sender.is_none_or(|sender| (self.trusts)(&sender.principal, &envelope.key_id))
    }

    /// How long anybody wants what expires then. What is past that was put back by the host, and is wanted for ever.
    pub(in crate::post) fn left(&self, expires: Option<u64>) -> Option<Duration> {
        expires?.checked_sub((self.clock)()).filter(|left| *left > 0).map(Duration::from_millis)
    }

    /// How many messages may be handed out.
    pub(in crate::post) fn ready(&self) -> u64 {
        self.mailbox.ready()
    }

    /// How many rest since they could not be dealt with, or wait behind such a one of the same sender.
    pub(in crate::post) fn resting(&self) -> u64 {
        self.mailbox.resting()
    }

    /// Whether a letter that lies elsewhere has to wait for what the same sender has put here before it, which waits itself.
    pub(in crate::post) fn holds_back(&self, letter: &Letter) -> bool {
        self.resting() > 0 && self.mailbox.holds_back(lane(&letter.sender.name()), letter.behind)
    }

    /// Keeps the order of each sender's messages by itself: one that rests holds back no other's. `rested` is called whenever
    /// that may have come to an end.
    pub(in crate::post) fn in_lanes(&self, rested: impl Fn() + Send + Sync + 'static) {
        // What cannot be read comes to nobody, in whatever order.
        let of = |bytes: &[u8]| Envelope::sender_of(bytes).map_or(0, |sender| lane(&sender));
        self.mailbox.in_lanes(Arc::new(of), Arc::new(rested));
    }

    /// It is dealt with, on disk too when this has returned.
    pub(in crate::post) async fn done(&self, kept: Kept) -> Result<(), StoreError> {
        self.mailbox.acknowledge(kept.sequence).await?;
        self.forget(kept.sent_in);
        Ok(())
    }

    /// It is dropped.
    pub(in crate::post) fn throw_away(&self, opened: &Opened) {
        self.mailbox.acknowledge_later(opened.sequence);
        self.forget(opened.envelope.sent_in);
    }

    /// It comes again, or is a dead letter by now; then `then` is called.
    pub(in crate::post) fn give_back(&self, kept: Kept, then: impl FnOnce() + Send + 'static) {
        self.mailbox.release_later(kept.sequence, then);
    }

    /// The mailbox on disk.
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Who sent a dead letter and what it says; none where that cannot be read.
    pub fn read_dead(&self, letter: &DeadLetter) -> Option<(String, Vec<u8>)> {
        let envelope = Envelope::open(&letter.bytes)?;
        Some((envelope.sender()?.name(), envelope.body.to_vec()))
    }

    fn remember(&self, number: u64, sent: Sent) {
        let mut leases = self.leases();
        leases.insert(number, sent);
        // Those of dead letters are left over. Whose is forgotten is decided anew.
        let over = leases.len().saturating_sub(self.most.saturating_mul(2));
        let forgotten: Vec<_> = (0..over).filter_map(|_| leases.pop_first()).collect();
        drop(leases);
        // Outside the lock: a lease has locks of its own.
        drop(forgotten);
    }

    fn forget(&self, (run, number): (u64, u64)) {
        let forgotten = if run == self.run { self.leases().remove(&number) } else { None };
        drop(forgotten);
    }

    fn leases(&self) -> MutexGuard<'_, BTreeMap<u64, Sent>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By what the messages of one sender are told from those of another.
fn lane(sender: &str) -> u64 {
    let mut lane = DefaultHasher::new();
    sender.hash(&mut lane);
    lane.finish()
}

/// A message that is the receiver's and not acknowledged yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::post) struct Kept {
    pub(in crate::post) sequence: u64,
    /// The run in which it was sent, and its number there.
    pub(in crate::post) sent_in: (u64, u64),
}

fn refused(error: &EnqueueError) -> PostError {
    match error {
        // Its body was measured before; it is the whole that finds no room.
        EnqueueError::Full { .. } | EnqueueError::TooLarge { .. } => PostError::Full,
        error => PostError::Unkept(error.to_string()),
    }
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").field("mailbox", &self.mailbox).finish_non_exhaustive()
    }
}
