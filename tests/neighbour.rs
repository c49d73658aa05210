//! Who loops keeps nobody else waiting: a call that used up a tick goes on in the background, and ends there as anywhere.
//!
//! How long a neighbour waits is measured by `benches/neighbour.rs`. Here is what holds on a machine however busy.
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
use airssys_wasm::embed::{Component, ComponentRuntime, Config, Error, blocking};
use airssys_wasm::kernel::Limits;
use std::future::Future;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{MEMORY, of_kind};
use tokio::task::JoinSet;

const LOOPING: usize = 100;
const CALLS: u32 = 1_000;
const AT_LAST: Duration = Duration::from_secs(120);
/// More than a tick of processor time on any machine.
const LONG: u64 = 200_000_000;
const BACKGROUND: &str = "airssys-background";

/// `spin` never returns; `answer` does at once; `ask` is denied something after so many turns, `wait` sleeps before.
fn component() -> Vec<u8> {
    let world = "package test:neighbour; world neighbour {
        import wasi:cli/environment@0.2.12; import wasi:clocks/monotonic-clock@0.2.12;
        export spin: func(); export answer: func(n: u32) -> u32; export ask: func(turns: u64) -> u64;
        export wait: func(nanoseconds: u64, turns: u64) -> u64;
    }";
    let core = format!(
        r#"(module
          (import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
          (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $alarm (param i64) (result i32)))
          (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
          {MEMORY}
          (func $turn (param $turns i64)
            (loop $again
              (local.set $turns (i64.sub (local.get $turns) (i64.const 1)))
              (br_if $again (i64.gt_s (local.get $turns) (i64.const 0)))))
          (func (export "spin") (loop $again (br $again)))
          (func (export "answer") (param i32) (result i32) (local.get 0))
          (func (export "ask") (param $turns i64) (result i64)
            (call $turn (local.get $turns)) (call $environment (i32.const 16)) (local.get $turns))
          (func (export "wait") (param $for i64) (param $turns i64) (result i64)
            (call $turn (local.get $turns))
            (call $block (call $alarm (local.get $for)))
            (call $environment (i32.const 16)) (local.get $for)))"#
    );
    let world =
        world.replace("monotonic-clock@0.2.12;", "monotonic-clock@0.2.12; import wasi:io/poll@0.2.12;");
    support::component(&world, &core)
}

/// Names of threads on which something was denied.
#[derive(Clone, Default)]
struct Threads(Arc<Mutex<Vec<String>>>);

