//! The gate: closed on fault, recorded before the effect, revocable.
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

use airssys_osl::action::{ClockRead, FsRead};
use airssys_osl::fs::FsError;
use airssys_osl::{ActionId, Clock, DENIAL_QUOTA, GuestPath, Why, clock};
use common::{IMPORT, Log, READ, Script, World, both, refused};
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn clock_reader(script: &Arc<Script>, log: &Arc<Log>) -> clock::Reader {
    let session = common::session(script, log);
    clock::Reader::new(session.authorize::<ClockRead>(Clock::Wall, IMPORT).unwrap())
}

#[test]
fn a_revoked_session_gets_no_permit_and_a_revoked_lease_no_use() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let reader = clock_reader(&script, &log);
    assert!(reader.now(IMPORT).is_ok());
    reader.lease().revoke();
    assert_eq!(reader.now(IMPORT).unwrap_err().why, Why::Revoked);
    assert_eq!(log.take().last().unwrap(), "deny clock:read wall");
    let session = Arc::clone(reader.lease().session());
    assert!(session.authorize::<ClockRead>(Clock::Wall, IMPORT).is_ok(), "only the handle was revoked");
    session.revoke();
    assert_eq!(session.authorize::<ClockRead>(Clock::Wall, IMPORT).unwrap_err().why, Why::Revoked);
}

#[test]
fn a_handle_is_for_what_it_was_opened_for_and_for_nothing_else_that_is_permitted() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let reader = clock_reader(&script, &log);
    let lease = reader.lease();
    assert!(lease.holds(ActionId::ClockRead) && !lease.holds(ActionId::ClockSleep));
    assert_eq!(lease.enter(ActionId::ClockSleep, IMPORT).unwrap_err().why, Why::NotHeld);
    assert_eq!(log.take().last().unwrap(), "deny clock:sleep wall");
    assert_eq!(lease.permits(ActionId::ClockSleep, IMPORT).unwrap_err().why, Why::NotHeld);
    assert!(lease.enter(ActionId::ClockRead, IMPORT).is_ok());
    assert!(lease.permits(ActionId::ClockRead, IMPORT).is_ok());
}

#[test]
fn a_revoked_lease_is_refused_without_asking_again() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    script.reusable.store(false, Ordering::SeqCst);
    let reader = clock_reader(&script, &log);
    reader.lease().revoke();
    log.take();
    assert_eq!(reader.now(IMPORT).unwrap_err().why, Why::Revoked);
    assert_eq!(log.take(), ["deny clock:read wall"]);
}

#[test]
fn a_revoked_session_takes_every_handle_along() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("f", "mine");
        let node = world.open("f", READ).unwrap();
        world.session.revoke();
        refused(node.file().unwrap().read_at(1, 0, IMPORT), "access");
        refused(world.open("f", READ), "access");
    });
}

#[test]
fn a_use_after_a_change_of_policies_is_decided_anew() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let reader = clock_reader(&script, &log);
    let asked = script.asked.load(Ordering::SeqCst);
    for _ in 0..100 {
        reader.now(IMPORT).unwrap();
    }
    assert_eq!(script.asked.load(Ordering::SeqCst), asked, "the lease answers");
    script.swap(|_, _| false);
    assert_eq!(reader.now(IMPORT).unwrap_err().why, Why::Policy);
    script.swap(|_, _| true);
    assert!(reader.now(IMPORT).is_ok());
    assert_eq!(log.take(), ["allow clock:read wall", "deny clock:read wall", "allow clock:read wall"]);
}

#[test]
fn a_verdict_that_read_the_context_is_never_used_again() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    script.reusable.store(false, Ordering::SeqCst);
    let reader = clock_reader(&script, &log);
    for _ in 0..3 {
        reader.now(IMPORT).unwrap();
    }
    assert_eq!(script.asked.load(Ordering::SeqCst), 4);
    assert_eq!(log.take().len(), 4);
}

