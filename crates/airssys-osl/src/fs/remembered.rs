//! What was found out about paths, for as long as nothing moves that could make it wrong.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// How much memory is kept for it, in bytes; when there is more, all is forgotten.
const MAX_BYTES: usize = 1 << 20;
/// What a path costs beside its text.
const ENTRY_BYTES: usize = 64;

/// Something about each of many canonical paths, each found out at one and the same count of moves.
#[derive(Debug)]
pub(in crate::fs) struct Remembered<V>(RwLock<Known<V>>);

#[derive(Debug)]
struct Known<V> {
    moves: u64,
    bytes: usize,
    by_path: HashMap<Box<str>, V>,
}

impl<V: Copy> Remembered<V> {
    /// What is known of a path after so many moves.
    pub(in crate::fs) fn find(&self, moves: u64, path: &str) -> Option<V> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.moves == moves { known.by_path.get(path).copied() } else { None }
    }

    /// Keeps what was found out of a path, beginning after so many moves.
    pub(in crate::fs) fn keep(&self, moves: u64, path: &str, value: V) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.moves > moves {
            return;
        }
        let bytes = path.len() + ENTRY_BYTES;
        if known.moves < moves || known.bytes + bytes > MAX_BYTES {
            *known = Known { moves, bytes: 0, by_path: HashMap::new() };
        }
        if known.by_path.insert(path.into(), value).is_none() {
            known.bytes += bytes;
        }
    }
}

impl<V> Default for Remembered<V> {
    fn default() -> Self {
        Remembered(RwLock::new(Known { moves: 0, bytes: 0, by_path: HashMap::new() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_before_a_move_is_not_known_after_it() {
        let remembered = Remembered::default();
        remembered.keep(1, "/a", 1);
        assert_eq!(remembered.find(1, "/a"), Some(1));
        assert_eq!(remembered.find(2, "/a"), None);
        remembered.keep(2, "/b", 2);
        remembered.keep(1, "/a", 1);
        assert_eq!((remembered.find(2, "/b"), remembered.find(2, "/a")), (Some(2), None));
        assert_eq!(remembered.find(1, "/a"), None);
    }

    #[test]
    fn a_guest_cannot_make_it_grow_without_bound() {
        let remembered = Remembered::default();
        for number in 0..40_000 {
            remembered.keep(1, &format!("/{number}"), ());
        }
        let known = remembered.0.read().unwrap();
        let bytes: usize = known.by_path.keys().map(|path| path.len() + ENTRY_BYTES).sum();
        assert!(bytes == known.bytes && bytes <= MAX_BYTES);
        assert!(known.by_path.len() > 1000, "and much is kept");
    }
}
