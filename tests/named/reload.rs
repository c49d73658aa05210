//! Another version in the place of one that runs.

use crate::support::{self, ALLOW_ALL};
use crate::world::{AT_LAST, actor, ask, runtime, told, until, version};
use crate::{guests, support::of_kind};
use airssys_wasm::embed::{ComponentRuntime, Error, Named, Spec};
use airssys_wasm::identity::{IdentityError, SecretKey, sign};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Everything but one action.
fn without(action: &str) -> String {
    format!("{ALLOW_ALL} @id(\"no\") forbid (principal, action == Action::\"{action}\", resource);")
}

fn refused(error: &Error, says: &str) {
    assert!(error.to_string().contains(says), "{error}");
}

#[tokio::test]
async fn what_is_not_permitted_older_or_another_leaves_the_one_before_running() {
    let (runtime, _) = runtime(&without("component:reload"));
    let a = runtime.spawn(actor("a")).await.unwrap();
    assert_eq!(told(&a, "count:").await, "1");
    let denied = runtime.reload("acme/a", version("a", "probe-actor-2", 8)).await.unwrap_err();
    assert!(matches!(denied, Error::Denied(_)), "{denied}");
    let older = runtime.reload("acme/a", version("a", "probe-actor-2", 6)).await.unwrap_err();
    refused(&older, "older than release 7");
    let other = runtime.reload("acme/a", version("b", "probe-actor-2", 8)).await.unwrap_err();
    refused(&other, "another component");
    let unknown = runtime.reload("acme/z", version("z", "probe-actor-2", 8)).await.unwrap_err();
    assert!(matches!(unknown, Error::Unknown { .. }));
    let unsigned = runtime.reload("acme/a", guests::component("probe-actor-2")).await.unwrap_err();
    assert!(matches!(unsigned, Error::Identity(_)), "{unsigned}");
    assert_eq!(told(&a, "all:version:;;count:").await, "1\n2");
}

#[tokio::test]
async fn a_version_that_imports_more_needs_to_be_permitted_that_too() {
    let (runtime, log) = runtime(&without("component:widen"));
    let spec = Spec::new(support::signed("a", &guests::text("process")));
    runtime.spawn(spec).await.unwrap();
    let wider = runtime.reload("acme/a", version("a", "probe-actor", 8)).await.unwrap_err();
    refused(&wider, "imports `");
    let denied = of_kind(&log, "decision");
    let denied = denied.iter().find(|record| record["verdict"] == "deny").unwrap();
    assert_eq!(
        (denied["action"].as_str(), denied["subject"].as_str()),
        (Some("component:widen"), Some("acme/a"))
    );
    let (runtime, _) = crate::world::runtime(ALLOW_ALL);
    runtime.spawn(Spec::new(support::signed("a", &guests::text("process")))).await.unwrap();
    let reloaded = runtime.reload("acme/a", version("a", "probe-actor", 8)).await.unwrap();
    assert!(!reloaded.widened.is_empty());
}

#[tokio::test]
async fn the_state_goes_over_and_one_that_is_refused_changes_nothing() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    assert_eq!(told(&a, "all:count:;;count:").await, "1\n2");
    assert_eq!(told(&a, "state:bad").await, "ok");
    let refusal = runtime.reload("acme/a", version("a", "probe-actor-2", 8)).await.unwrap_err();
    refused(&refusal, "the state was not handed over");
    assert_eq!(told(&a, "version:").await, "1");
    assert_eq!(told(&a, "state:5").await, "ok");
    let reloaded = runtime.reload("acme/a", version("a", "probe-actor-2", 8)).await.unwrap();
    assert!(reloaded.state_handed_over);
    assert_eq!((reloaded.from.1, reloaded.to.1), (7, 8));
    assert_eq!(told(&a, "all:version:;;count:").await, "2\n6");
    let older = runtime.reload("acme/a", version("a", "probe-actor", 7)).await.unwrap_err();
    refused(&older, "older than release 8");
}

#[tokio::test]
async fn a_call_under_way_ends_on_the_version_it_began_on() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a =
        runtime.spawn(Spec::new(support::signed("a", &guests::component("probe-process")))).await.unwrap();
    let slow = tokio::spawn({
        let a = a.clone();
        async move { a.call::<_, Vec<u8>>("process-data", &b"sleep:8000".to_vec()).await }
    });
    until(async || a.status().calls == 1).await;
    let new = version("a", "probe-process", 8);
    let reloaded = runtime.reload("acme/a", new).await.unwrap();
    assert!(!slow.is_finished(), "nobody waits for the old one");
    assert!(!reloaded.state_handed_over);
    let answer: Vec<u8> = a.call("process-data", &b"echo:new".to_vec()).await.unwrap();
    assert_eq!(answer, b"new");
    slow.await.unwrap().unwrap();
}

