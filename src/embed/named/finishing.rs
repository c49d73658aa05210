//! Versions whose place was taken, while they finish what they had accepted.
//!
//! Nobody begins anything on them any more, and they end by themselves. What ends their name ends them too: whoever stops a
//! component means all of it.

use crate::embed::Component;
use airssys_rt::ActorId;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Those of one name.
#[derive(Default)]
pub(in crate::embed) struct Finishing(Mutex<Vec<Older>>);

/// One of them. It is not kept from ending by this.
struct Older {
    id: ActorId,
    component: Weak<Component>,
}

impl Finishing {
    /// Another has its place from now on.
    pub(in crate::embed) fn add(&self, before: &Arc<Component>) {
        let mut all = self.all();
        all.retain(|older| older.component.strong_count() > 0);
        all.push(Older { id: before.live.actor().id(), component: Arc::downgrade(before) });
    }

    /// Those that have not ended yet.
    pub(in crate::embed) fn living(&self) -> Vec<Arc<Component>> {
        let all: Vec<_> = self.all().iter().filter_map(|older| older.component.upgrade()).collect();
        // Outside the lock: whoever lets go of one last has it end here and now.
        all.into_iter().filter(|component| component.live.actor().exit().is_none()).collect()
    }

    /// Whether that actor is, or was a moment ago, one of them.
    pub(in crate::embed) fn holds(&self, id: ActorId) -> bool {
        self.all().iter().any(|older| older.id == id)
    }

    /// Ends all of them, those that have not ended after `grace` in the middle of what they do. Whether each ended by itself.
    pub(in crate::embed) async fn end(&self, grace: Duration) -> bool {
        let (all, begun) = (self.living(), Instant::now());
        let mut in_time = true;
        for older in &all {
            let left = grace.saturating_sub(begun.elapsed());
            in_time &= tokio::time::timeout(left, older.live.actor().ended()).await.is_ok();
        }
        // None of them waits for another's end.
        all.iter().for_each(|older| older.live.actor().kill());
        for older in all {
            older.live.end().await;
        }
        in_time
    }

    fn all(&self) -> MutexGuard<'_, Vec<Older>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
