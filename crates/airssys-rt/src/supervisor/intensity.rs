//! How many faults in how much time are too many.

use std::collections::VecDeque;
use std::time::Duration;

/// So many faults in so much time are borne; with one more the supervisor gives up and fails itself.
///
/// ```
/// use std::time::Duration;
/// use airssys_rt::Intensity;
///
/// let strict = Intensity { faults: 0, window: Duration::from_secs(60) };
/// assert_ne!(strict, Intensity::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Intensity {
    /// How many are borne.
    pub faults: u32,
    /// In how much time.
    pub window: Duration,
}

impl Default for Intensity {
    /// Three in five seconds.
    fn default() -> Self {
        Self { faults: 3, window: Duration::from_secs(5) }
    }
}

/// Counts faults. Holds no more times than are borne.
#[derive(Debug)]
pub(crate) struct Meter {
    intensity: Intensity,
    times: VecDeque<Duration>,
}

impl Meter {
    pub(crate) fn new(intensity: Intensity) -> Self {
        Self { intensity, times: VecDeque::new() }
    }

    /// Counts from nothing again.
    pub(crate) fn forget(&mut self) {
        self.times.clear();
    }

    /// Counts a fault at `now`, measured from some beginning. Whether it is borne.
    pub(crate) fn bears(&mut self, now: Duration) -> bool {
        let window = self.intensity.window;
        while self.times.front().is_some_and(|then| now.saturating_sub(*then) > window) {
            self.times.pop_front();
        }
        if self.times.len() >= usize::try_from(self.intensity.faults).unwrap_or(usize::MAX) {
            return false;
        }
        self.times.push_back(now);
        true
    }
}
