//! What airssys-osl says of each effect as it starts, and whether it lay inside a permitting epoch.

use super::kinds::{KINDS, Set, permits};
use airssys_osl::gate::observed::{Starts, observe};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How many guests there are of each kind.
pub(crate) const OF_EACH: usize = 2;
pub(crate) const GUESTS: usize = KINDS.len() * OF_EACH;
/// The longest pause of a thread.
const PAUSE: Duration = Duration::from_millis(30);

/// A change of policies: from when on it may have counted, and when its call had returned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flip {
    pub(crate) called: Instant,
    pub(crate) returned: Instant,
    pub(crate) set: Set,
}

/// True when nothing of this kind may begin and be done in that time: after the return of a change that denies it, and
/// before the call of the next that permits it.
pub(crate) fn is_denied(flips: &[Flip], kind: usize, from: Instant, to: Instant) -> bool {
    let before = flips.partition_point(|flip| flip.returned < from);
    let Some(last) = before.checked_sub(1).map(|last| flips[last]) else { return false };
    let next = flips[before..].iter().find(|flip| permits(flip.set, kind));
    !permits(last.set, kind) && next.is_none_or(|next| to < next.called)
}

/// The start of one effect.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    at: Instant,
    guest: u8,
}

/// All that is seen of the effects of one trial.
#[derive(Default)]
pub(crate) struct Stamps {
    paused: bool,
    new: Mutex<Vec<Stamp>>,
    /// Effects by guest, of the import that shows in the world.
    shown: [AtomicU64; GUESTS],
    pub(crate) pauses: AtomicU64,
    /// Guests that were unloaded and have no new instance yet.
    pub(crate) unloaded: [AtomicBool; GUESTS],
    /// Effects of those.
    pub(crate) ghosts: AtomicU64,
}

static NOW: Mutex<Option<Arc<Stamps>>> = Mutex::new(None);

thread_local! {
    static RANDOM: Cell<u64> = Cell::new(std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 7) | 1);
}

fn random() -> u64 {
    RANDOM.with(|state| {
        let mut bits = state.get();
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        state.set(bits);
        bits
    })
}

impl Stamps {
    /// Sees all effects of this process from now on; pauses some of their threads, if it is to.
    pub(crate) fn begin(paused: bool) -> Arc<Stamps> {
        let stamps = Arc::new(Stamps { paused, ..Stamps::default() });
        *NOW.lock().unwrap() = Some(Arc::clone(&stamps));
        observe(|starts| {
            let now = NOW.lock().unwrap().clone();
            if let Some(stamps) = now {
                stamps.see(starts);
            }
        });
        stamps
    }

    fn see(&self, starts: &Starts<'_>) {
        let name = starts.subject.party().name();
        let name = name.trim_start_matches("acme/");
        let Some((kind, n)) = name.split_once('-') else { return };
        let Some(kind) = KINDS.iter().position(|known| known.name == kind) else { return };
        if starts.action != KINDS[kind].action {
            return;
        }
        let guest = kind * OF_EACH + n.parse::<usize>().unwrap();
        // Between the check and the stamp, or between the stamp and the effect.
        let (early, late) = (self.pause(), self.pause());
        std::thread::sleep(early);
        self.new.lock().unwrap().push(Stamp { at: Instant::now(), guest: u8::try_from(guest).unwrap() });
        if self.unloaded[guest].load(Ordering::SeqCst) {
            self.ghosts.fetch_add(1, Ordering::SeqCst);
        }
        if starts.import.ends_with(KINDS[kind].shows) {
            self.shown[guest].fetch_add(1, Ordering::SeqCst);
        }
        std::thread::sleep(late);
    }

    /// Mostly none; short ones more often than long ones.
    fn pause(&self) -> Duration {
        if !self.paused || !random().is_multiple_of(48) {
            return Duration::ZERO;
        }
        self.pauses.fetch_add(1, Ordering::Relaxed);
        let part = (random() % 1000) as f64 / 1000.0;
        PAUSE.mul_f64(part * part * part)
    }

    pub(crate) fn shown(&self, kind: usize) -> u64 {
        self.shown[kind * OF_EACH..][..OF_EACH].iter().map(|count| count.load(Ordering::SeqCst)).sum()
    }

    fn take(&self) -> Vec<Stamp> {
        std::mem::take(&mut *self.new.lock().unwrap())
    }
}

/// The verdict over all effects so far.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) effects: [u64; KINDS.len()],
    pub(crate) wrong: Vec<String>,
    later: Vec<Stamp>,
}

impl Verdict {
    /// Judges what was stamped before the last of the changes was called; the rest waits for the next time.
    pub(crate) fn judge(&mut self, stamps: &Stamps, flips: &[Flip], until: Instant) {
        let mut all = std::mem::take(&mut self.later);
        all.extend(stamps.take());
        for stamp in all {
            let kind = usize::from(stamp.guest) / OF_EACH;
            if stamp.at >= until {
                self.later.push(stamp);
                continue;
            }
            self.effects[kind] += 1;
            if is_denied(flips, kind, stamp.at, stamp.at) {
                self.blame(format!("{} by guest {} at {:?}", KINDS[kind].name, stamp.guest, stamp.at));
            }
        }
    }

    pub(crate) fn blame(&mut self, what: String) {
        self.wrong.push(what);
    }
}
