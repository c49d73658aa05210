//! What guests throw at their host leaves nothing behind: neither memory nor an open descriptor.
//!
//! Each bomb ends in its stated way. After a first round of all of them the process is as large as it gets: further
//! rounds leave it within 5 % of that. `AIRSSYS_BOMB_ROUNDS` says how many. One test in a process of its own, because
//! what it measures is the process.
#![cfg(target_os = "linux")]
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

use airssys_osl::fs::MountSpec;
use airssys_osl::{GuestPath, Why};
use airssys_wasm::audit::Log;
use airssys_wasm::embed::{Component, ComponentRuntime, Config, Error};
use airssys_wasm::kernel::Limits;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::MEMORY;

const MEMORY_MIB: u64 = 64;
const CPU_MS: u64 = 200;
const WALL_MS: u64 = 500;
const AT_LAST: Duration = Duration::from_secs(120);

/// The stated end of a bomb.
#[derive(Debug, Clone, Copy)]
enum End {
    Limit(&'static str, u64),
    Trap(&'static str),
    Flood,
    /// It is harmless.
    Returns,
    /// By the interface's own error, of this number.
    OwnError(u32),
}

struct Bomb {
    name: &'static str,
    /// What `run` does; it has the locals `$i` and `$h`.
    body: &'static str,
    end: End,
}

const fn bomb(name: &'static str, body: &'static str, end: End) -> Bomb {
    Bomb { name, body, end }
}

const UNBOUNDED: &str = "out of bounds";
/// Waits for so many pollables at once, all of them one that is ready in a quarter of an hour.
macro_rules! list_of {
    ($pollables:literal) => {
        concat!(
            "(local.set $h (call $alarm (i64.const 1000000000000)))
             (loop $more
               (i32.store (i32.add (i32.const 1048576) (i32.shl (local.get $i) (i32.const 2))) (local.get $h))
               (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const ",
            $pollables,
            "))))
             (call $poll (i32.const 1048576) (i32.const ",
            $pollables,
            ") (i32.const 16))"
        )
    };
}

const BOMBS: &[Bomb] = &[
    bomb(
        "memory",
        "(loop $more
           (local.set $h (memory.grow (i32.const 16)))
           (memory.fill (i32.shl (local.get $h) (i32.const 16)) (i32.const 7) (i32.const 1048576))
           (br $more))",
        End::Limit("memory_mib", MEMORY_MIB),
    ),
    bomb(
        "table",
        "(loop $more (drop (table.grow (ref.func $recurse) (i32.const 50000))) (br $more))",
        End::Limit("table_elements", 1_000_000),
    ),
    bomb("recursion", "(call $recurse (i64.const 1))", End::Limit("stack_kib", 512)),
    bomb("processor", "(loop $more (br $more))", End::Limit("cpu_ms", CPU_MS)),
    bomb(
        "handle",
        "(loop $more (drop (call $alarm (i64.const 1000000000000))) (br $more))",
        End::Limit("handles", 10_000),
    ),
    bomb(
        "pollable",
        "(local.set $h (call $out)) (loop $more (drop (call $subscribe (local.get $h))) (br $more))",
        End::Limit("handles", 10_000),
    ),
    bomb("a wait for 9,000 pollables", list_of!(9000), End::Limit("wall_ms", WALL_MS)),
    bomb("a wait for 1,000,000 pollables", list_of!(1000000), End::Limit("handles", 10_000)),
    bomb(
        "empty write",
        "(local.set $h (call $out))
         (loop $more
           (call $write (local.get $h) (i32.const 0) (i32.const 0) (i32.const 16))
           (if (i32.load8_u (i32.const 16)) (then unreachable))
           (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 300000))))",
        End::Returns,
    ),
    bomb(
        "write of 4 GiB",
        "(call $write (call $out) (i32.const 0) (i32.const -1) (i32.const 16))",
        End::Trap(UNBOUNDED),
    ),
    bomb(
        "path of 4 GiB",
        "(call $open (call $root) (i32.const 0) (i32.const 16) (i32.const -1) (i32.const 0) (i32.const 1) (i32.const 64))",
        End::Trap(UNBOUNDED),
    ),
    bomb(
        "list of 4 Gi pollables",
        "(call $poll (i32.const 0) (i32.const -1) (i32.const 16))",
        End::Trap(UNBOUNDED),
    ),
    bomb(
        "random bytes without end",
        "(call $random (i64.const -1) (i32.const 16))",
        End::Limit("random_bytes_per_call", 1_048_576),
    ),
    bomb(
        "read of 2^64 bytes",
        "(call $open (call $root) (i32.const 0) (i32.const 1024) (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 64))
         (if (i32.load8_u (i32.const 64)) (then unreachable))
         (call $read (i32.load (i32.const 68)) (i64.const -1) (i64.const 0) (i32.const 16))
         (if (i32.load8_u (i32.const 16)) (then unreachable))",
        End::Returns,
    ),
    bomb(
        "open files",
        "(local.set $h (call $root))
         (loop $more
           (call $open (local.get $h) (i32.const 0) (i32.const 1024) (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 64))
           (br_if $more (i32.eqz (i32.load8_u (i32.const 64)))))
         (return (i32.load8_u (i32.const 68)))",
        // `insufficient-memory`
        End::OwnError(22),
    ),
    bomb("log flood", "(loop $more (call $environment (i32.const 16)) (br $more))", End::Flood),
];

const IMPORTS: &str = r#"
  (import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
  (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $out (result i32)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $alarm (param i64) (result i32)))
  (import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $dirs (param i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.open-at" (func $open (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.read" (func $read (param i32 i64 i64 i32)))
  (import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.subscribe" (func $subscribe (param i32) (result i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $write (param i32 i32 i32 i32)))
  (import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))"#;

const WORLD: &str = "package test:bomb; world bomb {
  import wasi:cli/environment@0.2.12; import wasi:cli/stdout@0.2.12; import wasi:clocks/monotonic-clock@0.2.12;
  import wasi:filesystem/preopens@0.2.12; import wasi:filesystem/types@0.2.12; import wasi:io/poll@0.2.12;
  import wasi:io/streams@0.2.12; import wasi:random/random@0.2.12; export run: func() -> u32; }";

fn component(body: &str) -> Vec<u8> {
    let memory = MEMORY.replace("4)", "128)");
    let core = format!(
        r#"(module {IMPORTS} {memory}
          (table 1 funcref) (elem declare func $recurse) (data (i32.const 1024) "file")
          (func $recurse (param i64) (result i64)
            (i64.add (call $recurse (i64.add (local.get 0) (i64.const 1))) (local.get 0)))
          (func $root (result i32) (call $dirs (i32.const 0)) (i32.load (i32.load (i32.const 0))))
          (func (export "run") (result i32) (local $i i32) (local $h i32) {body} (i32.const 0)))"#
    );
    // A call for its effect alone: its value is dropped.
    let core = core.replace("(call $recurse (i64.const 1))", "(drop (call $recurse (i64.const 1)))");
    support::component(WORLD, &core)
}

fn nonzero(value: u64) -> NonZeroU64 {
    NonZeroU64::new(value).unwrap()
}

fn runtime(directory: &Path) -> ComponentRuntime {
    // A file, as in earnest: in memory the log itself would be what grows.
    let log = Log::builder().file(directory.join("audit.log")).build().unwrap();
    let mounted = directory.join("mounted");
    std::fs::create_dir(&mounted).unwrap();
    std::fs::write(mounted.join("file"), vec![7; 1 << 20]).unwrap();
    let limits = Limits::default().memory_mib(nonzero(MEMORY_MIB));
    let policy =
        format!("{} forbid (principal, action == Action::\"env:read\", resource);", support::ALLOW_ALL);
    let config = Config::new().trust(support::trust()).policy("test.cedar", policy).audit(Arc::new(log));
    let config = config.mount(MountSpec::new(&mounted, GuestPath::root())).env("VARIABLE", "value");
    ComponentRuntime::new(config.limits(limits)).unwrap()
}

fn assert_ended(bomb: &Bomb, ended: Result<u32, Error>) {
    let name = bomb.name;
    match (bomb.end, ended) {
        (End::Limit(limit, value), Err(Error::LimitExceeded(exceeded))) => {
            assert_eq!((exceeded.limit, exceeded.value), (limit, value), "{name}");
        }
        (End::Trap(text), Err(Error::Trap(told))) => assert!(told.contains(text), "{name}: {told}"),
        (End::Flood, Err(Error::Denied(denied))) => assert_eq!(denied.why, Why::Flood, "{name}"),
        (End::Returns, Ok(0)) => {}
        (End::OwnError(number), Ok(told)) => assert_eq!(told, number, "{name}"),
        (end, ended) => panic!("{name} is to end by {end:?}, and not by {ended:?}"),
    }
}

/// The bomb's component, which asks for the limit that is to end it, so that no other does on a slow machine.
fn signed(bomb: &Bomb) -> Vec<u8> {
    let more = match bomb.end {
        End::Limit("table_elements", _) => String::new(),
        End::Limit(limit, value) => format!("[limits]\n{limit} = {value}\n"),
        End::Trap(_) | End::Flood | End::Returns | End::OwnError(_) => String::new(),
    };
    support::signed_with("bomb", &more, &component(bomb.body))
}

/// How many rounds are for the allocator to settle.
const WARMING: u32 = 3;

/// Each bomb, in an instance of its own which is gone afterwards, and once more: when glibc's allocator first gets back
/// a block of some size, it decides to keep blocks of that size, so that each bomb's second is where it settles.
async fn round(bombs: &[(&Bomb, Component)]) {
    for (bomb, component) in bombs {
        for _ in 0..2 {
            let thrown = tokio::time::timeout(AT_LAST, throw(bomb, component)).await;
            thrown.unwrap_or_else(|_| panic!("{} does not come to its end", bomb.name));
        }
    }
}

async fn throw(bomb: &Bomb, component: &Component) {
    let instance = component.instantiate().await.unwrap();
    assert_ended(bomb, instance.call("run", &()).await);
    instance.unload().await.unwrap();
}

/// The pages that this process has in memory, in KiB.
fn resident_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// What is closed on another thread is closed soon.
async fn until_closed(before: usize) {
    let begun = Instant::now();
    while descriptors() > before && begun.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(descriptors(), before, "descriptors are left open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_leave_neither_memory_nor_descriptors_behind() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = runtime(directory.path());
    let mut bombs = Vec::new();
    for bomb in BOMBS {
        bombs.push((bomb, runtime.load_component(signed(bomb)).await.unwrap()));
    }
    let before = descriptors();
    // A call is done on the thread of whoever makes it, or on any of three others, and each has its part of the allocator.
    for _ in 0..WARMING {
        round(&bombs).await;
        until_closed(before).await;
    }
    let warm = resident_kib();
    let rounds = std::env::var("AIRSSYS_BOMB_ROUNDS").map_or(5, |rounds| rounds.parse().unwrap());
    for number in 1..=rounds {
        round(&bombs).await;
        until_closed(before).await;
        let now = resident_kib();
        println!("round {number}: {now} KiB, after the first ones {warm} KiB");
        assert!(now * 100 <= warm * 105, "round {number}: {now} KiB, after the first {warm} KiB");
    }
}
