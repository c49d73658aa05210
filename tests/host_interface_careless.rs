//! Handles and names of an embedder's interface where he is careless: what is lent, what is lost, what reads alike.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod support;

use airssys_wasm::audit::Memory;
use airssys_wasm::embed::{Asks, Component, ComponentRuntime, HostInterface};
use airssys_wasm::policy::{Policies, Source, Words};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::component::Resource;

const SCHEMA: &str = r#"namespace Acme {
    entity Thing;
    entity Log;
    action "thing:open" appliesTo { principal: [Component], resource: [Thing], context: { import: String } };
    action "log:write" appliesTo { principal: [Component], resource: [Log], context: { import: String } };
}"#;

const GUEST: &str = r#"(component
  (import "acme:probe/things@1.0.0" (instance $t
    (export "thing" (type $thing (sub resource)))
    (export "[constructor]thing" (func (result (own $thing))))
    (export "[method]thing.finish" (func (param "self" (borrow $thing)) (result u64)))
    (export "use-up" (func (param "thing" (own $thing)) (result u64)))
    (export "pool" (func))))
  (core func $new (canon lower (func $t "[constructor]thing")))
  (core func $finish (canon lower (func $t "[method]thing.finish")))
  (core func $use (canon lower (func $t "use-up")))
  (core func $pool (canon lower (func $t "pool")))
  (core module $m
    (import "host" "new" (func $new (result i32)))
    (import "host" "finish" (func $finish (param i32) (result i64)))
    (import "host" "use" (func $use (param i32) (result i64)))
    (import "host" "pool" (func $pool))
    (global $h (mut i32) (i32.const 0))
    (func (export "open") (global.set $h (call $new)))
    (func (export "finish") (result i64) (call $finish (global.get $h)))
    (func (export "use-up") (result i64) (call $use (global.get $h)))
    (func (export "spin") (param i64)
      (loop $again
        (local.set 0 (i64.sub (local.get 0) (i64.const 1)))
        (br_if $again (i64.ne (local.get 0) (i64.const 0))))
      (call $pool)))
  (core instance $i (instantiate $m (with "host" (instance
    (export "new" (func $new)) (export "finish" (func $finish))
    (export "use" (func $use)) (export "pool" (func $pool))))))
  (func (export "open") (canon lift (core func $i "open")))
  (func (export "finish") (result u64) (canon lift (core func $i "finish")))
  (func (export "use-up") (result u64) (canon lift (core func $i "use-up")))
  (func (export "spin") (param "times" u64) (canon lift (core func $i "spin"))))"#;

struct Thing(u64);

/// Takes whatever handle it is given, as an embedder may who reads only that `take` refuses what is lent.
fn things(taken: &Arc<AtomicU64>) -> HostInterface<()> {
    let (lent, given) = (Arc::clone(taken), Arc::clone(taken));
    let take = |taken: Arc<AtomicU64>| {
        move |value: Thing| {
            taken.fetch_add(1, Ordering::SeqCst);
            value.0
        }
    };
    let (lent, given) = (take(lent), take(given));
    let log = |_: &()| Ok("log".to_owned());
    HostInterface::new("acme:probe/things@1.0.0", |_| ())
        .schema("things.cedarschema", SCHEMA)
        .resource::<Thing>("thing")
        .function(
            "[constructor]thing",
            Asks::on("Acme::thing:open", "Acme::Thing", |(): &()| Ok("it".to_owned())),
            |call, ()| Ok((call.push(Thing(7))?,)),
        )
        .function(
            "[method]thing.finish",
            Asks::on_handle("Acme::thing:open", |(thing,): &(Resource<Thing>,)| thing),
            move |call, (thing,)| Ok((lent(call.take(thing)?),)),
        )
        .function(
            "use-up",
            Asks::on("Acme::log:write", "Acme::Log", |_: &(Resource<Thing>,)| Ok("log".to_owned())),
            move |call, (thing,)| Ok((given(call.take(thing)?),)),
        )
        .function_async("pool", Asks::on("Acme::log:write", "Acme::Log", log), |_, ()| {
            Ok(async {
                // More at once than there are idle threads, so that some are started here.
                let rest = || std::thread::sleep(std::time::Duration::from_millis(100));
                let all: Vec<_> = (0..8).map(|_| tokio::task::spawn_blocking(rest)).collect();
                for one in all {
                    one.await?;
                }
                Ok(())
            })
        })
}