/// A component with a call under way that lasts longer than anything here waits, in a version whose place was taken.
async fn finishing(
    runtime: &ComponentRuntime,
    key: &SecretKey,
) -> (Named, JoinHandle<Result<Vec<u8>, Error>>) {
    let slow = sign(&guests::component("probe-process"), &support::manifest("a"), key).unwrap();
    let a = runtime.spawn(Spec::new(slow)).await.unwrap();
    let call = tokio::spawn({
        let a = a.clone();
        async move { a.call::<_, Vec<u8>>("process-data", &b"sleep:90000".to_vec()).await }
    });
    until(async || a.status().calls == 1).await;
    runtime.reload("acme/a", version("a", "probe-process", 8)).await.unwrap();
    assert_eq!((a.status().finishing, a.status().running), (1, true));
    (a, call)
}

#[tokio::test]
async fn whoever_stops_a_component_stops_the_versions_before_it_too() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let (a, call) = finishing(&runtime, &support::KEY).await;
    let stopped = runtime.stop("acme/a", Some(Duration::from_millis(50))).await.unwrap();
    assert!(!stopped.in_time, "it was ended in the middle of a call");
    let call = tokio::time::timeout(AT_LAST, call).await.expect("it ends with its component");
    assert!(matches!(call.unwrap(), Err(Error::Ended)));
    assert_eq!((a.status().finishing, a.status().running), (0, false));
}

#[tokio::test]
async fn an_older_version_that_ends_within_the_grace_has_ended_in_time() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let slow = Spec::new(support::signed("a", &guests::component("probe-process")));
    let a = runtime.spawn(slow).await.unwrap();
    let call = tokio::spawn({
        let a = a.clone();
        async move { a.call::<_, Vec<u8>>("process-data", &b"sleep:700".to_vec()).await }
    });
    until(async || a.status().calls == 1).await;
    runtime.reload("acme/a", version("a", "probe-process", 8)).await.unwrap();
    assert!(runtime.stop("acme/a", Some(AT_LAST)).await.unwrap().in_time);
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_version_before_that_does_not_end_in_time_is_named_when_everything_ends() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let (_a, call) = finishing(&runtime, &support::KEY).await;
    let report = runtime.shutdown(Duration::from_millis(50)).await;
    let names: Vec<_> = report.killed.iter().map(|late| late.name.as_deref()).collect();
    assert_eq!(names, [Some("acme/a")], "{report:?}");
    let call = tokio::time::timeout(AT_LAST, call).await.expect("it ends with everything");
    assert!(call.unwrap().is_err());
}

#[tokio::test]
async fn after_a_trap_the_version_that_was_put_in_place_is_started_again() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    runtime.reload("acme/a", version("a", "probe-actor-2", 8)).await.unwrap();
    assert!(ask(&a, "panic:").await.is_err());
    until(async || a.status().running && a.status().restarts == 1).await;
    assert_eq!(told(&a, "version:").await, "2");
}

/// A component whose state takes seconds to be saved.
fn slow_to_save() -> Vec<u8> {
    let world =
        "package acme:test; world slow { export airssys:runtime/state@0.1.0; export run-empty: func(); }";
    let core = r#"
      (func (export "airssys:runtime/state@0.1.0#save-state") (result i32)
        (local $n i32)
        (loop $on
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $on (i32.lt_u (local.get $n) (i32.const 2000000000))))
        (i32.const 0))
      (func (export "airssys:runtime/state@0.1.0#restore-state") (param i32 i32) (result i32) (i32.const 0))
      (func (export "run-empty"))"#;
    support::component(world, &format!("(module {} {core})", support::MEMORY))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_a_reload_up_does_not_end_the_one_that_saves_its_state() {
    let (runtime, log) = runtime(ALLOW_ALL);
    let a = runtime.spawn(Spec::new(support::signed("a", &slow_to_save()))).await.unwrap();
    let new = support::signed("a", &slow_to_save());
    let reload = tokio::spawn({
        let (runtime, new) = (runtime.clone(), new.clone());
        async move { runtime.reload("acme/a", new).await }
    });
    // Permitted, and soon after that the one before is asked for its state, which takes it much longer than this.
    until(async || of_kind(&log, "decision").iter().any(|one| one["action"] == "component:reload")).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    reload.abort();
    assert!(reload.await.unwrap_err().is_cancelled());
    a.call_wave("run-empty()").await.unwrap();
    assert_eq!(a.status().restarts, 0);
    assert!(runtime.reload("acme/a", new).await.unwrap().state_handed_over);
}

/// What a version did that never came to live is told, like that of every other.
#[tokio::test]
async fn a_version_that_fails_to_start_leaves_its_record_and_nothing_else() {
    let (runtime, log) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let world = "package acme:test; world late { import wasi:clocks/monotonic-clock@0.2.12; export run-empty: func(); }";
    let trap = support::component(
        world,
        r#"(module
          (import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64)))
          (func $start (drop (call $now)) (drop (call $now)) (drop (call $now)) unreachable)
          (start $start)
          (func (export "run-empty")))"#,
    );
    let manifest = "[component]\nname = \"a\"\npublisher = \"acme\"\nversion = \"2.0.0\"\nrelease = 8\n";
    let trap = airssys_wasm::identity::sign(&trap, manifest, &support::KEY).unwrap();
    let error = runtime.reload("acme/a", trap).await.unwrap_err();
    assert!(matches!(error, Error::Trap(_)), "{error}");
    let loads = of_kind(&log, "load");
    let instance =
        loads.iter().find(|load| load["component"]["release"] == 8).unwrap_or_else(|| panic!("{loads:?}"));
    let summaries = of_kind(&log, "summary");
    let own = summaries.iter().find(|summary| summary["instance"] == instance["instance"]);
    assert!(own.is_some(), "{summaries:?}");
    assert_eq!(told(&a, "all:version:;;count:").await, "1\n1");
}

