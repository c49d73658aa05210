//! What an instance may spend: a limit ends it, says which, is recorded once, and leaves the runtime whole.
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

use airssys_osl::fs::MountSpec;
use airssys_osl::{GuestPath, Why};
use airssys_wasm::audit::{self, Memory};
use airssys_wasm::embed::{Component, ComponentRuntime, Error};
use airssys_wasm::kernel::Limits;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};
use support::MEMORY;
use tokio::sync::{Mutex, MutexGuard};

/// The tests here watch time and memory of the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

async fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().await
}

fn nonzero(value: u64) -> NonZeroU64 {
    NonZeroU64::new(value).unwrap()
}

fn runtime(limits: Limits) -> (ComponentRuntime, Memory) {
    let (config, log) = support::config(support::ALLOW_ALL);
    (ComponentRuntime::new(config.env("VARIABLE", "value").limits(limits)).unwrap(), log)
}

async fn load(runtime: &ComponentRuntime, bytes: &[u8]) -> Component {
    runtime.load_component(support::signed("probe", bytes)).await.unwrap()
}

async fn process(component: &Component, input: &str) -> Result<Vec<u8>, Error> {
    component.call("process-data", &input.as_bytes().to_vec()).await
}

/// Ends the probe by `input` under `limits`; the next call finds it ended, another instance works.
async fn ended_by(input: &str, limits: Limits) -> (Error, Vec<serde_json::Value>) {
    let (runtime, log) = runtime(limits);
    let component = load(&runtime, &guests::component("probe-process")).await;
    let error = process(&component, input).await.unwrap_err();
    assert!(matches!(process(&component, "echo:x").await, Err(Error::Ended)), "{input}");
    let other = component.instantiate().await.unwrap();
    assert_eq!(process(&other, "echo:x").await.unwrap(), b"x", "{input}");
    (error, support::of_kind(&log, "limit"))
}

fn assert_exceeded((error, records): &(Error, Vec<serde_json::Value>), limit: &str, value: u64) {
    let Error::LimitExceeded(exceeded) = error else { panic!("{error}") };
    assert_eq!((exceeded.limit, exceeded.value), (limit, value));
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["limit"], serde_json::json!({ "name": limit, "allowed": value }));
    assert_eq!(records[0]["subject"], "acme/probe");
}

#[tokio::test]
async fn more_memory_than_granted_ends_the_instance() {
    let _alone = alone().await;
    let limits = Limits::default().memory_mib(nonzero(16));
    assert_exceeded(&ended_by("alloc:33554432", limits).await, "memory_mib", 16);
    let (runtime, log) = runtime(Limits::default().memory_mib(nonzero(1)));
    let grow = load(&runtime, &guests::text("grow")).await;
    let error = grow.call::<_, u32>("grow", &()).await.unwrap_err();
    assert_exceeded(&(error, support::of_kind(&log, "limit")), "memory_mib", 1);
}

#[tokio::test]
async fn more_processor_time_than_granted_ends_the_instance() {
    let _alone = alone().await;
    let limits = Limits::default().cpu_ms(nonzero(300));
    let (runtime, log) = runtime(limits);
    let component = load(&runtime, &guests::text("spin")).await;
    let started = Instant::now();
    let error = component.call::<_, ()>("spin", &()).await.unwrap_err();
    let spent = started.elapsed();
    assert!(spent >= Duration::from_millis(250) && spent < Duration::from_secs(3), "{spent:?}");
    assert_exceeded(&(error, support::of_kind(&log, "limit")), "cpu_ms", 300);
    assert_exceeded(&ended_by("spin:", limits).await, "cpu_ms", 300);
}

#[tokio::test]
async fn processor_time_is_counted_anew_for_each_call() {
    let _alone = alone().await;
    let (runtime, log) = runtime(Limits::default().cpu_ms(nonzero(300)));
    let component = load(&runtime, &guests::component("probe-process")).await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(process(&component, "echo:x").await.unwrap(), b"x");
    }
    assert!(support::of_kind(&log, "limit").is_empty());
}

#[tokio::test]
async fn a_guest_that_waits_longer_than_granted_is_ended() {
    let _alone = alone().await;
    let limits = Limits::default().wall_ms(nonzero(300));
    let started = Instant::now();
    assert_exceeded(&ended_by("sleep:60000", limits).await, "wall_ms", 300);
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_exceeded(&ended_by("spin:", limits).await, "wall_ms", 300);
}

