//! The journal: where a record is put before its effect, so that it outlives this process; a page of head and a ring of entries.
//!
//! ```text
//! word 0 magic | 1 words of the ring | 2 where the first entry lies that is not in the log | 3 its number
//! ring: length and CRC-32 | number | microseconds since 1970 | the fields of the record, as on its line
//! ```
//!
//! *Invariant:* the first word of an entry is stored when the rest of it is there, and what it says is proved by its checksum:
//! whenever the process or the machine dies, an entry is there as it was put, or is none.

use crate::audit::canonical::MAX_LINE;
use airssys_osl::host_map::HostMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

const MAGIC: u64 = u64::from_be_bytes(*b"airsjrn1");

/// Words before the ring: a page.
const HEAD: usize = 512;

/// Words of the ring: 8 MiB, of which an entry takes one at most.
const RING: usize = 1 << 20;

/// Words of a journal.
pub(super) const WORDS: usize = HEAD + RING;

const AT_MAGIC: usize = 0;
const AT_RING: usize = 1;
const AT_DONE: usize = 2;
const AT_NUMBER: usize = 3;

/// Words of an entry before the record.
const FRAME: usize = 3;

/// What is put down of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) seq: u64,
    pub(super) micros: i64,
    pub(super) body: &'a [u8],
}

/// A place in the journal: words since it was made.
pub(super) type Place = u64;

/// A journal in its words.
pub(super) struct Journal<W> {
    words: W,
}

impl Deref for Journal<HostMap> {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        self.words.words()
    }
}

impl Deref for Journal<Vec<AtomicU64>> {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        &self.words
    }
}

impl Journal<HostMap> {
    /// A journal without entries. The first will have that number.
    pub(super) fn new(words: HostMap, number: u64) -> Journal<HostMap> {
        let journal = Journal { words };
        set(&journal, AT_RING, RING as u64);
        set(&journal, AT_NUMBER, number);
        set(&journal, AT_MAGIC, MAGIC);
        journal
    }
}

impl Journal<Vec<AtomicU64>> {
    /// One that was read. None where it is no journal of this program on a machine of this kind.
    pub(super) fn read(bytes: &[u8]) -> Option<Journal<Vec<AtomicU64>>> {
        let (words, rest) = bytes.as_chunks::<8>();
        let words: Vec<_> = words.iter().map(|word| AtomicU64::new(u64::from_ne_bytes(*word))).collect();
        let journal = Journal { words };
        let is_one = rest.is_empty()
            && journal.len() == WORDS
            && get(&journal, AT_MAGIC) == MAGIC
            && get(&journal, AT_RING) == RING as u64;
        is_one.then_some(journal)
    }
}

impl<W> Journal<W>
where
    Journal<W>: Deref<Target = [AtomicU64]>,
{
    /// Puts an entry down there. It is there when this returns. The place of the next one.
    pub(super) fn put(&self, at: Place, entry: Entry<'_>) -> Place {
        let (chunks, rest) = entry.body.as_chunks::<8>();
        let (first, second) = self.slots(at + FRAME as u64, chunks.len());
        let (before, after) = chunks.split_at_checked(first.len()).unwrap_or((chunks, &[]));
        store(first, before);
        store(second, after);
        if !rest.is_empty() {
            let mut tail = [0; 8];
            tail.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            store(self.slots(at + (FRAME + chunks.len()) as u64, 1).0, &[tail]);
        }
        self.set_word(at + 1, entry.seq, Ordering::Relaxed);
        self.set_word(at + 2, entry.micros.cast_unsigned(), Ordering::Relaxed);
        self.set_word(at, commit_of(&entry), Ordering::Release);
        at + words_of(entry.body.len()) as u64
    }

    /// The entry there, and the place of the next one; none where there is none. `body` is where its record is copied to.
    pub(super) fn take<'a>(&self, at: Place, body: &'a mut Vec<u8>) -> Option<(Entry<'a>, Place)> {
        let word = |at| Some(self.slots(at, 1).0.first()?.load(Ordering::Acquire));
        let commit = word(at)?;
        let length = (commit & u64::from(u32::MAX)) as usize;
        if length == 0 || length > MAX_LINE {
            return None;
        }
        let (seq, micros) = (word(at + 1)?, word(at + 2)?.cast_signed());
        let count = length.div_ceil(8);
        let (first, second) = self.slots(at + FRAME as u64, count);
        body.clear();
        body.resize(count * 8, 0);
        let chunks = body.as_chunks_mut::<8>().0;
        let (before, after) = chunks.split_at_mut_checked(first.len())?;
        load(first, before);
        load(second, after);
        body.truncate(length);
        let entry = Entry { seq, micros, body };
        (commit_of(&entry) == commit).then_some((entry, at + words_of(length) as u64))
    }

    fn set_word(&self, at: Place, value: u64, order: Ordering) {
        if let Some(slot) = self.slots(at, 1).0.first() {
            slot.store(value, order);
        }
    }

    /// All before that place is in the log; the next record has that number.
    pub(super) fn set_done(&self, at: Place, number: u64) {
        // The number first: what lies there until the place is set too has a smaller one.
        set(self, AT_NUMBER, number);
        set(self, AT_DONE, at);
    }

    /// Gives what is not in the log yet, one by one.
    pub(super) fn each_left(&self, mut each: impl FnMut(Entry<'_>)) {
        let (mut at, wanted, mut body) = (get(self, AT_DONE), get(self, AT_NUMBER), Vec::new());
        let mut before = None;
        // Entries of an earlier round lie here too; their numbers are smaller.
        while let Some((entry, next)) = self.take(at, &mut body) {
            if before.is_some_and(|before: u64| before.checked_add(1) != Some(entry.seq)) {
                return;
            }
            before = Some(entry.seq);
            if entry.seq >= wanted {
                each(entry);
            }
            if next.saturating_sub(get(self, AT_DONE)) > RING as u64 {
                return;
            }
            at = next;
        }
    }

    /// So many words from that place on, in two parts where they go round.
    fn slots(&self, at: Place, count: usize) -> (&[AtomicU64], &[AtomicU64]) {
        let ring = self.get(HEAD..).unwrap_or_default();
        let start = (at % RING as u64) as usize;
        let (round, straight) = ring.split_at_checked(start).unwrap_or_default();
        let straight = straight.get(..count).unwrap_or(straight);
        (straight, round.get(..count - straight.len()).unwrap_or(round))
    }
}

