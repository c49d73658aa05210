//! What waits for one receiver: bounded by number and by bytes.
//!
//! Requests and events wait in memory, and so do messages unless the mailbox is durable: then those lie on a shelf, which
//! outlives the instance and is taken over by the next.

use crate::gate::{Chain, Lease};
use crate::post::sender::Sender;
use crate::post::shelf::{Kept, Shelf};
use crate::{ActionId, Peer, Principal, Topic};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{Notify, oneshot};
use tracing::Span;

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
    /// The key that signed the sender, if it is a component.
    pub(in crate::post) key_id: Option<Arc<str>>,
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
    /// What was put on the shelf last when it came; it is taken after that.
    pub(in crate::post) behind: u64,
    /// What it was sent in, for whoever traces.
    pub(in crate::post) within: Span,
}

impl Letter {
    /// An event is heard of by what its receiver's mailbox is subscribed with from now on.
    pub(in crate::post) fn rests_on(&mut self, heard: &[(Topic, Lease)]) {
        let Some(topic) = &self.topic else { return };
        let standing = heard.iter().filter(|(wider, _)| wider.holds(topic));
        self.subscriptions = standing.map(|(_, lease)| lease.clone()).collect();
    }
}

/// One receiver's mailbox.
#[derive(Debug)]
pub(in crate::post) struct Desk {
    pub(in crate::post) principal: Arc<Principal>,
    pub(in crate::post) instance: u64,
    pub(in crate::post) terms: Terms,
    pub(in crate::post) news: Notify,
    shelf: Option<Arc<Shelf>>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    /// It has its owner's name. What lies on the shelf is for who has that.
    placed: bool,
    /// Nothing more comes.
    closed: bool,
    /// Nothing more is dealt with.
    over: bool,
    letters: VecDeque<Letter>,
    bytes: u64,
    missed: u64,
    next: u64,
    /// Taken and not acknowledged. Nobody waits for it, so what is too many is forgotten.
    taken: BTreeSet<u64>,
    /// Taken, and somebody waits for the answer.
    owed: BTreeMap<u64, Asker>,
    /// Taken from the shelf and not acknowledged.
    kept: BTreeMap<u64, Kept>,
}

impl Queue {
    /// Which letter is the first whose sender has nothing on the shelf that is to come before it and waits itself.
    fn first(&self, shelf: Option<&Arc<Shelf>>) -> Option<usize> {
        self.letters.iter().position(|letter| shelf.is_none_or(|shelf| !shelf.holds_back(letter)))
    }
}

/// What was taken and is dealt with.
pub(in crate::post) enum Settled {
    /// A message in memory.
    Plain,
    /// A request: who waits for its answer.
    Owed(Asker),
    /// A message on the shelf. It is the receiver's until [`Desk::done`].
    Kept(Kept),
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
    /// A mailbox that nobody has yet; with one on disk, if it is durable.
    pub(in crate::post) fn new(
        principal: Arc<Principal>,
        instance: u64,
        terms: Terms,
        shelf: Option<Arc<Shelf>>,
    ) -> Desk {
        Desk { principal, instance, terms, news: Notify::new(), shelf, queue: Mutex::default() }
    }

    /// Gives it its owner's name.
    pub(in crate::post) fn place(&self) {
        self.queue().placed = true;
        self.news.notify_one();
    }

    /// Where its messages are kept, if it is durable.
    pub(in crate::post) fn shelf(&self) -> Option<&Arc<Shelf>> {
        self.shelf.as_ref()
    }

    /// The component, as it lives here.
    pub(in crate::post) fn peer(&self) -> Peer {
        Peer::live(&self.principal, self.instance)
    }

