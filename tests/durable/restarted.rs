//! What lies on disk when the host starts anew is no permission: it is decided by what is in force then.

use crate::support::{self, ALLOW_ALL, KEY, of_kind};
use crate::world::{AT_LAST, actor, durable, heard, over, runtime, signed_by, spec, told, trusting, until};
use airssys_rt::durable::Store;
use airssys_wasm::audit::Memory;
use airssys_wasm::embed::{ComponentRuntime, Named, Reason};
use airssys_wasm::identity::SecretKey;
use std::path::Path;
use std::time::{Duration, Instant};

/// A run of the host in which these verbs are told to an actor `a`, whose messages to `b` nobody takes.
async fn sent(state: &Path, verbs: &str) {
    let (runtime, _) = runtime(state, ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let b = runtime.spawn(spec("b", "probe-poller").mailbox(durable(3))).await.unwrap();
    assert!(told(&a, verbs).await.lines().all(|line| line == "ok"));
    assert!(b.status().waiting > 0);
    runtime.shutdown(Duration::from_secs(5)).await;
}

/// The next run, in which `b` takes them.
async fn taken(state: &Path, policy: &str) -> (ComponentRuntime, Named, Memory) {
    let (runtime, log) = runtime(state, policy);
    let b = runtime.spawn(actor("b").mailbox(durable(3))).await.unwrap();
    (runtime, b, log)
}

#[tokio::test]
async fn what_the_policies_of_then_refuse_its_sender_is_dropped_counted_and_recorded() {
    let directory = tempfile::tempdir().unwrap();
    sent(directory.path(), "all:send:acme/b=echo:1;;send:acme/b=echo:2").await;
    let policy = format!(
        "{ALLOW_ALL} @id(\"no\") forbid (principal == Component::\"acme/a\", action == Action::\"msg:send\", resource) when {{ principal.release == 7 }};"
    );
    let (runtime, b, log) = taken(directory.path(), &policy).await;
    until(async || b.status().dropped == 2).await;
    assert_eq!((heard(&b).await.as_str(), b.status().waiting, b.status().dead_letters), ("", 0, 0));
    let decisions = of_kind(&log, "decision");
    let denied: Vec<_> = decisions.iter().filter(|record| record["verdict"] == "deny").collect();
    assert_eq!(denied.len(), 2, "{decisions:?}");
    assert_eq!((&denied[0]["subject"], &denied[0]["action"]), (&"acme/a".into(), &"msg:send".into()));
    assert_eq!(denied[0]["instance"], 0, "it lives no more");
    runtime.shutdown(Duration::from_secs(5)).await;
    drop((runtime, b));
    let (_runtime, b, _) = taken(directory.path(), ALLOW_ALL).await;
    assert_eq!((heard(&b).await.as_str(), b.status().waiting), ("", 0), "dropped is dropped");
}

#[tokio::test]
async fn what_a_revoked_key_has_signed_says_nothing_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let other = SecretKey::generate().unwrap();
    let run = || {
        let (config, log) = support::config(ALLOW_ALL);
        (over(config.trust(trusting([&KEY, &other])), directory.path()), log)
    };
    let (first, _) = run();
    let a = first.spawn(signed_by(&other, "a", "probe-actor")).await.unwrap();
    let _b = first.spawn(spec("b", "probe-poller").mailbox(durable(3))).await.unwrap();
    assert_eq!(told(&a, "send:acme/b=echo:1").await, "ok");
    first.shutdown(Duration::from_secs(5)).await;
    drop((first, a, _b));
    let (second, log) = run();
    second.revoke_key(&other.public_key().key_id()).unwrap();
    let b = second.spawn(actor("b").mailbox(durable(3))).await.unwrap();
    until(async || b.status().dropped == 1).await;
    assert_eq!(heard(&b).await, "");
    let notes = of_kind(&log, "note");
    assert!(notes.iter().any(|note| note.to_string().contains("`acme/a`, whose key")), "{notes:?}");
}

#[tokio::test]
async fn what_has_expired_meanwhile_is_a_dead_letter() {
    let directory = tempfile::tempdir().unwrap();
    sent(directory.path(), "all:send-ttl:acme/b,1=echo:1;;send-ttl:acme/b,600000=echo:2").await;
    let (_runtime, b, _) = taken(directory.path(), ALLOW_ALL).await;
    until(async || heard(&b).await.contains("echo:2")).await;
    assert!(!heard(&b).await.contains("echo:1"));
    let dead = b.dead_letters(0, 9).await.unwrap();
    assert_eq!(
        (dead.len(), dead[0].reason, dead[0].body.as_slice()),
        (1, Reason::Expired, b"echo:1".as_slice())
    );
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_nothing_wanted_again() {
    let directory = tempfile::tempdir().unwrap();
    sent(directory.path(), "send-ttl:acme/b,600000=echo:1").await;
    // What a host whose clock is an hour ahead of this one would have left there.
    let later = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).as_millisecond() as u64;
    let store = open(directory.path());
    store.marks().raise_blocking("clock", "wall", later).unwrap();
    store.close().await;
    let (_runtime, b, _) = taken(directory.path(), ALLOW_ALL).await;
    until(async || b.status().dead_letters == 1).await;
    assert_eq!(b.dead_letters(0, 9).await.unwrap()[0].reason, Reason::Expired);
}

/// The store of a host that ended a moment ago.
fn open(state: &Path) -> Store {
    let begun = Instant::now();
    loop {
        let backend = airssys_osl::host_files::database_ambient(state, "state.redb").unwrap();
        match Store::open_blocking(backend) {
            Ok(store) => return store,
            Err(error) => assert!(begun.elapsed() < AT_LAST, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn what_is_permitted_still_is_delivered_once_and_says_who_sent_it() {
    let directory = tempfile::tempdir().unwrap();
    sent(directory.path(), "all:send:acme/b=echo:1;;send:acme/b=echo:2").await;
    let (runtime, b, _) = taken(directory.path(), ALLOW_ALL).await;
    until(async || heard(&b).await.contains("echo:2")).await;
    let heard_first = heard(&b).await;
    assert_eq!(heard_first.lines().count(), 2);
    assert!(
        heard_first.lines().next().unwrap().contains(
            "sender=acme/a topic=none wants-reply=false ttl=none deliveries=1 missed=0 body=echo:1"
        ),
        "{heard_first}"
    );
    runtime.shutdown(Duration::from_secs(5)).await;
    drop((runtime, b));
    let (_runtime, b, _) = taken(directory.path(), ALLOW_ALL).await;
    assert_eq!(
        (heard(&b).await.as_str(), b.status().waiting),
        ("", 0),
        "what was acknowledged never comes again"
    );
}
