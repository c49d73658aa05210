//! The embedding API as a host sees it: loading, calling, errors, ends and revivals.
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
use airssys_wasm::embed::{Component, ComponentRuntime, Config, Error, blocking};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i32,
    y: i32,
}

async fn probe() -> Component {
    let (runtime, _) = support::runtime(support::ALLOW_ALL);
    runtime.load_component(support::signed("probe", &guests::component("probe-process"))).await.unwrap()
}

async fn process(component: &Component, input: &str) -> Result<String, Error> {
    let answer: Vec<u8> = component.call("process-data", &input.as_bytes().to_vec()).await?;
    Ok(String::from_utf8(answer).unwrap())
}

async fn assert_alive(component: &Component) {
    assert_eq!(process(component, "echo:alive").await.unwrap(), "alive");
}

async fn assert_ended(component: &Component) {
    assert!(matches!(process(component, "echo:alive").await, Err(Error::Ended)));
}

#[tokio::test]
async fn a_fresh_configuration_trusts_nobody() {
    let runtime = ComponentRuntime::new(Config::new()).unwrap();
    let error = runtime.load_component(support::signed("probe", &guests::text("tiny"))).await.unwrap_err();
    assert!(matches!(error, Error::Identity(_)), "{error}");
}

#[tokio::test]
async fn a_fresh_configuration_permits_nothing() {
    let runtime = ComponentRuntime::new(Config::new().trust(support::trust())).unwrap();
    let component =
        runtime.load_component(support::signed("probe", &guests::text("versions-0.2.0"))).await.unwrap();
    let error = component.call::<_, u64>("read-clock", &()).await.unwrap_err();
    assert!(matches!(error, Error::Denied(_)), "{error}");
}

#[tokio::test]
async fn a_component_that_is_not_there_is_not_found() {
    let (runtime, _) = support::runtime(support::ALLOW_ALL);
    let directory = tempfile::tempdir().unwrap();
    let gone = directory.path().join("gone.wasm");
    let error = runtime.load_component(gone.as_path()).await.unwrap_err();
    assert!(matches!(&error, Error::NotFound(name) if name.ends_with("gone.wasm")), "{error}");
}

