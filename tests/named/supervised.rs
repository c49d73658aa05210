//! Components that end, and who starts them again.

use crate::support::{self, ALLOW_ALL};
use crate::world::{AT_LAST, actor, ask, runtime, swap, told, until};
use airssys_wasm::embed::{Backoff, Error, Intensity, Node, Restart, Strategy, Tree};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

fn at_once() -> Backoff {
    Backoff { first: Duration::from_millis(1), most: Duration::from_millis(5), ..Backoff::default() }
}

#[tokio::test]
async fn a_name_is_given_once_and_must_be_the_components_own() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let wrong = runtime.spawn(actor("a").named("acme/b")).await.unwrap_err();
    assert!(matches!(&wrong, Error::Config(text) if text.contains("acme/a")), "{wrong}");
    runtime.spawn(actor("a")).await.unwrap();
    assert!(matches!(runtime.spawn(actor("a")).await.unwrap_err(), Error::Config(_)));
    assert!(matches!(runtime.named("acme/z").unwrap_err(), Error::Unknown { .. }));
}

fn not_to_be_loaded() -> String {
    format!("{ALLOW_ALL} @id(\"no\") forbid (principal, action == Action::\"component:load\", resource);")
}

#[tokio::test]
async fn a_component_that_may_not_be_loaded_has_no_name_and_costs_its_neighbours_nothing() {
    let (runtime, log) = runtime(ALLOW_ALL);
    let b = runtime.spawn(actor("b")).await.unwrap();
    swap(&runtime, &not_to_be_loaded());
    // More often than a supervisor allows children to fail.
    for _ in 0..10 {
        let denied = runtime.spawn(actor("a")).await.unwrap_err();
        assert!(matches!(denied, Error::Denied(_)), "{denied}");
    }
    let denials = crate::support::of_kind(&log, "decision");
    let denied: Vec<_> = denials.iter().filter(|record| record["verdict"] == "deny").collect();
    assert_eq!(denied.len(), 10);
    let told = |key: &str| denied[0][key].as_str().unwrap().to_owned();
    assert_eq!((told("action"), told("subject")), ("component:load".to_owned(), "acme/a".to_owned()));
    assert_eq!(denied[0]["resource"]["id"], "acme/a");
    assert!(matches!(runtime.named("acme/a"), Err(Error::Unknown { .. })));
    let nameless = support::signed("c", &crate::guests::text("tiny"));
    runtime.load_component(nameless).await.expect("what has no name asks for none");
    swap(&runtime, ALLOW_ALL);
    runtime.spawn(actor("a")).await.unwrap();
    assert_eq!(ask(&b, "count:").await.unwrap(), "1");
}

#[tokio::test]
async fn what_may_not_be_loaded_any_more_is_not_started_again_and_no_tree_starts_it() {
    let (runtime, log) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a").backoff(at_once())).await.unwrap();
    swap(&runtime, &not_to_be_loaded());
    assert_eq!(told(&a, "count:").await, "1", "what runs runs on");
    assert!(ask(&a, "panic:").await.is_err());
    let denied = async || {
        let denials = crate::support::of_kind(&log, "decision");
        denials.iter().any(|one| one["action"] == "component:load" && one["verdict"] == "deny")
    };
    until(denied).await;
    assert!(!a.status().running);
    let (second, _) = crate::world::runtime(&not_to_be_loaded());
    let tree = Tree {
        name: "root".to_owned(),
        strategy: Strategy::OneForOne,
        intensity: Intensity { faults: 1, window: Duration::from_secs(600) },
        children: vec![Node::Component(actor("a").backoff(at_once()))],
    };
    second.supervise(tree).await.unwrap();
    tokio::time::timeout(AT_LAST, second.over()).await.expect("it ends").unwrap();
    assert!(!second.named("acme/a").unwrap().status().running);
}

