//! What a mailbox knows without asking the disk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What a mailbox may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Messages at most, dead letters counted.
    pub capacity: usize,
    /// Bytes of one body at most.
    pub max_body_bytes: u64,
    /// Bytes of all messages at most, headers and dead letters counted.
    pub max_total_bytes: u64,
    /// Deliveries of one message at most; after them it is a dead letter. 0 counts as 1.
    pub max_deliveries: u32,
}

/// How much a mailbox holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Messages that are not acknowledged, the one that is out included.
    pub waiting: usize,
    /// Dead letters.
    pub dead: usize,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// Why a message is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It was delivered as often as it may be, and never acknowledged.
    Deliveries,
    /// Its time was over before it was delivered.
    Expired,
}

impl Reason {
    pub(super) fn to_byte(self) -> u8 {
        match self {
            Self::Deliveries => 0,
            Self::Expired => 1,
        }
    }

    pub(super) fn from_byte(byte: u8) -> Self {
        if byte == 1 { Self::Expired } else { Self::Deliveries }
    }
}

/// What is known of a message besides its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) deliveries: u32,
    pub(super) bytes: u64,
    /// `u64::MAX` for never.
    pub(super) expires: u64,
}

/// A mailbox in memory. The disk is what counts; this follows it, commit by commit.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: String,
    state: Mutex<State>,
    pub(super) changed: Notify,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) terms: Terms,
    pub(super) live: BTreeMap<u64, Slot>,
    /// Whether a delivery is out: there is one at a time.
    pub(super) out: bool,
    pub(super) dead: usize,
    pub(super) dead_bytes: u64,
    reserved: usize,
    reserved_bytes: u64,
}

impl State {
    fn bytes(&self) -> u64 {
        self.live.values().map(|slot| slot.bytes).sum::<u64>() + self.dead_bytes
    }
}

impl Queue {
    pub(super) fn new(name: &str, terms: Terms) -> Self {
        let state = State {
            terms,
            live: BTreeMap::new(),
            out: false,
            dead: 0,
            dead_bytes: 0,
            reserved: 0,
            reserved_bytes: 0,
        };
        Self { name: name.to_owned(), state: Mutex::new(state), changed: Notify::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what the disk says; what is out stays out.
    pub(super) fn load(&self, live: Vec<(u64, Slot)>, dead: usize, dead_bytes: u64) {
        let mut state = self.state();
        state.live = live.into_iter().collect();
        (state.dead, state.dead_bytes) = (dead, dead_bytes);
        drop(state);
        self.changed.notify_one();
    }

    pub(super) fn depth(&self) -> Depth {
        let state = self.state();
        Depth { waiting: state.live.len(), dead: state.dead, bytes: state.bytes() }
    }

    /// Room for one message, taken before it is written, so that many senders together keep the bound.
    pub(super) fn reserve(self: &Arc<Self>, bytes: u64) -> Option<Room> {
        let mut state = self.state();
        let count = state.live.len() + state.dead + state.reserved;
        let total = state.bytes().saturating_add(state.reserved_bytes).saturating_add(bytes);
        if count >= state.terms.capacity || total > state.terms.max_total_bytes {
            return None;
        }
        state.reserved += 1;
        state.reserved_bytes += bytes;
        Some(Room { queue: Arc::clone(self), bytes })
    }

    /// The oldest message, when none is out.
    pub(super) fn take(self: &Arc<Self>) -> Option<(Out, Slot, u32)> {
        let mut state = self.state();
        let (sequence, slot) = state.live.first_key_value().map(|(sequence, slot)| (*sequence, *slot))?;
        if std::mem::replace(&mut state.out, true) {
            return None;
        }
        Some((Out { queue: Arc::clone(self), sequence }, slot, state.terms.max_deliveries.max(1)))
    }
}

/// Room that is reserved; given back when dropped.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) queue: Arc<Queue>,
    bytes: u64,
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.reserved = state.reserved.saturating_sub(1);
        state.reserved_bytes = state.reserved_bytes.saturating_sub(self.bytes);
    }
}

/// The right to handle the oldest message; dropping it lets the message be delivered again.
#[derive(Debug)]
pub(super) struct Out {
    pub(super) queue: Arc<Queue>,
    pub(super) sequence: u64,
}

impl Drop for Out {
    fn drop(&mut self) {
        self.queue.state().out = false;
        self.queue.changed.notify_one();
    }
}
