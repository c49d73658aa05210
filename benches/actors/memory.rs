//! What an instance that was called once keeps of the host's memory.
//!
//! Each sample is a process of its own: in one that has freed memory before, what is new would lie where the old was.

use crate::bare::Instances;
use crate::{guests, runtime, support};
use criterion::measurement::{Measurement, ValueFormatter};
use criterion::{BenchmarkId, Criterion, Throughput};
use std::time::Duration;

/// Says to a process of this program that it is a sample.
const SAMPLE: &str = "AIRSSYS_BENCH_MEMORY_OF";

/// Bytes of memory.
pub(crate) struct Bytes;

impl Measurement for Bytes {
    type Intermediate = u64;
    type Value = u64;
    fn start(&self) -> u64 {
        0
    }
    fn end(&self, _: u64) -> u64 {
        0
    }
    fn add(&self, left: &u64, right: &u64) -> u64 {
        left + right
    }
    fn zero(&self) -> u64 {
        0
    }
    fn to_f64(&self, value: &u64) -> f64 {
        *value as f64
    }
    fn formatter(&self) -> &dyn ValueFormatter {
        &Bytes
    }
}

impl ValueFormatter for Bytes {
    fn scale_values(&self, _: f64, values: &mut [f64]) -> &'static str {
        values.iter_mut().for_each(|value| *value /= 1024.0);
        "KiB"
    }
    fn scale_throughputs(&self, _: f64, _: &Throughput, _: &mut [f64]) -> &'static str {
        ""
    }
    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "B"
    }
}

fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// In a process that is a sample: prints what it measured. False in any other.
pub(crate) async fn is_sample() -> bool {
    let Ok(what) = std::env::var(SAMPLE) else { return false };
    let (who, count) = what.split_once(' ').unwrap();
    let count: usize = count.parse().unwrap();
    let bytes = if who == "kernel" { kernel(count).await } else { bare(count).await };
    println!("{bytes}");
    true
}

async fn bare(count: usize) -> u64 {
    let instances = Instances::new(false);
    let mut all = vec![instances.called().await];
    let before = resident();
    for _ in 0..count {
        all.push(instances.called().await);
    }
    resident() - before
}

async fn kernel(count: usize) -> u64 {
    let runtime = runtime(support::ALLOW_ALL, None);
    let tiny = support::signed("tiny", &guests::text("tiny"));
    let component = runtime.load_component(tiny).await.unwrap();
    let () = component.call("run-empty", &()).await.unwrap();
    let (before, mut all) = (resident(), Vec::new());
    for _ in 0..count {
        let fresh = component.instantiate().await.unwrap();
        let () = fresh.call("run-empty", &()).await.unwrap();
        all.push(fresh);
    }
    resident() - before
}

fn sample(who: &str, count: usize) -> u64 {
    let mut process = std::process::Command::new(std::env::current_exe().unwrap());
    let said = process.env(SAMPLE, format!("{who} {count}")).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap().trim().parse().unwrap()
}

/// Bytes for each instance, of so many that live and were called once.
pub(crate) fn memory(criterion: &mut Criterion<Bytes>) {
    let mut group = criterion.benchmark_group("memory of a live instance, called once");
    group.sample_size(10).warm_up_time(Duration::from_nanos(1)).measurement_time(Duration::from_nanos(1));
    for count in [100, 1_000, 10_000] {
        for who in ["bare", "kernel"] {
            group.bench_function(BenchmarkId::new(who, count), |bencher| {
                // Of one instance; criterion wants the sum of so many.
                bencher.iter_custom(|times| sample(who, count) / count as u64 * times);
            });
        }
    }
    group.finish();
}
