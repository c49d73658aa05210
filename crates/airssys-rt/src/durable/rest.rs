//! What was released and rests before it is delivered again, and what waits behind it meanwhile.
//!
//! A rest is known to the process alone: what was handed out when that ended has waited for the next one to start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// By which messages are told apart whose order is nobody's concern: those for which it says the same are delivered in their
/// order, also where one of them rests.
pub type Lane = Arc<dyn Fn(&[u8]) -> u64 + Send + Sync>;

/// Is told when something may be delivered that rested, or waited behind what rested, by the store's own thread, which does
/// nothing else meanwhile.
pub type Rested = Arc<dyn Fn() + Send + Sync>;

/// A rest that would end after the last moment that there is ends after this.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Which messages of a mailbox rest.
#[derive(Default)]
pub(super) struct Resting {
    until: BTreeMap<u64, Instant>,
    lane: Option<Lane>,
    rested: Option<Rested>,
}

impl Resting {
    /// Delivers in these lanes from now on, and says when a rest is over.
    pub(super) fn set(&mut self, lane: Lane, rested: Rested) {
        (self.lane, self.rested) = (Some(lane), Some(rested));
    }

    /// Whether messages are told apart at all.
    pub(super) fn has_lanes(&self) -> bool {
        self.lane.is_some()
    }

    /// The lane of a message that says this.
    pub(super) fn lane(&self, body: &[u8]) -> u64 {
        self.lane.as_ref().map_or(0, |lane| lane(body))
    }

    /// It rests for so long.
    pub(super) fn rest(&mut self, sequence: u64, most: Duration, now: Instant) {
        if !most.is_zero()
            && let Some(until) = now.checked_add(most.min(LONGEST))
        {
            self.until.insert(sequence, until);
        }
    }

    /// It is here no more.
    pub(super) fn forget(&mut self, sequence: u64) {
        self.until.remove(&sequence);
    }

    /// Whether none rests.
    pub(super) fn is_empty(&self) -> bool {
        self.until.is_empty()
    }

    /// When the next rest is over.
    pub(super) fn ends(&self) -> Option<Instant> {
        self.until.values().min().copied()
    }

    /// Ends what has rested by now; whom to tell, if anybody is to be.
    pub(super) fn wake(&mut self, now: Instant) -> Option<Rested> {
        let before = self.until.len();
        self.until.retain(|_, until| *until > now);
        if self.until.len() < before { self.rested.clone() } else { None }
    }

    /// The lanes in which something rests that is not handed out, each with the first that does.
    pub(super) fn held(&self, ready: &BTreeSet<u64>, lane: impl Fn(u64) -> u64) -> BTreeMap<u64, u64> {
        let mut held = BTreeMap::new();
        for sequence in self.until.keys().filter(|sequence| ready.contains(sequence)) {
            held.entry(lane(*sequence)).or_insert(*sequence);
        }
        held
    }
}
