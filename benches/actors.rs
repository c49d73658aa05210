//! Components that speak to each other, and what it costs that they are actors, beside bare wasmtime stores.
//!
//! Medians of rounds in which the two take turns, in one process: a request from guest to guest (decided when it is sent and
//! when it is taken, recorded or counted, through two actors) beside a call from guest to host to a guest in another store;
//! an instance that answers its first call; the memory of 10,000 that have.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark"
)]

#[path = "../tests/guests/mod.rs"]
mod guests;
#[path = "../tests/support/mod.rs"]
mod support;

use airssys_wasm::audit::Log;
use airssys_wasm::embed::{Component, ComponentRuntime, Config, Named, Spec};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::MEMORY;
use tokio::sync::Mutex;
use wasmtime::component::{Component as Bare, Instance, Linker};
use wasmtime::{Engine, Store, StoreContextMut};

const ROUNDS: usize = 15;
const REQUESTS: u32 = 2_000;
const INSTANCES: usize = 500;
const IDLE: usize = 10_000;

const POLICY: &str = r#"
permit (principal, action == Action::"component:load", resource);
permit (principal == Component::"acme/a", action == Action::"msg:request", resource == Component::"acme/b");
permit (principal == Component::"acme/b", action == Action::"msg:receive", resource == Component::"acme/a");
"#;

/// `run(n)` asks n times and answers how often that failed.
fn asking() -> Vec<u8> {
    let world = "package bench:asking; world asking { import airssys:runtime/messaging@0.1.0;
        export run: func(n: u32) -> u32; }";
    let core = format!(
        r#"(module
          (import "airssys:runtime/messaging@0.1.0" "request" (func $request (param i32 i32 i32 i32 i64 i32)))
          {MEMORY}
          (data (i32.const 1024) "acme/b") (data (i32.const 1040) "x")
          (func (export "run") (param $n i32) (result i32)
            (local $bad i32)
            (loop $again
              (global.set $bump (i32.const 65536))
              (call $request (i32.const 1024) (i32.const 6) (i32.const 1040) (i32.const 1)
                (i64.const 10000) (i32.const 2048))
              (local.set $bad (i32.add (local.get $bad) (i32.load8_u (i32.const 2048))))
              (local.set $n (i32.sub (local.get $n) (i32.const 1)))
              (br_if $again (local.get $n)))
            (local.get $bad)))"#
    );
    support::component(world, &core)
}

/// The same with a host function in between and nothing else.
fn calling() -> Vec<u8> {
    let world =
        "package bench:calling; world calling { import go: func(); export run: func(n: u32) -> u32; }";
    let core = r#"(module (import "$root" "go" (func $go)) (memory (export "memory") 1)
      (func (export "run") (param $n i32) (result i32)
        (loop $again
          (call $go)
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br_if $again (local.get $n)))
        (i32.const 0)))"#;
    support::component(world, core)
}

/// The settings of `src/kernel/engine.rs`, without its clock.
fn engine() -> Engine {
    let mut config = wasmtime::Config::new();
    config.concurrency_support(false).wasm_component_model(true).epoch_interruption(true);
    Engine::new(&config).unwrap()
}

struct Callee {
    store: Store<()>,
    instance: Instance,
}

async fn started<T: Send + 'static>(linker: &Linker<T>, bare: &Bare, data: T) -> (Store<T>, Instance) {
    let mut store = Store::new(linker.engine(), data);
    store.set_epoch_deadline(1 << 40);
    let instance = linker.instantiate_async(&mut store, bare).await.unwrap();
    (store, instance)
}

type Going<'a> = Box<dyn Future<Output = wasmtime::Result<()>> + Send + 'a>;

