//! How often verdicts that were recorded once were used again.

use crate::ActionId;
use crate::gate::shared::lock;
use crate::own::OwnAction;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts by action, since they were last taken.
#[derive(Debug)]
pub(in crate::gate) struct Reused {
    built_in: [AtomicU64; ActionId::COUNT],
    own: Mutex<BTreeMap<OwnAction, u64>>,
}

impl Default for Reused {
    fn default() -> Reused {
        Reused { built_in: std::array::from_fn(|_| AtomicU64::new(0)), own: Mutex::default() }
    }
}

impl Reused {
    pub(in crate::gate) fn add(&self, action: ActionId, times: u64) {
        if let ActionId::Own(action) = action {
            if times > 0 {
                let mut own = lock(&self.own);
                let count = own.entry(action).or_default();
                *count = count.saturating_add(times);
            }
        } else if let Some(count) = action.place().and_then(|place| self.built_in.get(place)) {
            count.fetch_add(times, Ordering::Relaxed);
        }
    }

    /// What was counted; counting begins anew.
    pub(in crate::gate) fn take(&self) -> Vec<(ActionId, u64)> {
        let built_in = ActionId::ALL.iter().zip(&self.built_in);
        let built_in = built_in.map(|(action, count)| (*action, count.swap(0, Ordering::Relaxed)));
        let own = std::mem::take(&mut *lock(&self.own)).into_iter();
        let own = own.map(|(action, count)| (ActionId::Own(action), count));
        built_in.chain(own).filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Reused;
    use crate::ActionId;
    use crate::own::OwnAction;

    #[test]
    fn what_is_counted_is_taken_once() {
        let (reused, own) =
            (Reused::default(), ActionId::Own(OwnAction::declare("Reused::thing:read").unwrap()));
        reused.add(ActionId::ClockRead, 2);
        reused.add(own, 3);
        reused.add(own, 1);
        assert_eq!(reused.take(), [(ActionId::ClockRead, 2), (own, 4)]);
        assert_eq!(reused.take(), []);
    }
}