    /// Puts a letter down.
    pub(in crate::post) fn put(&self, mut letter: Letter) -> Result<(), Refused> {
        let length = self.measured(&letter)?;
        letter.behind = self.shelf.as_ref().map_or(0, |shelf| shelf.last());
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

    /// The length of its body, if that is not too long.
    pub(in crate::post) fn measured(&self, letter: &Letter) -> Result<u64, Refused> {
        let (length, most) = (letter.body.len() as u64, self.terms.body_bytes);
        if length > most { Err(Refused::TooLarge(most)) } else { Ok(length) }
    }

    /// The shelf, if something lies there whose turn it is.
    pub(in crate::post) fn shelf_first(&self) -> Option<&Arc<Shelf>> {
        let queue = self.queue();
        let shelf = self.shelf.as_ref().filter(|shelf| queue.placed && !queue.closed && shelf.ready() > 0)?;
        let first = queue.first(Some(shelf)).and_then(|place| queue.letters.get(place));
        let waits = first.is_some_and(|letter| shelf.has_handed(letter.behind));
        (!waits).then_some(shelf)
    }

    /// Counts an event that had no room.
    pub(in crate::post) fn miss(&self) {
        let mut queue = self.queue();
        queue.missed = queue.missed.saturating_add(1);
    }

    /// The next letter. It is not the receiver's yet.
    pub(in crate::post) fn next(&self) -> Option<Taken> {
        let mut queue = self.queue();
        let letter = queue.first(self.shelf.as_ref()).and_then(|place| queue.letters.remove(place))?;
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

    /// Hands over what was taken from the shelf: gives it its number, and says how many events were missed before it. Not
    /// when nothing is dealt with any more.
    pub(in crate::post) fn hand_over_kept(&self, kept: Kept) -> Option<(u64, u64)> {
        let mut queue = self.queue();
        if queue.over {
            return None;
        }
        queue.next += 1;
        let id = queue.next;
        queue.kept.insert(id, kept);
        Some((id, std::mem::take(&mut queue.missed)))
    }

    /// What was taken under that number, and is dealt with by now.
    pub(in crate::post) fn settle(&self, id: u64) -> Option<Settled> {
        let mut queue = self.queue();
        if let Some(kept) = queue.kept.get(&id) {
            return Some(Settled::Kept(*kept));
        }
        match queue.owed.remove(&id) {
            Some(asker) => Some(Settled::Owed(asker)),
            None => queue.taken.remove(&id).then_some(Settled::Plain),
        }
    }

    /// What was taken from the shelf under that number, if it was; it is the receiver's no longer.
    pub(in crate::post) fn done(&self, id: u64) -> Option<Kept> {
        self.queue().kept.remove(&id)
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

    /// Takes nothing more; whoever waits for an answer hears that there will be none. Gives away what was taken from the
    /// shelf and not acknowledged.
    pub(in crate::post) fn close(&self) -> Vec<Kept> {
        let mut queue = self.queue();
        (queue.closed, queue.over) = (true, true);
        let kept = std::mem::take(&mut queue.kept).into_values().collect();
        let left = (std::mem::take(&mut queue.letters), std::mem::take(&mut queue.owed));
        queue.taken.clear();
        queue.bytes = 0;
        drop(queue);
        // Outside the lock: a lease has locks of its own.
        drop(left);
        self.news.notify_waiters();
        kept
    }

    pub(in crate::post) fn is_closed(&self) -> bool {
        self.queue().closed
    }

    /// How many wait.
    pub(in crate::post) fn depth(&self) -> usize {
        let queue = self.queue();
        let shelf = self.shelf.as_ref().filter(|_| queue.placed && !queue.closed);
        let kept = shelf.map_or(0, |shelf| shelf.ready().saturating_add(shelf.resting()));
        queue.letters.len().saturating_add(usize::try_from(kept).unwrap_or(usize::MAX))
    }

    /// Whether any of them may be taken now.
    pub(in crate::post) fn has_news(&self) -> bool {
        let queue = self.queue();
        let shelf = self.shelf.as_ref().filter(|_| queue.placed && !queue.closed);
        shelf.is_some_and(|shelf| shelf.ready() > 0) || queue.first(self.shelf.as_ref()).is_some()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cost(length: u64) -> u64 {
    length.saturating_add(OVERHEAD)
}
