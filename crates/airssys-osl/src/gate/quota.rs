//! What one session may spend in bytes, counted where it is spent.
//!
//! Bytes are set aside before the effect, and what was not spent is given back after it: what two threads do at once
//! cannot be more than what is left. Nothing of a count ever comes back but so.
//!
//! *Invariant:* a limit that a session meets leaves one record, at the first time.

use crate::gate::shared::lock;
use crate::gate::{RecordError, Session};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a session may spend. Whoever opens a session without saying bounds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Bytes read from files, sockets and standard input together, as long as it lives.
    pub read_bytes_total: u64,
    /// Bytes written to files, sockets and standard streams together, as long as it lives.
    pub write_bytes_total: u64,
    /// Bytes to standard output and error together: so many at once, and so many more each second.
    pub output_bytes_per_second: u64,
}

impl Default for Allowance {
    fn default() -> Allowance {
        let (read_bytes_total, write_bytes_total) = (u64::MAX, u64::MAX);
        Allowance { read_bytes_total, write_bytes_total, output_bytes_per_second: u64::MAX }
    }
}

/// A limit that was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the limit `{limit}` of {value} is exceeded: grant more in the host's configuration, or ask for more in the manifest"
)]
#[non_exhaustive]
pub struct LimitExceeded {
    /// Which limit, as it is written in files, such as `memory_mib`.
    pub limit: &'static str,
    /// Its value, in the unit its name says.
    pub value: u64,
}

impl LimitExceeded {
    /// The limit of that name and value.
    pub const fn new(limit: &'static str, value: u64) -> LimitExceeded {
        LimitExceeded { limit, value }
    }
}

/// What a session has spent, and which limits it met.
#[derive(Debug)]
pub(in crate::gate) struct Spending {
    allowance: Allowance,
    read: AtomicU64,
    written: AtomicU64,
    output: Mutex<Bucket>,
    met: Mutex<Vec<LimitExceeded>>,
}

impl Spending {
    pub(in crate::gate) fn nothing(allowance: Allowance) -> Spending {
        let output = Mutex::new(Bucket::full(allowance.output_bytes_per_second, Instant::now()));
        let (read, written, met) = (AtomicU64::new(0), AtomicU64::new(0), Mutex::default());
        Spending { allowance, read, written, output, met }
    }
}

/// Bytes set aside. What is not [`Aside::spend`]t is given back.
#[must_use = "what was set aside is given back at once"]
#[derive(Debug)]
pub(crate) struct Aside<'a> {
    count: &'a AtomicU64,
    bytes: usize,
}

impl<'a> Aside<'a> {
    /// At most `bytes` of what `most` leaves.
    fn of(count: &'a AtomicU64, most: u64, bytes: usize) -> Aside<'a> {
        let share = |used: u64| most.saturating_sub(used).min(bytes as u64);
        // A count guards nothing but itself.
        let before =
            count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| Some(used + share(used)));
        let (Ok(before) | Err(before)) = before;
        // No more than `bytes`, so it is a length again.
        Aside { count, bytes: usize::try_from(share(before)).unwrap_or(bytes) }
    }

    /// How many there are.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Says how many of them were spent.
    pub(crate) fn spend(mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.count.fetch_sub(self.bytes as u64, Ordering::Relaxed);
        }
    }
}

