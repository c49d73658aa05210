//! `airssys policy check` and `explain`, on the built command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods, reason = "tests prepare and look at real files")]

mod cli_support;

use cli_support::{Desk, Said, log};

const PHOTOS: &str = r#"@id("photos")
permit (principal in Group::"vetted", action == Action::"fs:read", resource in Path::"/photos")
when { principal.version.major >= 1 };
"#;

fn explain(desk: &Desk, more: &[&str]) -> Said {
    desk.run(&[&["policy", "explain", "--policy", "policy.cedar"], more].concat())
}

fn desk(policy: &str) -> Desk {
    let desk = Desk::new();
    desk.write("policy.cedar", policy);
    desk
}

#[test]
fn policies_that_do_not_hold_are_shown_where_they_stand() {
    for (policy, said) in [
        ("permit (principal, action == Action::\"fs:raed\", resource);", "fs:raed"),
        ("\npermit (principal, action, resource in Path::\"/data/\");", "policy.cedar:2:"),
        ("permit (principal, action, resource)", "policy.cedar:1:"),
        ("permit (principal == ?principal, action, resource);", "template"),
        (
            "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource);",
            "taken already",
        ),
    ] {
        let desk = desk(policy);
        let error = desk.run(&["policy", "check", "policy.cedar"]);
        assert_eq!((error.status, error.out.as_str()), (125, ""), "{error:?}");
        assert!(error.err.contains(said), "{error:?}");
        assert!(!error.err.contains('\u{1b}'), "{error:?}");
        let value = desk.run(&["policy", "check", "policy.cedar", "--json"]).err_json();
        assert_eq!(value["error"]["status"], 125);
    }
}

#[test]
fn no_misspelling_is_told_to_permit_a_group() {
    let desk = desk("permit (principal, action == Action::\"fs:raed\", resource);");
    for _ in 0..8 {
        let error = desk.run(&["policy", "check", "policy.cedar"]);
        assert!(!error.err.contains("did you mean") || error.err.contains("fs:read"), "{error:?}");
    }
}

#[test]
fn policy_files_that_are_none_are_refused() {
    let desk = desk("\u{feff}nonsense");
    desk.write("binary.cedar", b"permit \xff");
    assert_eq!(desk.run(&["policy", "check"]).status, 125);
    assert_eq!(desk.run(&["policy", "check", "policy.cedar"]).status, 125);
    let said = desk.run(&["policy", "check", "binary.cedar"]);
    assert!(said.is_one_sentence(125).contains("byte 7 is not UTF-8"), "{said:?}");
    let said = desk.run(&["policy", "check", "."]);
    assert!(said.is_one_sentence(125).contains("is not a regular file"), "{said:?}");
    let said = desk.run(&["policy", "check", "gone.cedar"]);
    assert!(said.is_one_sentence(125).contains("no such file"), "{said:?}");
}

#[cfg(unix)]
#[test]
fn a_fifo_given_as_a_policy_does_not_make_the_command_wait() {
    let desk = Desk::new();
    cli_support::fifo(&desk.path("pipe"));
    let said = desk.run(&["policy", "check", "pipe"]);
    assert!(said.is_one_sentence(125).contains("not a regular file"), "{said:?}");
    let said = desk.run(&["policy", "explain", "--audit", "pipe", "--seq", "1"]);
    assert!(said.is_one_sentence(125).contains("not a regular file"), "{said:?}");
}

#[test]
fn entities_that_do_not_fit_the_schema_are_refused() {
    let desk = desk(PHOTOS);
    desk.write(
        "entities.json",
        r#"[{"uid": {"type": "Group", "id": "vetted"}, "attrs": {}, "parents": []}]"#,
    );
    let said = desk.run(&["policy", "check", "policy.cedar", "--entities", "entities.json"]);
    assert_eq!((said.status, said.out.as_str()), (125, ""), "{said:?}");
    assert!(said.err.contains("entities.json"), "{said:?}");
}

#[test]
fn policies_in_order_are_listed_with_their_places() {
    let desk = desk(PHOTOS);
    let said = desk.run(&["policy", "check", "policy.cedar"]);
    assert_eq!(said.is_done().err, "");
    assert!(said.out.contains("photos") && said.out.contains("policy.cedar:1:1"), "{}", said.out);
    let value = desk.run(&["policy", "check", "policy.cedar", "--json"]).is_done().json();
    assert_eq!(
        (value["policies"].as_array().unwrap().len(), &value["policies"][0]["id"]),
        (1, &"photos".into())
    );
}

#[test]
fn a_question_that_is_not_whole_is_wrong_usage() {
    let desk = desk(PHOTOS);
    for more in [
        &[][..],
        &["--principal", "acme/thumb"],
        &["--audit", "log"],
        &["--seq", "1"],
        &["--principal", "acme/thumb", "--action", "fs:read"],
        &["--principal", "acme", "--action", "fs:read", "--resource", "Path::\"/a\""],
        &["--principal", "Acme/x", "--action", "fs:read", "--resource", "Path::\"/a\""],
        &["--principal", "acme/thumb", "--action", "fs:raed", "--resource", "Path::\"/a\""],
        &["--principal", "acme/thumb", "--action", "fs:read", "--resource", "Path::\"a\""],
        &["--principal", "acme/thumb", "--action", "fs:read", "--resource", "/a"],
        &["--action", "fs:read"],
    ] {
        let said = explain(&desk, more);
        assert_eq!((said.status, said.out.as_str()), (125, ""), "{more:?}: {said:?}");
    }
}

