//! The index against plain Cedar: whatever the policies, entities and questions, the same verdict, the same
//! determining policies, the same errors.
//!
//! Plain Cedar gets the full set of policies, and entities as a person would write them down: each path with its
//! directory as its one parent, closures computed by Cedar. `POLICY_SETS=5000` soaks.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::disallowed_methods)]

mod policy_support;

use airssys_osl::{ActionId, Ask, Authorizer as _, Endpoint, Host, Principal, Resource, Subject, Verdict};
use airssys_wasm::policy::{BASE, CedarAuthorizer, Policies, SCHEMA, Source};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicyId, PolicySet, Request, Schema,
};
use policy_support::{principal, told};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// Paths of the little world: prefixes of each other by name and by letters.
const PATHS: [&str; 16] = [
    "/", "/a", "/ab", "/a/b", "/a/bc", "/a/b/c", "/a/b/c/d", "/a-b", "/b", "/b/a", "/b/a/b", "/set",
    "/set/x", "/set/x/y", "/set-x", "/c",
];
/// Names that lie in each other, and some that only look so.
const HOSTS: [&str; 6] = ["com", "example.com", "api.example.com", "badexample.com", "x.org", "a"];
/// Endpoints with the hosts they were looked up as.
const ENDPOINTS: [(&str, &[&str]); 6] = [
    ("192.0.2.1:443/tcp", &[]),
    ("192.0.2.2:443/tcp", &["api.example.com"]),
    ("[2001:db8::1]:53/udp", &["badexample.com", "x.org"]),
    ("127.0.0.1:80/tcp", &["example.com"]),
    ("[::ffff:10.0.0.1]:80/tcp", &[]),
    ("*:0/udp", &[]),
];
const VARIABLES: [&str; 3] = ["HOME", "/a", "a"];
const PRINCIPALS: [&str; 5] = ["acme/x", "acme/y", "other/x", "local-dev/x", "acme/xx"];
const GROUPS: [&str; 3] = ["vetted", "acme", "fixers"];
const IMPORTS: [&str; 2] = ["wasi:filesystem/types#open-at", "wasi:cli/environment#get"];

/// Requests per set of policies.
const QUESTIONS: usize = 200;

fn world() -> Vec<Principal> {
    let mut all: Vec<_> = PRINCIPALS.iter().map(|name| principal(name)).collect();
    all[0].groups = vec!["vetted".into()];
    all[1].groups = vec!["fixers".into(), "vetted".into()];
    all[2].release = i64::MAX as u64;
    all[2].groups = vec!["acme".into()];
    all[3].dev = true;
    all[4].version = (0, 9, 0);
    all
}

fn resources() -> Vec<Resource> {
    let paths = PATHS.iter().map(|id| ("Path", *id)).chain([("Path", "/a/b/zz"), ("Path", "/zz")]);
    let endpoints = ENDPOINTS.iter().map(|(id, hosts)| {
        let hosts = hosts.iter().map(|host| Host::parse(host).unwrap());
        Endpoint::parse(id).unwrap().looked_up_as(hosts, 1).into()
    });
    let rest = HOSTS.iter().map(|id| ("Host", *id)).chain(VARIABLES.iter().map(|id| ("EnvVar", *id)));
    let closed = [
        ("Stdio", "stdin"),
        ("Stdio", "stdout"),
        ("Clock", "wall"),
        ("Random", "secure"),
        ("Process", "self"),
    ];
    let named = paths.chain(rest).chain(closed).map(|(kind, id)| Resource::parse(kind, id).unwrap());
    named.chain(endpoints).collect()
}

fn principal_scope() -> impl Strategy<Value = String> {
    let who = select(&PRINCIPALS[..]).prop_map(|name| format!("Component::\"{name}\""));
    let publisher =
        select(vec!["acme", "other", "local-dev", "nobody"]).prop_map(|p| format!("Publisher::\"{p}\""));
    let group = select(&GROUPS[..]).prop_map(|g| format!("Group::\"{g}\""));
    let set = prop_oneof![who.clone(), publisher, group];
    prop_oneof![
        2 => Just("principal is Component".to_owned()),
        2 => who.prop_map(|who| format!("principal == {who}")),
        3 => set.clone().prop_map(|set| format!("principal is Component in {set}")),
        // Only components lie in a component or publisher; an operator may lie in a group.
        1 => select(vec!["acme", "other"]).prop_map(|p| format!("principal in Publisher::\"{p}\"")),
    ]
}

