//! How long a neighbour's calls take while a hundred guests loop: 1,000 calls a second, before and meanwhile.
//!
//! A call's time runs from the moment it was due until it was answered, so waiting for one's turn counts. The program
//! fails when the 99th percentile is more than the larger of 5 times the idle one and 10 ms.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use airssys_wasm::embed::{Component, ComponentRuntime};
use airssys_wasm::kernel::Limits;
use std::num::NonZeroU64;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::MEMORY;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const LOOPING: usize = 100;
const PACE: Duration = Duration::from_millis(1);
const IDLE: u32 = 3_000;
const LOADED: u32 = 5_000;
/// What every loaded run may take, however short the idle one is.
const AT_LEAST_ALLOWED: Duration = Duration::from_millis(10);

/// `answer` is the neighbour's; `spin` loops within the guest, `ask` by calling its host.
fn component() -> Vec<u8> {
    let world = "package bench:neighbour; world neighbour { import wasi:clocks/monotonic-clock@0.2.12;
        export answer: func(n: u32) -> u32; export spin: func(); export ask: func(); }";
    let core = format!(
        r#"(module (import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64))) {MEMORY}
          (func (export "answer") (param i32) (result i32) (drop (call $now)) (local.get 0))
          (func (export "spin") (loop $again (br $again)))
          (func (export "ask") (loop $again (drop (call $now)) (br $again))))"#
    );
    support::component(world, &core)
}

/// How long calls took, sorted.
struct Times(Vec<Duration>);

impl Times {
    fn percentile(&self, of_a_thousand: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get((self.0.len() * of_a_thousand / 1_000).min(last)).copied().unwrap_or_default()
    }

    fn show(&self, when: &str) {
        let [half, most, nearly_all] = [500, 990, 999].map(|part| self.percentile(part));
        let longest = self.percentile(1_000);
        println!(
            "{when:<34} p50 {half:>10.1?}  p99 {most:>10.1?}  p99.9 {nearly_all:>10.1?}  max {longest:>10.1?}"
        );
    }
}

/// Calls the neighbour so many times, each when it is due.
async fn measure(neighbour: &Component, calls: u32) -> Times {
    let (send, mut due) = mpsc::unbounded_channel();
    // Its own thread, as a network's would be: no executor's timer stands between.
    let pacer = std::thread::spawn(move || {
        let begin = Instant::now() + PACE;
        for call in 0..calls {
            let at = begin + PACE * call;
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            send.send(at).unwrap();
        }
    });
    let mut times = Vec::new();
    while let Some(at) = due.recv().await {
        neighbour.call_typed::<(u32,), (u32,)>("answer", (1,)).await.unwrap();
        times.push(at.elapsed());
    }
    pacer.join().unwrap();
    times.sort();
    Times(times)
}

/// Measures while a hundred instances are in `function` for ever.
async fn beside(neighbour: &Arc<Component>, function: &'static str) -> Times {
    let mut calls = JoinSet::new();
    for _ in 0..LOOPING {
        let instance = neighbour.instantiate().await.unwrap();
        calls.spawn(async move { instance.call::<_, ()>(function, &()).await });
    }
    let neighbour = Arc::clone(neighbour);
    let measuring = async move {
        measure(&neighbour, 1_000).await.show(&format!("  while {LOOPING} begin to {function}"));
        measure(&neighbour, LOADED).await
    };
    let times = tokio::spawn(measuring).await.unwrap();
    assert_eq!(calls.len(), LOOPING);
    assert!(calls.try_join_next().is_none(), "they loop on");
    times.show(&format!("beside {LOOPING} that {function}"));
    times
}

async fn run() -> bool {
    let (config, _log) = support::config(support::ALLOW_ALL);
    let hour = NonZeroU64::new(3_600_000).unwrap();
    let runtime = ComponentRuntime::new(config.limits(Limits::default().cpu_ms(hour))).unwrap();
    let component = runtime.load_component(support::signed("neighbour", &component())).await.unwrap();
    let neighbour = Arc::new(component);
    measure(&neighbour, 500).await;
    let measured = Arc::clone(&neighbour);
    let idle = tokio::spawn(async move { measure(&measured, IDLE).await }).await.unwrap();
    idle.show("idle");
    let allowed = (5 * idle.percentile(990)).max(AT_LEAST_ALLOWED);
    println!("{:<34} p99 at most {allowed:.1?}", "allowed");
    let mut holds = true;
    for function in ["spin", "ask"] {
        holds &= beside(&neighbour, function).await.percentile(990) <= allowed;
    }
    holds
}

fn main() -> ExitCode {
    let executor =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let holds = executor.block_on(run());
    executor.shutdown_background();
    if holds {
        return ExitCode::SUCCESS;
    }
    eprintln!("the neighbour waits for longer than is allowed");
    ExitCode::FAILURE
}