#[tokio::test]
async fn a_version_hears_of_no_topic_that_it_may_not_subscribe_to_and_of_the_others_as_before() {
    let policy = format!(
        "{ALLOW_ALL} @id(\"no\") forbid (principal, action == Action::\"msg:subscribe\", resource == Topic::\"/secret\")
            when {{ principal.release >= 8 }};"
    );
    let (runtime, log) = runtime(&policy);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let b = runtime.spawn(actor("b")).await.unwrap();
    assert_eq!(told(&a, "subscribe:/secret+/news").await, "ok");
    let all = "all:publish:/secret=hidden;;publish:/news/today=known";
    told(&b, all).await;
    until(async || told(&a, "heard:").await.lines().count() == 2).await;
    let reloaded = runtime.reload("acme/a", version("a", "probe-actor-2", 8)).await.unwrap();
    assert_eq!(reloaded.subscriptions_lost, ["/secret"]);
    told(&b, all).await;
    // In order after those: what else there was has been heard by then.
    told(&b, "request:acme/a,30000=echo:x").await;
    let heard = told(&a, "heard:").await;
    assert_eq!(heard.lines().filter(|line| line.contains("known")).count(), 1, "{heard}");
    assert!(!heard.contains("hidden"), "{heard}");
    let denied = of_kind(&log, "decision");
    let denied: Vec<_> = denied.iter().filter(|record| record["verdict"] == "deny").collect();
    assert_eq!(denied.len(), 1, "{denied:?}");
    assert_eq!(
        (&denied[0]["action"], &denied[0]["resource"]["id"]),
        (&"msg:subscribe".into(), &"/secret".into())
    );
    // And the one after that.
    let reloaded = runtime.reload("acme/a", version("a", "probe-actor", 8)).await.unwrap();
    assert!(reloaded.subscriptions_lost.is_empty());
    told(&b, all).await;
    until(async || told(&a, "heard:").await.contains("known")).await;
}

/// Code that was compiled before is kept for a while; that says nothing of who may run it.
#[tokio::test]
async fn bytes_that_ran_before_are_verified_each_time() {
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let mut changed = version("a", "probe-actor-2", 8);
    runtime.reload("acme/a", changed.clone()).await.unwrap();
    *changed.last_mut().unwrap() ^= 1;
    let error = runtime.reload("acme/a", changed).await.unwrap_err();
    assert!(matches!(error, Error::Identity(_)), "{error}");
    runtime.reload("acme/a", version("a", "probe-actor-2", 8)).await.unwrap();
    runtime.revoke_key(&support::KEY.public_key().key_id()).unwrap();
    let error = runtime.reload("acme/a", version("a", "probe-actor-2", 8)).await.unwrap_err();
    assert!(matches!(error, Error::Identity(IdentityError::RevokedKey { .. })), "{error}");
    drop(a);
}

/// Every call and every message is answered once, by one version, while versions change. `AIRSSYS_RELOADS` soaks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_and_message_is_answered_once_while_versions_change() {
    let reloads = std::env::var("AIRSSYS_RELOADS").map_or(50, |n| n.parse().unwrap());
    let (runtime, _) = runtime(ALLOW_ALL);
    let a = runtime.spawn(actor("a")).await.unwrap();
    let caller = runtime.spawn(actor("caller")).await.unwrap();
    let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    // The count is the state: handed over each time, it says how many were answered in all.
    let load = |named: airssys_wasm::embed::Named, verb: &'static str| {
        let (done, stop) = (Arc::clone(&done), Arc::clone(&stop));
        tokio::spawn(async move {
            while stop.load(Ordering::SeqCst) == 0 {
                told(&named, verb).await;
                done.fetch_add(1, Ordering::SeqCst);
            }
        })
    };
    let tasks = [
        load(a.clone(), "count:"),
        load(a.clone(), "count:"),
        load(caller.clone(), "request:acme/a,30000=count:"),
    ];
    for n in 0..reloads {
        let guest = if n % 2 == 0 { "probe-actor-2" } else { "probe-actor" };
        runtime.reload("acme/a", version("a", guest, 8)).await.unwrap();
    }
    stop.store(1, Ordering::SeqCst);
    for task in tasks {
        task.await.unwrap();
    }
    let answered = done.load(Ordering::SeqCst);
    assert_eq!(told(&a, "count:").await, (answered + 1).to_string());
    assert!(answered > reloads, "{answered} answers and {reloads} changes");
}