impl Threads {
    fn note(&self) {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        self.0.lock().unwrap().push(name);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// Whether some runtime's gate is left that would tell of a denial: no instance lives without one.
    fn are_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

fn config(limits: Limits) -> (Config, Memory, Threads) {
    let (config, log) = support::config("permit (principal, action == Action::\"clock:sleep\", resource);");
    let threads = Threads::default();
    let told = threads.clone();
    let config = config.env("VARIABLE", "value").limits(limits).on_denied(move |_| told.note());
    (config.background_threads(NonZeroUsize::MIN), log, threads)
}

async fn load(limits: Limits) -> (ComponentRuntime, Component, Memory, Threads) {
    let (config, log, threads) = config(limits);
    let runtime = ComponentRuntime::new(config).unwrap();
    let component = runtime.load_component(support::signed("probe", &component())).await.unwrap();
    (runtime, component, log, threads)
}

async fn at_last<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(AT_LAST, work).await.expect("it comes to an end")
}

fn nonzero(value: u64) -> NonZeroU64 {
    NonZeroU64::new(value).unwrap()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < AT_LAST, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn spin(component: Arc<Component>) -> Error {
    component.call::<_, ()>("spin", &()).await.unwrap_err()
}

/// Has so many instances loop for ever.
async fn loopers(component: &Component, how_many: usize) -> (Vec<Arc<Component>>, JoinSet<Error>) {
    let (mut instances, mut calls) = (Vec::new(), JoinSet::new());
    for _ in 0..how_many {
        let instance = Arc::new(component.instantiate().await.unwrap());
        calls.spawn(spin(Arc::clone(&instance)));
        instances.push(instance);
    }
    (instances, calls)
}

/// Calls many times, each time in a task of its own: it waits for its turn at the executor.
async fn answered(component: &Arc<Component>) {
    at_last(async {
        for number in 0..CALLS {
            let component = Arc::clone(component);
            let called = tokio::spawn(async move { component.call::<_, u32>("answer", &number).await });
            assert_eq!(called.await.unwrap().unwrap(), number);
        }
    })
    .await;
}

#[tokio::test]
async fn a_hundred_endless_calls_keep_no_call_waiting() {
    let (_runtime, component, _, _) = load(Limits::default()).await;
    let component = Arc::new(component);
    let (_instances, mut calls) = loopers(&component, LOOPING).await;
    answered(&component).await;
    assert_eq!(calls.len(), LOOPING);
    assert!(calls.try_join_next().is_none(), "they loop on");
}

#[test]
fn a_blocking_call_goes_on_in_the_background_as_well() {
    let (config, _, threads) = config(Limits::default());
    let runtime = blocking::ComponentRuntime::new(config).unwrap();
    let component = runtime.load_component(support::signed("probe", &component())).unwrap();
    assert_eq!(component.call::<_, u64>("ask", &LONG).unwrap(), LONG);
    assert_eq!(threads.take(), [BACKGROUND]);
    let looping: Vec<_> = (0..8).map(|_| Arc::new(component.instantiate().unwrap())).collect();
    let spin = |instance: &Arc<blocking::Component>| {
        let instance = Arc::clone(instance);
        std::thread::spawn(move || instance.call::<_, ()>("spin", &()).unwrap_err())
    };
    let calls: Vec<_> = looping.iter().map(spin).collect();
    for number in 0..CALLS {
        assert_eq!(component.call::<_, u32>("answer", &number).unwrap(), number);
    }
    assert!(calls.iter().all(|call| !call.is_finished()));
    looping.iter().for_each(|instance| instance.unload().unwrap());
    for call in calls {
        assert!(matches!(call.join().unwrap(), Error::Ended));
    }
}

#[tokio::test]
async fn a_call_that_used_up_a_tick_goes_on_in_the_background_and_comes_back() {
    let (_runtime, component, _, threads) = load(Limits::default()).await;
    let here = std::thread::current().name().unwrap().to_owned();
    assert_eq!(component.call::<_, u64>("ask", &1u64).await.unwrap(), 1);
    assert_eq!(threads.take(), [here.as_str()]);
    assert_eq!(component.call::<_, u64>("ask", &LONG).await.unwrap(), LONG);
    assert_eq!(threads.take(), [BACKGROUND]);
    assert_eq!(component.call::<_, u64>("ask", &1u64).await.unwrap(), 1);
    assert_eq!(threads.take(), [here.as_str()], "each call begins anew");
}

#[tokio::test]
async fn a_call_in_the_background_waits_on_its_callers_executor() {
    let (_runtime, component, _, threads) = load(Limits::default()).await;
    let waited = at_last(component.call_typed::<(u64, u64), (u64,)>("wait", (50_000_000, LONG))).await;
    assert_eq!(
        (waited.unwrap(), threads.take().as_slice()),
        ((50_000_000,), [BACKGROUND.to_owned()].as_slice())
    );
}

#[tokio::test]
async fn limits_end_a_call_in_the_background() {
    let processor = Limits::default().cpu_ms(nonzero(200));
    let wall = Limits::default().wall_ms(nonzero(200));
    for (limits, name) in [(processor, "cpu_ms"), (wall, "wall_ms")] {
        let (_runtime, component, log, _) = load(limits).await;
        let (instances, mut calls) = loopers(&component, 4).await;
        while let Some(error) = at_last(calls.join_next()).await {
            let error = error.unwrap();
            assert!(matches!(&error, Error::LimitExceeded(limit) if limit.limit == name), "{error}");
        }
        assert_eq!(of_kind(&log, "limit").len(), 4);
        for instance in instances {
            assert!(matches!(instance.call::<_, u32>("answer", &1u32).await, Err(Error::Ended)));
        }
    }
}

#[tokio::test]
async fn of_a_call_that_was_given_up_in_the_background_nothing_remains() {
    let (runtime, component, _, threads) = load(Limits::default()).await;
    let (instances, mut calls) = loopers(&component, 8).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    calls.abort_all();
    while at_last(calls.join_next()).await.is_some() {}
    for instance in &instances {
        assert!(matches!(instance.call::<_, u32>("answer", &1u32).await, Err(Error::Ended)));
    }
    assert_eq!(component.call::<_, u64>("ask", &LONG).await.unwrap(), LONG);
    assert_eq!(threads.take(), [BACKGROUND], "the background is free again");
    drop((instances, component, runtime));
    until("an instance is left", || threads.are_alone()).await;
}

#[tokio::test]
async fn of_an_unloaded_instance_nothing_remains_in_the_background() {
    let (runtime, component, _, threads) = load(Limits::default()).await;
    for _ in 0..5 {
        let (instances, mut calls) = loopers(&component, 1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        instances[0].unload().await.unwrap();
        // No wait from here on: when `unload` has returned, the instance has gone.
        assert!(matches!(at_last(calls.join_next()).await.unwrap().unwrap(), Error::Ended));
    }
    component.unload().await.unwrap();
    drop((component, runtime));
    assert!(threads.are_alone());
}

#[tokio::test]
async fn a_start_that_used_up_a_tick_goes_on_in_the_background() {
    let world = "package test:start; world start { export answer: func(n: u32) -> u32; }";
    let core = format!(
        r#"(module {MEMORY} (func $spin (loop $again (br $again))) (start $spin)
             (func (export "answer") (param i32) (result i32) (local.get 0)))"#
    );
    let looping = support::signed("probe", &support::component(world, &core));
    let (runtime, component, _, _) = load(Limits::default()).await;
    let component = Arc::new(component);
    let mut starts = JoinSet::new();
    for _ in 0..LOOPING {
        let (runtime, looping) = (runtime.clone(), looping.clone());
        starts.spawn(async move { runtime.load_component(looping).await.map(drop).unwrap_err() });
    }
    answered(&component).await;
    assert!(starts.try_join_next().is_none(), "they start on");
}
