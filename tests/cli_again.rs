//! Every verdict of a log is decided again from its record, the policy files and the entity files alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods, reason = "tests prepare and look at real files")]

mod cli_support;

use airssys_osl::{
    ActionId, Ask, Authorizer, Endpoint, Entry, FunctionName, Host, Operator, Peer, Principal, Recorder,
    Resource, Subject,
};
use airssys_wasm::audit::{Kind, Limits, Load, Log, PolicySet, Record, Word, query};
use airssys_wasm::policy::{CedarAuthorizer, Policies, Source};
use cli_support::Desk;
use std::collections::BTreeSet;

/// Scopes and conditions over everything a question has: what the resource is in by its path and by entity files, the
/// import, attributes and groups of the principal, and an error.
const POLICY: &str = r#"
@id("album") permit (principal, action == Action::"fs:read", resource in Path::"/albums/holiday");
@id("sets") permit (principal, action == Action::"fs:list", resource)
  when { resource in [Path::"/albums/all", Path::"/work"] };
@id("stat-at") permit (principal, action == Action::"fs:stat", resource)
  when { context.import == "wasi:filesystem/types#stat-at" };
@id("hidden") forbid (principal, action in Action::"fs", resource in Path::"/albums/hidden")
  unless { context.import like "*#stat-at" };
@id("vetted") permit (principal in Group::"vetted", action == Action::"fs:write", resource)
  when { principal.release > 3 && resource != Path::"/work/x" && !(context has caller) };
@id("own") permit (principal == Component::"acme/thumb", action == Action::"fs:create", resource in Path::"/");
@id("errs") permit (principal is Component, action == Action::"fs:delete", resource)
  when { principal.release + 9223372036854775807 > 0 };
@id("env") permit (principal, action, resource == EnvVar::"LANG");
@id("out") permit (principal, action, resource == Stdio::"stdout") when { principal.version.major >= 1 };
@id("wall") permit (principal, action == Action::"clock:read", resource == Clock::"wall");
@id("fair") permit (principal in Publisher::"acme", action, resource == Random::"insecure");
@id("args") permit (principal, action, resource is Process) when { !principal.dev };
@id("name") permit (principal, action in Action::"net", resource in Host::"example.com");
@id("calls") permit (principal, action in [Action::"msg", Action::"component"], resource)
    when { context has caller && context.caller.release == 7 && context.chain.contains(Component::"beta/draw") };
@id("drawn") forbid (principal, action in Action::"msg", resource is Component) when { resource.release == 7 };
@id("admin") permit (principal is Operator in Group::"admins", action in Action::"runtime", resource);
@id("local") permit (principal, action == Action::"net:bind", resource is Endpoint) when { !(resource has ip) };
"#;

const ENTITIES: &str = r#"[
  {"uid": {"type": "Path", "id": "/photos/2026"}, "parents": [{"type": "Path", "id": "/albums/holiday"}]},
  {"uid": {"type": "Path", "id": "/photos/keys"}, "parents": [{"type": "Path", "id": "/albums/hidden"}]},
  {"uid": {"type": "Path", "id": "/albums/holiday"}, "parents": [{"type": "Path", "id": "/albums/all"}]}
]"#;

/// What is in force after the swap: the same ids, other answers.
const LATER: &str = r#"
@id("album") permit (principal, action == Action::"fs:read", resource);
@id("hidden") forbid (principal, action in Action::"fs", resource in Path::"/albums/hidden");
"#;

const IMPORTS: [&str; 2] = ["wasi:filesystem/types#stat-at", "wasi:filesystem/types#open-at"];