#[tokio::test]
async fn more_stack_than_granted_ends_the_instance() {
    let _alone = alone().await;
    let (runtime, log) = runtime(Limits::default());
    let component = load(&runtime, &guests::text("recurse")).await;
    let error = component.call::<_, u32>("recurse", &()).await.unwrap_err();
    assert_exceeded(&(error, support::of_kind(&log, "limit")), "stack_kib", 512);
    assert!(matches!(component.call::<_, u32>("recurse", &()).await, Err(Error::Ended)));
    // What a language keeps of its stack in linear memory is the component's own, and so is its end.
    let (error, records) = ended_by("recurse:", Limits::default()).await;
    assert!(matches!(error, Error::Trap(_)) && records.is_empty(), "{error} {records:?}");
}

#[tokio::test]
async fn a_manifest_lowers_a_limit_and_never_raises_one() {
    let _alone = alone().await;
    let granted = Limits::default().memory_mib(nonzero(64)).cpu_ms(nonzero(500)).wall_ms(nonzero(5_000));
    let (runtime, log) = runtime(granted);
    let more = "[limits]\nmemory_mib = 1024\ncpu_ms = 50000\nwall_ms = 500000\n";
    let raised =
        runtime.load_component(support::signed_with("probe", more, &guests::text("grow"))).await.unwrap();
    assert_eq!(raised.limits(), granted);
    let error = raised.call::<_, u32>("grow", &()).await.unwrap_err();
    assert_exceeded(&(error, support::of_kind(&log, "limit")), "memory_mib", 64);
    let less = "[limits]\nmemory_mib = 2\ncpu_ms = 100\n";
    let lowered =
        runtime.load_component(support::signed_with("probe", less, &guests::text("grow"))).await.unwrap();
    assert_eq!(lowered.limits(), granted.memory_mib(nonzero(2)).cpu_ms(nonzero(100)));
    let error = lowered.call::<_, u32>("grow", &()).await.unwrap_err();
    assert!(matches!(error, Error::LimitExceeded(limit) if limit.value == 2));
}

/// The pages that this process has in memory, in MiB.
#[cfg(target_os = "linux")]
fn resident_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4 / 1024
}

#[cfg(not(target_os = "linux"))]
fn resident_mib() -> u64 {
    0
}

const IMPORTS: &str = "import wasi:cli/environment@0.2.12; import wasi:cli/stdout@0.2.12; import wasi:io/streams@0.2.12; \
    import wasi:io/poll@0.2.12; import wasi:clocks/monotonic-clock@0.2.12; import wasi:random/random@0.2.12;";

/// A component that exports `run: func(n: u64) -> u32`: `body` is called with `$i` from 0 to n - 1.
fn repeating(imports: &str, before: &str, body: &str) -> Vec<u8> {
    let world =
        format!("package test:loop; world repeating {{ {IMPORTS} export run: func(n: u64) -> u32; }}");
    let core = format!(
        r#"(module {imports} {MEMORY}
          (func (export "run") (param $n i64) (result i32) (local $i i64) (local $h i32)
            {before}
            (loop $more
              {body}
              (local.set $i (i64.add (local.get $i) (i64.const 1)))
              (br_if $more (i64.lt_u (local.get $i) (local.get $n))))
            (i32.load offset=4 (i32.const 0))))"#
    );
    support::component(&world, &core)
}

#[tokio::test]
async fn a_million_empty_writes_keep_nothing() {
    let _alone = alone().await;
    let imports = r#"(import "wasi:cli/stdout@0.2.12" "get-stdout" (func $out (result i32)))
        (import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))"#;
    let bytes = repeating(
        imports,
        "(local.set $h (call $out))",
        "(call $write (local.get $h) (i32.const 0) (i32.const 0) (i32.const 16)) (if (i32.load8_u (i32.const 16)) (then unreachable))",
    );
    let (runtime, log) = runtime(Limits::default());
    let component = load(&runtime, &bytes).await;
    let _: u32 = component.call("run", &1_000u64).await.unwrap();
    let before = resident_mib();
    let _: u32 = component.call("run", &1_000_000u64).await.unwrap();
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 8, "{grown} MiB more");
    drop(component);
    assert!(support::records(&log).len() < 100);
}

/// A function that gives a handle and has no error to give instead can only trap.
fn assert_handles(error: &Error) {
    let Error::LimitExceeded(exceeded) = error else { panic!("{error}") };
    assert_eq!((exceeded.limit, exceeded.value), ("handles", 10_000));
}

#[tokio::test]
async fn handles_that_are_never_dropped_are_bounded() {
    let _alone = alone().await;
    let imports = r#"(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $sub (param i64) (result i32)))"#;
    let bytes = repeating(imports, "", "(drop (call $sub (i64.const 1000000000000)))");
    let (runtime, _) = runtime(Limits::default());
    let component = load(&runtime, &bytes).await;
    let error = component.call::<_, u32>("run", &20_000u64).await.unwrap_err();
    assert_handles(&error);
    assert!(matches!(component.call::<_, u32>("run", &1u64).await, Err(Error::Ended)));
}

