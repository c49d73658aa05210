//! What people are told about a verdict, and what a component may expect.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod policy_support;

use airssys_osl::{ActionId, Outcome, Principal, Resource};
use airssys_wasm::policy::{
    Chance, Explanation, Outlook, Policies, Question, Source, Suggestion, explain, outlook,
};
use policy_support::{decide, load, outcome, path, principal};

const THUMB: &str = r#"@id("reads")
permit (
  principal == Component::"acme/x",
  action in [Action::"fs:stat", Action::"fs:read"],
  resource in Path::"/photos"
);
@id("writes")
permit (principal == Component::"acme/x", action in Action::"fs", resource in Path::"/thumbs")
when { principal.version.major >= 1 && principal.release >= 8 } // not yet
unless { principal.dev };
@id("theirs")
permit (principal == Component::"acme/y", action == Action::"fs:read", resource in Path::"/etc");
@id("never")
forbid (principal, action, resource in Path::"/photos/private");
"#;

fn ask(who: Principal, action: ActionId, file: &str) -> Explanation {
    let import = "wasi:filesystem/types#open-at".to_owned();
    explain(
        &load(THUMB),
        &Question {
            principal: who.into(),
            action,
            resource: path(file),
            import,
            chain: std::sync::Arc::default(),
        },
    )
}

