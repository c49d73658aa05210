//! What is refused at load, and where it says the fault is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod policy_support;

use airssys_osl::Outcome;
use airssys_wasm::policy::{Flaw, Policies, PolicyError, Source};
use policy_support::{load, refused, told};

fn one(text: &str) -> String {
    let told = told(&refused(text));
    assert_eq!(told.len(), 1, "{told:?}");
    told[0].clone()
}

fn entities(text: &str) -> PolicyError {
    Policies::load(&[], &[Source::new("e.json", text)]).unwrap_err()
}

#[test]
fn text_that_is_no_cedar_is_refused_where_it_stops_being_cedar() {
    assert_eq!(
        one("permit (principal, action, resource);\n  permit (principal action, resource);"),
        "t.cedar:2:21: unexpected token `action`"
    );
    assert!(one("permit (principal, action, resource)").starts_with("t.cedar:1:"));
}

#[test]
fn every_problem_of_every_file_is_told_at_once() {
    let files = [
        Source::new(
            "a.cedar",
            "permit (principal, action, resource in Path::\"/a/\");\npermit (principal, action, resource in Path::\"/b/\");",
        ),
        Source::new("b.cedar", "nonsense"),
        Source::new("c.cedar", "permit (principal, action == Action::\"fs:reed\", resource);"),
    ];
    let error = Policies::load(&files, &[Source::new("d.json", "[")]).unwrap_err();
    let places: Vec<_> = error.problems().iter().map(|p| p.place.to_string()).collect();
    for place in ["a.cedar:1:40", "a.cedar:2:40", "b.cedar:1:9", "c.cedar:1:", "d.json:1:"] {
        assert!(places.iter().any(|p| p.starts_with(place)), "{place} in {places:?}");
    }
    assert!(error.to_string().contains("more)"), "{error}");
}

#[test]
fn a_name_the_kernel_would_spell_otherwise_is_refused_in_scope_and_condition() {
    for (text, place) in [
        ("permit (principal, action, resource == Path::\"/x/\");", "t.cedar:1:40"),
        ("permit (principal, action, resource in Path::\"/a/../b\");", "t.cedar:1:40"),
        ("permit (principal == Component::\"acme\", action, resource);", "t.cedar:1:22"),
        ("permit (principal in Publisher::\"Acme\", action, resource);", "t.cedar:1:22"),
        ("permit (principal, action, resource in Host::\"Example.com\");", "t.cedar:1:40"),
        (
            "permit (principal, action in Action::\"fs\", resource)\nwhen { resource in Path::\"/x/\" };",
            "t.cedar:2:20",
        ),
        (
            "permit (principal, action in Action::\"fs\", resource)\nunless { [Path::\"/a\", Path::\"/./b\"].contains(resource) };",
            "t.cedar:2:23",
        ),
        (
            "permit (principal, action == Action::\"net:connect\", resource)\nwhen { resource in Host::\"example.com.\" };",
            "t.cedar:2:20",
        ),
    ] {
        let error = refused(text);
        let [problem] = error.problems() else { panic!("{text}: {:?}", told(&error)) };
        assert!(matches!(problem.flaw, Flaw::NotCanonical { .. }), "{text}: {problem}");
        assert_eq!(problem.place.to_string(), place, "{text}");
    }
}

#[test]
fn an_id_that_is_taken_is_refused_even_by_a_built_in_policy() {
    let text =
        "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource);";
    assert_eq!(one(text), "t.cedar:2:1: the policy id `a` is taken already, at t.cedar:1:1");
    let told = one("@id(\"base:no-inner-addresses\") permit (principal, action, resource);");
    assert!(told.contains("is taken already, at base.cedar:"), "{told}");
    assert_eq!(
        one("@id(\"\") permit (principal, action, resource);"),
        "t.cedar:1:1: the policy's `@id` is empty"
    );
    let twice = Source::new("same.cedar", "permit (principal, action, resource);");
    let error = Policies::load(&[twice.clone(), twice], &[]).unwrap_err();
    assert!(told_one(&error).contains("`same.cedar#1` is taken already"), "{error}");
}

fn told_one(error: &PolicyError) -> String {
    told(error).concat()
}