#[tokio::test]
async fn a_component_that_trapped_is_started_again_with_nothing_of_the_broken_one() {
    let (runtime, log) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a").backoff(at_once())).await.unwrap();
    assert_eq!(told(&a, "all:count:;;count:").await, "1\n2");
    assert!(matches!(ask(&a, "panic:").await.unwrap_err(), Error::Trap(_)));
    until(async || a.status().running && a.status().restarts == 1).await;
    assert_eq!(told(&a, "count:").await, "1");
    assert!(a.status().last_end.unwrap().contains("trapped"));
    let loads = crate::support::of_kind(&log, "load");
    assert_eq!(loads.len(), 2, "each instance has its own session");
    assert_ne!(loads[0]["instance"], loads[1]["instance"]);
}

#[tokio::test]
async fn a_temporary_component_is_not_started_again_and_who_asks_is_told() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a").restart(Restart::Temporary)).await.unwrap();
    let b = runtime.spawn(actor("b")).await.unwrap();
    assert!(ask(&a, "panic:").await.is_err());
    until(async || !a.status().running).await;
    assert!(matches!(ask(&a, "echo:x").await.unwrap_err(), Error::Unavailable { .. }));
    let gone = ask(&b, "send:acme/a=x").await.unwrap_err().to_string();
    assert!(gone.contains("unreachable"), "{gone}");
}

#[tokio::test]
async fn who_waits_for_one_that_ends_is_told_at_once() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let _b = runtime.spawn(actor("b").backoff(at_once())).await.unwrap();
    let ended = ask(&a, "request:acme/b,30000=panic:").await.unwrap_err().to_string();
    assert!(ended.contains("ended"), "{ended}");
}

#[tokio::test]
async fn all_of_a_group_are_started_anew_when_one_of_them_fails() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let child = |name: &str| Node::Component(actor(name).backoff(at_once()));
    let inner = Tree {
        name: "pair".to_owned(),
        strategy: Strategy::OneForAll,
        intensity: Intensity::default(),
        children: vec![child("b"), child("c")],
    };
    let tree = Tree {
        name: "root".to_owned(),
        strategy: Strategy::OneForOne,
        intensity: Intensity::default(),
        children: vec![child("a"), Node::Supervisor(inner)],
    };
    runtime.supervise(tree).await.unwrap();
    let named = |name: &str| runtime.named(name).unwrap();
    let [a, b, c] = ["acme/a", "acme/b", "acme/c"].map(named);
    until(async || [&a, &b, &c].iter().all(|one| one.status().running)).await;
    for one in [&a, &b, &c] {
        assert_eq!(told(one, "count:").await, "1");
    }
    assert!(ask(&b, "panic:").await.is_err());
    until(async || [&b, &c].iter().all(|one| one.status().running && one.status().restarts == 1)).await;
    assert_eq!(
        [told(&a, "count:").await, told(&b, "count:").await, told(&c, "count:").await],
        ["2", "1", "1"]
    );
}

#[tokio::test]
async fn too_many_faults_end_the_supervisor_and_everything_under_it() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let tree = Tree {
        name: "root".to_owned(),
        strategy: Strategy::OneForOne,
        intensity: Intensity { faults: 1, window: Duration::from_secs(600) },
        children: ["a", "b"].map(|name| Node::Component(actor(name).backoff(at_once()))).into(),
    };
    runtime.supervise(tree).await.unwrap();
    let (a, b) = (runtime.named("acme/a").unwrap(), runtime.named("acme/b").unwrap());
    until(async || a.status().running && b.status().running).await;
    for _ in 0..2 {
        until(async || a.status().running).await;
        assert!(ask(&a, "panic:").await.is_err());
    }
    let why = tokio::time::timeout(AT_LAST, runtime.over()).await.expect("it ends").unwrap();
    assert!(!why.is_empty());
    until(async || !a.status().running && !b.status().running).await;
}

