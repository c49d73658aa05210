//! What a record costs its caller, beside a bare `write` of the same bytes.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark"
)]

use airssys_osl::{ActionId, Ask, Entry, Principal, Reasons, Recorder, Resource, Subject, Verdict};
use airssys_wasm::audit::{Builder, Log, Sink, verify};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Records in a row.
const BURST: usize = 1000;

struct Null;

impl Sink for Null {
    fn append(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn take_back(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn subject() -> Subject {
    let principal = Principal {
        name: "acme/thumb".to_owned(),
        publisher: "acme".to_owned(),
        digest: "5a".repeat(32),
        version: (1, 2, 3),
        release: 7,
        dev: false,
        groups: Vec::new(),
    };
    Subject::new(principal, 1)
}

/// Calls `act` with one decision, as the gate has it at hand.
fn with_entry<T>(act: impl FnOnce(&Entry<'_>) -> T) -> T {
    let (subject, resource) = (subject(), Resource::parse("Path", "/data/in/2026/photo.jpg").unwrap());
    let reasons = Reasons { policies: vec!["thumb-reads-input".into()], errors: Vec::new() };
    let import = "wasi:filesystem/types@0.2.8#[method]descriptor.open-at";
    let ask = Ask { subject: &subject, action: ActionId::FsRead, resource: &resource, import };
    act(&Entry { ask, verdict: &Verdict::Allow(Arc::new(reasons)), epoch: 1, delegated: None })
}

/// A log of so many decisions.
fn sample(count: usize) -> Vec<u8> {
    let (log, memory) = Log::in_memory();
    with_entry(|entry| (0..count).for_each(|_| log.decision(entry).unwrap()));
    drop(log);
    memory.bytes()
}

/// How long so many records take, a thousand at a time.
fn bursts(log: &Log, entry: &Entry<'_>, count: u64) -> Duration {
    let mut taken = Duration::ZERO;
    for burst in (0..count).step_by(BURST) {
        log.settle().unwrap();
        let begun = Instant::now();
        (burst..count.min(burst + BURST as u64)).for_each(|_| log.decision(entry).unwrap());
        taken += begun.elapsed();
    }
    taken
}

fn append(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let mut group = criterion.benchmark_group("audit");
    group.throughput(Throughput::Elements(1));

    let line = sample(1).split_inclusive(|b| *b == b'\n').nth(1).unwrap().to_vec();
    let mut bare = OpenOptions::new().append(true).create(true).open(dir.path().join("bare")).unwrap();
    group.bench_function("bare/write", |bencher| bencher.iter(|| bare.write_all(&line).unwrap()));

    let log = Log::builder().file(dir.path().join("kernel")).build().unwrap();
    with_entry(|entry| {
        // What its caller waits for, as long as the thread that writes is not behind.
        group.bench_function("kernel/file", |bencher| bencher.iter_custom(|count| bursts(&log, entry, count)))
    });
    drop(log);
    let mut kernel = |name: &str, builder: Builder| {
        let log = builder.build().unwrap();
        let name = format!("kernel/{name}");
        with_entry(|entry| {
            group.bench_function(name, |bencher| bencher.iter(|| log.decision(entry).unwrap()))
        });
    };
    kernel("file, without a pause", Log::builder().file(dir.path().join("sustained")));
    kernel("null", Log::builder().sink(Null));
    kernel("tracing, nobody listening", Log::builder().tracing(true));
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let log = sample(1000);
    let mut group = criterion.benchmark_group("audit");
    group.throughput(Throughput::Elements(1002));
    group.bench_function("kernel/verify 1,002 records", |bencher| {
        bencher.iter(|| assert!(verify(&*log, None).unwrap().is_sound()));
    });
    group.finish();
}

criterion_group!(benches, append, read);
criterion_main!(benches);