#[test]
fn what_strict_validation_refuses_is_refused_with_the_place() {
    let told = one("permit (principal, action == Action::\"fs:reed\", resource);");
    assert!(told.starts_with("t.cedar:1:") && told.contains("fs:reed"), "{told}");
    let told =
        one("permit (principal, action == Action::\"fs:read\", resource)\nwhen { principal.relase > 1 };");
    assert!(told.starts_with("t.cedar:2:8: policy `t.cedar#1`:") && told.contains("relase"), "{told}");
    let told =
        one("permit (principal, action == Action::\"fs:read\", resource)\nwhen { context.caller.dev };");
    assert!(
        told.contains("t.cedar:2:") && told.contains("caller"),
        "an optional attribute needs `has`: {told}"
    );
}

#[test]
fn a_warning_of_validation_is_an_error() {
    for text in [
        // The group itself is never asked for.
        "permit (principal, action == Action::\"fs\", resource);",
        // No file action on a clock.
        "permit (principal, action == Action::\"fs:read\", resource is Clock);",
        "permit (principal, action == Action::\"fs:read\", resource == EnvVar::\"HOME\");",
        "permit (principal, action == Action::\"fs:read\", resource) when { false };",
        "permit (principal == Publisher::\"acme\", action, resource);",
        // Confusable letters.
        "permit (principal, action == Action::\"fs:read\", resource) when { principal.name == \"say_һello\" };",
    ] {
        let error = refused(text);
        let flaws: Vec<_> = error.problems().iter().map(|p| &p.flaw).collect();
        assert!(matches!(flaws[0], Flaw::Warned { .. } | Flaw::Invalid { .. }), "{text}: {flaws:?}");
        assert_eq!(error.problems()[0].place.line, 1, "{text}");
    }
}

#[test]
fn a_template_is_refused_with_a_sentence() {
    let told = one("@id(\"t\")\npermit (principal == ?principal, action, resource);");
    assert_eq!(told, "t.cedar:1:1: `t` is a template: `?principal` and `?resource` have no meaning here");
}

#[test]
fn what_is_too_large_too_long_or_too_deep_is_refused_before_it_is_parsed() {
    let condition =
        |c: &str| format!("permit (principal, action == Action::\"fs:read\", resource) when {{ {c} }};");
    let flaw = |text: &str| refused(text).problems()[0].flaw.clone();
    assert!(matches!(flaw(&" ".repeat(16 * 1024 * 1024 + 1)), Flaw::TooLarge { .. }));
    let deep = |n| condition(&format!("{}principal.dev{}", "(".repeat(n), ")".repeat(n)));
    assert!(matches!(flaw(&deep(100)), Flaw::TooDeep { .. }));
    assert!(matches!(flaw(&deep(1_000_000)), Flaw::TooDeep { .. }));
    let long = condition(&vec!["principal.dev"; 20_000].join(" || "));
    assert!(matches!(flaw(&long), Flaw::TooLong { .. }));
    let many = condition(&vec!["principal.dev"; 200].join(" || "));
    assert!(matches!(flaw(&many), Flaw::TooDeep { .. }));
    let most = condition(&vec!["principal.dev"; 90].join(" || "));
    load(&most);
    let chain = condition(&format!("principal{} == 1", ".version".repeat(7_000)));
    assert!(matches!(flaw(&chain), Flaw::TooDeep { .. }));
}

#[test]
fn an_entity_file_that_names_identities_is_refused() {
    for kind in ["Component", "Publisher", "Group", "Operator"] {
        let text = format!(
            "[\n  {{\"uid\": {{\"type\": \"{kind}\", \"id\": \"acme/x\"}}, \"attrs\": {{}}, \"parents\": []}}\n]"
        );
        let error = entities(&text);
        assert!(matches!(error.problems()[0].flaw, Flaw::Identity(_)), "{error}");
        assert_eq!(error.problems()[0].place.line, 2);
    }
    let action =
        r#"[{"uid": {"type": "Action", "id": "fs:read"}, "parents": [{"type": "Action", "id": "env"}]}]"#;
    entities(action);
}