#[tokio::test]
async fn a_component_is_loaded_from_a_path_or_from_bytes() {
    let (runtime, _) = support::runtime("");
    let bytes = support::signed("probe", &guests::text("tiny"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tiny.wasm");
    std::fs::write(&path, &bytes).unwrap();
    let loaded = [
        runtime.load_component(path.as_path()).await.unwrap(),
        runtime.load_component(path.to_str().unwrap()).await.unwrap(),
        runtime.load_component(path.clone()).await.unwrap(),
        runtime.load_component(bytes).await.unwrap(),
    ];
    for component in loaded {
        let () = component.call("run-empty", &()).await.unwrap();
        let principal = component.principal();
        assert_eq!(
            (principal.name.as_str(), principal.version, principal.release),
            ("acme/probe", (1, 2, 3), 7)
        );
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_the_call() {
    let component = probe().await;
    for refused in [
        component.call::<_, i64>("sum", &"words").await.map(drop),
        component.call::<_, i64>("sum", &vec![i64::MAX]).await.map(drop),
        component.call::<_, i64>("no-such-function", &()).await.map(drop),
        component.call::<_, i64>("greet", &()).await.map(drop),
        component.call::<_, Point>("move-point", &(Point { x: 1, y: 2 },)).await.map(drop),
        component.call_wave("greet(1)").await.map(drop),
        component.call_wave("greet(").await.map(drop),
        component.call_wave("no-such-function()").await.map(drop),
        component.run_command().await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::Value(_)), "{error}");
    }
    assert_alive(&component).await;
}

#[tokio::test]
async fn an_answer_that_does_not_fit_the_hosts_type_leaves_the_component_alive() {
    let component = probe().await;
    let error = component.call::<_, u8>("greet", &"Ann").await.unwrap_err();
    assert!(matches!(error, Error::Value(_)), "{error}");
    assert_alive(&component).await;
}

#[tokio::test]
async fn a_functions_own_error_is_the_guests() {
    let component = probe().await;
    let error = process(&component, "fail:no thanks").await.unwrap_err();
    assert!(matches!(&error, Error::Guest(text) if text.contains("no thanks")), "{error}");
    let error = component.call::<_, i32>("divide", &(1, 0)).await.unwrap_err();
    assert!(matches!(&error, Error::Guest(text) if text.contains("cannot be divided")), "{error}");
    let error = component.call_wave("divide(1, 0)").await.unwrap_err();
    assert!(matches!(&error, Error::Guest(_)), "{error}");
    assert_alive(&component).await;
}

#[tokio::test]
async fn values_go_in_and_come_out() {
    let component = probe().await;
    let moved: Point =
        component.call("move_point", &(Point { x: 1, y: 2 }, Point { x: 10, y: 20 })).await.unwrap();
    assert_eq!(moved, Point { x: 11, y: 22 });
    assert_eq!(component.call::<_, String>("greet", &"Ann").await.unwrap(), "Hello, Ann!");
    assert_eq!(component.call::<_, i64>("sum", &[1, 2, 3]).await.unwrap(), 6);
    assert_eq!(component.call::<_, Option<u32>>("half", &3).await.unwrap(), None);
    assert_eq!(component.call::<_, String>("next-colour", &"green").await.unwrap(), "dark-blue");
    assert_eq!(component.call::<_, (u32, String)>("swap", &("a", 1)).await.unwrap(), (1, "a".into()));
    assert_eq!(component.call::<_, i32>("divide", &(6, 3)).await.unwrap(), 2);
    assert_eq!(component.call_wave("greet(\"Ann\")").await.unwrap().as_deref(), Some("\"Hello, Ann!\""));
    assert_eq!(component.call_wave("half(8)").await.unwrap().as_deref(), Some("some(4)"));
}

#[tokio::test]
async fn a_typed_call_has_the_components_types_or_none() {
    let component = probe().await;
    let wrong = component.call_typed::<(u32,), (String,)>("greet", (1,)).await.unwrap_err();
    assert!(matches!(&wrong, Error::Config(text) if text.contains("`greet` has other types")), "{wrong}");
    assert_alive(&component).await;
    let (greeting,) = component.call_typed::<(String,), (String,)>("greet", ("Ann".into(),)).await.unwrap();
    assert_eq!(greeting, "Hello, Ann!");
}

#[tokio::test]
async fn a_trap_ends_a_component_and_instantiate_gives_another() {
    let component = probe().await;
    process(&component, "keep:secret").await.unwrap();
    let error = process(&component, "panic:").await.unwrap_err();
    assert!(matches!(error, Error::Trap(_)), "{error}");
    assert_ended(&component).await;
    assert!(matches!(
        component.call_typed::<(String,), (String,)>("greet", ("x".into(),)).await,
        Err(Error::Ended)
    ));
    let other = component.instantiate().await.unwrap();
    assert_eq!(process(&other, "keep:x").await.unwrap(), "", "another instance has another memory");
    assert_ended(&component).await;
}

#[tokio::test]
async fn an_exit_in_a_call_ends_the_component_with_its_status() {
    let component = probe().await;
    let error = process(&component, "exit:1").await.unwrap_err();
    assert!(matches!(error, Error::Exited(1)), "{error}");
    assert_ended(&component).await;
}

#[tokio::test]
async fn a_call_that_its_caller_gave_up_ends_the_component_and_wedges_nothing() {
    let component = probe().await;
    let started = Instant::now();
    let given_up = tokio::time::timeout(Duration::from_millis(100), process(&component, "sleep:60000")).await;
    assert!(given_up.is_err());
    assert_ended(&component).await;
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_alive(&component.instantiate().await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_from_many_tasks_queue() {
    let component = Arc::new(probe().await);
    let calls: Vec<_> = (0..50)
        .map(|n| {
            let component = Arc::clone(&component);
            tokio::spawn(async move { process(&component, &format!("keep:{n}")).await.unwrap() })
        })
        .collect();
    let mut kept = BTreeSet::new();
    for call in calls {
        assert!(kept.insert(call.await.unwrap()), "two calls saw the same one before them");
    }
    assert!(kept.insert(process(&component, "keep:end").await.unwrap()));
    let all: BTreeSet<String> = (0..50).map(|n| n.to_string()).chain([String::new()]).collect();
    assert_eq!(kept, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn instances_run_side_by_side() {
    let component = probe().await;
    let mut calls = Vec::new();
    for n in 0..8 {
        let instance = component.instantiate().await.unwrap();
        calls.push(tokio::spawn(async move {
            let first = process(&instance, &format!("keep:{n}")).await.unwrap();
            (first, process(&instance, "keep:x").await.unwrap(), n.to_string())
        }));
    }
    for call in calls {
        let (first, second, own) = call.await.unwrap();
        assert_eq!((first.as_str(), second), ("", own));
    }
}

#[tokio::test]
async fn the_blocking_names_are_an_error_inside_a_task() {
    let (config, log) = support::config(support::ALLOW_ALL);
    let runtime = blocking::ComponentRuntime::new(config).unwrap();
    let error = runtime.load_component(support::signed("probe", &guests::text("tiny"))).unwrap_err();
    assert!(matches!(error, Error::BlockingInsideAsync), "{error}");
    assert!(support::of_kind(&log, "load").is_empty());
}

#[test]
fn the_blocking_names_do_the_same() {
    let (config, _) = support::config(support::ALLOW_ALL);
    let runtime = blocking::ComponentRuntime::new(config).unwrap();
    let component =
        runtime.load_component(support::signed("probe", &guests::component("probe-process"))).unwrap();
    assert_eq!(component.call::<_, String>("greet", &"Ann").unwrap(), "Hello, Ann!");
    let error = component.call::<_, Vec<u8>>("process-data", &b"panic:".to_vec()).unwrap_err();
    assert!(matches!(error, Error::Trap(_)), "{error}");
    assert!(matches!(component.call_wave("greet(\"Ann\")"), Err(Error::Ended)));
    let other = component.instantiate().unwrap();
    let moved = other.call_wave("move-point({x: 1, y: 2}, {x: 1, y: 1})").unwrap();
    assert_eq!(moved.as_deref(), Some("{x: 2, y: 3}"));
}

#[tokio::test]
async fn an_identity_that_runs_out_is_denied_everything_from_then_on() {
    let (runtime, log) = support::runtime(support::ALLOW_ALL);
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    let bytes =
        support::signed_with("probe", &format!("expires = \"{until}\"\n"), &guests::text("versions-0.2.3"));
    let component = runtime.load_component(bytes.clone()).await.unwrap();
    component.call::<_, u64>("read-clock", &()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3_200)).await;
    let error = component.call::<_, u64>("read-clock", &()).await.unwrap_err();
    let Error::Denied(denied) = &error else { panic!("{error}") };
    assert_eq!(denied.why, Why::Revoked);
    let last = support::of_kind(&log, "decision").pop().unwrap();
    assert_eq!(last["verdict"], "deny", "{last:#}");
    let error = runtime.load_component(bytes).await.unwrap_err();
    assert!(matches!(error, Error::Identity(_)), "{error}");
}

#[tokio::test]
async fn another_instance_of_a_component_that_ran_out_is_denied_everything() {
    let (runtime, _) = support::runtime(support::ALLOW_ALL);
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    let bytes =
        support::signed_with("probe", &format!("expires = \"{until}\"\n"), &guests::text("versions-0.2.3"));
    let component = runtime.load_component(bytes).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3_200)).await;
    let other = component.instantiate().await.unwrap();
    let error = other.call::<_, u64>("read-clock", &()).await.unwrap_err();
    assert!(matches!(error, Error::Denied(_)), "{error}");
}