/// The same of scopes on endpoints and hosts.
fn network_scope() -> impl Strategy<Value = (String, String)> {
    let one = select(vec!["net:connect", "net:bind", "net:send", "net:receive"]);
    let traffic = one.prop_map(|a| format!("action == Action::\"{a}\""));
    let traffic = prop_oneof![3 => traffic, 2 => Just("action in Action::\"net\"".to_owned())];
    let host = || select(&HOSTS[..]).prop_map(|h| format!("Host::\"{h}\""));
    let endpoint = select(&ENDPOINTS[..]).prop_map(|(id, _)| format!("resource == Endpoint::\"{id}\""));
    let addresses = prop_oneof![
        2 => host().prop_map(|h| format!("resource is Endpoint in {h}")),
        2 => host().prop_map(|h| format!("resource in {h}")),
        1 => endpoint,
        1 => Just("resource is Endpoint".to_owned()),
    ];
    let names = prop_oneof![
        host().prop_map(|h| format!("resource in {h}")),
        host().prop_map(|h| format!("resource == {h}")),
        Just("resource is Host".to_owned()),
    ];
    let resolving = Just("action == Action::\"net:resolve\"".to_owned());
    prop_oneof![2 => (traffic, addresses), 1 => (resolving, names)]
}

/// The action's and the resource's part of a scope, which must fit each other.
fn object_scope() -> impl Strategy<Value = (String, String)> {
    let one = select(vec!["fs:stat", "fs:read", "fs:write", "fs:list"])
        .prop_map(|a| format!("action == Action::\"{a}\""));
    let files = prop_oneof![
        one,
        Just("action in Action::\"fs\"".to_owned()),
        Just("action in [Action::\"fs\", Action::\"fs:read\"]".to_owned()),
        Just("action in [Action::\"fs:read\", Action::\"fs:write\", Action::\"env:read\"]".to_owned()),
        Just("action".to_owned()),
    ];
    let path = select(&PATHS[..]).prop_map(|p| format!("Path::\"{p}\""));
    let paths = prop_oneof![
        2 => path.clone().prop_map(|p| format!("resource in {p}")),
        2 => path.clone().prop_map(|p| format!("resource == {p}")),
        2 => path.prop_map(|p| format!("resource is Path in {p}")),
        1 => Just("resource is Path".to_owned()),
    ];
    let variable = select(&VARIABLES[..]).prop_map(|v| format!("resource == EnvVar::\"{v}\""));
    let variables = prop_oneof![variable, Just("resource is EnvVar".to_owned()), Just("resource".to_owned())];
    let reads = Just("action == Action::\"env:read\"".to_owned());
    let others = select(vec![
        ("action in Action::\"stdio\"", "resource"),
        ("action == Action::\"stdio:write\"", "resource == Stdio::\"stdout\""),
        ("action in [Action::\"clock\", Action::\"random\"]", "resource"),
        ("action == Action::\"process:args\"", "resource is Process"),
        ("action in [Action::\"fs\", Action::\"env\"]", "resource"),
    ]);
    prop_oneof![
        8 => (files, paths),
        4 => network_scope(),
        2 => (reads, variables),
        1 => others.prop_map(|(action, resource)| (action.to_owned(), resource.to_owned())),
    ]
}

/// Clauses that validate whatever the scope, given that the principal is a component.
fn clause() -> impl Strategy<Value = String> {
    let when = prop_oneof![Just("when"), Just("unless")];
    let body = select(vec![
        "principal.release > 7",
        "principal.release + 9223372036854775800 > 0",
        "principal.release * principal.release < 100",
        "principal.dev",
        "principal.version.major >= 1 && principal.version.minor < 9",
        "principal.publisher == Publisher::\"acme\"",
        "principal.publisher in Group::\"vetted\"",
        "principal in Group::\"fixers\"",
        "principal.name like \"*/x\"",
        "principal in [Component::\"acme/y\", Component::\"other/x\"]",
        "Component::\"acme/x\".release == 7",
        "Component::\"acme/x\" in Group::\"vetted\" || principal.dev",
        "context.import like \"wasi:filesystem*\"",
        "context has caller && context.caller.dev",
        "context has chain",
        "action in Action::\"fs\"",
        "[Action::\"fs:read\", Action::\"env:read\"].contains(action)",
        "Path::\"/set/x\" in Path::\"/a\"",
        "Path::\"/a/b/c/d\" in Path::\"/a/b\"",
        "Host::\"api.example.com\" in Host::\"example.com\"",
        "Host::\"badexample.com\" in Host::\"example.com\"",
        "Endpoint::\"192.0.2.1:443/tcp\".port == 443",
        "if principal.dev then principal.release + 9223372036854775807 > 0 else true",
    ]);
    (when, body).prop_map(|(when, body)| format!("{when} {{ {body} }}"))
}

