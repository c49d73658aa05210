//! The whole line once: a signed command under a policy reads what it may, is refused what it may not, and the log says
//! both and why.
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

use airssys_osl::stdio::Source;
use airssys_osl::{ActionId, Clock, Random, Resource, Why};
use support::stage::{SPEAK, Said, Stage};

/// Files beneath `/data/in`, and the sentence that the rest is forbidden.
const IN: &str = "@id(\"in\") permit (principal == Component::\"acme/probe\", action in Action::\"fs\", resource in Path::\"/data/in\");\n\
    @id(\"private\") forbid (principal, action in Action::\"fs\", resource in Path::\"/data/private\");\n";

fn stage(policy: &str) -> Stage {
    Stage::new(guests::component("probe-command"), policy)
}

async fn ran(policy: &str, arguments: &[&str]) -> Said {
    stage(&format!("{SPEAK}{policy}")).run(arguments).await
}

#[tokio::test]
async fn under_a_policy_that_permits_nothing_nothing_is_said_and_nothing_breaks() {
    let stage = stage("");
    let said = stage.run(&["reads", "/data/in/a", "/data/private/b"]).await;
    assert_eq!(said.status.as_ref().unwrap(), &1, "{said:?}");
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", ""));
    let decisions: Vec<_> = said.records.iter().filter(|record| record["kind"] == "decision").collect();
    assert!(!decisions.is_empty());
    assert!(decisions.iter().all(|record| record["verdict"] == "deny"), "{decisions:#?}");
    stage.assert_canary();
}

#[tokio::test]
async fn one_file_is_refused_and_the_other_read_and_the_log_says_why() {
    let said = ran(IN, &["reads", "/data/in/a", "/data/private/b"]).await;
    assert_eq!(said.status.as_ref().unwrap(), &0, "{said:?}");
    assert!(said.out.contains("/data/private/b: PermissionDenied: refused"), "{said:?}");
    assert!(said.out.contains("/data/in/a: 8 bytes: allowed"), "{said:?}");
    assert!(!said.out.contains("canary"));
    let refused = said.verdicts("fs:read", "/data/private/b");
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(
        (&refused[0]["verdict"], &refused[0]["policies"]),
        (&"deny".into(), &serde_json::json!(["private"]))
    );
    let read = said.verdicts("fs:read", "/data/in/a");
    assert_eq!(read.len(), 1, "{read:?}");
    assert_eq!((&read[0]["verdict"], &read[0]["policies"]), (&"allow".into(), &serde_json::json!(["in"])));
    assert_eq!((&read[0]["subject"], &read[0]["resource"]["type"]), (&"acme/probe".into(), &"Path".into()));
    assert!(read[0]["import"].as_str().unwrap().ends_with("open-at"), "{read:?}");
}

#[tokio::test]
async fn to_read_a_file_needs_no_more_than_to_read_it() {
    let policy =
        "@id(\"read\") permit (principal, action == Action::\"fs:read\", resource == Path::\"/data/in/a\");";
    let said = ran(policy, &["reads", "/data/in/a", "/data/in/none", "/data/private/b"]).await;
    assert!(said.out.contains("/data/in/none: PermissionDenied: refused"), "{said:?}");
    assert!(said.out.contains("/data/private/b: PermissionDenied: refused"), "{said:?}");
    assert!(said.out.contains("/data/in/a: 8 bytes: allowed"), "{said:?}");
}

#[tokio::test]
async fn what_changes_files_is_refused_and_changes_nothing() {
    for verb in [
        &["write", "/data/private/b", "x"][..],
        &["append", "/data/private/b", "x"],
        &["truncate", "/data/private/b", "0"],
        &["touch", "/data/private/b", "1"],
        &["create", "/data/private/c"],
        &["rm", "/data/private/b"],
        &["mkdir", "/data/private/c"],
        &["rmdir", "/data/private"],
        &["rename", "/data/private/b", "/data/in/c"],
        &["rename", "/data/in/a", "/data/private/c"],
        &["link", "/data/private/b", "/data/in/c"],
        &["link", "/data/in/a", "/data/private/c"],
        &["write", "/data/in/../private/b", "x"],
    ] {
        let stage = stage(&format!("{SPEAK}{IN}"));
        let said = stage.run(verb).await;
        assert_eq!(said.status.as_ref().unwrap(), &1, "{verb:?}: {said:?}");
        assert!(said.err.contains("PermissionDenied"), "{verb:?}: {said:?}");
        stage.assert_canary();
        assert_eq!(stage.read("in/a"), "allowed\n", "{verb:?}");
        let denied = said.records.iter().any(|r| r["kind"] == "decision" && r["verdict"] == "deny");
        assert!(denied, "{verb:?}: {:#?}", said.records);
    }
}

#[tokio::test]
async fn what_looks_at_files_is_refused() {
    for verb in [
        &["ls", "/data/private"][..],
        &["stat", "/data/private/b"],
        &["lstat", "/data/private/b"],
        &["read", "/data/private/b"],
    ] {
        let said = ran(IN, verb).await;
        assert_eq!(said.status.as_ref().unwrap(), &1, "{verb:?}: {said:?}");
        assert!(said.err.contains("PermissionDenied"), "{verb:?}: {said:?}");
        assert_eq!(said.out, "", "{verb:?}");
    }
}

