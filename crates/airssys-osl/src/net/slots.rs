//! How many of a thing there may be at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of places.
#[derive(Debug, Clone)]
pub(in crate::net) struct Slots {
    taken: Arc<AtomicUsize>,
    most: usize,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(in crate::net) struct Slot(Arc<AtomicUsize>);

impl Slots {
    pub(in crate::net) fn new(most: usize) -> Slots {
        Slots { taken: Arc::default(), most }
    }

    /// A place, if one is free.
    pub(in crate::net) fn take(&self) -> Option<Slot> {
        let more = |taken: usize| (taken < self.most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        Some(Slot(Arc::clone(&self.taken)))
    }

    pub(in crate::net) fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