/// A file function can say no by its own error, and the instance lives on.
#[tokio::test]
async fn too_many_open_files_are_refused_by_their_own_error() {
    const INSUFFICIENT_MEMORY: u32 = 1022;
    let _alone = alone().await;
    let resolve = support::wit();
    let open = support::probe::offered(&resolve).into_iter().find(|o| o.id.ends_with("open-at")).unwrap();
    let plan = support::probe::Plan { path: "file", flags: (0, 0, 0), port: 0 };
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    let (config, _) = support::config(support::ALLOW_ALL);
    let mount = MountSpec::new(directory.path(), GuestPath::root());
    // Opened and never dropped; the process's own bound on files may come first, and has the same word.
    let runtime = ComponentRuntime::new(config.mount(mount)).unwrap();
    let component = load(&runtime, &support::probe::build(&resolve, &open, &plan)).await;
    let _: u32 = component.call("prepare", &()).await.unwrap();
    let mut last = 1;
    for _ in 0..10_010 {
        last = component.call("run", &()).await.unwrap();
    }
    assert_eq!(last, INSUFFICIENT_MEMORY);
}

#[tokio::test]
async fn subscriptions_to_one_stream_are_bounded() {
    let _alone = alone().await;
    let imports = r#"(import "wasi:cli/stdout@0.2.12" "get-stdout" (func $out (result i32)))
        (import "wasi:io/streams@0.2.12" "[method]output-stream.subscribe" (func $sub (param i32) (result i32)))"#;
    let bytes = repeating(imports, "(local.set $h (call $out))", "(drop (call $sub (local.get $h)))");
    let (runtime, _) = runtime(Limits::default());
    let component = load(&runtime, &bytes).await;
    assert_handles(&component.call::<_, u32>("run", &20_000u64).await.unwrap_err());
}

#[tokio::test]
async fn more_random_bytes_than_one_mebibyte_trap() {
    let _alone = alone().await;
    let imports = r#"(import "wasi:random/random@0.2.12" "get-random-bytes" (func $draw (param i64 i32)))"#;
    let world = "package test:draw; world draw { import wasi:random/random@0.2.12; export run: func(n: u64) -> u32; }";
    let core = format!(
        r#"(module {imports} {MEMORY} (func (export "run") (param $n i64) (result i32)
            (call $draw (local.get $n) (i32.const 0)) (i32.load offset=4 (i32.const 0))))"#
    );
    let (runtime, _) = runtime(Limits::default());
    let component = load(&runtime, &support::component(world, &core)).await;
    for length in [u64::MAX, (1 << 20) + 1, u64::from(u32::MAX) + 1] {
        let instance = component.instantiate().await.unwrap();
        let error = instance.call::<_, u32>("run", &length).await.unwrap_err();
        let Error::LimitExceeded(exceeded) = &error else { panic!("{length}: {error}") };
        assert_eq!((exceeded.limit, exceeded.value), ("random_bytes_per_call", 1 << 20), "{length}");
    }
    assert_eq!(component.call::<_, u32>("run", &1_024u64).await.unwrap(), 1_024);
}

#[tokio::test]
async fn a_flood_of_denials_stops_its_component_and_not_the_log() {
    let _alone = alone().await;
    let imports = r#"(import "wasi:cli/environment@0.2.12" "get-environment" (func $env (param i32)))"#;
    let bytes = repeating(imports, "", "(call $env (i32.const 0))");
    let (runtime, log) = runtime(Limits::default());
    runtime.swap_policy(&[], &[]).unwrap();
    let component = load(&runtime, &bytes).await;
    let error = component.call::<_, u32>("run", &20_000u64).await.unwrap_err();
    let Error::Denied(denied) = &error else { panic!("{error}") };
    assert_eq!(denied.why, Why::Flood);
    assert!(matches!(component.call::<_, u32>("run", &1u64).await, Err(Error::Ended)));
    assert_eq!(support::of_kind(&log, "decision").len(), 10_000);
    assert_eq!(support::of_kind(&log, "note").len(), 1);
    let neighbour = component.instantiate().await.unwrap();
    assert_eq!(neighbour.call::<_, u32>("run", &10u64).await.unwrap(), 0);
    assert_eq!(support::of_kind(&log, "decision").len(), 10_010);
    assert!(audit::verify(log.bytes().as_slice(), None).unwrap().is_sound());
}
