//! Policies with conditions, decided from inside a guest's call: on its fiber's stack, in synchronous and asynchronous
//! host functions, through the asynchronous and the blocking interface.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod guests;
mod support;

use airssys_osl::fs::MountSpec;
use airssys_osl::{GuestPath, Why};
use airssys_wasm::audit::Memory;
use airssys_wasm::embed::{Component, ComponentRuntime, Error, blocking};
use airssys_wasm::policy::Source;
use serde_json::{Value, json};
use support::probe::{Plan, build, offered};

/// Reads the principal's attributes and parents, the resource's place and the context.
const CONDITIONS: &str = "@id(\"conditions\") permit (principal is Component, action, resource) when {
    principal.version.major >= 1 && principal.release == 7 && !principal.dev && principal in Group::\"vetted\" &&
    principal.publisher == Publisher::\"acme\" && context.import like \"wasi:*\" &&
    (if resource is Path then resource in Path::\"/data\" else true) };";

/// Is false of the same component.
const NEWER: &str =
    "@id(\"newer\") permit (principal is Component, action, resource) when { principal.version.major >= 2 };";

struct Hall {
    _directory: tempfile::TempDir,
    config: airssys_wasm::embed::Config,
    log: Memory,
}

fn hall(policy: &str) -> Hall {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a"), "allowed").unwrap();
    let (config, log) = support::config(policy);
    let config = config.mount(MountSpec::new(directory.path(), GuestPath::parse("/data").unwrap()));
    Hall { _directory: directory, config, log }
}

impl Hall {
    fn decisions(&self, action: &str) -> Vec<Value> {
        support::of_kind(&self.log, "decision")
            .into_iter()
            .filter(|record| record["action"] == action)
            .collect()
    }

    fn assert_allowed(&self, action: &str) {
        let records = self.decisions(action);
        assert!(!records.is_empty(), "{action}");
        for record in records {
            assert_eq!(
                (&record["verdict"], &record["policies"]),
                (&"allow".into(), &json!(["conditions"])),
                "{record:#}"
            );
        }
    }
}

fn clock() -> Vec<u8> {
    support::signed("probe", &guests::text("versions-0.2.3"))
}

fn process() -> Vec<u8> {
    support::signed("probe", &guests::component("probe-process"))
}

#[tokio::test]
async fn a_condition_that_is_false_permits_nothing() {
    let hall = hall(NEWER);
    let runtime = ComponentRuntime::new(hall.config.clone()).unwrap();
    let component = runtime.load_component(clock()).await.unwrap();
    let error = component.call::<_, u64>("read-clock", &()).await.unwrap_err();
    let Error::Denied(denied) = &error else { panic!("{error}") };
    assert_eq!((&denied.why, denied.reasons.policies.len()), (&Why::Policy, 0));
    assert_eq!(hall.decisions("clock:read")[0]["verdict"], "deny");
}

#[tokio::test]
async fn a_forbid_with_a_condition_denies_and_is_named() {
    let forbid = "@id(\"not-seven\") forbid (principal is Component, action == Action::\"clock:read\", resource) when { principal.release >= 7 };";
    let hall = hall(&format!("{CONDITIONS}{forbid}"));
    let runtime = ComponentRuntime::new(hall.config.clone()).unwrap();
    let component = runtime.load_component(clock()).await.unwrap();
    let error = component.call::<_, u64>("read-clock", &()).await.unwrap_err();
    let Error::Denied(denied) = &error else { panic!("{error}") };
    assert_eq!(denied.reasons.policies.iter().map(|id| &**id).collect::<Vec<_>>(), ["not-seven"]);
    let records = hall.decisions("clock:read");
    assert_eq!((&records[0]["verdict"], &records[0]["policies"]), (&"deny".into(), &json!(["not-seven"])));
}

#[tokio::test]
async fn a_policy_that_errs_denies_with_a_fault() {
    let overflow = "@id(\"overflow\") forbid (principal is Component, action == Action::\"clock:read\", resource) \
        when { principal.release + 9223372036854775807 > 0 };";
    let hall = hall(&format!("{CONDITIONS}{overflow}"));
    let runtime = ComponentRuntime::new(hall.config.clone()).unwrap();
    let component = runtime.load_component(clock()).await.unwrap();
    let error = component.call::<_, u64>("read-clock", &()).await.unwrap_err();
    let Error::Denied(denied) = &error else { panic!("{error}") };
    assert_eq!(denied.why, Why::Fault);
    let records = hall.decisions("clock:read");
    assert_eq!(records[0]["verdict"], "fault");
    assert!(records[0]["errors"][0].as_str().unwrap().contains("overflow"), "{records:?}");
}

#[tokio::test]
async fn conditions_are_decided_inside_an_asynchronous_call() {
    let hall = hall(CONDITIONS);
    let runtime = ComponentRuntime::new(hall.config.clone()).unwrap();
    // A synchronous host function that decides.
    let component = runtime.load_component(clock()).await.unwrap();
    assert!(component.call::<_, u64>("read-clock", &()).await.unwrap() > 0);
    hall.assert_allowed("clock:read");
    // An asynchronous one, and streams that decide at each use.
    let component = runtime.load_component(process()).await.unwrap();
    let read: Vec<u8> = component.call("process-data", &b"read:/data/a".to_vec()).await.unwrap();
    assert_eq!(read, b"allowed");
    hall.assert_allowed("fs:read");
    let printed: Vec<u8> = component.call("process-data", &b"print:words".to_vec()).await.unwrap();
    assert_eq!(printed, b"ok");
    hall.assert_allowed("stdio:write");
}

#[test]
fn conditions_are_decided_inside_a_blocking_call() {
    let hall = hall(CONDITIONS);
    let runtime = blocking::ComponentRuntime::new(hall.config.clone()).unwrap();
    let component = runtime.load_component(clock()).unwrap();
    assert!(component.call::<_, u64>("read-clock", &()).unwrap() > 0);
    hall.assert_allowed("clock:read");
    let component = runtime.load_component(process()).unwrap();
    let read: Vec<u8> = component.call("process-data", &b"read:/data/a".to_vec()).unwrap();
    assert_eq!(read, b"allowed");
    hall.assert_allowed("fs:read");
    let printed: Vec<u8> = component.call("process-data", &b"print:words".to_vec()).unwrap();
    assert_eq!(printed, b"ok");
    hall.assert_allowed("stdio:write");
}

#[tokio::test]
async fn the_import_is_what_a_condition_sees() {
    let policy = |import: &str| {
        format!(
            "@id(\"by-import\") permit (principal, action == Action::\"clock:read\", resource) when {{ context.import == \"{import}\" }};"
        )
    };
    for (import, allowed) in
        [("wasi:clocks/wall-clock#now", false), ("wasi:clocks/monotonic-clock#now", true)]
    {
        let hall = hall(&policy(import));
        let runtime = ComponentRuntime::new(hall.config.clone()).unwrap();
        let component = runtime.load_component(clock()).await.unwrap();
        assert_eq!(component.call::<_, u64>("read-clock", &()).await.is_ok(), allowed, "{import}");
    }
}

/// A component that holds a file open between calls; `run` uses it.
async fn holding(function: &str, hall: &Hall) -> (ComponentRuntime, Component) {
    let resolve = support::wit();
    let offered = offered(&resolve).into_iter().find(|offered| offered.id == function).unwrap();
    std::fs::write(hall._directory.path().join("file"), "contents").unwrap();
    let bytes = build(&resolve, &offered, &Plan { path: "file", flags: (0, 0, 1), port: 0 });
    let runtime = ComponentRuntime::new(hall.config.clone()).unwrap();
    let component = runtime.load_component(support::signed("probe", &bytes)).await.unwrap();
    assert_eq!(component.call::<_, u32>("prepare", &()).await.unwrap(), 0);
    (runtime, component)
}

#[tokio::test]
async fn an_open_file_is_decided_anew_after_a_swap() {
    let all = [Source::new("all.cedar", support::ALLOW_ALL)];
    for function in ["read", "write", "stat", "read-via-stream"] {
        let hall = hall(support::ALLOW_ALL);
        let function = format!("wasi:filesystem/types#[method]descriptor.{function}");
        let (runtime, component) = holding(&function, &hall).await;
        let run = async || component.call::<_, u32>("run", &()).await.unwrap();
        assert_eq!(run().await, 1, "{function}");
        runtime.swap_policy(&[Source::new("none.cedar", "")], &[]).unwrap();
        assert_eq!(run().await, 1000, "{function} after the permission went");
        assert_eq!(run().await, 1000, "{function} again");
        runtime.swap_policy(&all, &[]).unwrap();
        assert_eq!(run().await, 1, "{function} after it came back");
        assert_eq!(support::of_kind(&hall.log, "swap").len(), 2);
    }
}

#[tokio::test]
async fn a_policy_that_does_not_load_leaves_the_one_before_in_force() {
    let hall = hall(support::ALLOW_ALL);
    let runtime = ComponentRuntime::new(hall.config.clone()).unwrap();
    let component = runtime.load_component(clock()).await.unwrap();
    assert!(matches!(
        runtime.swap_policy(&[Source::new("bad.cedar", "permit (")], &[]),
        Err(Error::Policy(_))
    ));
    component.call::<_, u64>("read-clock", &()).await.unwrap();
    assert!(support::of_kind(&hall.log, "swap").is_empty());
}

#[tokio::test]
async fn a_verdict_that_read_the_context_is_recorded_at_every_use() {
    let hall = hall(CONDITIONS);
    let runtime = ComponentRuntime::new(hall.config.clone()).unwrap();
    let component = runtime.load_component(clock()).await.unwrap();
    for used in 1..=5 {
        component.call::<_, u64>("read-clock", &()).await.unwrap();
        assert!(hall.decisions("clock:read").len() >= used, "use {used}");
    }
    drop(component);
    assert!(support::of_kind(&hall.log, "summary").is_empty());
}

#[tokio::test]
async fn a_verdict_by_scope_is_recorded_once_and_its_reuse_summed_up() {
    let hall = hall(support::ALLOW_ALL);
    let runtime = ComponentRuntime::new(hall.config.clone()).unwrap();
    let component = runtime.load_component(clock()).await.unwrap();
    for _ in 0..5 {
        component.call::<_, u64>("read-clock", &()).await.unwrap();
    }
    assert_eq!(hall.decisions("clock:read").len(), 1);
    drop(component);
    let summaries = support::of_kind(&hall.log, "summary");
    assert_eq!(summaries.len(), 1, "{summaries:?}");
    assert_eq!(summaries[0]["reused"][0]["action"], "clock:read");
    assert!(summaries[0]["reused"][0]["times"].as_u64().unwrap() >= 4, "{summaries:?}");
}
