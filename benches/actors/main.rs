//! Components that speak to each other, and what it costs that they are actors, beside bare wasmtime stores.
//!
//! A request from guest to guest (decided when it is sent and when it is taken, recorded or counted, through two actors)
//! beside a call from guest to host to a guest in another store; an instance that answers its first call; a component that
//! is verified, compiled, spawned under a name of its own and answers its first message; a call while many live; the memory
//! of those.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a benchmark"
)]

mod bare;
#[path = "../../tests/guests/mod.rs"]
mod guests;
mod guests_of;
mod memory;
#[path = "../../tests/support/mod.rs"]
mod support;

use airssys_wasm::audit::Log;
use airssys_wasm::embed::{Component, ComponentRuntime, Config, Named, Spec};
use bare::{Instances, Pair, compiled_and_called, engine};
use criterion::{BenchmarkId, Criterion};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

const POLICY: &str = r#"
permit (principal, action == Action::"component:load", resource);
permit (principal == Component::"acme/a", action == Action::"msg:request", resource == Component::"acme/b");
permit (principal == Component::"acme/b", action == Action::"msg:receive", resource == Component::"acme/a");
"#;

fn runtime(policy: &str, log: Option<&std::path::Path>) -> ComponentRuntime {
    let config = Config::new().trust(support::trust()).policy("bench.cedar", policy);
    let config = match log {
        Some(path) => config.audit(Arc::new(Log::builder().file(path).build().unwrap())),
        None => config,
    };
    ComponentRuntime::new(config).unwrap()
}

async fn asked(named: &Named, times: u32) -> Duration {
    let begun = Instant::now();
    let failed: u32 = named.call("run", &times).await.unwrap();
    assert_eq!(failed, 0, "requests failed");
    begun.elapsed()
}

fn requests(criterion: &mut Criterion, executor: &Runtime) {
    let directory = tempfile::tempdir().unwrap();
    let runtime = executor.block_on(async { runtime(POLICY, Some(&directory.path().join("audit.jsonl"))) });
    let spawn = |name, bytes: &[u8]| {
        executor.block_on(runtime.spawn(Spec::new(support::signed(name, bytes)))).unwrap()
    };
    let a = spawn("a", &guests_of::asking());
    spawn("b", &guests::text("actor"));
    let mut pair = executor.block_on(Pair::new(&engine()));
    let mut group = criterion.benchmark_group("request guest to guest");
    group.measurement_time(Duration::from_secs(3)).sample_size(30);
    let count = |times: u64| u32::try_from(times).unwrap();
    group.bench_function("bare/guest, host, guest of another store", |bencher| {
        bencher.iter_custom(|times| executor.block_on(pair.run(count(times))));
    });
    group.bench_function("kernel/decided, audit to file", |bencher| {
        bencher.iter_custom(|times| executor.block_on(asked(&a, count(times))));
    });
    group.finish();
    executor.block_on(runtime.shutdown(Duration::from_secs(5)));
}

fn first_calls(criterion: &mut Criterion, executor: &Runtime) {
    let mut group = criterion.benchmark_group("instance, its first call, dropped");
    group.measurement_time(Duration::from_secs(2)).sample_size(30);
    for (name, pooled) in [("bare/on demand, WASI context", false), ("bare/pooled, WASI context", true)] {
        let instances = Instances::new(pooled);
        group.bench_function(name, |bencher| {
            bencher.to_async(executor).iter(|| async { drop(instances.called().await) });
        });
    }
    let runtime = executor.block_on(async { runtime(support::ALLOW_ALL, None) });
    let tiny = support::signed("tiny", &guests::text("tiny"));
    let component = executor.block_on(runtime.load_component(tiny)).unwrap();
    group.bench_function("kernel", |bencher| {
        bencher.to_async(executor).iter(|| async {
            let fresh = component.instantiate().await.unwrap();
            let () = fresh.call("run-empty", &()).await.unwrap();
        });
    });
    group.bench_function("kernel/without a call", |bencher| {
        bencher.to_async(executor).iter(|| async { drop(component.instantiate().await.unwrap()) });
    });
    group.finish();
}

/// As it is with strangers' components: each has its own file, so each is verified and compiled.
fn spawns(criterion: &mut Criterion, executor: &Runtime) {
    let mut group = criterion.benchmark_group("verified, compiled, spawned, first message");
    group.sample_size(10).measurement_time(Duration::from_secs(2));
    let (engine, tiny) = (engine(), guests::text("tiny"));
    group.bench_function("bare/a smaller one, compiled and called", |bencher| {
        bencher.to_async(executor).iter(|| compiled_and_called(&engine, &tiny));
    });
    let actor = guests::text("actor");
    group.bench_function("kernel", |bencher| {
        bencher.iter_custom(|times| {
            let times = u32::try_from(times).unwrap();
            executor.block_on(spawned(&actor, times.min(SPAWNED))) * times / times.min(SPAWNED)
        });
    });
    group.finish();
}

/// As many as `asking_of` has names for.
const SPAWNED: u32 = 200;

async fn spawned(actor: &[u8], times: u32) -> Duration {
    let runtime = runtime(support::ALLOW_ALL, None);
    let asker = runtime.spawn(Spec::new(support::signed("a", &guests_of::asking_of()))).await.unwrap();
    let signed: Vec<_> = (0..times).map(|n| support::signed(&format!("b{n:03}"), actor)).collect();
    let begun = Instant::now();
    for (number, signed) in signed.into_iter().enumerate() {
        runtime.spawn(Spec::new(signed)).await.unwrap();
        let bad: u32 = asker.call("run", &(number as u32)).await.unwrap();
        assert_eq!(bad, 0, "it answers");
    }
    let taken = begun.elapsed();
    runtime.shutdown(Duration::from_secs(5)).await;
    taken
}

/// A call to one of so many that live.
fn among_many(criterion: &mut Criterion, executor: &Runtime) {
    let mut group = criterion.benchmark_group("call to one of many that live");
    let runtime = executor.block_on(async { runtime(support::ALLOW_ALL, None) });
    let tiny = support::signed("tiny", &guests::text("tiny"));
    let component = executor.block_on(runtime.load_component(tiny)).unwrap();
    let mut all: Vec<Component> = Vec::new();
    for count in [1, 100, 1_000, 10_000] {
        while all.len() < count {
            all.push(executor.block_on(component.instantiate()).unwrap());
        }
        let mut next = 0;
        group.bench_function(BenchmarkId::new("kernel", count), |bencher| {
            bencher.iter_custom(|times| {
                let begun = Instant::now();
                for _ in 0..times {
                    next = (next + 7) % all.len();
                    let () = executor.block_on(all[next].call("run-empty", &())).unwrap();
                }
                begun.elapsed()
            });
        });
    }
    group.finish();
}

fn main() {
    let executor = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if executor.block_on(memory::is_sample()) {
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    requests(&mut criterion, &executor);
    first_calls(&mut criterion, &executor);
    spawns(&mut criterion, &executor);
    among_many(&mut criterion, &executor);
    memory::memory(&mut Criterion::default().with_measurement(memory::Bytes).configure_from_args());
}
