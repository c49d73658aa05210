//! Which effects are under way, so that a change can wait for those that began before it.
//!
//! An effect says that it is under way *before* it looks at the epoch it was permitted under, and withdraws after it
//! is done. A change moves the epoch first and then waits for every effect of the epoch before: one that looked in
//! time is waited for, one that looked too late has seen the new epoch and is decided anew. This is the grace period of
//! sleepable read-copy-update (McKenney, 2006), with the epoch's parity in the place of the index: a count that mixes
//! both epochs could be kept from ever reaching zero by effects of the new one.
//!
//! *Invariant:* all operations are sequentially consistent: either the effect sees the new epoch, or the change sees
//! the effect. The protocol is checked by a model in `tests/effects_model.rs`.

use super::ground::Resting;
use super::sync::{AtomicU64, Ordering, pause};
use std::marker::PhantomData;

/// The effects under way in one session.
#[derive(Debug, Default)]
pub struct Effects {
    by_parity: [AtomicU64; 2],
}

/// One effect under way; over when it is dropped.
///
/// `E` is how it holds its session: by reference, or as one of its owners. It stays on its thread, so it cannot be held
/// while a task waits: a change that waited for it on the same thread would wait for ever.
#[must_use = "an effect is under way only while this is held"]
#[derive(Debug)]
pub struct Begun<E: Counts> {
    effects: E,
    epoch: u64,
    /// What it rests on beside the epoch: something lent.
    resting: Option<Resting>,
    _stays: PhantomData<*const ()>,
}

/// What counts its effects.
pub trait Counts {
    /// The count.
    fn effects(&self) -> &Effects;
}

impl Counts for &Effects {
    fn effects(&self) -> &Effects {
        self
    }
}

impl Effects {
    /// Returns when no effect is under way that began before the epoch was moved on from `old`.
    pub(crate) fn wait_for(&self, old: u64) {
        drain(self.of(old));
    }

    /// Returns when each effect that was under way is over. For a session whose every further effect is refused.
    pub(crate) fn wait_for_all(&self) {
        self.by_parity.iter().for_each(drain);
    }

    fn of(&self, epoch: u64) -> &AtomicU64 {
        let [even, odd] = &self.by_parity;
        if epoch.is_multiple_of(2) { even } else { odd }
    }
}

impl<E: Counts> Begun<E> {
    /// Says that an effect is under way, and under which epoch.
    pub(crate) fn new(effects: E, current: &AtomicU64) -> Begun<E> {
        loop {
            let epoch = current.load(Ordering::SeqCst);
            let count = effects.effects().of(epoch);
            count.fetch_add(1, Ordering::SeqCst);
            // Counted among the effects of `epoch`, and it is still that epoch: a change from now on waits for it.
            if current.load(Ordering::SeqCst) == epoch {
                return Begun { effects, epoch, resting: None, _stays: PhantomData };
            }
            count.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// The same effect, which rests on something more.
    pub(crate) fn resting_on(self, resting: Option<Resting>) -> Begun<E> {
        // Not moved out of: what is dropped here would count the effect as over.
        let mut begun = self;
        begun.resting = resting;
        begun
    }

    /// What it rests on beside the epoch.
    pub(crate) fn resting(&self) -> Option<&Resting> {
        self.resting.as_ref()
    }

    /// The epoch in force when it began; a change that has moved it on since waits for this effect.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl<E: Counts> Drop for Begun<E> {
    fn drop(&mut self) {
        self.effects.effects().of(self.epoch).fetch_sub(1, Ordering::SeqCst);
    }
}

fn drain(count: &AtomicU64) {
    let mut looks = 0_u32;
    while count.load(Ordering::SeqCst) != 0 {
        pause(looks);
        // An effect may take as long as its file system does.
        looks = looks.saturating_add(1);
    }
}
