//! Random policies, entities and questions.

use crate::world::*;
use airssys_osl::{ActionId, Party};
use airssys_wasm::policy::SCHEMA;
use cedar_policy::{EntityUid, Schema};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// Requests per set of policies.
pub(crate) const QUESTIONS: usize = 200;

pub(crate) fn principal_scope() -> impl Strategy<Value = String> {
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
pub(crate) fn network_scope() -> impl Strategy<Value = (String, String)> {
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

/// The same of scopes on components, functions and topics.
pub(crate) fn actors_scope() -> impl Strategy<Value = (String, String)> {
    let component = || select(&PRINCIPALS[..]).prop_map(|name| format!("Component::\"{name}\""));
    let set = || {
        let publisher = select(vec!["acme", "other"]).prop_map(|p| format!("Publisher::\"{p}\""));
        prop_oneof![publisher, select(&GROUPS[..]).prop_map(|g| format!("Group::\"{g}\""))]
    };
    let sends = select(vec!["action == Action::\"msg:send\"", "action == Action::\"component:delegate\""]);
    let components = prop_oneof![
        component().prop_map(|c| format!("resource == {c}")),
        component().prop_map(|c| format!("resource in {c}")),
        set().prop_map(|s| format!("resource is Component in {s}")),
        set().prop_map(|s| format!("resource in {s}")),
        Just("resource is Component".to_owned()),
    ];
    let calls = Just("action == Action::\"component:call\"".to_owned());
    let functions = prop_oneof![
        select(&FUNCTIONS[..]).prop_map(|f| format!("resource == Function::\"{f}\"")),
        component().prop_map(|c| format!("resource is Function in {c}")),
        set().prop_map(|s| format!("resource in {s}")),
    ];
    let topic = || select(&TOPICS[..]).prop_map(|t| format!("Topic::\"{t}\""));
    let publishes = Just("action in [Action::\"msg:publish\", Action::\"msg:subscribe\"]".to_owned());
    let topics = prop_oneof![
        topic().prop_map(|t| format!("resource == {t}")),
        topic().prop_map(|t| format!("resource in {t}")),
    ];
    prop_oneof![
        2 => (sends.prop_map(str::to_owned), components),
        1 => (calls, functions),
        1 => (publishes, topics),
    ]
}

/// What operators may: no clause, since those speak of components.
pub(crate) fn operators_policy() -> impl Strategy<Value = String> {
    let who = select(vec![
        "principal is Operator",
        "principal == Operator::\"7\"",
        "principal == Operator::\"70\"",
        "principal is Operator in Group::\"vetted\"",
        "principal in Group::\"vetted\"",
    ]);
    let what = select(vec![
        "action in Action::\"runtime\", resource",
        "action == Action::\"component:stop\", resource in Publisher::\"acme\"",
        "action in [Action::\"msg\", Action::\"component\"], resource",
        "action == Action::\"runtime:stop\", resource == Runtime::\"self\"",
    ]);
    let effect = prop_oneof![2 => Just("permit"), 1 => Just("forbid")];
    (effect, who, what).prop_map(|(effect, who, what)| format!("{effect} ({who}, {what});"))
}

/// The action's and the resource's part of a scope, which must fit each other.
pub(crate) fn object_scope() -> impl Strategy<Value = (String, String)> {
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
        14 => (files, paths),
        4 => network_scope(),
        5 => actors_scope(),
        2 => (reads, variables),
        1 => others.prop_map(|(action, resource)| (action.to_owned(), resource.to_owned())),
    ]
}

/// Clauses that validate whatever the scope, given that the principal is a component.
pub(crate) fn clause() -> impl Strategy<Value = String> {
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
        "Component::\"acme/y\".release == 7",
        "principal.release - 9223372036854775807 * 2 < 0",
        "Component::\"acme/x\" in Group::\"vetted\" || principal.dev",
        "context.import like \"wasi:filesystem*\"",
        "context has caller && context.caller.dev",
        "context.chain.contains(Component::\"acme/y\")",
        "context has caller && context.caller.publisher == Publisher::\"other\"",
        "context has caller && context.caller in Group::\"vetted\"",
        "context.chain.containsAny([Component::\"acme/x\", Component::\"other/x\"])",
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
pub(crate) fn path_clause() -> impl Strategy<Value = String> {
    let path = select(&PATHS[..]);
    (prop_oneof![Just("when"), Just("unless")], path, any::<bool>()).prop_map(|(when, path, within)| {
        if within {
            format!("{when} {{ resource in Path::\"{path}\" }}")
        } else {
            format!("{when} {{ [Path::\"{path}\", Path::\"/a/b\"].contains(resource) }}")
        }
    })
}

pub(crate) fn policy() -> impl Strategy<Value = String> {
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
pub(crate) fn parents() -> impl Strategy<Value = BTreeMap<&'static str, BTreeSet<&'static str>>> {
    let from = select(vec!["/a", "/a/b", "/a/b/c", "/ab", "/b/a", "/b"]);
    let to = select(vec!["/set", "/set/x", "/set/x/y", "/set-x", "/c"]);
    let sets = prop::collection::btree_set(to, 0..3);
    prop::collection::btree_map(from, sets, 0..4)
}

/// Places of who asks, the action, the resource, the import, the chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) who: usize,
    pub(crate) action: usize,
    pub(crate) resource: usize,
    pub(crate) import: usize,
    pub(crate) chain: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) policies: Vec<String>,
    pub(crate) parents: BTreeMap<&'static str, BTreeSet<&'static str>>,
    pub(crate) questions: Vec<Asked>,
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    // Most questions are on files, which have the most policies.
    let files: Vec<_> = (0..ActionId::COUNT).filter(|at| ActionId::ALL[*at].kind() == "Path").collect();
    let action = prop_oneof![1 => 0..ActionId::COUNT, 4 => select(files)];
    let any = any::<prop::sample::Index>;
    let question = (any(), action, any(), 0..IMPORTS.len(), 0..CHAINS.len());
    let known = resources();
    let (schema, _) = Schema::from_cedarschema_str(SCHEMA).unwrap();
    let question = question.prop_map(move |(who, action, resource, import, chain)| {
        let asked = ActionId::ALL[action];
        let fitting: Vec<_> = (0..known.len()).filter(|at| known[*at].kind() == asked.kind()).collect();
        let askers = askers(&schema, asked);
        let (who, resource) = (askers[who.index(askers.len())], fitting[resource.index(fitting.len())]);
        // An operator is nobody's callee.
        let chain = if who < PRINCIPALS.len() { chain } else { 0 };
        Asked { who, action, resource, import, chain }
    });
    let questions = prop::collection::vec(question, QUESTIONS);
    let policy = prop_oneof![8 => policy().boxed(), 1 => operators_policy().boxed()];
    let all = (prop::collection::vec(policy, 1..20), parents(), questions);
    all.prop_map(|(policies, parents, questions)| Case { policies, parents, questions })
}

/// The places of those whom the schema lets take an action.
pub(crate) fn askers(schema: &Schema, action: ActionId) -> Vec<usize> {
    let uid = EntityUid::from_str(&format!("Action::\"{action}\"")).unwrap();
    let kinds: Vec<String> = schema.principals_for_action(&uid).unwrap().map(ToString::to_string).collect();
    let is_one = |party: &Party| kinds.iter().any(|kind| kind == party.entity().0);
    let parties = parties();
    (0..parties.len()).filter(|at| is_one(&parties[*at])).collect()
}
