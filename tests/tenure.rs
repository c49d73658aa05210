//! How long a component's permissions last: not beyond its identity, its session, or the policies it was permitted by.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod guests;
mod support;

use airssys_osl::Why;
use airssys_wasm::audit::Memory;
use airssys_wasm::embed::{ComponentRuntime, Error};
use airssys_wasm::identity::{SecretKey, Trust, sign};
use airssys_wasm::policy::Source;
use std::time::Duration;
use support::{MEMORY, of_kind};

const AT_LAST: Duration = Duration::from_secs(20);
const A_WHILE: Duration = Duration::from_millis(300);

const IMPORTS: &str = r#"
  (import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $alarm (param i64) (result i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $drop (param i32)))"#;

/// `wait` waits for so many nanoseconds and reads the clock; `work` reads the clock for ever; `spin` does nothing for ever; `start` is what its
/// instance does at its start.
fn component(start: &str) -> Vec<u8> {
    let world = "package test:tenure; world tenure {
        import wasi:clocks/monotonic-clock@0.2.12;
        export wait: func(nanoseconds: u64) -> u64;
        export work: func();
        export spin: func();
    }";
    let core = format!(
        r#"(module {IMPORTS} {MEMORY}
            (func $start (drop (call $now)) {start})
            (start $start)
            (func (export "wait") (param $for i64) (result i64) (local $alarm i32)
                (local.set $alarm (call $alarm (local.get $for)))
                (call $block (local.get $alarm))
                (call $drop (local.get $alarm))
                (call $now))
            (func (export "work") (loop $again (drop (call $now)) (br $again)))
            (func (export "spin") (loop $again (br $again))))"#
    );
    support::component(world, &core)
}

fn expiring(seconds: i64, bytes: &[u8]) -> Vec<u8> {
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    support::signed_with("probe", &format!("expires = \"{until}\"\n"), bytes)
}

fn revoked(error: &Error) {
    let Error::Denied(denied) = error else { panic!("{error}") };
    assert_eq!(denied.why, Why::Revoked);
}

async fn at_last<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(AT_LAST, work).await.expect("it ends")
}

fn world() -> (ComponentRuntime, Memory) {
    support::runtime(support::ALLOW_ALL)
}

#[tokio::test]
async fn an_identity_that_runs_out_ends_a_wait() {
    let (runtime, _) = world();
    let component = runtime.load_component(expiring(3, &component(""))).await.unwrap();
    let hour = 3_600_000_000_000_u64;
    revoked(&at_last(component.call::<_, u64>("wait", &hour)).await.unwrap_err());
}

#[tokio::test]
async fn an_identity_that_runs_out_ends_work_under_way() {
    let (runtime, _) = world();
    let component = runtime.load_component(expiring(3, &component(""))).await.unwrap();
    revoked(&at_last(component.call::<_, ()>("work", &())).await.unwrap_err());
}

#[test]
fn an_identity_runs_out_also_when_the_executor_that_loaded_it_has_gone() {
    let executor = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (runtime, log) = world();
    let loader = executor();
    let component = loader.block_on(runtime.load_component(expiring(3, &component("")))).unwrap();
    drop(loader);
    executor().block_on(component.call::<_, u64>("wait", &1u64)).unwrap();
    std::thread::sleep(Duration::from_millis(3_200));
    revoked(&executor().block_on(component.call::<_, u64>("wait", &1u64)).unwrap_err());
    assert_eq!(of_kind(&log, "decision").last().unwrap()["verdict"], "deny");
}

#[tokio::test]
async fn a_start_that_is_given_up_closes_its_session() {
    let (runtime, log) = world();
    let forever = component("(loop $again (drop (call $now)) (br $again))");
    let loading = runtime.load_component(support::signed("probe", &forever));
    assert!(tokio::time::timeout(Duration::from_secs(2), loading).await.is_err(), "it never starts");
    let summaries = of_kind(&log, "summary");
    assert_eq!(summaries.len(), 1, "its reuse is told");
    assert_eq!(summaries[0]["subject"], "acme/probe");
}

#[tokio::test]
async fn a_change_of_policies_ends_a_wait_that_it_no_longer_permits() {
    let (runtime, log) = world();
    let component = runtime.load_component(support::signed("probe", &component(""))).await.unwrap();
    let hour = 3_600_000_000_000_u64;
    let calling = component.call::<_, u64>("wait", &hour);
    let swapping = async {
        tokio::time::sleep(A_WHILE).await;
        runtime.swap_policy(&[Source::new("none.cedar", "")], &[]).unwrap();
    };
    let (called, ()) = at_last(async { tokio::join!(calling, swapping) }).await;
    assert!(matches!(&called, Err(Error::Denied(denied)) if denied.why == Why::Policy), "{called:?}");
    let denials = of_kind(&log, "decision").into_iter().filter(|record| record["verdict"] == "deny");
    let denied: Vec<_> = denials.map(|record| record["action"].as_str().unwrap().to_owned()).collect();
    assert_eq!(denied, ["clock:sleep", "clock:read"]);
}

