//! A change of policies and the end of a session are barriers: when they have returned, nothing starts that was decided
//! before them.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test builds its world by hand"
)]

mod common;

use airssys_osl::action::{ClockRead, EnvRead};
use airssys_osl::environment::Environment;
use airssys_osl::{ActionId, Clock, EnvName, Lease, Session, Why, clock};
use common::{IMPORT, Log, Script};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

const A_WHILE: Duration = Duration::from_millis(200);
const AT_LAST: Duration = Duration::from_secs(20);

fn lease(session: &Arc<Session>) -> Lease {
    clock::Reader::new(session.authorize::<ClockRead>(Clock::Wall, IMPORT).unwrap()).lease().clone()
}

/// True once `work`, which may wait, has returned.
fn waits(work: impl FnOnce() + Send + 'static) -> mpsc::Receiver<()> {
    let (done, returned) = mpsc::channel();
    std::thread::spawn(move || {
        work();
        done.send(()).unwrap();
    });
    returned
}

#[test]
fn a_change_returns_only_when_what_began_before_it_is_over() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let session = common::session(&script, &log);
    let lease = lease(&session);
    let in_use = lease.enter(ActionId::ClockRead, IMPORT).unwrap();
    script.swap(|_, _| false);
    let gate = Arc::clone(session.gate());
    let returned = waits(move || gate.policies_changed(1));
    assert!(returned.recv_timeout(A_WHILE).is_err(), "an effect is under way");
    // What begins meanwhile is decided by the new policies, and does not hold up the change.
    assert_eq!(lease.enter(ActionId::ClockRead, IMPORT).unwrap_err().why, Why::Policy);
    drop(in_use);
    returned.recv_timeout(AT_LAST).unwrap();
}

#[test]
fn what_begins_after_a_change_does_not_hold_it_up() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let session = common::session(&script, &log);
    let lease = lease(&session);
    script.swap(|_, _| true);
    let _in_use = lease.enter(ActionId::ClockRead, IMPORT).unwrap();
    let gate = Arc::clone(session.gate());
    waits(move || gate.policies_changed(1)).recv_timeout(AT_LAST).unwrap();
}

#[test]
fn the_end_of_a_session_returns_only_when_its_effects_are_over() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let session = common::session(&script, &log);
    let lease = lease(&session);
    let in_use = lease.enter(ActionId::ClockRead, IMPORT).unwrap();
    let ending = Arc::clone(&session);
    let returned = waits(move || ending.end());
    assert!(returned.recv_timeout(A_WHILE).is_err(), "an effect is under way");
    assert_eq!(lease.enter(ActionId::ClockRead, IMPORT).unwrap_err().why, Why::Revoked);
    drop(in_use);
    returned.recv_timeout(AT_LAST).unwrap();
}

#[test]
fn a_permit_that_a_change_overtook_is_decided_anew_before_its_effect() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let session = common::session(&script, &log);
    let environment = Environment::new([("K".to_owned(), "secret".to_owned())]).unwrap();
    let permit = || session.authorize::<EnvRead>(EnvName::parse("K").unwrap(), IMPORT).unwrap();
    let (early, late) = (permit(), permit());
    script.swap(|_, _| false);
    assert_eq!(environment.read(early).unwrap_err().why, Why::Policy);
    script.swap(|_, _| true);
    assert_eq!(environment.read(late).unwrap(), Some("secret"));
    let revoked = permit();
    session.revoke();
    assert_eq!(environment.read(revoked).unwrap_err().why, Why::Revoked);
}

/// What the world saw: effects while they were permitted, and others.
#[derive(Default)]
struct Seen {
    permitted: AtomicBool,
    wrong: AtomicU64,
    right: AtomicU64,
}

impl Seen {
    fn effect(&self) {
        let count = if self.permitted.load(Ordering::SeqCst) { &self.right } else { &self.wrong };
        count.fetch_add(1, Ordering::SeqCst);
    }
}

/// Uses its handle until it is told to stop, at times long after the use was entered.
fn hammer(lease: &Lease, seen: &Seen, over: &AtomicBool, first: u64) {
    for round in first.. {
        if over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(in_use) = lease.enter(ActionId::ClockRead, IMPORT) else {
            std::thread::sleep(Duration::from_millis(2));
            continue;
        };
        if round.is_multiple_of(5) {
            std::thread::sleep(Duration::from_micros(100 * (round % 30)));
        }
        seen.effect();
        drop(in_use);
    }
}

#[test]
fn no_effect_lies_outside_a_permitting_epoch_however_long_its_thread_was_paused() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let (seen, over) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
    seen.permitted.store(true, Ordering::SeqCst);
    let session = common::session(&script, &log);
    let threads = (0..16_u64).map(|n| {
        let (lease, seen, over) = (lease(&session), Arc::clone(&seen), Arc::clone(&over));
        std::thread::spawn(move || hammer(&lease, &seen, &over, n))
    });
    let threads: Vec<_> = threads.collect();
    let (started, mut epoch) = (Instant::now(), 1);
    while started.elapsed() < Duration::from_secs(3) && log.denials() < 9_000 {
        script.swap(|_, _| false);
        session.gate().policies_changed(epoch);
        seen.permitted.store(false, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(2));
        seen.permitted.store(true, Ordering::SeqCst);
        script.swap(|_, _| true);
        session.gate().policies_changed(epoch + 1);
        epoch += 2;
        std::thread::sleep(Duration::from_millis(5));
    }
    over.store(true, Ordering::SeqCst);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(seen.wrong.load(Ordering::SeqCst), 0, "effects after their permission was over");
    assert!(seen.right.load(Ordering::SeqCst) > 1_000 && epoch > 20, "{epoch}");
}