#[test]
fn a_denial_names_the_nearest_permits_and_the_part_that_fails() {
    insta::assert_snapshot!(ask(principal("acme/x"), ActionId::FsRead, "/etc/hosts"), @r#"
    deny: `acme/x` may not fs:read Path::"/etc/hosts"
      near: permit `reads` (t.cedar:1:1): it is for `resource in Path::"/photos"`
      near: permit `writes` (t.cedar:7:1): it is for `resource in Path::"/thumbs"`
      near: permit `theirs` (t.cedar:11:1): it is for `principal == Component::"acme/y"`
      to allow it: @id("acme/x fs:read Path /etc/hosts") permit (principal == Component::"acme/x", action == Action::"fs:read", resource == Path::"/etc/hosts");
    "#);
}

#[test]
fn a_condition_is_told_by_the_clause_that_fails_and_its_place() {
    insta::assert_snapshot!(ask(principal("acme/x"), ActionId::FsWrite, "/thumbs/a"), @r#"
    deny: `acme/x` may not fs:write Path::"/thumbs/a"
      near: permit `writes` (t.cedar:7:1): `when { principal.release >= 8 }` is false (t.cedar:9:40)
      to allow it: @id("acme/x fs:write Path /thumbs/a") permit (principal == Component::"acme/x", action == Action::"fs:write", resource == Path::"/thumbs/a");
    "#);
    let mut dev = principal("acme/x");
    (dev.dev, dev.release) = (true, 8);
    insta::assert_snapshot!(ask(dev, ActionId::FsWrite, "/thumbs/a"), @r#"
    deny: `acme/x` may not fs:write Path::"/thumbs/a"
      near: permit `writes` (t.cedar:7:1): `unless { principal.dev }` is true (t.cedar:10:10)
      to allow it: @id("acme/x fs:write Path /thumbs/a") permit (principal == Component::"acme/x", action == Action::"fs:write", resource == Path::"/thumbs/a");
    "#);
}

#[test]
fn a_forbid_is_named_and_no_permit_is_offered() {
    let told = ask(principal("acme/x"), ActionId::FsRead, "/photos/private/a");
    assert_eq!(told.suggestion, Some(Suggestion::Forbidden(vec!["never".to_owned()])));
    insta::assert_snapshot!(told, @r#"
    deny: `acme/x` may not fs:read Path::"/photos/private/a"
      decided by forbid `never` (t.cedar:13:1)
      no permit can lift it: change or remove the forbid `never`
    "#);
}

#[test]
fn an_allow_names_its_policies_with_their_places() {
    insta::assert_snapshot!(ask(principal("acme/x"), ActionId::FsRead, "/photos/a"), @r#"
    allow: `acme/x` may fs:read Path::"/photos/a"
      decided by permit `reads` (t.cedar:1:1)
    "#);
}

#[test]
fn a_fault_tells_its_errors() {
    let policies = load(
        "@id(\"sum\")\npermit (principal is Component, action, resource)\nwhen { 9223372036854775807 + principal.release > 0 };",
    );
    let question = Question {
        principal: principal("acme/x").into(),
        action: ActionId::FsRead,
        resource: path("/a"),
        import: String::new(),
        chain: std::sync::Arc::default(),
    };
    insta::assert_snapshot!(explain(&policies, &question), @r#"
    fault: `acme/x` may not fs:read Path::"/a"
      error: policy `sum` (t.cedar:1:1): integer overflow while attempting to add the values `9223372036854775807` and `7`
      near: permit `sum` (t.cedar:1:1): `9223372036854775807 + principal.release > 0` failed (t.cedar:3:8): integer overflow while attempting to add the values `9223372036854775807` and `7`
      repair the policy that failed: an error always denies
    "#);
}

#[test]
fn explanations_are_data_too() {
    let json = serde_json::to_value(ask(principal("acme/x"), ActionId::FsWrite, "/thumbs/a")).unwrap();
    assert_eq!(json["verdict"], "deny");
    assert_eq!(json["nearest"][0]["policy"]["id"], "writes");
    assert_eq!(json["nearest"][0]["policy"]["place"]["line"], 7);
    assert_eq!(json["nearest"][0]["failed"][0]["part"], "when");
    assert_eq!(json["suggestion"]["kind"], "permit");
}

/// The suggestion for a denial by no policy at all.
fn suggested(action: ActionId, resource: &Resource) -> Option<Suggestion> {
    let (principal, import) = (principal("acme/x"), String::new());
    let question = Question {
        principal: principal.into(),
        action,
        resource: resource.clone(),
        import,
        chain: std::sync::Arc::default(),
    };
    explain(&load(""), &question).suggestion
}

#[test]
fn no_permit_is_suggested_that_would_not_load() {
    let told = suggested(ActionId::FsRead, &path("/a\u{1b}[31m"));
    assert!(matches!(told, Some(Suggestion::NotAPolicy(_))), "{told:?}");
}

#[test]
fn the_suggested_permit_allows_exactly_what_was_denied_however_it_is_named() {
    for (action, resource) in [
        (ActionId::FsRead, path("/etc/hosts")),
        (ActionId::FsWrite, path("/a \"quoted\" \\ name/'x' @id(\"y\") */ /*")),
        (ActionId::FsRead, path("/ünï")),
        (ActionId::EnvRead, Resource::parse("EnvVar", "A\"B\\").unwrap()),
        (ActionId::StdioWrite, Resource::parse("Stdio", "stdout").unwrap()),
    ] {
        let Some(Suggestion::Permit(text)) = suggested(action, &resource) else { panic!("{resource}") };
        assert!(!text.contains('\n'), "one line: {text}");
        let policies = load(&text);
        let decision = decide(&policies, &principal("acme/x"), action, &resource);
        assert_eq!(outcome(&decision).0, Outcome::Allow, "{text}");
        assert_eq!(outcome(&decide(&policies, &principal("acme/y"), action, &resource)).0, Outcome::Deny);
    }
}

fn rows(text: &str) -> Vec<Outlook> {
    outlook(&load(text), &principal("acme/x")).unwrap()
}

fn chance(text: &str, action: &str) -> Chance {
    rows(text).iter().find(|row| row.action == action).unwrap().chance
}

#[test]
fn an_outlook_is_never_where_nothing_permits_or_something_forbids() {
    assert!(rows("").iter().all(|row| row.chance == Chance::Never));
    assert_eq!(
        chance(
            "permit (principal, action, resource); forbid (principal, action in Action::\"fs\", resource);",
            "fs:read"
        ),
        Chance::Never
    );
    assert_eq!(
        chance("permit (principal == Component::\"acme/y\", action, resource);", "fs:read"),
        Chance::Never
    );
    assert_eq!(
        chance(
            "permit (principal is Component, action, resource) when { principal.release > 7 };",
            "fs:read"
        ),
        Chance::Never
    );
    let errs = "permit (principal, action, resource); permit (principal is Component, action, resource) when { principal.release + 9223372036854775807 > 0 };";
    assert_eq!(chance(errs, "fs:read"), Chance::Never, "an error denies");
}

#[test]
fn an_outlook_is_always_where_nothing_is_left_to_ask() {
    let rest = |row: &Outlook| {
        // Of endpoints the inner ones are left.
        if row.kind == "Endpoint" { Chance::Depends } else { Chance::Always }
    };
    assert!(rows("permit (principal, action, resource);").iter().all(|row| row.chance == rest(row)));
    assert_eq!(
        chance(
            "permit (principal is Component in Publisher::\"acme\", action, resource) when { principal.release == 7 };",
            "fs:read"
        ),
        Chance::Always
    );
}

#[test]
fn an_outlook_depends_with_what_remains_of_each_policy() {
    let shown: Vec<_> =
        rows(THUMB).iter().filter(|row| row.chance != Chance::Never).map(ToString::to_string).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    fs:stat Path: depends
      permit `reads` (t.cedar:1:1): resource in Path::"/photos"
      forbid `never` (t.cedar:13:1): resource in Path::"/photos/private"
    fs:read Path: depends
      permit `reads` (t.cedar:1:1): resource in Path::"/photos"
      forbid `never` (t.cedar:13:1): resource in Path::"/photos/private"
    "#);
}

#[test]
fn an_outlook_on_the_starter_policy_names_what_it_always_gives() {
    let starter =
        Policies::load(&[Source::new("starter.cedar", include_str!("../policies/starter.cedar"))], &[])
            .unwrap();
    let shown: Vec<_> =
        outlook(&starter, &principal("acme/x")).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(shown, STARTER.lines().collect::<Vec<_>>());
}

const STARTER: &str = r#"fs:stat Path: never
fs:list Path: never
fs:read Path: never
fs:write Path: never
fs:create Path: never
fs:delete Path: never
fs:times Path: never
fs:symlink Path: never
env:read EnvVar: never
stdio:read Stdio::"stdin": never
stdio:write Stdio::"stdout": always
stdio:write Stdio::"stderr": always
clock:read Clock::"monotonic": always
clock:read Clock::"wall": always
clock:sleep Clock::"monotonic": always
clock:sleep Clock::"wall": always
random:read Random::"secure": always
random:read Random::"insecure": always
process:args Process::"self": always
net:resolve Host: never
net:connect Endpoint: never
net:bind Endpoint: never
net:listen Endpoint: never
net:accept Endpoint: never
net:send Endpoint: never
net:receive Endpoint: never
msg:send Component: never
msg:request Component: never
msg:receive Component: never
msg:publish Topic: never
msg:subscribe Topic: never
component:call Function: never
component:delegate Component: never
component:load Component: never
component:reload Component: never
component:widen Component: never"#;

#[test]
fn an_outlook_agrees_with_decisions() {
    for text in [
        THUMB,
        include_str!("../policies/starter.cedar"),
        include_str!("../policies/examples/ci-lint/policy.cedar"),
    ] {
        let policies = load(text);
        for row in outlook(&policies, &principal("acme/x")).unwrap() {
            let action = ActionId::parse(row.action).unwrap();
            let open = match row.kind {
                "Host" => ["example.com", "a"],
                "Endpoint" => ["192.0.2.1:443/tcp", "127.0.0.1:80/udp"],
                "Component" => ["acme/y", "other/x"],
                "Function" => ["acme/y#f", "other/x#a:b/c.d"],
                _ => ["/photos/a", "/nowhere"],
            };
            for id in open.map(|id| row.resource.unwrap_or(id)) {
                let resource = Resource::parse(row.kind, id).unwrap();
                let is = decide(&policies, &principal("acme/x"), action, &resource).verdict.outcome()
                    == Outcome::Allow;
                match row.chance {
                    Chance::Always => assert!(is, "{row}"),
                    Chance::Never => assert!(!is, "{row}"),
                    Chance::Depends => {}
                }
            }
        }
    }
}