/// Clauses about a path, for scopes that make the resource one.
fn path_clause() -> impl Strategy<Value = String> {
    let path = select(&PATHS[..]);
    (prop_oneof![Just("when"), Just("unless")], path, any::<bool>()).prop_map(|(when, path, within)| {
        if within {
            format!("{when} {{ resource in Path::\"{path}\" }}")
        } else {
            format!("{when} {{ [Path::\"{path}\", Path::\"/a/b\"].contains(resource) }}")
        }
    })
}

fn policy() -> impl Strategy<Value = String> {
    let effect = prop_oneof![2 => Just("permit"), 1 => Just("forbid")];
    let clauses = prop_oneof![3 => Just(0_usize), 2 => Just(1), 1 => Just(2)]
        .prop_flat_map(|n| prop::collection::vec(clause(), n));
    let about_path = proptest::option::weighted(0.2, path_clause());
    (effect, principal_scope(), object_scope(), clauses, about_path).prop_map(
        |(effect, principal, (action, resource), mut clauses, about_path)| {
            if resource.contains("Path") {
                clauses.extend(about_path);
            }
            format!("{effect} ({principal}, {action}, {resource}) {};", clauses.join(" "))
        },
    )
}

/// An entity file: some paths in sets of other names, never upwards, so that no circle arises.
fn parents() -> impl Strategy<Value = BTreeMap<&'static str, BTreeSet<&'static str>>> {
    let from = select(vec!["/a", "/a/b", "/a/b/c", "/ab", "/b/a", "/b"]);
    let to = select(vec!["/set", "/set/x", "/set/x/y", "/set-x", "/c"]);
    let sets = prop::collection::btree_set(to, 0..3);
    prop::collection::btree_map(from, sets, 0..4)
}

#[derive(Debug, Clone)]
struct Case {
    policies: Vec<String>,
    parents: BTreeMap<&'static str, BTreeSet<&'static str>>,
    questions: Vec<(usize, usize, usize, usize)>,
}

fn case() -> impl Strategy<Value = Case> {
    // Most questions are on files, which have the most policies.
    let files: Vec<_> = (0..ActionId::COUNT).filter(|at| ActionId::ALL[*at].kind() == "Path").collect();
    let action = prop_oneof![1 => 0..ActionId::COUNT, 2 => select(files)];
    let question = (0..PRINCIPALS.len(), action, any::<prop::sample::Index>(), 0..IMPORTS.len());
    let known = resources();
    let question = question.prop_map(move |(who, action, resource, import)| {
        let kind = ActionId::ALL[action].kind();
        let fitting: Vec<_> = (0..known.len()).filter(|at| known[*at].kind() == kind).collect();
        (who, action, fitting[resource.index(fitting.len())], import)
    });
    let questions = prop::collection::vec(question, QUESTIONS);
    let all = (prop::collection::vec(policy(), 1..20), parents(), questions);
    all.prop_map(|(policies, parents, questions)| Case { policies, parents, questions })
}

fn uid(kind: &str, id: &str) -> Value {
    json!({"type": kind, "id": id})
}

fn directory(path: &str) -> Option<&str> {
    match path.rsplit_once('/')? {
        ("", "") => None,
        ("", _) => Some("/"),
        (parent, _) => Some(parent),
    }
}

/// Hosts, each in the one above, and endpoints in their hosts.
fn network() -> Vec<Value> {
    let above = |name: &str| name.split_once('.').map(|(_, above)| above.to_owned());
    let mut names: BTreeSet<String> = HOSTS.iter().map(|host| (*host).to_owned()).collect();
    names.insert("org".to_owned());
    let mut all: Vec<_> = names
        .iter()
        .map(|name| {
            let parents: Vec<_> = above(name).iter().map(|above| uid("Host", above)).collect();
            json!({"uid": uid("Host", name), "attrs": {}, "parents": parents})
        })
        .collect();
    for (id, hosts) in ENDPOINTS {
        let endpoint = Endpoint::parse(id).unwrap();
        let mut attrs = json!({"port": endpoint.port(), "transport": endpoint.transport().name()});
        if let Some(ip) = endpoint.ip() {
            // Cedar knows no dots in an address of IPv6.
            let ip = ip.to_string().replace("::ffff:10.0.0.1", "::ffff:a00:1");
            attrs["ip"] = json!({"__extn": {"fn": "ip", "arg": ip}});
        }
        let parents: Vec<_> = hosts.iter().map(|host| uid("Host", host)).collect();
        all.push(json!({"uid": uid("Endpoint", id), "attrs": attrs, "parents": parents}));
    }
    all
}

