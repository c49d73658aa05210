//! The gate while the policies change: what waits is decided anew, what is decided is decided by what is in force.
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

use airssys_osl::action::{ClockRead, ClockSleep, FsRead};
use airssys_osl::{
    ActionId, Ask, Authorizer, Clock, Decision, Gate, GuestPath, Reasons, Session, Subject, Verdict, Why,
    clock,
};
use common::{IMPORT, Log, Script};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const AN_HOUR: u64 = 3_600_000_000_000;
const SOON: Duration = Duration::from_millis(200);
const AT_LAST: Duration = Duration::from_secs(20);

fn alarm(session: &Arc<Session>) -> clock::Timer {
    let permit = session.authorize::<ClockSleep>(Clock::Monotonic, IMPORT).unwrap();
    clock::Sleeper::new(permit).after(AN_HOUR, IMPORT).unwrap()
}

#[tokio::test]
async fn a_wait_ends_when_a_change_of_policies_denies_it() {
    for reusable in [true, false] {
        let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
        script.reusable.store(reusable, Ordering::SeqCst);
        let session = common::session(&script, &log);
        let timer = alarm(&session);
        let waiting = tokio::spawn(async move { timer.over().await });
        tokio::time::sleep(SOON).await;
        log.take();
        script.swap(|_, _| false);
        session.gate().policies_changed(1);
        tokio::time::timeout(AT_LAST, waiting).await.expect("woken").unwrap();
        assert_eq!(log.take(), ["deny clock:sleep monotonic"]);
    }
}

#[tokio::test]
async fn a_wait_that_is_still_permitted_goes_on_and_asks_once_for_each_change() {
    for reusable in [true, false] {
        let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
        script.reusable.store(reusable, Ordering::SeqCst);
        let session = common::session(&script, &log);
        let timer = alarm(&session);
        let mut waiting = tokio::spawn(async move { timer.over().await });
        tokio::time::sleep(SOON).await;
        log.take();
        script.swap(|_, _| true);
        session.gate().policies_changed(1);
        assert!(tokio::time::timeout(SOON, &mut waiting).await.is_err(), "it goes on");
        session.gate().policies_changed(1);
        assert!(tokio::time::timeout(SOON, &mut waiting).await.is_err(), "it goes on");
        assert_eq!(log.take(), ["allow clock:sleep monotonic"]);
        session.revoke();
        tokio::time::timeout(AT_LAST, waiting).await.expect("woken").unwrap();
    }
}

#[tokio::test]
async fn a_change_between_the_question_and_the_wait_is_not_missed() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let session = common::session(&script, &log);
    let timer = alarm(&session);
    script.swap(|_, _| false);
    session.gate().policies_changed(1);
    tokio::time::timeout(AT_LAST, timer.over()).await.expect("not waited for");
}

#[test]
fn what_was_counted_is_told_before_a_change_and_once() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let session = common::session(&script, &log);
    let reader = clock::Reader::new(session.authorize::<ClockRead>(Clock::Wall, IMPORT).unwrap());
    for _ in 0..5 {
        reader.now(IMPORT).unwrap();
    }
    log.broken.store(true, Ordering::SeqCst);
    assert!(session.gate().flush_summaries().is_err(), "the change must not happen");
    log.reused.lock().unwrap().clear();
    log.broken.store(false, Ordering::SeqCst);
    session.gate().flush_summaries().unwrap();
    session.gate().flush_summaries().unwrap();
    assert_eq!(*log.reused.lock().unwrap(), [(ActionId::ClockRead, 5)]);
}

/// Allows under the first `changes` epochs and denies after them; while it is restless, each epoch that allows ends
/// before its answer is given.
struct Restless {
    epoch: Arc<AtomicU64>,
    changes: u64,
    restless: AtomicBool,
}

impl Authorizer for Restless {
    fn decide(&self, _: &Ask<'_>) -> Decision {
        let (epoch, reasons) = (self.epoch.load(Ordering::SeqCst), Arc::new(Reasons::default()));
        if epoch > self.changes {
            return Decision { verdict: Verdict::Deny(reasons), epoch, reusable: true };
        }
        if self.restless.load(Ordering::SeqCst) {
            self.epoch.fetch_add(1, Ordering::SeqCst);
        }
        Decision { verdict: Verdict::Allow(reasons), epoch, reusable: true }
    }
    fn epoch(&self) -> &Arc<AtomicU64> {
        &self.epoch
    }
    fn names_beneath(&self, _: &GuestPath) -> bool {
        false
    }
    fn visible(&self, _: &Subject, _: &GuestPath) -> bool {
        true
    }
}

fn restless(changes: u64) -> (Arc<Session>, Arc<Log>, Arc<Restless>) {
    let (epoch, restless) = (Arc::new(AtomicU64::new(1)), AtomicBool::new(true));
    let (world, log) = (Arc::new(Restless { epoch, changes, restless }), Arc::new(Log::default()));
    let gate = Gate::new(Arc::clone(&world) as _, Arc::clone(&log) as _);
    (gate.session(Subject::new(common::principal(), 1)), log, world)
}

#[test]
fn a_verdict_that_was_overtaken_while_it_was_taken_does_not_count() {
    let path = || GuestPath::parse("/m/f").unwrap();
    let (session, log, _) = restless(3);
    assert_eq!(session.authorize::<FsRead>(path(), IMPORT).unwrap_err().why, Why::Policy);
    assert_eq!(log.take(), ["deny fs:read /m/f"], "what was overtaken is no verdict taken");
}

#[test]
fn policies_that_never_stand_still_decide_nothing() {
    let (session, log, _) = restless(u64::MAX);
    let denied = session.authorize::<ClockRead>(Clock::Wall, IMPORT).unwrap_err();
    assert_eq!(denied.why, Why::Fault);
    assert_eq!(log.take(), ["fault clock:read wall"]);
}

#[test]
fn a_use_that_is_overtaken_while_it_is_decided_anew_is_decided_by_what_is_in_force() {
    let (session, log, world) = restless(4);
    world.restless.store(false, Ordering::SeqCst);
    let reader = clock::Reader::new(session.authorize::<ClockRead>(Clock::Wall, IMPORT).unwrap());
    world.epoch.store(2, Ordering::SeqCst);
    world.restless.store(true, Ordering::SeqCst);
    log.take();
    assert_eq!(reader.now(IMPORT).unwrap_err().why, Why::Policy);
    assert_eq!(
        (log.take(), world.epoch.load(Ordering::SeqCst)),
        (vec!["deny clock:read wall".to_owned()], 5)
    );
}

#[test]
fn a_guest_whose_every_use_is_recorded_is_stopped_and_not_the_log() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    script.reusable.store(false, Ordering::SeqCst);
    let session = common::session(&script, &log);
    let reader = clock::Reader::new(session.authorize::<ClockRead>(Clock::Wall, IMPORT).unwrap());
    let denied = (0..2_000_000).find_map(|_| reader.now(IMPORT).err()).expect("it is stopped");
    assert!(denied.is_fatal() && denied.why == Why::Pace, "{denied}");
    assert!(reader.now(IMPORT).is_err_and(|denied| denied.why == Why::Revoked || denied.why == Why::Pace));
    assert_eq!(log.notes.lock().unwrap().len(), 1);
    assert!(log.notes.lock().unwrap()[0].contains("records"), "{:?}", log.notes.lock().unwrap());
    let records = log.take().len();
    assert!((250_000..2_000_000).contains(&records), "{records}");
    let neighbour = common::session(&script, &log);
    assert!(neighbour.authorize::<ClockRead>(Clock::Wall, IMPORT).is_ok());
}
