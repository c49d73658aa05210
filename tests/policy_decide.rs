//! Decisions, one question at a time: denials first.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod policy_support;

use airssys_osl::{ActionId, Ask, Authorizer, GuestPath, Outcome, Principal, Resource, Subject, Verdict};
use airssys_wasm::policy::{CedarAuthorizer, Policies, Source};
use policy_support::{decide, load, outcome, path, principal, reads};
use std::sync::atomic::{AtomicBool, Ordering};

const ALL: &str = "@id(\"all\") permit (principal, action, resource);";

fn faults(policies: &Policies, who: &Principal) -> String {
    let decision = decide(policies, who, ActionId::FsRead, &path("/a"));
    let Verdict::Fault(reasons) = &decision.verdict else { panic!("{decision:?}") };
    assert!(!decision.reusable, "a fault is never given again");
    reasons.errors.join("; ")
}

/// A resource for an action on a component, a function, a topic, the runtime or the process.
fn of_actors(action: ActionId) -> Resource {
    let id = match action.kind() {
        "Component" => "acme/b",
        "Function" => "acme/b#f",
        "Topic" => "/orders",
        _ => "self",
    };
    Resource::parse(action.kind(), id).unwrap()
}

#[test]
fn without_a_policy_everything_is_denied() {
    let policies = Policies::load(&[], &[]).unwrap();
    for action in ActionId::ALL {
        let resource = match action.name() {
            name if name.starts_with("fs:") => path("/"),
            "env:read" => Resource::parse("EnvVar", "HOME").unwrap(),
            "stdio:read" | "stdio:write" => Resource::parse("Stdio", "stdout").unwrap(),
            "clock:read" | "clock:sleep" => Resource::parse("Clock", "wall").unwrap(),
            "random:read" => Resource::parse("Random", "secure").unwrap(),
            "net:resolve" => Resource::parse("Host", "api.example.com").unwrap(),
            name if name.starts_with("net:") => Resource::parse("Endpoint", "192.0.2.1:443/tcp").unwrap(),
            _ => of_actors(*action),
        };
        let decision = decide(&policies, &principal("acme/x"), *action, &resource);
        assert_eq!(outcome(&decision), (Outcome::Deny, vec![]), "{action}");
        assert!(decision.reusable);
        let allowed = decide(&load(ALL), &principal("acme/x"), *action, &resource);
        assert_eq!(outcome(&allowed), (Outcome::Allow, vec!["all".to_owned()]), "{action}");
    }
}

#[test]
fn a_path_that_only_begins_like_a_permitted_one_is_denied() {
    let policies =
        load("@id(\"data\") permit (principal, action == Action::\"fs:read\", resource in Path::\"/data\");");
    for denied in ["/database", "/data-old/x", "/data.d", "/dat", "/", "/x/data", "/DATA"] {
        assert_eq!(reads(&policies, denied), (Outcome::Deny, vec![]), "{denied}");
    }
    for allowed in ["/data", "/data/x", "/data/x/y"] {
        assert_eq!(reads(&policies, allowed), (Outcome::Allow, vec!["data".to_owned()]), "{allowed}");
    }
}

#[test]
fn a_scope_with_equals_does_not_reach_beneath() {
    let policies = load("permit (principal, action == Action::\"fs:read\", resource == Path::\"/data\");");
    assert_eq!(reads(&policies, "/data/x").0, Outcome::Deny);
    assert_eq!(reads(&policies, "/data").0, Outcome::Allow);
}

#[test]
fn a_forbid_that_errs_denies_although_a_permit_stands() {
    let overflow = "@id(\"no\") forbid (principal, action == Action::\"fs:read\", resource)
        when { principal.release + 9223372036854775807 > 0 };";
    let policies = load(&format!("{ALL}\n{overflow}"));
    let error = faults(&policies, &principal("acme/x"));
    assert!(error.contains("`no` (t.cedar:2:1)") && error.contains("overflow"), "{error}");
    let (outcome, policies) = reads(&policies, "/a");
    assert_eq!((outcome, policies), (Outcome::Fault, vec!["all".to_owned()]));
}

#[test]
fn a_permit_that_errs_denies_although_another_stands() {
    let policies = load(&format!(
        "{ALL}\npermit (principal is Component, action, resource) when {{ -9223372036854775807 - principal.release < 0 }};"
    ));
    faults(&policies, &principal("acme/x"));
}