#[test]
fn an_entity_that_does_not_conform_is_refused_with_its_place() {
    let cases = [
        ("{}", "e.json:1:"),
        ("[\n {\"uid\": 1}]", "e.json:2:"),
        (r#"[{"uid": {"type": "Path", "id": "/a"}, "parents": [], "parents": []}]"#, "e.json:1:"),
        (r#"[{"uid": {"type": "Path", "id": "/a"}, "colour": "red"}]"#, "e.json:1:"),
        ("[\n {\"uid\": {\"type\": \"Path\", \"id\": \"/a\"}, \"attrs\": {\"x\": 1}}]", "e.json:2:33"),
        ("[\n {\"uid\": {\"type\": \"Tape\", \"id\": \"/a\"}}]", "e.json:2:33"),
        ("[\n {\"uid\": {\"type\": \"Stdio\", \"id\": \"printer\"}}]", "e.json:2:34"),
        (
            "[\n {\"uid\": {\"type\": \"Path\", \"id\": \"/a\"}, \"parents\": [{\"type\": \"Group\", \"id\": \"g\"}]}]",
            "e.json:2:33",
        ),
        ("[\n {\"uid\": {\"type\": \"Path\", \"id\": \"/a/\"}}]", "e.json:2:33"),
        (
            "[\n {\"uid\": {\"type\": \"Path\", \"id\": \"/a\"}, \"parents\": [{\"type\": \"Path\", \"id\": \"b\"}]}]",
            "e.json:2:",
        ),
        (
            "[{\"uid\": {\"type\": \"Path\", \"id\": \"/a\"}},\n {\"uid\": {\"type\": \"Path\", \"id\": \"/a\"}}]",
            "e.json:1:",
        ),
    ];
    for (text, place) in cases {
        let error = entities(text);
        assert!(error.problems()[0].place.to_string().starts_with(place), "{text}: {:?}", told(&error));
    }
}

#[test]
fn an_entity_that_is_its_own_ancestor_is_refused_also_through_directories() {
    for text in [
        r#"[{"uid": {"type": "Path", "id": "/a"}, "parents": [{"type": "Path", "id": "/a"}]}]"#,
        r#"[{"uid": {"type": "Path", "id": "/a"}, "parents": [{"type": "Path", "id": "/a/b"}]}]"#,
        r#"[{"uid": {"type": "Path", "id": "/a"}, "parents": [{"type": "Path", "id": "/b"}]},
            {"uid": {"type": "Path", "id": "/b"}, "parents": [{"type": "Path", "id": "/a/c/d"}]}]"#,
    ] {
        let error = entities(text);
        assert!(matches!(error.problems()[0].flaw, Flaw::Cycle(_)), "{text}: {error}");
    }
}

/// Entities of which each lies in the next, `deep` times; `step` makes the ids.
fn chain(deep: usize, step: fn(usize) -> (String, String)) -> String {
    let row = |at: usize| {
        let ((own, _), (_, parent)) = (step(at), step(at + 1));
        format!(r#"{{"uid":{{"type":"Path","id":"{own}"}},"parents":[{{"type":"Path","id":"{parent}"}}]}}"#)
    };
    format!("[{}]", (0..deep).map(row).collect::<Vec<_>>().join(",\n"))
}

#[test]
fn entities_in_a_chain_that_is_too_deep_are_refused_with_file_and_entity() {
    let plain = |at| (format!("/{at}"), format!("/{at}"));
    // Each lies beneath a directory of the next, so that the chain goes over directories which no file names.
    let beneath = |at| (format!("/{at}"), format!("/{at}/a/b"));
    for step in [plain, beneath] {
        let load = |deep| Policies::load(&[], &[Source::new("e.json", chain(deep, step))]);
        load(64).unwrap();
        for deep in [65, 66, 5_000] {
            let error = load(deep).err().unwrap();
            let [problem] = error.problems() else { panic!("{:?}", told(&error)) };
            let said = "e.json:1:29: entity `Path::\"/0\"` lies more than 64 parents deep";
            assert!(format!("{}: {problem}", problem.place).starts_with(said), "{:?}", told(&error));
            assert!(problem.help().is_some_and(|help| help.contains("directly")), "{problem:?}");
        }
    }
}

#[test]
fn more_entities_than_the_bound_are_refused_in_all_files_together() {
    let file = |name: &str, count: usize| {
        let row = |at| format!(r#"{{"uid":{{"type":"EnvVar","id":"{name}{at}"}}}}"#);
        Source::new(name, format!("[{}]", (0..count).map(row).collect::<Vec<_>>().join(",\n")))
    };
    let error = Policies::load(&[], &[file("a.json", 50_000), file("b.json", 50_001)]).err().unwrap();
    let [problem] = error.problems() else { panic!("{:?}", told(&error).len()) };
    assert_eq!(problem.place.to_string(), "b.json:50001:30");
    assert!(
        problem.to_string().starts_with("`EnvVar::\"b.json50000\"` is one entity more than the 100000"),
        "{problem}"
    );
    assert!(problem.help().is_some_and(|help| help.contains("directories")), "{problem:?}");
}

#[test]
fn entities_that_lie_in_more_sets_than_can_be_kept_are_refused() {
    let id = |id: String| format!(r#"{{"type":"Path","id":"{id}"}}"#);
    let sets = (0..5_000).map(|at| id(format!("/set/{at}"))).collect::<Vec<_>>().join(",");
    let hub = format!(r#"{{"uid":{},"parents":[{sets}]}}"#, id("/hub".into()));
    let member =
        |at: usize| format!(r#"{{"uid":{},"parents":[{}]}}"#, id(format!("/{at}")), id("/hub".into()));
    let text = |count| format!("[{hub},{}]", (0..count).map(member).collect::<Vec<_>>().join(",\n"));
    Policies::load(&[], &[Source::new("e.json", text(10))]).unwrap();
    let error = Policies::load(&[], &[Source::new("e.json", text(5_000))]).err().unwrap();
    let [problem] = error.problems() else { panic!("{:?}", told(&error).len()) };
    assert_eq!(problem.place.file.as_ref(), "e.json");
    assert!(problem.to_string().contains("lie in more than 4000000 others"), "{problem}");
}

#[test]
fn a_file_of_many_mistakes_tells_the_first_of_them() {
    let row = |at| format!(r#"{{"uid":{{"type":"Path","id":"/{at}/"}}}}"#);
    let text = format!("[{}]", (0..30_000).map(row).collect::<Vec<_>>().join(",\n"));
    assert_eq!(entities(&text).problems().len(), 100);
}

#[test]
fn a_wide_file_of_entities_loads() {
    let row = |at| {
        format!(
            r#"{{"uid":{{"type":"Path","id":"/data/{at}/file"}},"parents":[{{"type":"Path","id":"/sets/{}"}}]}}"#,
            at % 7
        )
    };
    let text = format!("[{}]", (0..40_000).map(row).collect::<Vec<_>>().join(",\n"));
    let permit = Source::new("t.cedar", "permit (principal, action, resource in Path::\"/sets/3\");");
    let policies = Policies::load(&[permit], &[Source::new("e.json", text)]).unwrap();
    assert_eq!(policy_support::reads(&policies, "/data/10/file/x").0, Outcome::Allow);
    assert_eq!(policy_support::reads(&policies, "/data/11/file/x").0, Outcome::Deny);
}

#[test]
fn problems_print_with_their_source_line() {
    let error = refused("// first\npermit (principal, action, resource in Path::\"/x/\");");
    let report = format!("{:?}", miette::Report::new(error));
    assert!(report.contains("t.cedar:2:40") && report.contains("permit (principal"), "{report}");
    assert!(report.contains("would never match"), "{report}");
}

#[test]
fn a_policy_is_named_by_its_id_or_by_file_and_number() {
    let policies = load(
        "permit (principal, action, resource);\n\n@id(\"x\")\nforbid (principal, action, resource);\npermit (principal, action, resource);",
    );
    let shown: Vec<_> = policies.rules().skip(1).map(|rule| rule.to_string()).collect();
    assert_eq!(
        shown,
        ["permit `t.cedar#1` (t.cedar:1:1)", "forbid `x` (t.cedar:3:1)", "permit `t.cedar#3` (t.cedar:5:1)",]
    );
    assert!(
        policies.rules().next().unwrap().id.starts_with("base:"),
        "the built-in policies are always there"
    );
    assert!(policies.rule("x").is_some() && policies.rule("y").is_none());
}

#[test]
fn a_forbid_by_host_is_noted() {
    let policies =
        load("@id(\"h\") forbid (principal, action in Action::\"net\", resource in Host::\"example.com\");");
    assert_eq!(policies.notes().len(), 1);
    assert_eq!((policies.notes()[0].policy.as_str(), policies.notes()[0].place.line), ("h", 1));
    assert!(load("permit (principal, action, resource in Host::\"example.com\");").notes().is_empty());
}

#[test]
fn digests_tell_every_change_of_name_text_and_order() {
    let digest = |files: &[(&str, &str)]| {
        let files: Vec<_> = files.iter().map(|(n, t)| Source::new(*n, *t)).collect();
        Policies::load(&files, &[]).unwrap().digests().policies.clone()
    };
    let all = [
        digest(&[]),
        digest(&[("a", "")]),
        digest(&[("b", "")]),
        digest(&[("a", ""), ("b", "")]),
        digest(&[("b", ""), ("a", "")]),
        digest(&[("a", " ")]),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}
