//! What waits for one receiver: bounded by number and by bytes.

use crate::gate::{Chain, Lease};
use crate::post::sender::Sender;
use crate::{ActionId, Peer, Principal, Topic};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{Notify, oneshot};

/// What every message costs beside its body, bytes: it is counted, so that many empty ones are not free.
const OVERHEAD: u64 = 256;

/// The bounds of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Most messages that wait, as many again that were taken and not acknowledged, and as many requests that were taken
    /// and not answered.
    pub messages: usize,
    /// Most bytes of one body.
    pub body_bytes: u64,
    /// Most bytes of all that wait, each with 256 bytes beside its body.
    pub bytes: u64,
}

/// How a request was answered.
#[derive(Debug)]
pub(in crate::post) enum Answer {
    /// With this.
    Body(Vec<u8>),
    /// With the receiver's own error.
    Failed(String),
    /// The receiver may not hear it, or the sender may no longer ask: as if there were none.
    Refused,
    /// The receiver owes as many answers as it may.
    Full,
    /// Its time was over before it was taken.
    TimedOut,
}

/// Where an answer goes.
pub(in crate::post) type Asker = oneshot::Sender<Answer>;

/// Something on its way.
#[derive(Debug)]
pub(in crate::post) struct Letter {
    pub(in crate::post) sender: Sender,
    pub(in crate::post) chain: Arc<Chain>,
    pub(in crate::post) topic: Option<Topic>,
    pub(in crate::post) body: Arc<[u8]>,
    pub(in crate::post) expires: Option<Instant>,
    /// The permission it was sent by, and what for.
    pub(in crate::post) lease: Lease,
    pub(in crate::post) action: ActionId,
    pub(in crate::post) import: &'static str,
    /// For an event, the permissions by which the receiver hears of its topic.
    pub(in crate::post) subscriptions: Arc<[Lease]>,
    pub(in crate::post) reply: Option<Asker>,
}

/// One receiver's mailbox.
#[derive(Debug)]
pub(in crate::post) struct Desk {
    pub(in crate::post) principal: Arc<Principal>,
    pub(in crate::post) instance: u64,
    pub(in crate::post) terms: Terms,
    pub(in crate::post) news: Notify,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    closed: bool,
    letters: VecDeque<Letter>,
    bytes: u64,
    missed: u64,
    next: u64,
    /// Taken and not acknowledged. Nobody waits for it, so what is too many is forgotten.
    taken: BTreeSet<u64>,
    /// Taken, and somebody waits for the answer.
    owed: BTreeMap<u64, Asker>,
}

/// Why a letter was not put down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::post) enum Refused {
    Closed,
    Full,
    TooLarge(u64),
}

/// A letter with its number, and how many events were missed before it.
pub(in crate::post) struct Taken {
    pub(in crate::post) letter: Letter,
    pub(in crate::post) missed: u64,
}

impl Desk {
    pub(in crate::post) fn new(principal: Arc<Principal>, instance: u64, terms: Terms) -> Desk {
        Desk { principal, instance, terms, news: Notify::new(), queue: Mutex::default() }
    }

    /// The component, as it lives here.
    pub(in crate::post) fn peer(&self) -> Peer {
        Peer::live(&self.principal, self.instance)
    }

    /// Puts a letter down.
    pub(in crate::post) fn put(&self, letter: Letter) -> Result<(), Refused> {
        let length = letter.body.len() as u64;
        if length > self.terms.body_bytes {
            return Err(Refused::TooLarge(self.terms.body_bytes));
        }
        let mut queue = self.queue();
        if queue.closed {
            return Err(Refused::Closed);
        }
        let bytes = queue.bytes.saturating_add(cost(length));
        if queue.letters.len() >= self.terms.messages || bytes > self.terms.bytes {
            return Err(Refused::Full);
        }
        queue.bytes = bytes;
        queue.letters.push_back(letter);
        drop(queue);
        self.news.notify_one();
        Ok(())
    }