/// The whole world as plain entities.
fn plain_entities(case: &Case, schema: &Schema) -> Entities {
    let mut paths: BTreeSet<String> = PATHS.iter().map(|p| (*p).to_owned()).collect();
    paths.extend(resources().iter().filter(|r| r.kind() == "Path").map(|r| r.id().to_owned()));
    let mut all: Vec<Value> = paths
        .iter()
        .map(|path| {
            let sets = case.parents.get(path.as_str()).into_iter().flatten().copied();
            let parents: Vec<_> = directory(path).into_iter().chain(sets).map(|p| uid("Path", p)).collect();
            json!({"uid": uid("Path", path), "attrs": {}, "parents": parents})
        })
        .collect();
    all.extend(network());
    let groups = |names: &[String]| names.iter().map(|g| uid("Group", g)).collect::<Vec<_>>();
    for who in world() {
        let mut parents = groups(&who.groups);
        parents.push(uid("Publisher", &who.publisher));
        let (major, minor, patch) = who.version;
        all.push(json!({
            "uid": uid("Component", &who.name),
            "attrs": {
                "name": who.name, "publisher": {"__entity": uid("Publisher", &who.publisher)}, "digest": who.digest,
                "version": {"major": major, "minor": minor, "patch": patch},
                "release": who.release, "dev": who.dev,
            },
            "parents": parents,
        }));
    }
    Entities::from_json_value(Value::Array(all), Some(schema)).unwrap()
}

/// The world as the kernel shows it for one principal: no other components, and its publisher in its groups.
fn entities_for(who: &Principal, all: &Entities, schema: &Schema) -> Entities {
    let others: Vec<EntityUid> = PRINCIPALS
        .iter()
        .filter(|name| **name != who.name)
        .map(|name| EntityUid::from_str(&format!("Component::\"{name}\"")).unwrap())
        .collect();
    let groups: Vec<_> = who.groups.iter().map(|g| uid("Group", g)).collect();
    let publisher = json!([{"uid": uid("Publisher", &who.publisher), "attrs": {}, "parents": groups}]);
    let all = all.clone().remove_entities(others).unwrap();
    all.add_entities_from_json_str(&publisher.to_string(), Some(schema)).unwrap()
}

/// Decision, determining policies, policies that erred.
type Told = (Decision, BTreeSet<String>, BTreeSet<String>);

struct Plain {
    schema: Schema,
    policies: PolicySet,
    entities: Vec<Entities>,
}

impl Plain {
    fn new(case: &Case, text: &str) -> Plain {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).unwrap();
        let all = plain_entities(case, &schema);
        let entities = world().iter().map(|who| entities_for(who, &all, &schema)).collect();
        let mut policies = PolicySet::new();
        for (source, id) in [(BASE, None), (text, Some("t.cedar#"))] {
            for policy in PolicySet::from_str(source).unwrap().policies() {
                let number =
                    policy.id().to_string().trim_start_matches("policy").parse::<usize>().unwrap() + 1;
                let id = id
                    .map_or_else(|| policy.annotation("id").unwrap().to_owned(), |p| format!("{p}{number}"));
                policies.add(policy.new_id(PolicyId::new(id))).unwrap();
            }
        }
        Plain { schema, policies, entities }
    }

    fn ask(&self, who: usize, action: ActionId, resource: &Resource, import: &str) -> Told {
        let context = Context::from_json_value(json!({ "import": import }), None).unwrap();
        let request = Request::new(
            EntityUid::from_str(&format!("Component::\"{}\"", PRINCIPALS[who])).unwrap(),
            EntityUid::from_str(&format!("Action::\"{action}\"")).unwrap(),
            EntityUid::from_str(&resource.to_string()).unwrap(),
            context,
            Some(&self.schema),
        );
        let response =
            Authorizer::new().is_authorized(&request.unwrap(), &self.policies, &self.entities[who]);
        let reasons = response.diagnostics().reason().map(ToString::to_string).collect();
        let errors = response.diagnostics().errors().map(|e| match e {
            cedar_policy::AuthorizationError::PolicyEvaluationError(e) => e.policy_id().to_string(),
        });
        (response.decision(), reasons, errors.collect())
    }
}

fn loaded(case: &Case, text: &str) -> Policies {
    let rows: Vec<_> = case
        .parents
        .iter()
        .map(|(path, sets)| json!({"uid": uid("Path", path), "parents": sets.iter().map(|s| uid("Path", s)).collect::<Vec<_>>()}))
        .collect();
    Policies::load(&[Source::new("t.cedar", text)], &[Source::new("e.json", Value::Array(rows).to_string())])
        .unwrap_or_else(|e| panic!("{text}\n{:#?}", told(&e)))
}

