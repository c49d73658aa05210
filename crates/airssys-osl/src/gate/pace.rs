//! How fast one session may put records of allowed verdicts into the log.
//!
//! Most allowed verdicts are recorded once and then counted. What is recorded each time (a policy that reads the
//! context, ever new paths) must not let one guest fill the disk of all: it is paced, and whoever exceeds the pace is
//! stopped, as with denials. A bucket of tokens: one a record, filled up evenly.

use std::time::{Duration, Instant};

/// How many records a session may write at once.
const BURST: u64 = 250_000;
/// How many records a second it may write for ever.
const PER_SECOND: u64 = 5_000;

#[derive(Debug)]
pub(in crate::gate) struct Pace {
    left: u64,
    /// Up to when the bucket has been filled.
    filled: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace { left: BURST, filled: None }
    }
}

impl Pace {
    /// Takes a token, if there is one.
    pub(in crate::gate) fn admits(&mut self, now: Instant) -> bool {
        self.fill(now);
        let had = self.left > 0;
        self.left = self.left.saturating_sub(1);
        had
    }

    /// What the log says of a session that was stopped by it.
    pub(in crate::gate) fn note() -> String {
        format!("stopped: more than {BURST} records at once and {PER_SECOND} a second")
    }

    fn fill(&mut self, now: Instant) {
        let filled = *self.filled.get_or_insert(now);
        let passed = now.saturating_duration_since(filled);
        let due =
            u64::try_from(passed.as_micros()).unwrap_or(u64::MAX).saturating_mul(PER_SECOND) / 1_000_000;
        if due > 0 {
            self.left = self.left.saturating_add(due).min(BURST);
            // Only as far as whole tokens were given: the rest of a token is not lost.
            let given = Duration::from_micros(due.saturating_mul(1_000_000) / PER_SECOND);
            self.filled = Some(filled.checked_add(given).unwrap_or(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_admitted_and_nothing_after_it() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let admitted = (0..BURST + 10).filter(|_| pace.admits(now)).count() as u64;
        assert_eq!(admitted, BURST);
    }

    #[test]
    fn an_even_flow_is_admitted_for_ever_and_a_faster_one_is_not() {
        let start = Instant::now();
        let run = |each: Duration, count: u32| {
            let mut pace = Pace { left: 1, filled: None };
            (0..count).filter(|n| pace.admits(start + each * *n)).count()
        };
        assert_eq!(run(Duration::from_micros(200), 100_000), 100_000);
        assert!(run(Duration::from_micros(100), 100_000) <= 50_001);
    }

    #[test]
    fn a_long_rest_fills_no_more_than_the_bucket() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        assert!(pace.admits(start));
        let later = start + Duration::from_secs(1_000_000);
        let admitted = (0..BURST + 10).filter(|_| pace.admits(later)).count() as u64;
        assert_eq!(admitted, BURST);
    }
}
