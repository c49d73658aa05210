//! How long to wait before what failed is tried again: longer each time, and not all at the same moment.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// The wait before a start or a delivery after a fault: `first`, then twice as long each time, at most `most`.
///
/// A child that has lived for longer than `most` begins again with `first`.
///
/// ```
/// use std::time::Duration;
/// use airssys_rt::Backoff;
///
/// let backoff = Backoff { first: Duration::from_millis(10), most: Duration::from_secs(1), jitter_percent: 0 };
/// assert_eq!(backoff.delay(0), Duration::ZERO);
/// assert_eq!(backoff.delay(1), Duration::from_millis(10));
/// assert_eq!(backoff.delay(3), Duration::from_millis(40));
/// assert_eq!(backoff.delay(u32::MAX), Duration::from_secs(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// The wait after the first fault.
    pub first: Duration,
    /// The longest wait.
    pub most: Duration,
    /// How much of a wait is left to chance, so that what fell together does not rise together. At most 100.
    pub jitter_percent: u8,
}

impl Default for Backoff {
    /// From 50 milliseconds to 30 seconds, a quarter of it left to chance.
    fn default() -> Self {
        Self { first: Duration::from_millis(50), most: Duration::from_secs(30), jitter_percent: 25 }
    }
}

impl Backoff {
    /// No wait at all.
    pub const NONE: Self = Self { first: Duration::ZERO, most: Duration::ZERO, jitter_percent: 0 };

    /// The wait after this many faults in a row; none after none.
    #[must_use]
    pub fn delay(&self, faults: u32) -> Duration {
        let Some(doublings) = faults.checked_sub(1) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let whole = self.first.saturating_mul(factor).min(self.most);
        whole.saturating_sub(chance(whole / 100 * u32::from(self.jitter_percent.min(100))))
    }
}

/// Something between nothing and `most`. No secret hangs on it.
fn chance(most: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    most.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64)
}
