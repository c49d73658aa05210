//! What the protocol of effects stands on; a model puts its own in this place.

pub(super) use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often a wait looks again before it leaves the processor to others.
const SPINS: u32 = 64;
/// How long it then sleeps at most.
const NAP: Duration = Duration::from_micros(50);

/// Between two looks. An effect is a system call or less, so a short while is spent looking.
pub(super) fn pause(looks: u32) {
    if looks < SPINS { std::hint::spin_loop() } else { std::thread::sleep(NAP) }
}