#[tokio::test]
async fn a_shutdown_lets_what_was_begun_finish_and_names_who_does_not() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a").shutdown(AT_LAST)).await.unwrap();
    let b = runtime.spawn(actor("b").shutdown(Duration::from_millis(50))).await.unwrap();
    let slow = tokio::spawn({
        let a = a.clone();
        async move { ask(&a, "sleep:500").await }
    });
    let endless = tokio::spawn({
        let b = b.clone();
        async move { ask(&b, "sleep:60000").await }
    });
    until(async || a.status().calls == 1 && b.status().calls == 1).await;
    let report = tokio::time::timeout(AT_LAST, runtime.shutdown(Duration::from_secs(20))).await.unwrap();
    assert!(report.is_clean(), "{report:?}");
    slow.await.unwrap().unwrap();
    assert!(matches!(endless.await.unwrap().unwrap_err(), Error::Ended));
    assert!(matches!(ask(&a, "echo:x").await.unwrap_err(), Error::Unavailable { .. }));
}

#[tokio::test]
async fn what_an_instance_uses_is_its_own_and_what_was_denied_stays() {
    let policy =
        format!("{ALLOW_ALL} @id(\"no\") forbid (principal, action == Action::\"msg:send\", resource);");
    let (runtime, _) = runtime(&policy);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let begun = a.status();
    assert!(begun.memory_bytes >= 65_536 && begun.since_unix_ms > 0, "{begun:?}");
    assert_eq!(begun.denials, 0);
    ask(&a, "send:acme/b=x").await.unwrap_err();
    assert_eq!(a.status().denials, 1);
    told(&a, "much:8000000").await;
    let grown = a.status();
    assert!(grown.memory_bytes >= begun.memory_bytes + 4_000_000, "{grown:?}");
    ask(&a, "panic:").await.unwrap_err();
    until(async || a.status().restarts == 1 && a.status().running).await;
    let again = a.status();
    assert!(
        again.memory_bytes < grown.memory_bytes && again.since_unix_ms >= begun.since_unix_ms,
        "{again:?}"
    );
    assert_eq!(again.denials, 1);
    ask(&a, "send:acme/b=x").await.unwrap_err();
    assert_eq!(a.status().denials, 2);
}

#[tokio::test]
async fn a_revoked_key_does_not_come_back_by_way_of_another_trust_file() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    assert_eq!(runtime.revoke_key(&support::KEY.public_key().key_id()).unwrap(), 1);
    runtime.swap_trust(airssys_wasm::identity::Trust::default()).unwrap();
    runtime.swap_trust(support::trust()).unwrap();
    assert!(ask(&a, "send:acme/a=x").await.is_err());
    let refused = runtime.spawn(actor("b")).await.unwrap_err();
    assert!(refused.to_string().contains("is revoked"), "{refused}");
}

#[tokio::test]
async fn what_the_trust_file_says_otherwise_ends_and_what_it_says_as_before_goes_on() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    assert_eq!(runtime.swap_trust(support::trust()).unwrap(), 0);
    assert_eq!(told(&a, "send:acme/a=x").await, "ok");
    assert_eq!(runtime.swap_trust(support::trust_in(&["other"])).unwrap(), 1);
    assert!(ask(&a, "send:acme/a=x").await.is_err());
}

/// Nothing of a start that nobody waits for any more keeps its name, wherever it had come to.
#[tokio::test]
async fn a_name_is_free_when_its_start_was_given_up_at_any_moment() {
    let (runtime, _) = runtime(ALLOW_ALL);
    for polls in 1..1000 {
        let mut start = Box::pin(runtime.spawn(actor("a")));
        let mut left = polls;
        let started = poll_fn(|context| match start.as_mut().poll(context) {
            Poll::Ready(started) => Poll::Ready(Some(started)),
            Poll::Pending if left == 1 => Poll::Ready(None),
            Poll::Pending => {
                left -= 1;
                Poll::Pending
            }
        })
        .await;
        drop(start);
        if let Some(started) = started {
            assert!(polls > 2, "it was given up more than once");
            assert_eq!(told(&started.unwrap(), "version:").await, "1");
            return;
        }
        until(async || runtime.named("acme/a").is_err()).await;
    }
    panic!("it never starts");
}
