//! Maps by path that are asked for every directory above a path, with the path's text hashed only once.
//!
//! The keys come from the policies, never from a guest, so a hash without a secret does.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

const START: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// A map from texts to values whose caller brings the hash.
#[derive(Debug)]
pub(crate) struct Map<V> {
    slots: HashMap<u64, Slot<V>, BuildHasherDefault<Taken>>,
}

/// More than one text only where two have the same hash.
type Slot<V> = Vec<(Box<str>, V)>;

impl<V> Default for Map<V> {
    fn default() -> Self {
        Map { slots: HashMap::default() }
    }
}

impl<V: Default> Map<V> {
    /// Changes the value of a text, made first when it is not there.
    pub(crate) fn update(&mut self, text: &str, change: impl FnOnce(&mut V)) {
        let slot = self.slots.entry(hash(text)).or_default();
        if let Some((_, value)) = slot.iter_mut().find(|(key, _)| **key == *text) {
            return change(value);
        }
        let mut value = V::default();
        change(&mut value);
        slot.push((text.into(), value));
    }
}

impl<V> Map<V> {
    pub(crate) fn get(&self, hash: u64, text: &str) -> Option<&V> {
        if self.slots.is_empty() {
            return None;
        }
        let slot = self.slots.get(&hash)?;
        slot.iter().find(|(key, _)| **key == *text).map(|(_, value)| value)
    }

    pub(crate) fn find(&self, text: &str) -> Option<&V> {
        self.get(hash(text), text)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

/// A path, its hash and the hashes of the directories above it: `/`, `/a`, `/a/b`.
pub(crate) struct Prefixes<'a> {
    text: &'a str,
    next: usize,
    hash: u64,
}

/// The directories above a canonical path from the root down, then the path itself.
pub(crate) fn prefixes(path: &str) -> Prefixes<'_> {
    Prefixes { text: path, next: 0, hash: START }
}

impl<'a> Iterator for Prefixes<'a> {
    type Item = (u64, &'a str);

    fn next(&mut self) -> Option<(u64, &'a str)> {
        let rest = self.text.as_bytes().get(self.next..).filter(|rest| !rest.is_empty())?;
        // The root is its slash; every other prefix ends before the next slash.
        let length = match self.next {
            0 => 1,
            1 => rest.iter().position(|b| *b == b'/').unwrap_or(rest.len()),
            _ => 1 + rest.iter().skip(1).position(|b| *b == b'/').unwrap_or(rest.len() - 1),
        };
        self.hash = rest.iter().take(length).fold(self.hash, step);
        self.next += length;
        self.text.get(..self.next).map(|prefix| (self.hash, prefix))
    }
}

pub(crate) fn hash(text: &str) -> u64 {
    text.as_bytes().iter().fold(START, step)
}

fn step(hash: u64, byte: &u8) -> u64 {
    (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
}

/// Takes the hash it is given, spread over all bits as the table wants it.
#[derive(Debug, Default)]
pub(crate) struct Taken(u64);

impl Hasher for Taken {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, step);
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash ^ hash.rotate_right(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_whole_names_and_carry_their_own_hash() {
        let shown = |path| prefixes(path).map(|(_, text)| text.to_owned()).collect::<Vec<_>>();
        assert_eq!(shown("/"), ["/"]);
        assert_eq!(shown("/a"), ["/", "/a"]);
        assert_eq!(shown("/ab/c/def"), ["/", "/ab", "/ab/c", "/ab/c/def"]);
        for (found, text) in prefixes("/ab/c/def") {
            assert_eq!(found, hash(text), "{text}");
        }
    }

    #[test]
    fn texts_of_one_hash_are_told_apart() {
        let mut map = Map::<u32>::default();
        map.update("/a", |n| *n = 1);
        map.update("/a", |n| *n += 1);
        assert_eq!(map.find("/a"), Some(&2));
        assert_eq!(map.get(hash("/a"), "/b"), None);
    }
}
