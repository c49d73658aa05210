//! Limits that the engine counts: each lets pass what it says, ends the guest at one more, and leaves one record.
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
use airssys_wasm::embed::{Component, ComponentRuntime, Error};
use airssys_wasm::kernel::Limits;
use std::fmt::Write as _;
use std::num::NonZeroU64;
use support::MEMORY;

fn nonzero(value: u64) -> NonZeroU64 {
    NonZeroU64::new(value).unwrap()
}

async fn load(limits: Limits, bytes: &[u8]) -> (Result<Component, Error>, Memory) {
    let (config, log) = support::config(support::ALLOW_ALL);
    let runtime = ComponentRuntime::new(config.limits(limits)).unwrap();
    (runtime.load_component(support::signed("bomb", bytes)).await, log)
}

#[track_caller]
fn assert_exceeded<T>(ended: Result<T, Error>, log: &Memory, limit: &str, value: u64) {
    let Err(Error::LimitExceeded(exceeded)) = ended else { panic!("{:?}", ended.err()) };
    assert_eq!((exceeded.limit, exceeded.value), (limit, value));
    let records = support::of_kind(log, "limit");
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["limit"], serde_json::json!({ "name": limit, "allowed": value }));
}

/// A component of that text starts under the limit, and under one less does not.
async fn starts_with_and_no_less(text: &str, limit: &str, needs: u64, set: fn(Limits, NonZeroU64) -> Limits) {
    let bytes = wat::parse_str(text).unwrap();
    let (started, log) = load(set(Limits::default(), nonzero(needs)), &bytes).await;
    started.unwrap_or_else(|error| panic!("{limit}: {error}"));
    assert!(support::of_kind(&log, "limit").is_empty());
    let (refused, log) = load(set(Limits::default(), nonzero(needs - 1)), &bytes).await;
    assert_exceeded(refused, &log, limit, needs - 1);
}

/// Two components inside, each with so many core instances of the module.
fn nested(module: &str, instances: usize) -> String {
    let mut text = format!("(component (component $c (core module $m {module})");
    for _ in 0..instances {
        let _ = write!(text, "(core instance (instantiate $m))");
    }
    text + ") (instance (instantiate $c)) (instance (instantiate $c)))"
}

#[tokio::test]
async fn core_instances_are_counted_across_the_components_inside() {
    starts_with_and_no_less(&nested("", 3), "instances", 6, Limits::instances).await;
}

#[tokio::test]
async fn tables_and_memories_are_counted_across_the_components_inside() {
    let tables = "(table 1 funcref) (table 1 funcref)";
    starts_with_and_no_less(&nested(tables, 1), "tables", 4, Limits::tables).await;
    starts_with_and_no_less(&nested("(memory 0)", 2), "memories", 4, Limits::memories).await;
}

#[tokio::test]
async fn elements_of_all_tables_are_counted_together() {
    let table = "(table 5 funcref)";
    starts_with_and_no_less(&nested(table, 2), "table_elements", 20, Limits::table_elements).await;
}

const GROWS: &str = r#"(component
  (core module $m
    (table $t 1 funcref)
    (func (export "grow") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0))))
  (core instance $i (instantiate $m))
  (func (export "grow") (param "by" u32) (result u32) (canon lift (core func $i "grow"))))"#;

#[tokio::test]
async fn a_table_that_grows_beyond_the_limit_ends_its_instance() {
    let bytes = wat::parse_str(GROWS).unwrap();
    let (component, log) = load(Limits::default().table_elements(nonzero(10)), &bytes).await;
    let component = component.unwrap();
    assert_eq!(component.call::<_, u32>("grow", &9u32).await.unwrap(), 1);
    assert_exceeded(component.call::<_, u32>("grow", &1u32).await, &log, "table_elements", 10);
    assert!(matches!(component.call::<_, u32>("grow", &0u32).await, Err(Error::Ended)));
}

