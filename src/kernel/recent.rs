//! The code of files that were compiled lately, so that going back and forth between versions compiles nothing.
//!
//! *Invariant:* what is kept was compiled here, in this process, from the very bytes of that digest; it is never read from
//! anywhere. It is no identity: whoever asks has just verified those bytes, each time.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most files whose code is kept.
const MOST_FILES: usize = 4;

/// Most bytes of all those files together; their code is a few times that.
const MOST_BYTES: usize = 32 << 20;

/// Code by the SHA-256 of the whole file, the latest first.
pub(crate) struct Recent<T>(Mutex<Vec<Kept<T>>>);

struct Kept<T> {
    digest: String,
    bytes: usize,
    code: T,
}

impl<T> Default for Recent<T> {
    fn default() -> Recent<T> {
        Recent(Mutex::default())
    }
}

impl<T: Clone> Recent<T> {
    /// The code of that file, if it is kept.
    pub(crate) fn find(&self, digest: &str) -> Option<T> {
        let mut kept = self.kept();
        let at = kept.iter().position(|one| one.digest == digest)?;
        let found = kept.remove(at);
        let code = found.code.clone();
        kept.insert(0, found);
        Some(code)
    }

    /// Keeps the code of a file of so many bytes, in place of what was not asked for the longest.
    pub(crate) fn keep(&self, digest: &str, bytes: usize, code: T) {
        if bytes > MOST_BYTES {
            return;
        }
        let mut kept = self.kept();
        let mut gone: Vec<_> = kept.extract_if(.., |one| one.digest == digest).collect();
        let held = |kept: &[Kept<T>]| kept.iter().map(|one| one.bytes).sum::<usize>();
        while kept.len() >= MOST_FILES || held(&kept) + bytes > MOST_BYTES {
            gone.extend(kept.pop());
        }
        kept.insert(0, Kept { digest: digest.to_owned(), bytes, code });
        drop(kept);
        // Outside the lock: freeing code takes its time.
        drop(gone);
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_digest_finds_nothing_of_this_one() {
        let recent = Recent::default();
        recent.keep("aa", 1, "code");
        assert_eq!(recent.find("ab"), None);
        assert_eq!(recent.find("a"), None);
        assert_eq!(recent.find("aa"), Some("code"));
    }

    #[test]
    fn no_more_is_kept_than_the_bounds_say_and_what_was_asked_for_stays_longest() {
        let recent = Recent::default();
        let digests: Vec<String> = (0..=MOST_FILES).map(|n| n.to_string()).collect();
        for (n, digest) in digests.iter().enumerate() {
            recent.find("0");
            recent.keep(digest, 1, n);
        }
        assert_eq!(recent.kept().len(), MOST_FILES);
        assert_eq!((recent.find("0"), recent.find("1")), (Some(0), None));
        recent.keep("large", MOST_BYTES, 7);
        assert_eq!((recent.find("large"), recent.kept().len()), (Some(7), 1));
        recent.keep("too large", MOST_BYTES + 1, 8);
        assert_eq!((recent.find("too large"), recent.find("large")), (None, Some(7)));
        recent.keep("large", 1, 9);
        assert_eq!((recent.find("large"), recent.kept().len()), (Some(9), 1));
    }
}