fn subjects() -> [Subject; 3] {
    let principal = |name: &str, release, groups: &[&str]| Principal {
        name: name.to_owned(),
        publisher: name.split('/').next().unwrap().to_owned(),
        digest: "0f".repeat(32),
        version: (release, 2, 3),
        release,
        dev: groups.is_empty(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    };
    let thumb = Subject::new(principal("acme/thumb", 1, &["image-tools"]), 1);
    let draw = Subject::new(principal("beta/draw", 7, &["vetted", "image-tools"]), 2);
    // What the one does, the other has called it for.
    thumb.serve(draw.chain_of_callee());
    let operator = Operator::new(1000, vec!["admins".to_owned()]).unwrap();
    [thumb, draw, Subject::new(operator, 3)]
}

/// Each once as it lives, and once unknown.
fn peers(subjects: &[Subject; 3]) -> Vec<Peer> {
    let draw = Peer::live(subjects[1].component().unwrap(), 2);
    vec![draw, Peer::named("beta/gone").unwrap()]
}

fn resources(action: ActionId, subjects: &[Subject; 3]) -> Vec<Resource> {
    let peers = || peers(subjects).into_iter();
    let paths =
        ["/", "/work/x", "/photos/2026/a.jpg", "/photos/2026", "/photos/keys/\u{e9}\n", "/albums/holiday/b"];
    let named: [(&str, &[&str]); 9] = [
        ("Topic", &["/orders/new", "/orders"]),
        ("Runtime", &["self"]),
        ("Host", &["api.example.com", "x.org"]),
        ("Path", &paths),
        ("EnvVar", &["LANG", "TOKEN"]),
        ("Stdio", &["stdin", "stdout", "stderr"]),
        ("Clock", &["monotonic", "wall"]),
        ("Random", &["secure", "insecure"]),
        ("Process", &["self"]),
    ];
    let kind = match action.name().split_once(':').unwrap().0 {
        "fs" => "Path",
        "env" => "EnvVar",
        "stdio" => "Stdio",
        "clock" => "Clock",
        "random" => "Random",
        "net" if action == ActionId::NetResolve => "Host",
        "net" => return endpoints(),
        "msg" if matches!(action, ActionId::MsgPublish | ActionId::MsgSubscribe) => "Topic",
        "component" if action == ActionId::ComponentCall => {
            let function =
                |peer| FunctionName::new(peer, Some("beta:art/lines@1.0.0"), "draw").unwrap().into();
            return peers().map(function).collect();
        }
        "msg" | "component" => return peers().map(Resource::from).collect(),
        "runtime" => "Runtime",
        _ => "Process",
    };
    let (_, ids) = named.iter().find(|(name, _)| *name == kind).unwrap();
    ids.iter().map(|id| Resource::parse(kind, id).unwrap()).collect()
}

/// Each judged as the hosts it was looked up as; the last lies in inner addresses.
fn endpoints() -> Vec<Resource> {
    let hosts = |names: &[&str]| names.iter().map(|name| Host::parse(name).unwrap()).collect::<Vec<_>>();
    [
        ("192.0.2.1:443/tcp", &["api.example.com", "x.org"][..]),
        ("192.0.2.1:443/tcp", &[]),
        ("*:0/tcp", &[]),
        ("10.0.0.1:443/tcp", &["example.com"]),
    ]
    .map(|(id, names)| Endpoint::parse(id).unwrap().looked_up_as(hosts(names), 1).into())
    .into()
}

fn policies(policy: &str, entities: &str) -> (Policies, PolicySet) {
    let policies =
        Policies::load(&[Source::new("policy.cedar", policy)], &[Source::new("entities.json", entities)])
            .unwrap();
    let now = policies.digests();
    let (policies_digest, entities, schema) =
        (now.policies.clone(), now.entities.clone(), now.schema.clone());
    (policies, PolicySet { policies: policies_digest, entities, schema })
}

/// Writes `log` on the desk: each action on each of its resources, before a swap and after it.
fn write_log(desk: &Desk) {
    let log = Log::open_file(&desk.path("log")).unwrap();
    let ((before, policy_set), (after, later_set)) = (policies(POLICY, ENTITIES), policies(LATER, ENTITIES));
    let authorizer = CedarAuthorizer::new(before);
    let subjects = subjects();
    for subject in subjects.iter().filter(|subject| subject.component().is_some()) {
        let limits = Limits::default();
        let load = Load { key_id: "00", file_digest: "00", policy_set: &policy_set, epoch: 1, limits };
        log.load(subject, &load).unwrap();
    }
    let record = |subject: &Subject, action, resource: &Resource, import| {
        let ask = Ask { subject, action, resource, import };
        let decision = authorizer.decide(&ask);
        log.decision(&Entry { ask, verdict: &decision.verdict, epoch: decision.epoch, delegated: None })
            .unwrap();
    };
    let asked = ActionId::ALL
        .iter()
        .flat_map(|action| resources(*action, &subjects).into_iter().map(|one| (*action, one)));
    // Each second one with the other import, each second pair by the other subject.
    for (at, (action, resource)) in asked.enumerate() {
        let by = match action.name().split_once(':').unwrap() {
            ("runtime", _) | (_, "stop" | "status") => 2,
            ("msg" | "component", _) => 0,
            _ => at / 2 % 2,
        };
        record(&subjects[by], action, &resource, IMPORTS[at % 2]);
    }
    let keys = Resource::parse("Path", "/photos/keys/a").unwrap();
    for (subject, import) in subjects.iter().zip(IMPORTS) {
        record(subject, ActionId::FsStat, &keys, import);
        record(subject, ActionId::FsWrite, &keys, import);
    }
    log.swap(2, &later_set).unwrap();
    assert_eq!(authorizer.swap(after), 2);
    for path in ["/photos/2026/a.jpg", "/photos/keys/a"] {
        record(&subjects[0], ActionId::FsRead, &Resource::parse("Path", path).unwrap(), IMPORTS[0]);
    }
    log.close().unwrap();
}

fn desk() -> (Desk, Vec<Record<'static>>) {
    let desk = Desk::new();
    for (name, text) in [("before/policy.cedar", POLICY), ("after/policy.cedar", LATER)] {
        std::fs::create_dir(desk.path(name.split('/').next().unwrap())).unwrap();
        desk.write(name, text);
    }
    desk.write("entities.json", ENTITIES);
    write_log(&desk);
    let log = desk.read("log");
    let decisions = query(&*log, Default::default()).map(Result::unwrap);
    let decisions = decisions.filter(|record| record.kind == Kind::Decision).collect();
    (desk, decisions)
}

/// What `policy explain` says of a record.
fn again(desk: &Desk, record: &Record<'_>, files: &[&str]) -> serde_json::Value {
    let seq = record.seq.to_string();
    let asked = ["policy", "explain", "--audit", "log", "--seq", &seq, "--json"];
    desk.run(&[&asked[..], files].concat()).is_done().json()
}

/// Verdict, determining policies and errors, as the log has them and as they are now.
fn answers(record: &Record<'_>, value: &serde_json::Value) -> [(String, Vec<String>, Vec<String>); 2] {
    let texts = |list: &serde_json::Value, id: &str| -> Vec<String> {
        let text = |item: &serde_json::Value| item.pointer(id).unwrap().as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(text).collect()
    };
    let of = |list: &Option<Vec<std::borrow::Cow<'_, str>>>| -> Vec<String> {
        list.iter().flatten().map(ToString::to_string).collect()
    };
    let now = (
        value["verdict"].as_str().unwrap().to_owned(),
        texts(&value["policies"], "/id"),
        texts(&value["errors"], ""),
    );
    [(record.verdict.unwrap().name().to_owned(), of(&record.policies), of(&record.errors)), now]
}