#[tokio::test]
async fn what_was_counted_under_policies_is_told_before_they_change() {
    let (runtime, log) = world();
    let component = runtime.load_component(support::signed("probe", &component(""))).await.unwrap();
    for _ in 0..3 {
        component.call::<_, u64>("wait", &1u64).await.unwrap();
    }
    runtime.swap_policy(&[Source::new("all.cedar", support::ALLOW_ALL)], &[]).unwrap();
    let kinds: Vec<_> =
        support::records(&log).iter().map(|r| r["kind"].as_str().unwrap().to_owned()).collect();
    let at = |kind: &str| kinds.iter().position(|found| found == kind).unwrap_or_else(|| panic!("{kinds:?}"));
    assert_eq!(at("summary") + 1, at("swap"), "{kinds:?}");
}

#[tokio::test]
async fn a_revoked_component_wakes_and_is_denied_everything() {
    let (runtime, log) = world();
    let component = runtime.load_component(support::signed("probe", &component(""))).await.unwrap();
    let hour = 3_600_000_000_000_u64;
    let calling = component.call::<_, u64>("wait", &hour);
    let revoking = async {
        tokio::time::sleep(A_WHILE).await;
        component.revoke().unwrap();
    };
    let (called, ()) = at_last(async { tokio::join!(calling, revoking) }).await;
    revoked(&called.unwrap_err());
    assert_eq!(of_kind(&log, "revoke")[0]["subject"], "acme/probe");
    let other = component.instantiate().await.unwrap();
    other.call::<_, u64>("wait", &1u64).await.unwrap();
}

#[tokio::test]
async fn an_unloaded_component_stops_at_once_and_stays_ended() {
    let (runtime, log) = world();
    for function in ["wait", "spin"] {
        let component = runtime.load_component(support::signed("probe", &component(""))).await.unwrap();
        let calling = async {
            match function {
                "wait" => component.call::<_, u64>("wait", &3_600_000_000_000_u64).await.map(drop),
                _ => component.call::<_, ()>("spin", &()).await,
            }
        };
        let unloading = async {
            tokio::time::sleep(A_WHILE).await;
            component.unload().await.unwrap();
        };
        let (called, ()) = at_last(async { tokio::join!(calling, unloading) }).await;
        assert!(matches!(called, Err(Error::Ended)), "{function}: {called:?}");
        assert!(matches!(component.call::<_, u64>("wait", &1u64).await, Err(Error::Ended)));
        component.unload().await.unwrap();
        component.instantiate().await.unwrap().call::<_, u64>("wait", &1u64).await.unwrap();
    }
    assert!(!of_kind(&log, "summary").is_empty());
}

/// Trusts the test key as `acme`, and another as `other`.
fn trust_in(other: &SecretKey) -> Trust {
    let publisher = |name: &str, key: &SecretKey| {
        let key = key.public_key().to_text();
        format!("[[publisher]]\nname = \"{name}\"\nnames = [\"*\"]\n[[publisher.key]]\nkey = \"{key}\"\n")
    };
    let text = publisher("acme", &support::KEY) + &publisher("other", other);
    Trust::parse(&text, "trust.toml", &|_| Err(std::io::ErrorKind::NotFound.into())).unwrap()
}

#[tokio::test]
async fn a_revoked_key_takes_every_instance_it_signed_along_and_no_other() {
    let other_key = SecretKey::generate().unwrap();
    let bytes = component("");
    let trust = trust_in(&other_key);
    let (config, log) = support::config(support::ALLOW_ALL);
    let runtime = ComponentRuntime::new(config.trust(trust)).unwrap();
    let theirs = support::manifest("probe").replace("acme", "other");
    let theirs = sign(&bytes, &theirs, &other_key).unwrap();
    let theirs = runtime.load_component(theirs).await.unwrap();
    let ours = support::signed("probe", &bytes);
    let first = runtime.load_component(ours.clone()).await.unwrap();
    let second = first.instantiate().await.unwrap();

    let error = runtime.revoke_key("00").unwrap_err();
    assert!(matches!(&error, Error::UnknownKey(id) if id == "00"), "{error}");
    assert_eq!(runtime.revoke_key(&support::KEY.public_key().key_id()).unwrap(), 2);
    for component in [&first, &second] {
        revoked(&component.call::<_, u64>("wait", &1u64).await.unwrap_err());
    }
    theirs.call::<_, u64>("wait", &1u64).await.unwrap();
    let refused = |error: Error| {
        let text = error.to_string();
        assert!(matches!(error, Error::Identity(_)) && text.contains("is revoked"), "{text}");
    };
    let loads = of_kind(&log, "load").len();
    refused(runtime.load_component(ours).await.unwrap_err());
    refused(first.instantiate().await.unwrap_err());
    let records = of_kind(&log, "refused");
    assert_eq!((records.len(), of_kind(&log, "load").len()), (2, loads), "refused, and not loaded");
    assert!(
        records.iter().all(|record| record["text"].as_str().unwrap().contains("is revoked")),
        "{records:#?}"
    );
    assert!(of_kind(&log, "revoke")[0]["text"].as_str().unwrap().contains("is revoked"));
    assert!(airssys_wasm::audit::verify(log.bytes().as_slice(), None).unwrap().is_sound());
}
