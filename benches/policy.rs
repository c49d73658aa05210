//! A first decision, against the number of policies, and plain Cedar beside it.
#![allow(clippy::unwrap_used, missing_docs)]

use airssys_osl::{ActionId, Ask, Authorizer as _, Principal, Resource, Subject};
use airssys_wasm::policy::{CedarAuthorizer, Policies, Source};
use cedar_policy::{Authorizer, Context, Entities, Entity, EntityUid, PolicySet, Request};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::collections::{HashMap, HashSet};
use std::hint::black_box;
use std::str::FromStr;

const FILE: &str = "/data/c0/in/2026/a.csv";

/// Half for one component and its directory, the rest for publishers and groups; all decided by scope.
fn scope_only(count: usize) -> String {
    let of = |i: usize| match i % 10 {
        0..=4 => format!(
            "permit (principal == Component::\"acme/c{i}\", action in [Action::\"fs:read\", Action::\"fs:stat\"], resource in Path::\"/data/c{i}\");"
        ),
        5..=7 => format!(
            "permit (principal in Publisher::\"p{i}\", action in Action::\"fs\", resource in Path::\"/shared/{i}\");"
        ),
        8 => format!(
            "permit (principal is Component in Group::\"g{i}\", action == Action::\"env:read\", resource == EnvVar::\"V{i}\");"
        ),
        _ => {
            format!("forbid (principal, action == Action::\"fs:write\", resource in Path::\"/secret/{i}\");")
        }
    };
    (0..count).map(of).collect::<Vec<_>>().join("\n")
}

/// Ten candidates with conditions for the one question that is asked.
fn with_conditions() -> String {
    let of = |i: usize| {
        match i % 3 {
        0 => format!("permit (principal in Publisher::\"acme\", action == Action::\"fs:read\", resource in Path::\"/data\") when {{ principal.release > {i} }};"),
        1 => "permit (principal is Component, action in Action::\"fs\", resource in Path::\"/data/c0\") when { principal.version.major >= 1 && principal.name like \"acme/*\" };".to_owned(),
        _ => "forbid (principal is Component, action == Action::\"fs:read\", resource is Path) when { principal.dev };".to_owned(),
    }
    };
    (0..10).map(of).collect::<Vec<_>>().join("\n")
}

fn principal() -> Principal {
    Principal {
        name: "acme/c0".into(),
        publisher: "acme".into(),
        digest: "00".repeat(32),
        version: (1, 0, 0),
        release: 100,
        dev: false,
        groups: vec!["vetted".into(), "inner".into()],
    }
}

fn kernel(bench: &mut Criterion, name: &str, count: usize, text: &str) {
    let authorizer = CedarAuthorizer::new(Policies::load(&[Source::new("t", text)], &[]).unwrap());
    let subject = Subject::new(principal(), 1);
    let resource = Resource::parse("Path", FILE).unwrap();
    let ask = Ask {
        subject: &subject,
        action: ActionId::FsRead,
        resource: &resource,
        import: "wasi:filesystem/types#open-at",
    };
    assert_eq!(authorizer.decide(&ask).verdict.outcome().name(), "allow");
    bench.bench_with_input(BenchmarkId::new(format!("kernel/{name}"), count), &count, |b, _| {
        b.iter(|| authorizer.decide(black_box(&ask)));
    });
}

/// What the first question of a new instance costs: its entities are made, and its tables found.
fn new_subject(bench: &mut Criterion, count: usize) {
    let authorizer =
        CedarAuthorizer::new(Policies::load(&[Source::new("t", scope_only(count))], &[]).unwrap());
    let resource = Resource::parse("Path", FILE).unwrap();
    bench.bench_with_input(BenchmarkId::new("kernel/new-subject", count), &count, |b, _| {
        b.iter(|| {
            let subject = Subject::new(principal(), 1);
            let ask = Ask { subject: &subject, action: ActionId::FsRead, resource: &resource, import: "t" };
            authorizer.decide(black_box(&ask))
        });
    });
}

fn uid(text: &str) -> EntityUid {
    EntityUid::from_str(text).unwrap()
}

/// What a host would do with the library alone: entities and request for the question, the full set.
fn bare(bench: &mut Criterion, name: &str, count: usize, text: &str) {
    let policies = PolicySet::from_str(text).unwrap();
    let ancestors = ["/", "/data", "/data/c0", "/data/c0/in", "/data/c0/in/2026"];
    let parents: HashSet<_> = ancestors.iter().map(|p| uid(&format!("Path::\"{p}\""))).collect();
    let version = r#"{"major": 1, "minor": 0, "patch": 0}"#;
    let who = format!(
        r#"{{"uid": {{"type": "Component", "id": "acme/c0"}}, "parents": [{{"type": "Publisher", "id": "acme"}}], "attrs": {{"name": "acme/c0", "digest": "", "release": 100, "dev": false, "version": {version}}}}}"#
    );
    let who = Entity::from_json_str(who, None).unwrap();
    let (action, file) = (uid("Action::\"fs:read\""), uid(&format!("Path::\"{FILE}\"")));
    let in_fs = Entity::new_no_attrs(action.clone(), HashSet::from([uid("Action::\"fs\"")]));
    bench.bench_with_input(BenchmarkId::new(format!("bare/{name}"), count), &count, |b, _| {
        b.iter(|| {
            let path = Entity::new(file.clone(), HashMap::new(), parents.clone()).unwrap();
            let entities = Entities::from_entities([who.clone(), in_fs.clone(), path], None).unwrap();
            let request = Request::new(
                uid("Component::\"acme/c0\""),
                action.clone(),
                file.clone(),
                Context::empty(),
                None,
            );
            Authorizer::new().is_authorized(&request.unwrap(), &policies, &entities)
        });
    });
}

fn first_decision(bench: &mut Criterion) {
    for count in [10, 1_000, 10_000] {
        kernel(bench, "scope-only", count, &scope_only(count));
    }
    for count in [10, 1_000] {
        bare(bench, "scope-only", count, &scope_only(count));
    }
    new_subject(bench, 10_000);
    kernel(bench, "ten-conditions", 10, &with_conditions());
    kernel(bench, "ten-conditions", 10_010, &format!("{}\n{}", with_conditions(), scope_only(10_000)));
    bare(bench, "ten-conditions", 10, &with_conditions());
}

criterion_group!(benches, first_decision);
criterion_main!(benches);