#[test]
fn every_verdict_of_a_log_is_decided_again_from_its_record_and_the_files_of_its_epoch() {
    let (desk, decisions) = desk();
    assert_eq!(decisions.len(), 124);
    for record in &decisions {
        let policy = if record.epoch == Some(1) { "before/policy.cedar" } else { "after/policy.cedar" };
        let value = again(&desk, record, &["--policy", policy, "--entities", "entities.json"]);
        let [then, now] = answers(record, &value);
        // An error names the file its policy stands in, by the name it was given.
        let now = (now.0, now.1, now.2.iter().map(|error| error.replace("before/", "")).collect());
        assert_eq!(then, now, "{record:?}");
        assert_eq!(value["notes"], serde_json::json!([]), "{record:?}");
    }
    let word = |word: Word| decisions.iter().filter(|record| record.verdict == Some(word)).count();
    assert!(word(Word::Allow) >= 15 && word(Word::Deny) >= 25 && word(Word::Fault) >= 6);
    let told: BTreeSet<_> = decisions.iter().flat_map(|record| record.policies.iter().flatten()).collect();
    for id in [
        "album", "sets", "stat-at", "hidden", "vetted", "own", "env", "out", "wall", "fair", "args", "name",
        "local",
    ] {
        assert!(told.iter().any(|policy| **policy == id), "`{id}` never decided: {told:?}");
    }
}

#[test]
fn a_question_of_which_a_part_was_cut_is_not_asked_again_as_another() {
    let desk = Desk::new();
    let log = Log::open_file(&desk.path("log")).unwrap();
    let (policies, policy_set) = policies(POLICY, ENTITIES);
    let (authorizer, [subject, ..]) = (CedarAuthorizer::new(policies), subjects());
    subject.serve(std::sync::Arc::default());
    let limits = Limits::default();
    let load = Load { key_id: "00", file_digest: "00", policy_set: &policy_set, epoch: 1, limits };
    log.load(&subject, &load).unwrap();
    for length in [4096, 4097] {
        let resource = Resource::parse("EnvVar", &"X".repeat(length)).unwrap();
        let ask =
            Ask { subject: &subject, action: ActionId::EnvRead, resource: &resource, import: IMPORTS[0] };
        let verdict = &authorizer.decide(&ask).verdict;
        log.decision(&Entry { ask, verdict, epoch: 1, delegated: None }).unwrap();
    }
    log.close().unwrap();
    desk.run(&["policy", "explain", "--audit", "log", "--seq", "2"]).is_done();
    let said = desk.run(&["policy", "explain", "--audit", "log", "--seq", "3"]);
    assert!(
        said.is_one_sentence(125).contains("record 3 cannot be explained: a part of it was cut"),
        "{said:?}"
    );
}

#[test]
fn without_the_entity_files_the_answers_differ_and_that_is_told() {
    let (desk, decisions) = desk();
    let in_album = |record: &&Record<'_>| {
        record.action.as_deref() == Some("fs:read")
            && record.resource.as_ref().is_some_and(|resource| resource.id == "/photos/2026/a.jpg")
    };
    let record = decisions.iter().find(in_album).unwrap();
    let value = again(&desk, record, &["--policy", "before/policy.cedar"]);
    let [then, now] = answers(record, &value);
    assert_eq!((then.0.as_str(), now.0.as_str()), ("allow", "deny"));
    assert_eq!(value["notes"].as_array().unwrap().len(), 2, "{value}");
}
