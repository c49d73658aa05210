//! What a call costs from inside a guest: the library alone beside the kernel, in one run.
//!
//! Each measured iteration is one operation in the guest's own loop, so entering the guest is shared among thousands of
//! them. Every instance lives through the whole run, and each operation is measured on all before the next.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark"
)]

mod bare;
mod guarded;
mod guest;
#[path = "../../tests/support/mod.rs"]
mod support;

use bare::Bare;
use criterion::{Criterion, criterion_group, criterion_main};
use guarded::{Audit, Guarded};
use guest::{FILE, FILE_BYTES, FRESH_FILES, OPERATIONS, Operation, WRITTEN};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// An instance that runs the guest's loops.
trait Subject {
    /// What it is called in the results.
    fn name(&self) -> &str;

    /// Differs from the others in its way with files alone.
    fn files_only(&self) -> bool;

    /// Has the guest do what `export` does, so many times.
    fn run(&mut self, executor: &Runtime, export: &str, times: u32);
}

/// The directory that the guests see.
fn files() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(FILE);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, vec![b'x'; FILE_BYTES]).unwrap();
    std::fs::write(directory.path().join(WRITTEN), vec![b'x'; FILE_BYTES]).unwrap();
    let fresh = directory.path().join("new");
    std::fs::create_dir(&fresh).unwrap();
    for number in 0..FRESH_FILES {
        std::fs::write(fresh.join(guest::fresh_name(number)), "").unwrap();
    }
    directory
}

fn subjects(directory: &Path, log: &Path, executor: &Runtime) -> Vec<Box<dyn Subject>> {
    let component = guest::component();
    let engine = bare::engine();
    let bare = |in_place| -> Box<dyn Subject> {
        Box::new(Bare::new(&engine, &component, directory, in_place, executor))
    };
    let kernel = |count, audit: Audit<'_>| -> Box<dyn Subject> {
        Box::new(Guarded::new(&component, directory, count, &audit, executor))
    };
    vec![
        bare(true),
        bare(false),
        kernel(10, Audit::Off),
        kernel(10, Audit::File(log)),
        kernel(1_000, Audit::Off),
        kernel(10_000, Audit::Off),
    ]
}

fn measure(
    criterion: &mut Criterion,
    executor: &Runtime,
    subjects: &mut [Box<dyn Subject>],
    what: &Operation,
) {
    let mut group = criterion.benchmark_group(what.name);
    group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for subject in subjects.iter_mut().filter(|subject| what.files || !subject.files_only()) {
        let name = subject.name().to_owned();
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let start = Instant::now();
                subject.run(executor, what.export, u32::try_from(times).unwrap());
                start.elapsed()
            });
        });
    }
    group.finish();
}

fn calls(criterion: &mut Criterion) {
    let (directory, logs) = (files(), tempfile::tempdir().unwrap());
    // The executor that the blocking API makes.
    let executor = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut subjects = subjects(directory.path(), &logs.path().join("audit.jsonl"), &executor);
    for operation in OPERATIONS {
        measure(criterion, &executor, &mut subjects, operation);
    }
}

criterion_group!(benches, calls);
criterion_main!(benches);
