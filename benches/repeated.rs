//! A decision that was taken before: by a handle that keeps it, and by a path that is named again.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use airssys_osl::action::{ClockRead, FsRead};
use airssys_osl::clock::Reader;
use airssys_osl::{ActionId, Clock, Gate, GuestPath, Principal, Session, Subject};
use airssys_wasm::audit::Log;
use airssys_wasm::policy::{CedarAuthorizer, Policies, Source};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;

const IMPORT: &str = "wasi:filesystem/types#[method]descriptor.open-at";

/// A session that may read below `/data`, and clocks, among so many policies for others.
fn session(policies: usize) -> Arc<Session> {
    let other = |i: usize| {
        format!(
            r#"permit (principal == Component::"other/c{i}", action == Action::"fs:read", resource in Path::"/data/c{i}");"#
        )
    };
    let mut text: String = (1..policies).map(other).collect();
    text += r#"permit (principal, action == Action::"fs:read", resource in Path::"/data");"#;
    text += r#"permit (principal, action == Action::"clock:read", resource is Clock);"#;
    let policies = Policies::load(&[Source::new("bench.cedar", text)], &[]).unwrap();
    let principal = Principal {
        name: "acme/thumb".to_owned(),
        publisher: "acme".to_owned(),
        digest: "5a".repeat(32),
        version: (1, 2, 3),
        release: 7,
        dev: false,
        groups: Vec::new(),
    };
    let log = Arc::new(Log::builder().build().unwrap());
    let gate = Gate::new(Arc::new(CedarAuthorizer::new(policies)) as _, log);
    gate.session(Subject::new(principal, 1))
}

fn repeated(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("repeated decision");
    let path = GuestPath::parse("/data/in/2026/photo.jpg").unwrap();
    for policies in [10, 10_000] {
        let session = session(policies);
        let reader = Reader::new(session.authorize::<ClockRead>(Clock::Wall, IMPORT).unwrap());
        group.bench_function(BenchmarkId::new("kernel/by handle", policies), |bencher| {
            bencher.iter(|| drop(black_box(reader.lease().enter(ActionId::ClockRead, IMPORT)).unwrap()));
        });
        group.bench_function(BenchmarkId::new("kernel/by path", policies), |bencher| {
            bencher.iter(|| drop(black_box(session.authorize::<FsRead>(path.clone(), IMPORT)).unwrap()));
        });
    }
    group.finish();
}

criterion_group!(benches, repeated);
criterion_main!(benches);