fn store(slots: &[AtomicU64], words: &[[u8; 8]]) {
    slots.iter().zip(words).for_each(|(slot, word)| slot.store(u64::from_ne_bytes(*word), Ordering::Relaxed));
}

fn load(slots: &[AtomicU64], words: &mut [[u8; 8]]) {
    slots.iter().zip(words).for_each(|(slot, word)| *word = slot.load(Ordering::Relaxed).to_ne_bytes());
}

/// Whether an entry with so long a record fits between these places.
pub(super) fn fits(done: Place, at: Place, length: usize) -> bool {
    at.saturating_sub(done) + words_of(length) as u64 <= RING as u64
}

fn words_of(length: usize) -> usize {
    FRAME + length.div_ceil(8)
}

fn commit_of(entry: &Entry<'_>) -> u64 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&entry.seq.to_ne_bytes());
    sum.update(&entry.micros.to_ne_bytes());
    sum.update(entry.body);
    u64::from(sum.finalize()) << 32 | entry.body.len() as u64
}

fn get(words: &[AtomicU64], at: usize) -> u64 {
    words.get(at).map_or(0, |word| word.load(Ordering::Acquire))
}

fn set(words: &[AtomicU64], at: usize, value: u64) {
    if let Some(word) = words.get(at) {
        word.store(value, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal<Vec<AtomicU64>> {
        let words: Vec<_> = (0..WORDS).map(|_| AtomicU64::new(0)).collect();
        let journal = Journal { words };
        set(&journal, AT_RING, RING as u64);
        set(&journal, AT_MAGIC, MAGIC);
        journal
    }

    fn left(journal: &Journal<Vec<AtomicU64>>) -> Vec<(u64, Vec<u8>)> {
        let mut left = Vec::new();
        journal.each_left(|entry| left.push((entry.seq, entry.body.to_vec())));
        left
    }

    #[test]
    fn whatever_is_changed_or_half_put_is_no_entry() {
        let journal = journal();
        let entry = Entry { seq: 0, micros: -7, body: b"what was asked" };
        let next = journal.put(0, entry);
        let mut body = Vec::new();
        assert_eq!(journal.take(0, &mut body), Some((entry, next)));
        assert_eq!(journal.take(next, &mut Vec::new()), None);
        for word in 0..next as usize {
            for bit in 0..64 {
                let slot = &journal[HEAD + word];
                slot.fetch_xor(1 << bit, Ordering::Relaxed);
                let padding = word + 1 == next as usize && bit >= 8 * (entry.body.len() % 8);
                assert_eq!(journal.take(0, &mut Vec::new()).is_some(), padding, "word {word}, bit {bit}");
                slot.fetch_xor(1 << bit, Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn entries_that_go_round_are_read_as_they_were_and_old_ones_are_not_left() {
        let journal = journal();
        let (mut at, mut done, mut body) = (0, 0, Vec::new());
        let record = |seq: u64| vec![seq as u8 | 1; 1 + (seq as usize * 7919) % 60_000];
        for seq in 0..1000 {
            let record = record(seq);
            while !fits(done, at, record.len()) {
                let (entry, next) = journal.take(done, &mut body).unwrap();
                done = next;
                journal.set_done(done, entry.seq + 1);
            }
            at = journal.put(at, Entry { seq, micros: 1, body: &record });
        }
        let left = left(&journal);
        assert!(left.len() > 100, "{}", left.len());
        assert_eq!(left.last().unwrap().0, 999);
        assert!(left.iter().all(|(seq, body)| *body == record(*seq)));
        journal.set_done(at, 1000);
        assert!(super::tests::left(&journal).is_empty(), "what lies there is older");
    }

    #[test]
    fn what_is_no_journal_is_told_from_one() {
        let bytes: Vec<u8> =
            journal().iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes()).collect();
        assert!(Journal::read(&bytes).is_some());
        for length in [0, 8, bytes.len() - 8, bytes.len() - 1] {
            assert!(Journal::read(&bytes[..length]).is_none(), "{length}");
        }
        assert!(Journal::read(&[&bytes[..], &[0; 8]].concat()).is_none());
        let mut other = bytes;
        other[0] ^= 1;
        assert!(Journal::read(&other).is_none());
    }
}
