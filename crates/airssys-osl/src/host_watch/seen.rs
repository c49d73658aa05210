//! What was seen of files, and which of them have settled since.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// How long a file must stay as it is before it is told.
pub const SETTLED: Duration = Duration::from_millis(300);

/// How long one that goes on changing holds back those that have settled. What changes together is told together, since
/// half a set of policies is another set.
pub const LONGEST: Duration = Duration::from_secs(3);

/// By what one state of a file is told from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// Device, inode, and when anything of it changed: nobody sets that back.
    identity: (u64, u64, i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Stamp {
        Stamp { bytes: metadata.len(), modified: metadata.modified().ok(), identity: identity(metadata) }
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, u64, i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64, i64, i64) {
    (0, 0, 0, 0)
}

/// All files that were found.
pub(super) type Found = BTreeMap<PathBuf, Stamp>;

/// A file that is other than it was when it was told.
struct Change {
    now: Option<Stamp>,
    since: Instant,
}

/// What was told, and what has changed since.
pub(super) struct Seen {
    told: Found,
    changing: BTreeMap<PathBuf, Change>,
}

impl Seen {
    /// What is there at first is not told.
    pub(super) fn new(found: Found) -> Seen {
        Seen { told: found, changing: BTreeMap::new() }
    }

    /// Whether all is as it was told.
    pub(super) fn is_quiet(&self) -> bool {
        self.changing.is_empty()
    }

    /// Tells of those files alone from now on that stay, and of these new ones, from how they were found.
    pub(super) fn turn_to(&mut self, stays: impl Fn(&PathBuf) -> bool, found: Found) {
        self.told.retain(|path, _| stays(path));
        self.changing.retain(|path, _| stays(path));
        for (path, stamp) in found {
            if !self.changing.contains_key(&path) {
                self.told.entry(path).or_insert(stamp);
            }
        }
    }

    /// Looks at what was found now.
    pub(super) fn look(&mut self, found: &Found, now: Instant) {
        let paths: BTreeSet<PathBuf> = self.told.keys().chain(found.keys()).cloned().collect();
        self.changing.retain(|path, _| paths.contains(path));
        for path in paths {
            let is = found.get(&path).copied();
            if is == self.told.get(&path).copied() {
                self.changing.remove(&path);
            } else if self.changing.get(&path).is_none_or(|change| change.now != is) {
                self.changing.insert(path, Change { now: is, since: now });
            }
        }
    }

    /// What has settled, by path; nothing while something else still may.
    pub(super) fn settled(&mut self, now: Instant) -> Vec<PathBuf> {
        let rests = |change: &Change| now.saturating_duration_since(change.since);
        let is_over = |change: &Change| rests(change) >= SETTLED;
        let is_all = self.changing.values().all(is_over);
        if !is_all && !self.changing.values().any(|change| rests(change) >= SETTLED + LONGEST) {
            return Vec::new();
        }
        let settled: BTreeMap<_, _> = self.changing.extract_if(.., |_, change| is_over(change)).collect();
        for (path, change) in &settled {
            match change.now {
                Some(stamp) => drop(self.told.insert(path.clone(), stamp)),
                None => drop(self.told.remove(path)),
            }
        }
        settled.into_keys().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(100);

    fn found(files: &[(&str, u64)]) -> Found {
        let stamp = |bytes| Stamp { bytes, modified: None, identity: (0, 0, 0, 0) };
        files.iter().map(|(path, bytes)| (PathBuf::from(path), stamp(*bytes))).collect()
    }

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn what_still_changes_is_not_told() {
        let (mut seen, mut now) = (Seen::new(found(&[])), Instant::now());
        for bytes in 0..20 {
            seen.look(&found(&[("a", bytes)]), now);
            assert!(seen.settled(now).is_empty(), "{bytes}");
            now += SETTLED - Duration::from_millis(1);
        }
        seen.look(&found(&[("a", 19)]), now + STEP);
        assert_eq!(seen.settled(now + STEP), paths(&["a"]));
        assert!(seen.is_quiet());
    }

    #[test]
    fn other_files_are_turned_to_and_what_was_not_told_of_those_that_stay_is_told() {
        let (mut seen, now) = (Seen::new(found(&[("a", 1), ("b", 1)])), Instant::now());
        seen.look(&found(&[("a", 2), ("b", 2)]), now);
        seen.turn_to(|path| path.as_os_str() != "b", found(&[("c", 1)]));
        seen.look(&found(&[("a", 2), ("c", 1)]), now + STEP);
        assert_eq!(
            seen.settled(now + SETTLED),
            paths(&["a"]),
            "neither the one that went nor the one that came"
        );
        seen.look(&found(&[("a", 2), ("c", 2)]), now + SETTLED);
        assert_eq!(seen.settled(now + SETTLED * 2), paths(&["c"]));
    }

    #[test]
    fn what_is_there_at_first_or_comes_and_goes_is_not_told() {
        let (mut seen, now) = (Seen::new(found(&[("a", 1)])), Instant::now());
        seen.look(&found(&[("a", 1), ("draft", 1)]), now);
        seen.look(&found(&[("a", 1)]), now + STEP);
        assert!(seen.is_quiet());
        assert!(seen.settled(now + SETTLED * 2).is_empty());
    }

    #[test]
    fn what_changes_together_is_told_together_and_what_is_gone_too() {
        let (mut seen, now) = (Seen::new(found(&[("a", 1), ("b", 1)])), Instant::now());
        seen.look(&found(&[("a", 2), ("b", 1)]), now);
        seen.look(&found(&[("a", 2)]), now + STEP * 2);
        assert!(seen.settled(now + SETTLED).is_empty(), "the other one has only just gone");
        assert_eq!(seen.settled(now + SETTLED + STEP * 2), paths(&["a", "b"]));
    }

    #[test]
    fn one_that_never_settles_holds_the_others_back_for_a_while_only() {
        let (mut seen, begun) = (Seen::new(found(&[])), Instant::now());
        let mut told = None;
        for n in 0..60 {
            let now = begun + STEP * n;
            seen.look(&found(&[("endless", u64::from(n)), ("whole", 1)]), now);
            let settled = seen.settled(now);
            assert!(settled.is_empty() || settled == paths(&["whole"]), "{settled:?}");
            told = told.or_else(|| (!settled.is_empty()).then_some(now - begun));
        }
        assert_eq!(told, Some(SETTLED + LONGEST));
    }
}