#[test]
fn an_address_is_explained_as_the_names_it_was_looked_up_as() {
    let desk = desk(
        "@id(\"name\") permit (principal, action == Action::\"net:connect\", resource in Host::\"example.com\");",
    );
    let question = ["--principal", "acme/thumb", "--action", "net:connect", "--resource"];
    let address = "Endpoint::\"192.0.2.1:443/tcp\"";
    let verdict = |more: &[&str]| {
        let said = explain(&desk, &[&question[..], &[address], more, &["--json"]].concat());
        said.is_done().json()["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict(&[]), "deny");
    assert_eq!(verdict(&["--looked-up-as", "x.org"]), "deny");
    assert_eq!(verdict(&["--looked-up-as", "x.org", "--looked-up-as", "api.example.com"]), "allow");
    for (resource, host) in
        [(address, "Example.com"), (address, "192.0.2.1"), ("Path::\"/a\"", "example.com")]
    {
        let said = explain(&desk, &[&question[..], &[resource, "--looked-up-as", host]].concat());
        assert_eq!(said.status, 125, "{resource} {host}: {said:?}");
    }
}

#[test]
fn a_denial_is_explained_by_the_condition_that_failed() {
    let desk = desk(PHOTOS);
    desk.run(&["keygen"]).is_done();
    let trust = "[[publisher]]\nname = 'acme'\nnames = ['*']\ngroups = ['vetted']\n[[publisher.key]]\nfile = 'author.pub'\n";
    desk.write("trust.toml", trust);
    let question = [
        "--principal",
        "acme/thumb",
        "--action",
        "fs:read",
        "--resource",
        "Path::\"/photos/a.jpg\"",
        "--trust",
        "trust.toml",
    ];
    let said = explain(&desk, &question);
    assert!(said.is_done().out.starts_with("deny: "), "{}", said.out);
    assert!(
        said.out.contains("principal.version.major >= 1") && said.out.contains("policy.cedar:3:"),
        "{}",
        said.out
    );
    assert!(said.out.contains("note: taken as version 0.0.0, release 0, in vetted"), "{}", said.out);
    let newer = [&question[..], &["--component-version", "1.0.0", "--json"]].concat();
    let value = explain(&desk, &newer).is_done().json();
    assert_eq!((&value["verdict"], &value["policies"][0]["id"]), (&"allow".into(), &"photos".into()));
}

#[test]
fn a_question_of_the_log_is_explained_with_its_own_principal() {
    let desk = desk(PHOTOS);
    log(&desk.path("log"), PHOTOS);
    let seq = |n| explain(&desk, &["--audit", "log", "--seq", n]);
    let allowed = seq("2");
    assert!(allowed.is_done().out.starts_with("allow: "), "{}", allowed.out);
    assert!(allowed.out.contains("permit `photos` (policy.cedar:1:1)"), "{}", allowed.out);
    assert!(!allowed.out.contains("note: "), "{}", allowed.out);
    let denied = seq("3");
    assert!(
        denied.out.starts_with("deny: `acme/thumb` may not fs:read Path::\"/etc/passwd\""),
        "{}",
        denied.out
    );
    assert!(denied.out.contains("near: permit `photos`"), "{}", denied.out);
    assert!(denied.out.contains("to allow it: @id("), "{}", denied.out);
    let load = seq("1");
    assert!(load.is_one_sentence(125).contains("it is of kind `load`"), "{load:?}");
    let none = seq("99");
    assert!(none.is_one_sentence(125).contains("has no record 99"), "{none:?}");
}

#[test]
fn other_policies_than_those_in_force_then_are_told() {
    let desk = desk("");
    log(&desk.path("log"), PHOTOS);
    let value = explain(&desk, &["--audit", "log", "--seq", "2", "--json"]).is_done().json();
    assert_eq!((&value["verdict"], &value["recorded"]["verdict"]), (&"deny".into(), &"allow".into()));
    assert_eq!(value["notes"].as_array().unwrap().len(), 2, "{value}");
}

#[test]
fn policies_of_a_hosts_own_interface_are_checked_and_explained_with_its_schema() {
    let desk = desk(include_str!("../examples/contacts/contacts.cedar"));
    desk.write("contacts.cedarschema", include_str!("../examples/contacts/contacts.cedarschema"));
    desk.write("contacts.json", include_str!("../examples/contacts/contacts.json"));
    let unknown = desk.run(&["policy", "check", "policy.cedar"]);
    assert!(unknown.status == 125 && unknown.err.contains("Acme"), "{unknown:?}");
    desk.run(&["policy", "check", "policy.cedar", "--schema", "contacts.cedarschema"]).is_done();
    let explained = |action: &str, id: &str| {
        let resource = format!("Acme::Contact::\"{id}\"");
        let schema = ["--json", "--schema", "contacts.cedarschema", "--entities", "contacts.json"];
        let asked = ["--principal", "acme/visitor", "--action", action, "--resource", &resource];
        explain(&desk, &[&schema[..], &asked].concat()).json()
    };
    assert_eq!(explained("Acme::contact:read", "grace")["verdict"], "allow");
    let denied = explained("Acme::contact:write-to", "grace");
    assert_eq!(denied["verdict"], "deny");
    let least = denied["suggestion"]["value"].as_str().unwrap();
    assert!(least.contains("Acme::Action::\"contact:write-to\""), "{denied}");
    assert_eq!(explained("Acme::contact:forget", "ada")["verdict"], "fault");
}