    /// Counts an event that had no room.
    pub(in crate::post) fn miss(&self) {
        let mut queue = self.queue();
        queue.missed = queue.missed.saturating_add(1);
    }

    /// The next letter. It is not the receiver's yet.
    pub(in crate::post) fn next(&self) -> Option<Taken> {
        let mut queue = self.queue();
        let letter = queue.letters.pop_front()?;
        queue.bytes = queue.bytes.saturating_sub(cost(letter.body.len() as u64));
        let missed = queue.missed;
        Some(Taken { letter, missed })
    }

    /// Hands a letter over: gives it its number. The events that were missed before it are told with it, so they are
    /// counted from nothing again. A request is not handed over while as many answers are owed as there may be; it comes
    /// back.
    pub(in crate::post) fn hand_over(&self, missed: u64, reply: Option<Asker>) -> Result<u64, Asker> {
        let mut queue = self.queue();
        let (id, most) = (queue.next + 1, self.terms.messages);
        match reply {
            Some(asker) => {
                if queue.owed.len() >= most {
                    queue.owed.retain(|_, asker| !asker.is_closed());
                }
                if queue.owed.len() >= most {
                    return Err(asker);
                }
                queue.owed.insert(id, asker);
            }
            None => {
                if queue.taken.len() >= most {
                    queue.taken.pop_first();
                }
                queue.taken.insert(id);
            }
        }
        queue.next = id;
        queue.missed = queue.missed.saturating_sub(missed);
        Ok(id)
    }

    /// What was taken under that number, and is dealt with by now: who waits for its answer, if anybody does.
    pub(in crate::post) fn settle(&self, id: u64) -> Option<Option<Asker>> {
        let mut queue = self.queue();
        match queue.owed.remove(&id) {
            Some(asker) => Some(Some(asker)),
            None => queue.taken.remove(&id).then_some(None),
        }
    }

    /// Who waits for the answer to what was taken under that number; it is dealt with by now.
    pub(in crate::post) fn answered(&self, id: u64) -> Option<Asker> {
        self.queue().owed.remove(&id)
    }

    /// Takes nothing more and gives away what waits, with the number of events that were missed before it. Whoever waits for
    /// an answer to what was taken goes on waiting.
    pub(in crate::post) fn retire(&self) -> (VecDeque<Letter>, u64) {
        let mut queue = self.queue();
        queue.closed = true;
        queue.bytes = 0;
        let left = (std::mem::take(&mut queue.letters), queue.missed);
        drop(queue);
        self.news.notify_waiters();
        left
    }

    /// Takes what waited for another before it. It was accepted there, so it is whatever the bounds here are.
    pub(in crate::post) fn adopt(&self, letters: VecDeque<Letter>, missed: u64) {
        let mut queue = self.queue();
        for letter in letters.into_iter().rev() {
            queue.bytes = queue.bytes.saturating_add(cost(letter.body.len() as u64));
            queue.letters.push_front(letter);
        }
        queue.missed = queue.missed.saturating_add(missed);
        drop(queue);
        self.news.notify_one();
    }

    /// Takes nothing more; whoever waits for an answer hears that there will be none.
    pub(in crate::post) fn close(&self) {
        let mut queue = self.queue();
        queue.closed = true;
        let left = (std::mem::take(&mut queue.letters), std::mem::take(&mut queue.owed));
        queue.taken.clear();
        queue.bytes = 0;
        drop(queue);
        // Outside the lock: a lease has locks of its own.
        drop(left);
        self.news.notify_waiters();
    }

    pub(in crate::post) fn is_closed(&self) -> bool {
        self.queue().closed
    }

    pub(in crate::post) fn depth(&self) -> usize {
        self.queue().letters.len()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cost(length: u64) -> u64 {
    length.saturating_add(OVERHEAD)
}
