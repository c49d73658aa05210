//! What outlives a restart: releases, revocations and time do not go back.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod guests;
mod support;

use airssys_wasm::embed::{ComponentRuntime, Error, Named, Spec};
use airssys_wasm::identity::{IdentityError, sign};
use airssys_wasm::policy::Source;
use std::path::Path;
use support::{ALLOW_ALL, KEY};

/// A runtime over that state. Whoever had it before in this process ends a moment after it was dropped.
fn runtime(state: &Path) -> ComponentRuntime {
    soon(|| ComponentRuntime::new(support::config(ALLOW_ALL).0.state_dir(state)))
}

fn soon<T, E: std::fmt::Display>(open: impl Fn() -> Result<T, E>) -> T {
    let begun = std::time::Instant::now();
    loop {
        match open() {
            Ok(opened) => return opened,
            Err(error) => assert!(begun.elapsed().as_secs() < 20, "{error}"),
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

fn manifest(release: u64) -> String {
    format!("[component]\nname = \"a\"\npublisher = \"acme\"\nversion = \"1.0.0\"\nrelease = {release}\n")
}

fn release(release: u64, more: &str) -> Vec<u8> {
    sign(&guests::text("tiny"), &(manifest(release) + more), &KEY).unwrap()
}

fn is_older(error: &Error) {
    assert!(matches!(error, Error::Reload(text) if text.contains("older than release 8")), "{error}");
}

#[tokio::test]
async fn an_older_release_is_refused_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let first = runtime(&state);
    first.load_component(release(7, "")).await.unwrap();
    first.load_component(release(8, "")).await.unwrap();
    is_older(&first.load_component(release(7, "")).await.unwrap_err());
    drop(first);
    let second = runtime(&state);
    is_older(&second.load_component(release(7, "")).await.unwrap_err());
    second.load_component(release(8, "")).await.unwrap();
}

/// An actor by its release.
fn actor(guest: &str, release: u64) -> Vec<u8> {
    sign(&guests::component(guest), &manifest(release), &KEY).unwrap()
}

/// Ends what keeps the state open.
async fn ended(runtime: ComponentRuntime) {
    runtime.shutdown(std::time::Duration::from_secs(20)).await;
}

async fn ask(named: &Named, verb: &str) -> Result<String, Error> {
    named.call("ask", &verb.to_owned()).await
}

/// Traps it, and waits until its supervisor has started it again.
async fn trapped_and_started_again(named: &Named) {
    let restarts = named.status().restarts;
    assert!(ask(named, "panic:").await.is_err());
    let begun = std::time::Instant::now();
    while !(named.status().running && named.status().restarts == restarts + 1) {
        assert!(begun.elapsed().as_secs() < 20, "{:?}", named.status());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_release_that_never_took_its_place_keeps_no_older_one_from_running() {
    let directory = tempfile::tempdir().unwrap();
    let first = runtime(directory.path());
    let a = first.spawn(Spec::new(actor("probe-actor", 8))).await.unwrap();
    let policy = format!("{ALLOW_ALL} forbid (principal, action == Action::\"component:reload\", resource);");
    first.swap_policy(&[Source::new("test.cedar", policy)], &[]).unwrap();
    let denied = first.reload("acme/a", actor("probe-actor-2", 9)).await.unwrap_err();
    assert!(matches!(denied, Error::Denied(_)), "{denied}");
    trapped_and_started_again(&a).await;
    first.swap_policy(&[Source::new("test.cedar", ALLOW_ALL)], &[]).unwrap();
    assert_eq!(ask(&a, "state:bad").await.unwrap(), "ok");
    let not_taken = first.reload("acme/a", actor("probe-actor-2", 9)).await.unwrap_err();
    assert!(matches!(&not_taken, Error::Reload(text) if text.contains("not handed over")), "{not_taken}");
    trapped_and_started_again(&a).await;
    let trap = sign(&guests::text("trap-at-start"), &manifest(9), &KEY).unwrap();
    assert!(matches!(first.load_component(trap).await, Err(Error::Trap(_))));
    ended(first).await;
    let second = runtime(directory.path());
    second.spawn(Spec::new(actor("probe-actor", 8))).await.unwrap();
    second.reload("acme/a", actor("probe-actor-2", 9)).await.unwrap();
    ended(second).await;
    let third = runtime(directory.path());
    let older = third.spawn(Spec::new(actor("probe-actor", 8))).await.unwrap_err();
    assert!(older.to_string().contains("older than release 9"), "{older}");
}

#[tokio::test]
async fn a_revoked_key_stays_revoked_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let first = runtime(directory.path());
    first.load_component(release(1, "")).await.unwrap();
    first.revoke_key(&KEY.public_key().key_id()).unwrap();
    drop(first);
    let error = runtime(directory.path()).load_component(release(1, "")).await.unwrap_err();
    assert!(matches!(error, Error::Identity(IdentityError::RevokedKey { .. })), "{error}");
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_nothing_valid_again() {
    let directory = tempfile::tempdir().unwrap();
    let in_an_hour = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let expiring = release(1, &format!("expires = \"{in_an_hour}\"\n"));
    let first = runtime(directory.path());
    first.load_component(expiring.clone()).await.unwrap();
    drop(first);
    // What a host whose clock is two hours ahead of this one would have left there.
    let later = (in_an_hour + jiff::SignedDuration::from_hours(1)).as_millisecond() as u64;
    let store = soon(|| {
        let backend = airssys_osl::host_files::database_ambient(directory.path(), "state.redb").unwrap();
        airssys_rt::durable::Store::open_blocking(backend)
    });
    store.marks().raise_blocking("clock", "wall", later).unwrap();
    store.close().await;
    let error = runtime(directory.path()).load_component(expiring).await.unwrap_err();
    assert!(matches!(error, Error::Identity(IdentityError::Expired { .. })), "{error}");
}

#[tokio::test]
async fn what_ran_out_while_it_ran_is_not_valid_again_by_a_clock_that_was_set_back() {
    let directory = tempfile::tempdir().unwrap();
    let soon_over = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(1500);
    let first = runtime(directory.path());
    let component = first.load_component(release(1, &format!("expires = \"{soon_over}\"\n"))).await.unwrap();
    let copied = tempfile::tempdir().unwrap();
    let seen = || {
        // As a kill at this moment would leave it.
        std::fs::copy(directory.path().join("state.redb"), copied.path().join("state.redb")).unwrap();
        let backend = airssys_osl::host_files::database_ambient(copied.path(), "state.redb").unwrap();
        let store = airssys_rt::durable::Store::open_blocking(backend).ok()?;
        store.marks().highest("clock", "wall")
    };
    let begun = std::time::Instant::now();
    while seen() < Some(soon_over.as_millisecond() as u64) {
        assert!(begun.elapsed().as_secs() < 8, "it is kept when it runs out, and not some time later");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    drop((component, first));
}

#[tokio::test]
async fn the_time_of_its_end_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let first = runtime(directory.path());
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let before = jiff::Timestamp::now().as_millisecond() as u64;
    drop(first);
    let store = soon(|| {
        let backend = airssys_osl::host_files::database_ambient(directory.path(), "state.redb").unwrap();
        airssys_rt::durable::Store::open_blocking(backend)
    });
    assert!(store.marks().highest("clock", "wall") >= Some(before));
}

#[tokio::test]
async fn one_process_has_the_state_at_a_time_and_a_foreign_file_is_refused_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let _first = runtime(directory.path());
    let second = ComponentRuntime::new(support::config(ALLOW_ALL).0.state_dir(directory.path())).unwrap_err();
    assert!(matches!(&second, Error::Config(text) if text.contains("state directory")), "{second}");
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("state.redb"), "something else entirely").unwrap();
    let foreign = ComponentRuntime::new(support::config(ALLOW_ALL).0.state_dir(other.path())).unwrap_err();
    assert!(matches!(foreign, Error::Config(_)), "{foreign}");
    assert_eq!(std::fs::read(other.path().join("state.redb")).unwrap(), b"something else entirely");
}
