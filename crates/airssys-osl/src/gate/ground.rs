//! What an effect may rest on beside its epoch, and what can end by itself.
//!
//! An effect counts itself *before* it looks whether the ground still stands. Who ends the ground says so first and then
//! waits for the count: an effect that looked in time is waited for, one that looks too late does not begin. It is the
//! protocol of [`effects`](super::effects) without a next epoch, so one count is enough: nobody joins it after the end.
//!
//! *Invariant:* all operations are sequentially consistent. The protocol is checked by a model in
//! `tests/effects_model.rs`.

use super::sync::{AtomicU64, Ordering, pause};
use std::sync::Arc;

/// Something that effects rest on until it ends.
#[derive(Debug, Default)]
pub(crate) struct Ground {
    ended: AtomicU64,
    under_way: AtomicU64,
}

/// An effect that rests on a ground; over when it is dropped.
#[must_use = "an effect rests on it only while this is held"]
#[derive(Debug)]
pub(crate) struct Resting(Arc<Ground>);

impl Ground {
    /// Says that an effect is under way. None once it has ended.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<Resting> {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let resting = Resting(Arc::clone(self));
        if self.is_over() { None } else { Some(resting) }
    }

    /// From now on nothing begins on it.
    pub(crate) fn end(&self) {
        self.ended.store(1, Ordering::SeqCst);
    }

    /// True once it has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.ended.load(Ordering::SeqCst) != 0
    }

    /// Returns when nothing is under way on it. For one that has ended.
    pub(crate) fn wait(&self) {
        let mut looks = 0_u32;
        while self.under_way.load(Ordering::SeqCst) != 0 {
            pause(looks);
            looks = looks.saturating_add(1);
        }
    }
}

impl Resting {
    /// True while what it rests on has not ended.
    pub(crate) fn still_stands(&self) -> bool {
        !self.0.is_over()
    }
}

impl Drop for Resting {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}