#[test]
fn a_principal_that_is_not_what_it_says_is_a_fault() {
    let odd = |change: &dyn Fn(&mut Principal)| {
        let mut who = principal("acme/x");
        change(&mut who);
        faults(&load(ALL), &who)
    };
    assert!(odd(&|who| who.publisher = "other".into()).contains("no component of publisher"));
    assert!(odd(&|who| who.name = "acme".into()).contains("no component"));
    assert!(odd(&|who| who.name = "acme/X".into()).contains("no component"));
    assert!(odd(&|who| who.name = "acme/x\n".into()).contains("\\n"));
    assert!(odd(&|who| who.publisher = String::new()).contains("no component"));
    assert!(odd(&|who| who.release = u64::MAX).contains("too large"));
    assert!(odd(&|who| who.version.1 = 1 << 63).contains("too large"));
}

#[test]
fn a_resource_of_another_kind_than_the_action_is_not_allowed_by_a_permit_for_that_kind() {
    let policies = load(
        "permit (principal, action == Action::\"fs:read\", resource in Path::\"/home\");
        permit (principal, action == Action::\"env:read\", resource == EnvVar::\"/home\");",
    );
    let odd = decide(
        &policies,
        &principal("acme/x"),
        ActionId::FsRead,
        &Resource::parse("EnvVar", "/home").unwrap(),
    );
    assert_eq!(odd.verdict.outcome(), Outcome::Fault);
}

#[test]
fn a_forbid_wins_over_permits_and_all_that_apply_are_named() {
    let policies = load(&format!("{ALL}
        @id(\"f1\") forbid (principal, action in Action::\"fs\", resource in Path::\"/a\");
        @id(\"f2\") forbid (principal in Publisher::\"acme\", action, resource == Path::\"/a/b\") when {{ principal.release == 7 }};
        @id(\"f3\") forbid (principal in Publisher::\"other\", action, resource);
        @id(\"p2\") permit (principal == Component::\"acme/x\", action, resource is Path);"));
    assert_eq!(reads(&policies, "/a/b"), (Outcome::Deny, vec!["f1".to_owned(), "f2".to_owned()]));
    assert_eq!(reads(&policies, "/a"), (Outcome::Deny, vec!["f1".to_owned()]));
    assert_eq!(reads(&policies, "/c"), (Outcome::Allow, vec!["all".to_owned(), "p2".to_owned()]));
}

#[test]
fn groups_come_from_the_principal_and_count_once() {
    let policies = load("@id(\"g\") permit (principal in Group::\"vetted\", action, resource);
        @id(\"c\") permit (principal is Component in Group::\"vetted\", action, resource) when { principal.publisher in Group::\"vetted\" };");
    assert_eq!(reads(&policies, "/a"), (Outcome::Deny, vec![]));
    let mut who = principal("acme/x");
    who.groups = vec!["vetted".into(), "vetted".into()];
    let decision = decide(&policies, &who, ActionId::FsRead, &path("/a"));
    assert_eq!(outcome(&decision), (Outcome::Allow, vec!["g".to_owned(), "c".to_owned()]));
}

#[test]
fn an_entity_file_puts_files_into_sets_with_all_that_lies_beneath_them() {
    let entities = r#"[
        {"uid": {"type": "Path", "id": "/data/mail"}, "parents": [{"type": "Path", "id": "/set/personal"}]},
        {"uid": {"type": "Path", "id": "/set/personal"}, "parents": [{"type": "Path", "id": "/closed/a"}]}
    ]"#;
    let text = format!("{ALL} @id(\"set\") forbid (principal, action, resource in Path::\"/closed\");
        @id(\"cond\") forbid (principal, action == Action::\"fs:write\", resource) when {{ resource in Path::\"/set\" }};
        @id(\"named\") forbid (principal, action == Action::\"fs:list\", resource) when {{ Path::\"/data/mail/x\" in Path::\"/closed\" }};");
    let policies =
        Policies::load(&[Source::new("t.cedar", text)], &[Source::new("e.json", entities)]).unwrap();
    for closed in ["/data/mail", "/data/mail/in/1", "/set/personal/x", "/closed"] {
        assert_eq!(reads(&policies, closed), (Outcome::Deny, vec!["set".to_owned()]), "{closed}");
    }
    for open in ["/data", "/data/mailbox", "/set"] {
        assert_eq!(reads(&policies, open), (Outcome::Allow, vec!["all".to_owned()]), "{open}");
    }
    let write = decide(&policies, &principal("acme/x"), ActionId::FsWrite, &path("/data/mail/x"));
    assert_eq!(outcome(&write), (Outcome::Deny, vec!["set".to_owned(), "cond".to_owned()]));
    let list = decide(&policies, &principal("acme/x"), ActionId::FsList, &path("/"));
    assert_eq!(
        outcome(&list),
        (Outcome::Deny, vec!["named".to_owned()]),
        "entities a condition names are known"
    );
}

#[test]
fn a_verdict_is_reusable_unless_a_policy_that_could_speak_reads_the_context() {
    let policies = load("permit (principal, action == Action::\"fs:read\", resource in Path::\"/a\") when { context.import like \"wasi:*\" };
        permit (principal, action == Action::\"fs:read\", resource in Path::\"/b\") when { principal.release == 7 };
        permit (principal, action == Action::\"fs:read\", resource in Path::\"/c\");");
    let reusable = |file| decide(&policies, &principal("acme/x"), ActionId::FsRead, &path(file)).reusable;
    assert!(!reusable("/a"), "false, and for this import only");
    assert!(reusable("/b") && reusable("/c") && reusable("/d"));
}

#[test]
fn the_import_is_what_policies_see_in_the_context() {
    let policies =
        load("permit (principal, action, resource) when { context.import == \"test:test/test#test\" };");
    assert_eq!(reads(&policies, "/a").0, Outcome::Allow);
    let policies = load("permit (principal, action, resource) when { context has caller };");
    assert_eq!(reads(&policies, "/a").0, Outcome::Deny);
}

#[test]
fn conditions_are_decided_on_a_tiny_stack() {
    let deep = vec!["principal.release == 8"; 90].join(" || ");
    let policies = load(&format!(
        "permit (principal is Component, action, resource) when {{ {deep} || principal.release == 7 }};"
    ));
    let decided =
        std::thread::Builder::new().stack_size(48 * 1024).spawn(move || reads(&policies, "/a/b/c").0);
    assert_eq!(decided.unwrap().join().unwrap(), Outcome::Allow);
}

const READS_IN: &str = "permit (principal, action == Action::\"fs:read\", resource in Path::\"/data/in\");";

fn shown(text: &str, mount: &str) -> bool {
    load(text).mount_visible(&principal("acme/x"), &GuestPath::parse(mount).unwrap())
}

#[test]
fn a_mount_is_shown_where_a_permit_is_contains_or_lies_beneath_it() {
    for (mount, is) in [
        ("/data/in", true),
        ("/data/in/x", true),
        ("/data", true),
        ("/", true),
        ("/data/inner", false),
        ("/d", false),
    ] {
        assert_eq!(shown(READS_IN, mount), is, "{mount}");
    }
    assert!(!shown("", "/data"));
    assert!(!shown("permit (principal == Component::\"acme/y\", action, resource);", "/data"));
    assert!(
        !shown("permit (principal, action == Action::\"env:read\", resource);", "/data"),
        "no permit on files"
    );
    assert!(shown("permit (principal, action, resource);", "/data"));
    assert!(
        shown("permit (principal is Component, action, resource) when { principal.dev };", "/data"),
        "conditions are not asked"
    );
    assert!(
        !shown("permit (principal, action == Action::\"fs:read\", resource == Path::\"/\");", "/data"),
        "`==` contains nothing"
    );
    let entities =
        r#"[{"uid": {"type": "Path", "id": "/mnt/a"}, "parents": [{"type": "Path", "id": "/data/in"}]}]"#;
    let policies = Policies::load(&[Source::new("t", READS_IN)], &[Source::new("e", entities)]).unwrap();
    let mount = GuestPath::parse("/mnt").unwrap();
    assert!(policies.mount_visible(&principal("acme/x"), &mount), "through a set");
}

#[test]
fn a_mount_is_hidden_by_a_forbid_without_conditions_alone() {
    let forbid = |what: &str| {
        format!(
            "{READS_IN} forbid (principal, action == Action::\"fs:read\", resource in Path::\"/data\"){what};"
        )
    };
    assert!(!shown(&forbid(""), "/data"));
    assert!(shown(&forbid(" when { principal.dev }"), "/data"));
    assert!(
        shown(&format!("{READS_IN} forbid (principal, action == Action::\"fs:write\", resource);"), "/data"),
        "a read-only mount"
    );
}

#[test]
fn a_path_named_anywhere_keeps_the_directories_above_it() {
    let named = |text: &str, path: &str| load(text).names_beneath(&GuestPath::parse(path).unwrap());
    let scope = "permit (principal, action, resource in Path::\"/a/b\");";
    assert!(named(scope, "/a") && named(scope, "/"));
    assert!(!named(scope, "/a/b") && !named(scope, "/a/b/c") && !named(scope, "/a-b"));
    assert!(named("forbid (principal, action, resource == Path::\"/a/b\");", "/a"));
    assert!(named(
        "permit (principal, action in Action::\"fs\", resource) unless { resource in [Path::\"/x/y\"] };",
        "/x"
    ));
    let entities =
        r#"[{"uid": {"type": "Path", "id": "/m/n"}, "parents": [{"type": "Path", "id": "/o/p"}]}]"#;
    let policies = Policies::load(&[], &[Source::new("e", entities)]).unwrap();
    for (path, is) in [("/m", true), ("/o", true), ("/m/n", false)] {
        assert_eq!(policies.names_beneath(&GuestPath::parse(path).unwrap()), is, "{path}");
    }
}

/// Asks until it is told to stop, and holds each answer against its epoch.
fn read_on(authorizer: &CedarAuthorizer, stop: &AtomicBool) {
    let (subject, resource) = (Subject::new(principal("acme/x"), 1), path("/a"));
    let (mut last, mut seen) = (0, 0_u64);
    while !stop.load(Ordering::Relaxed) || seen < 100 {
        let before = authorizer.epoch().load(Ordering::SeqCst);
        let ask = Ask { subject: &subject, action: ActionId::FsRead, resource: &resource, import: "t" };
        let decision = authorizer.decide(&ask);
        assert!(decision.epoch >= before, "a decision is never older than the epoch seen before it");
        assert!(decision.epoch >= last, "epochs never go back");
        let expected = if decision.epoch.is_multiple_of(2) { "even" } else { "odd" };
        assert_eq!(outcome(&decision).1, [expected], "the epoch is that of the policies that decided");
        (last, seen) = (decision.epoch, seen + 1);
    }
}

#[test]
fn a_swap_is_seen_whole_by_every_thread() {
    let even = load("@id(\"even\") permit (principal, action, resource);");
    let odd = load(
        "@id(\"odd\") forbid (principal is Component, action, resource) when { principal.release == 7 };",
    );
    let (authorizer, stop) = (CedarAuthorizer::new(odd.clone()), AtomicBool::new(false));
    std::thread::scope(|threads| {
        let readers: Vec<_> = (0..3).map(|_| threads.spawn(|| read_on(&authorizer, &stop))).collect();
        for epoch in 2..20_000 {
            let next = if epoch % 2 == 0 { &even } else { &odd };
            assert_eq!(authorizer.swap(next.clone()), epoch);
            assert_eq!(authorizer.epoch().load(Ordering::SeqCst), epoch);
            assert_eq!(authorizer.snapshot().epoch(), epoch);
        }
        stop.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn a_live_subject_is_denied_by_the_next_question_after_a_swap() {
    let one = "permit (principal, action, resource in Path::\"/a\");";
    let authorizer = CedarAuthorizer::new(load(one));
    let subject = Subject::new(principal("acme/x"), 1);
    let ask = Ask { subject: &subject, action: ActionId::FsRead, resource: &path("/a"), import: "t" };
    assert_eq!(authorizer.decide(&ask).verdict.outcome(), Outcome::Allow);
    authorizer.swap(load("permit (principal, action, resource in Path::\"/b\");"));
    let decision = authorizer.decide(&ask);
    assert_eq!((decision.verdict.outcome(), decision.epoch), (Outcome::Deny, 2));
    assert!(!authorizer.visible(&subject, &GuestPath::parse("/a").unwrap()));
    assert!(authorizer.visible(&subject, &GuestPath::parse("/b").unwrap()));
    authorizer.swap(load(one));
    assert_eq!(authorizer.decide(&ask).verdict.outcome(), Outcome::Allow);
}

#[test]
fn a_load_that_fails_leaves_the_policies_in_force() {
    let authorizer = CedarAuthorizer::new(load(ALL));
    assert!(Policies::load(&[Source::new("t", "permit (")], &[]).is_err());
    let subject = Subject::new(principal("acme/x"), 1);
    let ask = Ask { subject: &subject, action: ActionId::FsRead, resource: &path("/a"), import: "t" };
    assert_eq!(
        (authorizer.decide(&ask).verdict.outcome(), authorizer.snapshot().epoch()),
        (Outcome::Allow, 1)
    );
}