/// The host in between.
fn go(store: StoreContextMut<'_, Arc<Mutex<Callee>>>, (): ()) -> Going<'_> {
    let callee = Arc::clone(store.data());
    Box::new(async move {
        let mut callee = callee.lock().await;
        let Callee { store, instance } = &mut *callee;
        let run = instance.get_typed_func::<(), ()>(&mut *store, "run-empty")?;
        run.call_async(&mut *store, ()).await
    })
}

/// Bare wasmtime: one store whose guest calls the host, which calls the guest of another.
struct Pair {
    store: Store<Arc<Mutex<Callee>>>,
    instance: Instance,
}

impl Pair {
    async fn new(engine: &Engine) -> Pair {
        let callee = Bare::new(engine, guests::text("tiny")).unwrap();
        let (store, instance) = started(&Linker::<()>::new(engine), &callee, ()).await;
        let callee = Arc::new(Mutex::new(Callee { store, instance }));
        let mut linker = Linker::<Arc<Mutex<Callee>>>::new(engine);
        linker.root().func_wrap_async("go", go).unwrap();
        let caller = Bare::new(engine, calling()).unwrap();
        let (store, instance) = started(&linker, &caller, callee).await;
        Pair { store, instance }
    }

    async fn run(&mut self) -> Duration {
        let run = self.instance.get_typed_func::<(u32,), (u32,)>(&mut self.store, "run").unwrap();
        let begun = Instant::now();
        run.call_async(&mut self.store, (REQUESTS,)).await.unwrap();
        begun.elapsed() / REQUESTS
    }
}

async fn asked(named: &Named) -> Duration {
    let begun = Instant::now();
    let failed: u32 = named.call("run", &REQUESTS).await.unwrap();
    assert_eq!(failed, 0, "requests failed");
    begun.elapsed() / REQUESTS
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn tell(what: &str, bare: Duration, kernel: Duration) {
    let ratio = kernel.as_secs_f64() / bare.as_secs_f64();
    println!("{what:<44} bare {bare:>10.2?}  kernel {kernel:>10.2?}  {ratio:>6.2}x");
}

fn runtime(policy: &str, log: Option<&std::path::Path>) -> ComponentRuntime {
    let config = Config::new().trust(support::trust()).policy("bench.cedar", policy);
    let config = match log {
        Some(path) => config.audit(Arc::new(Log::builder().file(path).build().unwrap())),
        None => config,
    };
    ComponentRuntime::new(config).unwrap()
}

async fn requests(engine: &Engine) {
    let directory = tempfile::tempdir().unwrap();
    let runtime = runtime(POLICY, Some(&directory.path().join("audit.jsonl")));
    let a = runtime.spawn(Spec::new(support::signed("a", &asking()))).await.unwrap();
    runtime.spawn(Spec::new(support::signed("b", &guests::text("actor")))).await.unwrap();
    let mut pair = Pair::new(engine).await;
    let (mut bare, mut kernel) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(pair.run().await);
        kernel.push(asked(&a).await);
    }
    tell("request guest to guest, decided, audit to file", median(bare), median(kernel));
    runtime.shutdown(Duration::from_secs(5)).await;
}

async fn first_calls(engine: &Engine) {
    let runtime = runtime(support::ALLOW_ALL, None);
    let tiny = support::signed("tiny", &guests::text("tiny"));
    let component = runtime.load_component(tiny).await.unwrap();
    let (linker, code) = (Linker::<()>::new(engine), Bare::new(engine, guests::text("tiny")).unwrap());
    let (mut bare, mut kernel) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..INSTANCES {
            called(&linker, &code).await;
        }
        bare.push(begun.elapsed() / INSTANCES as u32);
        let begun = Instant::now();
        for _ in 0..INSTANCES {
            let fresh = component.instantiate().await.unwrap();
            let () = fresh.call("run-empty", &()).await.unwrap();
        }
        kernel.push(begun.elapsed() / INSTANCES as u32);
    }
    tell("instance, its first call answered, dropped", median(bare), median(kernel));
}

async fn called(linker: &Linker<()>, code: &Bare) -> (Store<()>, Instance) {
    let (mut store, instance) = started(linker, code, ()).await;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run-empty").unwrap();
    run.call_async(&mut store, ()).await.unwrap();
    (store, instance)
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok()).unwrap_or_default()
}

async fn memory(engine: &Engine) {
    let (linker, code) = (Linker::<()>::new(engine), Bare::new(engine, guests::text("tiny")).unwrap());
    let before = resident_kib();
    let mut stores = Vec::new();
    for _ in 0..IDLE {
        stores.push(called(&linker, &code).await);
    }
    let bare = resident_kib() - before;
    let runtime = runtime(support::ALLOW_ALL, None);
    let tiny = support::signed("tiny", &guests::text("tiny"));
    let component = runtime.load_component(tiny).await.unwrap();
    let before = resident_kib();
    let mut actors: Vec<Component> = Vec::new();
    for _ in 0..IDLE {
        let fresh = component.instantiate().await.unwrap();
        let () = fresh.call("run-empty", &()).await.unwrap();
        actors.push(fresh);
    }
    let kernel = resident_kib() - before;
    let each = |kib: u64| kib as f64 / IDLE as f64;
    let ratio = kernel as f64 / bare as f64;
    println!(
        "{IDLE} live, called once: bare {:.1} KiB each, kernel {:.1} KiB each ({} MiB), {ratio:.2}x",
        each(bare),
        each(kernel),
        kernel / 1024
    );
    drop((stores, actors));
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let engine = engine();
    requests(&engine).await;
    first_calls(&engine).await;
    memory(&engine).await;
}