/// Two components inside, each with a resource of its own; handles are made and never dropped.
const MAKES: &str = r#"(component
  (component $c
    (type $r (resource (rep i32)))
    (core func $new (canon resource.new $r))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (param $n i32)
        (loop $more
          (drop (call $new (i32.const 0)))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br_if $more (local.get $n)))))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func (export "make") (param "n" u32) (canon lift (core func $i "make"))))
  (instance $a (instantiate $c))
  (instance $b (instantiate $c))
  (alias export $a "make" (func $first))
  (alias export $b "make" (func $second))
  (export "first" (func $first))
  (export "second" (func $second)))"#;

#[tokio::test]
async fn handles_in_guests_own_tables_are_counted_across_the_components_inside() {
    let bytes = wat::parse_str(MAKES).unwrap();
    let (component, log) = load(Limits::default().handles(nonzero(5)), &bytes).await;
    let component = component.unwrap();
    component.call::<_, ()>("first", &6u32).await.unwrap();
    component.call::<_, ()>("second", &4u32).await.unwrap();
    assert!(support::of_kind(&log, "limit").is_empty());
    assert_exceeded(component.call::<_, ()>("second", &1u32).await, &log, "handles", 5);
    assert!(matches!(component.call::<_, ()>("first", &1u32).await, Err(Error::Ended)));
    let other = component.instantiate().await.unwrap();
    other.call::<_, ()>("first", &10u32).await.unwrap();
}

/// `write` hands so many bytes over to standard output.
fn writes() -> Vec<u8> {
    let world =
        "package test:bytes; world bytes { import wasi:cli/stdout@0.2.12; import wasi:io/streams@0.2.12;
        export write: func(n: u32) -> u32; }";
    let core = format!(
        r#"(module
          (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $out (result i32)))
          (import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
          {MEMORY}
          (func (export "write") (param $n i32) (result i32)
            (call $write (call $out) (i32.const 1024) (local.get $n) (i32.const 16))
            (i32.load8_u (i32.const 16))))"#
    );
    support::component(world, &core)
}

#[tokio::test]
async fn a_call_that_hands_over_too_many_bytes_ends_its_instance() {
    let bytes = writes();
    let (component, log) = load(Limits::default().host_call_bytes(nonzero(100)), &bytes).await;
    let component = component.unwrap();
    assert_eq!(component.call::<_, u32>("write", &100u32).await.unwrap(), 0);
    assert_eq!(component.call::<_, u32>("write", &100u32).await.unwrap(), 0, "each call by itself");
    assert_exceeded(component.call::<_, u32>("write", &101u32).await, &log, "host_call_bytes", 100);
    assert!(matches!(component.call::<_, u32>("write", &1u32).await, Err(Error::Ended)));
}

/// `give` returns so many bytes.
const GIVES: &str = r#"(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "give") (param $n i32) (result i32)
      (i32.store (i32.const 0) (i32.const 64))
      (i32.store (i32.const 4) (local.get $n))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "give") (param "n" u32) (result (list u8))
    (canon lift (core func $i "give") (memory $i "memory"))))"#;

#[tokio::test]
async fn a_result_of_too_many_bytes_ends_its_instance() {
    let bytes = wat::parse_str(GIVES).unwrap();
    let (component, log) = load(Limits::default().host_call_bytes(nonzero(1000)), &bytes).await;
    let component = component.unwrap();
    let fits = (0..=1000).rev().step_by(8);
    let mut most = 0;
    for n in fits {
        let instance = component.instantiate().await.unwrap();
        if let Ok(given) = instance.call::<_, Vec<u8>>("give", &n).await {
            assert_eq!(given.len(), n as usize);
            most = n;
            break;
        }
    }
    // Values of a type that the host learns at run time cost more than their bytes.
    assert!(most > 0 && most <= 1000, "{most}");
    let ended = component.call::<_, Vec<u8>>("give", &1001u32).await;
    assert!(
        matches!(&ended, Err(Error::LimitExceeded(limit)) if limit.limit == "host_call_bytes"),
        "{ended:?}"
    );
    assert!(!support::of_kind(&log, "limit").is_empty());
}