/// How often each thing happened, to show that the cases are worth something.
#[derive(Default)]
struct Seen {
    allow: Cell<u32>,
    deny: Cell<u32>,
    forbidden: Cell<u32>,
    fault: Cell<u32>,
    many: Cell<u32>,
    kept: Cell<u32>,
    dropped: Cell<u32>,
}

fn bump(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

/// The policies of a case that load. One that can never apply is refused; a few of the random ones are.
fn text(case: &Case, seen: &Seen) -> String {
    let loads = |text: &&String| Policies::load(&[Source::new("t.cedar", text.as_str())], &[]).is_ok();
    let policies: Vec<_> = case.policies.iter().filter(loads).map(String::as_str).collect();
    seen.kept.set(seen.kept.get() + policies.len() as u32);
    seen.dropped.set(seen.dropped.get() + (case.policies.len() - policies.len()) as u32);
    policies.join("\n")
}

fn compare(case: &Case, seen: &Seen) -> Result<(), TestCaseError> {
    let text = text(case, seen);
    let (plain, authorizer) = (Plain::new(case, &text), CedarAuthorizer::new(loaded(case, &text)));
    let subjects: Vec<_> = world().into_iter().zip(1..).map(|(who, n)| Subject::new(who, n)).collect();
    let known = resources();
    for (who, action, resource, import) in &case.questions {
        let (action, resource, import) = (ActionId::ALL[*action], &known[*resource], IMPORTS[*import]);
        let ask = Ask { subject: &subjects[*who], action, resource, import };
        let ours = authorizer.decide(&ask);
        let shown = format!("{:?} {action} {resource} {import}\n{text}\n{:?}", subjects[*who], case.parents);
        agree(&ours.verdict, plain.ask(*who, action, resource, import), &shown, seen)?;
        // What may be used again must not depend on the import.
        if ours.reusable {
            let again = authorizer.decide(&Ask { import: "another:import/of#something", ..ask });
            prop_assert_eq!(&again.verdict, &ours.verdict, "{}", &shown);
        }
    }
    Ok(())
}

fn agree(ours: &Verdict, theirs: Told, shown: &str, seen: &Seen) -> Result<(), TestCaseError> {
    let (decision, reasons, errors) = theirs;
    let found: BTreeSet<String> = ours.reasons().policies.iter().map(|id| id.to_string()).collect();
    prop_assert_eq!(found.len(), ours.reasons().policies.len(), "each once: {}", shown);
    prop_assert_eq!(&found, &reasons, "{}", shown);
    let erring = ours.reasons().errors.iter().map(|e| e.split('`').nth(1).unwrap().to_owned());
    prop_assert_eq!(&erring.collect::<BTreeSet<_>>(), &errors, "{}", shown);
    match (ours, decision, errors.is_empty()) {
        (Verdict::Allow(_), Decision::Allow, true) => bump(&seen.allow),
        (Verdict::Deny(_), Decision::Deny, true) if reasons.is_empty() => bump(&seen.deny),
        (Verdict::Deny(_), Decision::Deny, true) => bump(&seen.forbidden),
        (Verdict::Fault(_), _, false) => bump(&seen.fault),
        other => prop_assert!(false, "{:?}: {}", other, shown),
    }
    if reasons.len() > 1 {
        bump(&seen.many);
    }
    Ok(())
}

#[test]
fn decisions_are_those_of_plain_cedar_on_the_full_set() {
    let sets = std::env::var("POLICY_SETS").map_or(500, |n| n.parse().unwrap());
    let seed =
        std::env::var("POLICY_SEED").map_or(RngSeed::Fixed(42), |n| RngSeed::Fixed(n.parse().unwrap()));
    let config = Config {
        cases: sets,
        failure_persistence: None,
        max_shrink_iters: 200,
        rng_seed: seed,
        ..Config::default()
    };
    let seen = Seen::default();
    TestRunner::new(config).run(&case(), |case| compare(&case, &seen)).unwrap_or_else(|e| panic!("{e}"));
    let counts = [&seen.allow, &seen.deny, &seen.forbidden, &seen.fault, &seen.many].map(Cell::get);
    println!("allow, deny, forbidden, fault, several policies: {counts:?}");
    let (kept, dropped) = (seen.kept.get(), seen.dropped.get());
    assert!(dropped < kept / 10, "nearly all policies load: {kept} do, {dropped} do not");
    let questions = sets * QUESTIONS as u32;
    assert!(counts.iter().all(|count| *count > questions / 100), "every kind of verdict is met: {counts:?}");
}