#[test]
fn a_panic_a_fault_and_a_log_that_cannot_be_written_deny() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("f", "mine");
        world.script.panics.store(true, Ordering::SeqCst);
        let Err(FsError::Denied(denied)) = world.open("f", READ) else { panic!("opened") };
        assert_eq!(denied.why, Why::Fault);
        assert_eq!(world.log.take(), ["fault fs:read /m/f"]);
        world.script.panics.store(false, Ordering::SeqCst);

        world.script.faults.store(true, Ordering::SeqCst);
        world.script.swap(|_, _| true);
        refused(world.open("f", READ), "access");
        world.script.faults.store(false, Ordering::SeqCst);

        world.script.swap(|_, _| true);
        world.log.broken.store(true, Ordering::SeqCst);
        let Err(FsError::Denied(denied)) = world.open("f", READ) else { panic!("opened") };
        assert_eq!(denied.why, Why::Audit);
        for answer in [
            world.root.unlink_file_at("f", IMPORT),
            world.root.create_directory_at("d", IMPORT),
            world.root.symlink_at("f", "l", IMPORT),
            world.root.rename_at("f", &world.root, "g", IMPORT),
            world.root.link_at("f", false, &world.root, "g", IMPORT),
        ] {
            refused(answer, "access");
        }
        assert!(world.exists("f") && !world.exists("d") && !world.exists("g") && !world.exists("l"));
        world.log.broken.store(false, Ordering::SeqCst);
        assert_eq!(world.read("f").unwrap(), "mine");
    });
}

#[test]
fn reuse_is_counted_and_told_in_a_summary() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("f", "mine");
        for _ in 0..10 {
            world.read("f").unwrap();
        }
        assert_eq!(world.log.take(), ["allow fs:read /m/f"]);
        world.session.close().unwrap();
        // Nine opens by the memo, ten reads by the leases.
        assert_eq!(*world.log.reused.lock().unwrap(), [(ActionId::FsRead, 19)]);
        world.session.close().unwrap();
        assert_eq!(world.log.reused.lock().unwrap().len(), 1, "once");
    });
}

#[test]
fn a_flood_of_denials_stops_the_subject_and_not_the_log() {
    let (script, log) = (Script::new(|_, id| id != "wall"), Arc::new(Log::default()));
    let session = common::session(&script, &log);
    let reader = clock::Reader::new(session.authorize::<ClockRead>(Clock::Monotonic, IMPORT).unwrap());
    for _ in 0..DENIAL_QUOTA {
        let denied = session.authorize::<ClockRead>(Clock::Wall, IMPORT).unwrap_err();
        assert!(!denied.is_fatal());
    }
    assert!(reader.now(IMPORT).is_ok());
    let denied = session.authorize::<ClockRead>(Clock::Wall, IMPORT).unwrap_err();
    assert!(denied.is_fatal());
    assert!(session.is_revoked() && reader.now(IMPORT).is_err());
    let records = log.take().len() as u64;
    assert!(records <= DENIAL_QUOTA + 1, "{records}");
    assert_eq!(log.notes.lock().unwrap().len(), 1);
    for _ in 0..100 {
        assert!(session.authorize::<ClockRead>(Clock::Monotonic, IMPORT).unwrap_err().is_fatal());
    }
    assert!(log.take().is_empty());
}

#[test]
fn a_flood_through_a_handle_stops_the_subject_too() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let reader = clock_reader(&script, &log);
    reader.lease().revoke();
    let mut fatal = 0;
    for _ in 0..DENIAL_QUOTA + 10 {
        fatal += u64::from(reader.now(IMPORT).unwrap_err().is_fatal());
    }
    assert_eq!(fatal, 10);
    assert!(reader.lease().session().is_revoked());
    assert_eq!(log.take().len() as u64, DENIAL_QUOTA + 1);
}

#[test]
fn weighing_leaves_no_record_and_no_permission() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let session = common::session(&script, &log);
    let path = GuestPath::parse("/m/f").unwrap();
    assert!(session.weigh::<FsRead>(path.clone(), IMPORT).is_allowed());
    assert!(log.take().is_empty());
    let permit = session.weigh::<FsRead>(path.clone(), IMPORT).commit().unwrap();
    assert_eq!(permit.resource(), &path);
    assert_eq!(log.take(), ["allow fs:read /m/f"]);
    drop(permit);
}

#[test]
fn what_was_weighed_under_other_policies_is_decided_anew() {
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let session = common::session(&script, &log);
    let weighed = session.weigh::<ClockRead>(Clock::Wall, IMPORT);
    script.swap(|_, _| false);
    assert_eq!(weighed.commit().unwrap_err().why, Why::Policy);
    assert_eq!(log.take(), ["deny clock:read wall"]);
}

#[test]
fn a_denial_is_one_sentence_without_a_host_path() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| false);
        world.file("f", "mine");
        let sentence = world.open("f", READ).unwrap_err().to_string();
        assert_eq!(sentence, "`acme/thumb` may not fs:read Path::\"/m/f\": no policy permits it");
    });
}