impl Session {
    /// Sets bytes aside to be read: at most `most`, and none when none are left.
    pub(crate) fn aside_to_read(&self, most: usize) -> Aside<'_> {
        let spent = self.spent();
        Aside::of(&spent.read, spent.allowance.read_bytes_total, most)
    }

    /// Sets bytes aside to be written: at most `most`, and none when none are left.
    pub(crate) fn aside_to_write(&self, most: usize) -> Aside<'_> {
        let spent = self.spent();
        Aside::of(&spent.written, spent.allowance.write_bytes_total, most)
    }

    /// Counts what was read whole. Of what was too much nothing is handed out, and nothing else is read after it.
    pub(crate) fn count_read(&self, bytes: usize, import: &'static str) -> Result<(), LimitExceeded> {
        let aside = self.aside_to_read(bytes);
        if aside.bytes() == bytes {
            aside.spend(bytes);
            return Ok(());
        }
        drop(aside);
        let exceeded = self.no_more_to_read(import);
        let rest = self.aside_to_read(usize::MAX);
        let all = rest.bytes();
        rest.spend(all);
        Err(exceeded)
    }

    /// The limit of what is read in total, once more was to be read and nothing is left.
    pub(crate) fn out_of_reads(&self) -> Option<LimitExceeded> {
        let (spent, key) = (self.spent(), "read_bytes_total");
        let left = spent.allowance.read_bytes_total.saturating_sub(spent.read.load(Ordering::Relaxed));
        lock(&spent.met).iter().copied().find(|met| left == 0 && met.limit == key)
    }

    /// Sets aside what is written whole or not at all.
    pub(crate) fn all_to_write(
        &self,
        bytes: usize,
        import: &'static str,
    ) -> Result<Aside<'_>, LimitExceeded> {
        let aside = self.aside_to_write(bytes);
        if aside.bytes() == bytes { Ok(aside) } else { Err(self.no_more_to_write(import)) }
    }

    /// Sets aside what goes to standard output or error, whole or not at all.
    pub(crate) fn all_to_put_out(
        &self,
        bytes: usize,
        import: &'static str,
    ) -> Result<Aside<'_>, LimitExceeded> {
        let aside = self.all_to_write(bytes, import)?;
        let spent = self.spent();
        if lock(&spent.output).take(bytes as u64, Instant::now()) {
            return Ok(aside);
        }
        let rate = spent.allowance.output_bytes_per_second;
        Err(self.meet(LimitExceeded::new("output_bytes_per_second", rate), import))
    }

    /// Of `most` bytes, how many may be promised to somebody who is going to write them. One byte is promised although
    /// none is left: only writing it exceeds anything, and tells what.
    pub(crate) fn room_to_write(&self, most: usize) -> usize {
        let spent = self.spent();
        let left = spent.allowance.write_bytes_total.saturating_sub(spent.written.load(Ordering::Relaxed));
        usize::try_from(left).unwrap_or(usize::MAX).max(1).min(most)
    }

    /// As [`Session::room_to_write`], for standard output and error.
    pub(crate) fn room_to_put_out(&self, most: usize) -> usize {
        let left = lock(&self.spent().output).left_of(most as u64, Instant::now);
        self.room_to_write(most).min(usize::try_from(left).unwrap_or(usize::MAX).max(1))
    }

    /// Records, once, that more was to be read than may be.
    pub(crate) fn no_more_to_read(&self, import: &'static str) -> LimitExceeded {
        let value = self.spent().allowance.read_bytes_total;
        self.meet(LimitExceeded::new("read_bytes_total", value), import)
    }

    /// Records, once, that more was to be written than may be.
    pub(crate) fn no_more_to_write(&self, import: &'static str) -> LimitExceeded {
        let value = self.spent().allowance.write_bytes_total;
        self.meet(LimitExceeded::new("write_bytes_total", value), import)
    }

    fn meet(&self, limit: LimitExceeded, import: &'static str) -> LimitExceeded {
        // It is refused whether or not this can be written.
        let _ = self.exceed(limit, Some(import));
        limit
    }

    /// Takes note that a limit was exceeded, and records it at the first time.
    ///
    /// # Errors
    /// [`RecordError`] when it could not be written.
    pub fn exceed(&self, limit: LimitExceeded, import: Option<&'static str>) -> Result<(), RecordError> {
        {
            let mut met = lock(&self.spent().met);
            if met.iter().any(|before| before.limit == limit.limit) {
                return Ok(());
            }
            met.push(limit);
        }
        self.gate().recorder.exceeded(self.subject(), import, &limit)
    }

    /// The limits that were exceeded so far, each once.
    pub fn exceeded(&self) -> Vec<LimitExceeded> {
        lock(&self.spent().met).clone()
    }
}

/// So much at once, and so much again each second.
#[derive(Debug)]
struct Bucket {
    rate: u64,
    level: u64,
    since: Instant,
}

impl Bucket {
    fn full(rate: u64, now: Instant) -> Bucket {
        Bucket { rate, level: rate, since: now }
    }

    /// How much there is.
    fn left(&mut self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.since).as_nanos();
        let gained = passed.saturating_mul(self.rate.into()) / Duration::from_secs(1).as_nanos();
        // What is less than a byte goes on growing.
        if gained > 0 {
            self.level = self.level.saturating_add(u64::try_from(gained).unwrap_or(u64::MAX)).min(self.rate);
            self.since = now;
        }
        self.level
    }

    /// Of `most`, how much there is. Time only adds to it, so nobody asks for the time where it is enough.
    fn left_of(&mut self, most: u64, now: impl FnOnce() -> Instant) -> u64 {
        if self.level >= most { most } else { self.left(now()) }
    }

    /// Takes all of it, or nothing.
    fn take(&mut self, bytes: u64, now: Instant) -> bool {
        match self.left(now).checked_sub(bytes) {
            Some(level) => {
                self.level = level;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Aside, Bucket};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    #[test]
    fn what_is_set_aside_is_never_more_than_what_is_left() {
        let count = AtomicU64::new(0);
        let first = Aside::of(&count, 10, 7);
        let second = Aside::of(&count, 10, 7);
        assert_eq!((first.bytes(), second.bytes()), (7, 3));
        assert_eq!(Aside::of(&count, 10, 7).bytes(), 0);
        first.spend(2);
        drop(second);
        assert_eq!(count.load(Ordering::Relaxed), 2, "what was not spent came back");
        assert_eq!(Aside::of(&count, 10, 100).bytes(), 8);
        assert_eq!(Aside::of(&count, u64::MAX, usize::MAX).bytes(), usize::MAX - 2);
    }

    #[test]
    fn a_bucket_gives_what_it_holds_and_fills_in_a_second() {
        let start = Instant::now();
        let mut bucket = Bucket::full(1000, start);
        assert!(!bucket.take(1001, start));
        assert!(bucket.take(1000, start));
        assert!(!bucket.take(1, start + Duration::from_micros(900)));
        assert!(bucket.take(1, start + Duration::from_millis(1)));
        assert!(!bucket.take(1000, start + Duration::from_millis(900)));
        assert!(bucket.take(1000, start + Duration::from_secs(1_000_000)));
        assert!(
            !bucket.take(1, start + Duration::from_secs(1_000_000)),
            "no more is kept than a second brings"
        );
    }
}