async fn loaded() -> (ComponentRuntime, Component, Arc<AtomicU64>) {
    let (runtime, component, taken, _memory) = loaded_under("permit (principal, action, resource);").await;
    (runtime, component, taken)
}

async fn loaded_under(policy: &str) -> (ComponentRuntime, Component, Arc<AtomicU64>, Memory) {
    let taken = Arc::default();
    let (config, memory) = support::config(policy);
    let runtime = ComponentRuntime::new(config.host_interface(things(&taken))).unwrap();
    let bytes = wat::parse_str(GUEST).unwrap();
    let component = runtime.load_component(support::signed("visitor", &bytes)).await.unwrap();
    (runtime, component, taken, memory)
}

#[tokio::test]
async fn a_call_under_a_policy_that_reads_the_context_leaves_one_record() {
    let policy = r#"permit (principal, action, resource) when { context.import like "acme:probe/*" };"#;
    let (_runtime, component, _taken, memory) = loaded_under(policy).await;
    component.call_wave("open()").await.unwrap();
    assert_eq!(support::of_kind(&memory, "decision").len(), 1);
}

#[tokio::test]
async fn the_steps_of_work_that_waits_leave_no_record_each() {
    let policy = r#"permit (principal, action, resource) when { context.import like "acme:probe/*" };"#;
    let (_runtime, component, _taken, memory) = loaded_under(policy).await;
    component.call_wave("spin(1)").await.unwrap();
    assert_eq!(support::of_kind(&memory, "decision").len(), 1);
}

#[tokio::test]
async fn what_is_only_lent_is_not_taken() {
    let (_runtime, component, taken) = loaded().await;
    component.call_wave("open()").await.unwrap();
    component.call_wave("finish()").await.unwrap_err();
    assert_eq!(taken.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_was_given_with_a_permission_that_is_lost_is_not_taken() {
    let (runtime, component, taken) = loaded().await;
    component.call_wave("open()").await.unwrap();
    let rest = r#"permit (principal, action == Acme::Action::"log:write", resource);"#;
    runtime.swap_policy(&[Source::new("rest", rest)], &[]).unwrap();
    let answer = component.call_wave("use-up()").await;
    assert_eq!(taken.load(Ordering::SeqCst), 0, "{answer:?}");
}

/// How far the calling thread stands back.
#[cfg(target_os = "linux")]
fn nice() -> i32 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().nth(16).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_call_in_the_background_leaves_no_thread_of_the_hosts_standing_back() {
    let before = nice();
    let (_runtime, component, _taken) = loaded().await;
    component.call_wave("spin(300000000)").await.unwrap();
    let look = || {
        std::thread::sleep(std::time::Duration::from_millis(50));
        nice()
    };
    let all: Vec<_> = (0..8).map(|_| tokio::task::spawn_blocking(look)).collect();
    for one in all {
        assert_eq!(
            one.await.unwrap(),
            before,
            "a thread of the executor's was started by one that stands back"
        );
    }
}

#[test]
fn an_action_with_two_colons_in_its_name_is_not_another_namespaces_action() {
    let text = r#"
        namespace Acme { entity A; action "x::y" appliesTo { principal: [Component], resource: [A] }; }
        namespace Acme::x { entity B; action "y" appliesTo { principal: [Component], resource: [B] }; }
    "#;
    assert!(Words::with(&[Source::new("two.cedarschema", text)]).is_err());
}

#[test]
fn two_resources_have_two_rust_types() {
    let (config, _memory) = support::config("");
    let one = HostInterface::new("acme:probe/one@1.0.0", |_| ()).resource::<Thing>("thing");
    let other = HostInterface::new("acme:probe/other@1.0.0", |_| ()).resource::<Thing>("thing");
    let error = ComponentRuntime::new(config.host_interface(one).host_interface(other)).unwrap_err();
    assert!(error.to_string().contains("`acme:probe/other@1.0.0` has a resource whose Rust type"), "{error}");
}

#[test]
fn a_policy_on_an_id_that_no_thing_can_have_does_not_load() {
    let words = Words::with(&[Source::new("s", SCHEMA)]).unwrap();
    let load = |id: &str| {
        let policy = format!("permit (principal, action, resource == Acme::Thing::\"{id}\");");
        Policies::load_over(&words, &[Source::new("p.cedar", policy)], &[])
    };
    load("a").unwrap();
    for id in ["", &"x".repeat(5000)] {
        let error = load(id).unwrap_err().to_string();
        assert!(error.contains("would never match"), "{error}");
    }
}