#[tokio::test]
async fn what_is_permitted_is_done() {
    let stage = stage(&format!("{SPEAK}{IN}"));
    let steps = "write /data/in/w one then append /data/in/w two then read /data/in/w then rename /data/in/w /data/in/v \
        then mkdir /data/in/d then ls /data/in then rmdir /data/in/d then stat /data/in/v then rm /data/in/a";
    let said = stage.run(&steps.split_whitespace().collect::<Vec<_>>()).await;
    assert_eq!(said.status.as_ref().unwrap(), &0, "{said:?}");
    assert_eq!(said.out, "onetwoa\nd\nv\nfile 6\n");
    assert_eq!(stage.read("in/v"), "onetwo");
    assert!(!stage.path("in/a").exists());
    stage.assert_canary();
}

#[tokio::test]
async fn a_denied_variable_is_absent() {
    let shown =
        "@id(\"shown\") permit (principal, action == Action::\"env:read\", resource == EnvVar::\"SHOWN\");";
    let said = ran("", &["envs"]).await;
    assert_eq!((said.status.as_ref().unwrap(), said.out.as_str()), (&0, ""), "{said:?}");
    let said = ran(shown, &["envs"]).await;
    assert_eq!(said.out, "SHOWN=yes\n", "{said:?}");
    assert_eq!(said.verdicts("env:read", "HIDDEN")[0]["verdict"], "deny");
    let log = serde_json::to_string(&said.records).unwrap();
    assert!(!log.contains("secret"), "a value of the environment is in the log");
}

#[tokio::test]
async fn denied_arguments_are_none() {
    let out = "@id(\"out\") permit (principal, action == Action::\"stdio:write\", resource);";
    let said = stage(out).run(&["print", "argument"]).await;
    assert!(said.err.contains("unknown verb"), "{said:?}");
    assert!(!said.err.contains("argument\""), "{said:?}");
    let said = ran("", &["args", "one", "two"]).await;
    assert_eq!(said.out, "probe\nargs\none\ntwo\n", "{said:?}");
}

#[tokio::test]
async fn denied_standard_input_has_ended() {
    let input = |policy: &str| stage(policy).with(|config| config.stdin(Source::Bytes("12345".into())));
    let said = input(SPEAK).run(&["count"]).await;
    assert_eq!(said.out, "0\n", "{said:?}");
    assert_eq!(said.verdicts("stdio:read", "stdin")[0]["verdict"], "deny");
    let permit = "@id(\"input\") permit (principal, action == Action::\"stdio:read\", resource);";
    let said = input(&format!("{SPEAK}{permit}")).run(&["count"]).await;
    assert_eq!(said.out, "5\n", "{said:?}");
}

#[tokio::test]
async fn denied_standard_output_is_closed() {
    let silent = "@id(\"silent\") forbid (principal, action == Action::\"stdio:write\", resource == Stdio::\"stdout\");";
    let said = ran(silent, &["print", "words"]).await;
    assert_eq!(said.status.as_ref().unwrap(), &1, "{said:?}");
    assert_eq!(said.out, "");
    assert!(said.err.starts_with("print: "), "{said:?}");
    assert_eq!(said.verdicts("stdio:write", "stdout")[0]["policies"], serde_json::json!(["silent"]));
    let said = ran("", &["print", "words"]).await;
    assert_eq!((said.status.as_ref().unwrap(), said.out.as_str(), said.err.as_str()), (&0, "words\n", ""));
}

#[tokio::test]
async fn a_denied_clock_stops_the_guest_with_the_facts() {
    let said = ran("", &["now"]).await;
    let denied = said.denied();
    assert_eq!((denied.subject.name().as_str(), denied.action), ("acme/probe", ActionId::ClockRead));
    assert_eq!((&denied.resource, &denied.why), (&Resource::Clock(Clock::Wall), &Why::Policy));
    assert_eq!(denied.import, "wasi:clocks/wall-clock#now");
    assert_eq!(said.out, "");
    let said =
        ran("@id(\"clock\") permit (principal, action == Action::\"clock:read\", resource);", &["now"]).await;
    assert!(said.out.trim().parse::<u64>().unwrap() > 1_700_000_000_000, "{said:?}");
}

#[tokio::test]
async fn denied_random_stops_the_guest_with_the_facts() {
    let said = ran("", &["random"]).await;
    let denied = said.denied();
    assert_eq!((denied.action, &denied.resource), (ActionId::RandomRead, &Resource::Random(Random::Secure)));
    assert_eq!(said.out, "");
    let said =
        ran("@id(\"random\") permit (principal, action == Action::\"random:read\", resource);", &["random"])
            .await;
    assert_eq!(said.out.trim().len(), 16, "{said:?}");
}

#[tokio::test]
async fn an_exit_is_recorded_and_never_denied() {
    let said = ran("", &["exit", "3"]).await;
    assert_eq!(said.status.as_ref().unwrap(), &1, "{said:?}");
    let notes: Vec<_> = said.records.iter().filter(|record| record["kind"] == "note").collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert_eq!(notes[0]["text"], "exit with status 1");
    assert_eq!(ran("", &["print", "fine"]).await.status.unwrap(), 0);
}