#[tokio::test]
async fn a_length_of_four_gibibytes_is_refused_before_a_byte_is_copied() {
    let (component, log) = load(Limits::default(), &writes()).await;
    let ended = component.unwrap().call::<_, u32>("write", &u32::MAX).await;
    // Out of the guest's own memory, so that no byte of it counts.
    assert!(matches!(ended, Err(Error::Trap(_) | Error::LimitExceeded(_))), "{ended:?}");
    assert!(support::of_kind(&log, "limit").len() <= 1);
}

/// Calls itself so often.
const DEEP: &str = r#"(component
  (core module $m
    (func $deeper (export "deep") (param $left i32) (result i32)
      (if (result i32) (local.get $left)
        (then (i32.add (i32.const 1) (call $deeper (i32.sub (local.get $left) (i32.const 1)))))
        (else (i32.const 0)))))
  (core instance $i (instantiate $m))
  (func (export "deep") (param "n" u32) (result u32) (canon lift (core func $i "deep"))))"#;

#[tokio::test]
async fn a_stack_holds_what_it_is_granted_and_no_more() {
    let bytes = wat::parse_str(DEEP).unwrap();
    for (granted, fits, too_much) in
        [(64, 100, 20_000), (4096, 20_000, 2_000_000), (65_536, 200_000, 50_000_000)]
    {
        let (component, log) = load(Limits::default().stack_kib(nonzero(granted)), &bytes).await;
        let component = component.unwrap();
        assert_eq!(component.call::<_, u32>("deep", &fits).await.unwrap(), fits);
        assert_exceeded(component.call::<_, u32>("deep", &too_much).await, &log, "stack_kib", granted);
        assert!(matches!(component.call::<_, u32>("deep", &1u32).await, Err(Error::Ended)));
    }
}

#[tokio::test]
async fn a_declared_limit_that_cannot_be_enforced_is_a_load_error() {
    let bytes = wat::parse_str(DEEP).unwrap();
    let (config, log) = support::config(support::ALLOW_ALL);
    let runtime = ComponentRuntime::new(config.limits(Limits::default().stack_kib(nonzero(512)))).unwrap();
    let asks = |kib: u64| support::signed_with("bomb", &format!("[limits]\nstack_kib = {kib}\n"), &bytes);
    let refused = runtime.load_component(asks(511)).await.unwrap_err();
    let said = "the limit `stack_kib` of 511 cannot be enforced: one size, of 512, is in force for all components of the host";
    assert_eq!(refused.to_string(), said);
    assert!(matches!(refused, Error::Unenforceable(_)));
    let records = support::of_kind(&log, "refused");
    assert_eq!((records.len(), &records[0]["text"]), (1, &said.into()));
    assert!(support::of_kind(&log, "load").is_empty());
    for enforced in [512, 1 << 40] {
        assert_eq!(runtime.load_component(asks(enforced)).await.unwrap().limits().stack_kib.get(), 512);
    }
    let (config, _) = support::config("");
    let refused = ComponentRuntime::new(config.limits(Limits::default().stack_kib(nonzero(65_537))));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the limit `stack_kib` of 65537 cannot be enforced: the most is 65536"
    );
}

/// Components that hold two of the one before, so deep.
fn doubling(depth: usize) -> String {
    let mut text = String::from("(component $c0 (core module $m) (core instance (instantiate $m)))");
    for level in 1..=depth {
        let below = level - 1;
        text = format!(
            "(component $c{level} {text} (instance (instantiate $c{below})) (instance (instantiate $c{below})))"
        );
    }
    format!("(component {text} (instance (instantiate $c{depth})))")
}

#[tokio::test]
async fn a_component_that_unfolds_into_a_billion_instances_is_refused_before_it_is_compiled() {
    let (refused, _) = load(Limits::default(), &wat::parse_str(doubling(30)).unwrap()).await;
    let Err(Error::Engine(error)) = refused else { panic!("{:?}", refused.err()) };
    assert!(error.to_string().contains("it makes more than 10000 instances"), "{error}");
    let (exceeded, log) = load(Limits::default(), &wat::parse_str(doubling(9)).unwrap()).await;
    assert_exceeded(exceeded, &log, "instances", 256);
    let (fits, _) = load(Limits::default(), &wat::parse_str(doubling(8)).unwrap()).await;
    fits.unwrap();
}
