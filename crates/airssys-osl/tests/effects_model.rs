//! The protocol of effects, checked in a model of threads: every interleaving that a random and a systematic scheduler
//! find.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "a test"
)]

/// The model's own atomics.
mod sync {
    pub(crate) use shuttle::sync::atomic::{AtomicU64, Ordering};

    pub(crate) fn pause(_: u32) {
        shuttle::thread::yield_now();
    }
}

#[path = "../src/gate/ground.rs"]
mod ground;

#[path = "../src/gate/effects.rs"]
mod effects;

use effects::{Begun, Effects};
use ground::Ground;
use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use shuttle::thread;

/// What a session, a policy set and the world are to the protocol.
struct World {
    effects: Effects,
    epoch: AtomicU64,
    /// True once a change from this epoch has returned: no effect of it may start.
    over: [AtomicBool; 8],
    revoked: AtomicBool,
    ended: AtomicBool,
}

impl World {
    fn new() -> Arc<World> {
        Arc::new(World {
            effects: Effects::default(),
            epoch: AtomicU64::new(1),
            over: Default::default(),
            revoked: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        })
    }

    /// A use of a handle whose verdict was taken under `under`: its effect, or nothing.
    fn use_under(&self, under: u64) {
        let begun = Begun::new(&self.effects, &self.epoch);
        if begun.epoch() != under || self.revoked.load(Ordering::SeqCst) {
            return;
        }
        thread::yield_now();
        // The effect.
        assert!(
            !self.over[under as usize].load(Ordering::SeqCst),
            "an effect of epoch {under} after it was over"
        );
        assert!(!self.ended.load(Ordering::SeqCst), "an effect after the session was ended");
        thread::yield_now();
        assert!(
            !self.over[under as usize].load(Ordering::SeqCst),
            "a change did not wait for an effect of {under}"
        );
        drop(begun);
    }

    fn change(&self) {
        let old = self.epoch.fetch_add(1, Ordering::SeqCst);
        self.effects.wait_for(old);
        self.over[old as usize].store(true, Ordering::SeqCst);
    }

    fn end(&self) {
        self.revoked.store(true, Ordering::SeqCst);
        self.effects.wait_for_all();
        self.ended.store(true, Ordering::SeqCst);
    }
}

fn changing() {
    let world = World::new();
    let users: Vec<_> = (0..2)
        .map(|_| {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                for _ in 0..2 {
                    let under = world.epoch.load(Ordering::SeqCst);
                    world.use_under(under);
                }
            })
        })
        .collect();
    let changer = Arc::clone(&world);
    let changer = thread::spawn(move || (0..3).for_each(|_| changer.change()));
    users.into_iter().for_each(|user| user.join().unwrap());
    changer.join().unwrap();
}

fn ending() {
    let world = World::new();
    let user = Arc::clone(&world);
    let user = thread::spawn(move || (0..3).for_each(|_| user.use_under(1)));
    world.end();
    user.join().unwrap();
}

/// What was lent ends apart from any epoch, and while others go on in the same session.
fn withdrawing() {
    let (world, ground) = (World::new(), std::sync::Arc::new(Ground::default()));
    let over = Arc::new(AtomicBool::new(false));
    let users: Vec<_> = (0..2)
        .map(|_| {
            let (world, ground, over) =
                (Arc::clone(&world), std::sync::Arc::clone(&ground), Arc::clone(&over));
            thread::spawn(move || {
                for _ in 0..2 {
                    let begun = Begun::new(&world.effects, &world.epoch);
                    let Some(resting) = ground.begin() else { continue };
                    let begun = begun.resting_on(Some(resting));
                    assert!(!over.load(Ordering::SeqCst), "an effect after it was withdrawn");
                    thread::yield_now();
                    assert!(!over.load(Ordering::SeqCst), "withdrawing did not wait");
                    drop(begun);
                }
            })
        })
        .collect();
    ground.end();
    ground.wait();
    over.store(true, Ordering::SeqCst);
    users.into_iter().for_each(|user| user.join().unwrap());
}

#[test]
fn no_effect_by_what_was_lent_starts_once_its_withdrawal_has_returned() {
    shuttle::check_random(withdrawing, 20_000);
    shuttle::check_pct(withdrawing, 20_000, 3);
}

#[test]
fn no_effect_of_an_epoch_starts_once_its_change_has_returned() {
    shuttle::check_random(changing, 20_000);
    shuttle::check_pct(changing, 20_000, 3);
}

#[test]
fn no_effect_of_a_session_starts_once_its_end_has_returned() {
    shuttle::check_random(ending, 20_000);
    shuttle::check_pct(ending, 20_000, 3);
}
