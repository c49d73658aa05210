//! Verdicts of one session, kept under their epoch and bounded in number.

use crate::gate::Verdict;
use crate::{ActionId, Resource};
use std::collections::HashMap;

/// How many resources a session remembers verdicts on; a full memo is emptied.
const MAX_RESOURCES: usize = 4096;

#[derive(Debug, Clone)]
pub(in crate::gate) struct Kept {
    pub(in crate::gate) verdict: Verdict,
    pub(in crate::gate) recorded: bool,
}

#[derive(Debug, Default)]
pub(in crate::gate) struct Memo {
    epoch: u64,
    kept: HashMap<Resource, Vec<(ActionId, Kept)>>,
}

impl Memo {
    pub(in crate::gate) fn find(&self, epoch: u64, action: ActionId, resource: &Resource) -> Option<&Kept> {
        if self.epoch != epoch {
            return None;
        }
        self.kept.get(resource)?.iter().find(|(kept, _)| *kept == action).map(|(_, kept)| kept)
    }

    pub(in crate::gate) fn keep(&mut self, epoch: u64, action: ActionId, resource: &Resource, kept: Kept) {
        if epoch < self.epoch {
            return;
        }
        if epoch > self.epoch || self.kept.len() >= MAX_RESOURCES {
            self.kept.clear();
            self.epoch = epoch;
        }
        let row = self.kept.entry(resource.clone()).or_default();
        row.retain(|(old, _)| *old != action);
        row.push((action, kept));
    }

    #[cfg(test)]
    pub(in crate::gate) fn len(&self) -> usize {
        self.kept.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GuestPath;
    use crate::gate::Reasons;
    use std::sync::Arc;

    fn kept() -> Kept {
        Kept { verdict: Verdict::Allow(Arc::new(Reasons::default())), recorded: true }
    }

    fn path(n: usize) -> Resource {
        GuestPath::root().join(&format!("f{n}")).unwrap().into()
    }

    #[test]
    fn a_verdict_of_another_epoch_is_not_found() {
        let mut memo = Memo::default();
        memo.keep(2, ActionId::FsRead, &path(0), kept());
        assert!(memo.find(1, ActionId::FsRead, &path(0)).is_none());
        assert!(memo.find(3, ActionId::FsRead, &path(0)).is_none());
        assert!(memo.find(2, ActionId::FsWrite, &path(0)).is_none());
        assert!(memo.find(2, ActionId::FsRead, &path(0)).is_some());
        memo.keep(1, ActionId::FsRead, &path(1), kept());
        assert!(
            memo.find(2, ActionId::FsRead, &path(0)).is_some(),
            "an older verdict does not push out newer ones"
        );
        memo.keep(3, ActionId::FsRead, &path(1), kept());
        assert!(memo.find(3, ActionId::FsRead, &path(0)).is_none());
    }

    #[test]
    fn a_guest_cannot_make_it_grow_without_bound() {
        let mut memo = Memo::default();
        for n in 0..3 * MAX_RESOURCES {
            memo.keep(1, ActionId::FsStat, &path(n), kept());
        }
        assert!(memo.len() <= MAX_RESOURCES);
    }
}
