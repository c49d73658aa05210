//! Random policies, entities and questions.

use super::world::*;
use crate::choices::Choices;
use airssys_osl::{ActionId, Party, Resource};
use cedar_policy::{EntityUid, Schema};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// The sides of a scope or a clause that are the same throughout.
const EFFECTS: [&str; 3] = ["permit", "permit", "forbid"];
const CLAUSES: [&str; 28] = [
    "principal.dev",
    "principal.release > 7",
    "principal.release + 9223372036854775800 > 0",
    "principal.release * principal.release < 100",
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
];

fn principal_scope(choices: &mut Choices<'_>) -> String {
    let who = |choices: &mut Choices<'_>| format!("Component::\"{}\"", choices.one(&PRINCIPALS));
    match choices.weighted(&[2, 2, 3, 1]) {
        0 => "principal is Component".to_owned(),
        1 => format!("principal == {}", who(choices)),
        2 => {
            let set = match choices.below(3) {
                0 => who(choices),
                1 => format!("Publisher::\"{}\"", choices.one(&["acme", "other", "local-dev", "nobody"])),
                _ => format!("Group::\"{}\"", choices.one(&GROUPS)),
            };
            format!("principal is Component in {set}")
        }
        // Only components lie in a component or publisher; an operator may lie in a group.
        _ => format!("principal in Publisher::\"{}\"", choices.one(&["acme", "other"])),
    }
}

/// The action's and the resource's part of a scope on endpoints and hosts.
fn network_scope(choices: &mut Choices<'_>) -> (String, String) {
    let host = choices.one(&HOSTS);
    if choices.rarely(3) {
        let names = [format!("in Host::\"{host}\""), format!("== Host::\"{host}\""), "is Host".to_owned()];
        let at = choices.below(names.len());
        return ("action == Action::\"net:resolve\"".to_owned(), format!("resource {}", names[at]));
    }
    let traffic = match choices.weighted(&[3, 2]) {
        0 => {
            let one = choices.one(&["net:connect", "net:bind", "net:send", "net:receive"]);
            format!("action == Action::\"{one}\"")
        }
        _ => "action in Action::\"net\"".to_owned(),
    };
    let addresses = match choices.weighted(&[2, 2, 1, 1]) {
        0 => format!("resource is Endpoint in Host::\"{host}\""),
        1 => format!("resource in Host::\"{host}\""),
        2 => format!("resource == Endpoint::\"{}\"", choices.one(&ENDPOINTS).0),
        _ => "resource is Endpoint".to_owned(),
    };
    (traffic, addresses)
}

/// The same of scopes on components, functions and topics.
fn actors_scope(choices: &mut Choices<'_>) -> (String, String) {
    let component = format!("Component::\"{}\"", choices.one(&PRINCIPALS));
    let set = match choices.below(2) {
        0 => format!("Publisher::\"{}\"", choices.one(&["acme", "other"])),
        _ => format!("Group::\"{}\"", choices.one(&GROUPS)),
    };
    let (action, resource) = match choices.weighted(&[2, 1, 1]) {
        0 => {
            let sends = ["action == Action::\"msg:send\"", "action == Action::\"component:delegate\""];
            let about = [
                format!("resource == {component}"),
                format!("resource in {component}"),
                format!("resource is Component in {set}"),
                format!("resource in {set}"),
                "resource is Component".to_owned(),
            ];
            (choices.one(&sends), about[choices.below(about.len())].clone())
        }
        1 => {
            let function = format!("resource == Function::\"{}\"", choices.one(&FUNCTIONS));
            let about =
                [function, format!("resource is Function in {component}"), format!("resource in {set}")];
            ("action == Action::\"component:call\"", about[choices.below(about.len())].clone())
        }
        _ => {
            let publishes = "action in [Action::\"msg:publish\", Action::\"msg:subscribe\"]";
            let (topic, word) = (choices.one(&TOPICS), choices.one(&["==", "in"]));
            (publishes, format!("resource {word} Topic::\"{topic}\""))
        }
    };
    (action.to_owned(), resource)
}

/// What operators may: no clause, since those speak of components.
fn operators_policy(choices: &mut Choices<'_>) -> String {
    let who = choices.one(&[
        "principal is Operator",
        "principal == Operator::\"7\"",
        "principal == Operator::\"70\"",
        "principal is Operator in Group::\"vetted\"",
        "principal in Group::\"vetted\"",
    ]);
    let what = choices.one(&[
        "action in Action::\"runtime\", resource",
        "action == Action::\"component:stop\", resource in Publisher::\"acme\"",
        "action in [Action::\"msg\", Action::\"component\"], resource",
        "action == Action::\"runtime:stop\", resource == Runtime::\"self\"",
    ]);
    format!("{} ({who}, {what});", choices.one(&EFFECTS))
}

fn files_scope(choices: &mut Choices<'_>) -> (String, String) {
    let action = match choices.below(5) {
        0 => format!("action == Action::\"{}\"", choices.one(&["fs:stat", "fs:read", "fs:write", "fs:list"])),
        1 => "action in Action::\"fs\"".to_owned(),
        2 => "action in [Action::\"fs\", Action::\"fs:read\"]".to_owned(),
        3 => "action in [Action::\"fs:read\", Action::\"fs:write\", Action::\"env:read\"]".to_owned(),
        _ => "action".to_owned(),
    };
    let resource = match choices.weighted(&[2, 2, 2, 1]) {
        0 => format!("resource in Path::\"{}\"", choices.one(&PATHS)),
        1 => format!("resource == Path::\"{}\"", choices.one(&PATHS)),
        2 => format!("resource is Path in Path::\"{}\"", choices.one(&PATHS)),
        _ => "resource is Path".to_owned(),
    };
    (action, resource)
}

/// The action's and the resource's part of a scope, which must fit each other.
fn object_scope(choices: &mut Choices<'_>) -> (String, String) {
    match choices.weighted(&[14, 4, 5, 2, 1]) {
        0 => files_scope(choices),
        1 => network_scope(choices),
        2 => actors_scope(choices),
        3 => {
            let variable = format!("resource == EnvVar::\"{}\"", choices.one(&VARIABLES));
            let about = [variable, "resource is EnvVar".to_owned(), "resource".to_owned()];
            let at = choices.below(about.len());
            ("action == Action::\"env:read\"".to_owned(), about[at].clone())
        }
        _ => {
            let (action, resource) = choices.one(&[
                ("action in Action::\"stdio\"", "resource"),
                ("action == Action::\"stdio:write\"", "resource == Stdio::\"stdout\""),
                ("action in [Action::\"clock\", Action::\"random\"]", "resource"),
                ("action == Action::\"process:args\"", "resource is Process"),
                ("action in [Action::\"fs\", Action::\"env\"]", "resource"),
            ]);
            (action.to_owned(), resource.to_owned())
        }
    }
}

fn policy(choices: &mut Choices<'_>) -> String {
    let (effect, principal) = (choices.one(&EFFECTS), principal_scope(choices));
    let (action, resource) = object_scope(choices);
    let when = |choices: &mut Choices<'_>| choices.one(&["when", "unless"]);
    let mut clauses: Vec<String> = Vec::new();
    // Clauses that validate whatever the scope, given that the principal is a component.
    for _ in 0..choices.weighted(&[3, 2, 1]) {
        clauses.push(format!("{} {{ {} }}", when(choices), choices.one(&CLAUSES)));
    }
    // And one for scopes that make the resource a path.
    if resource.contains("Path") && choices.rarely(5) {
        let (when, path) = (when(choices), choices.one(&PATHS));
        clauses.push(match choices.below(2) {
            0 => format!("{when} {{ resource in Path::\"{path}\" }}"),
            _ => format!("{when} {{ [Path::\"{path}\", Path::\"/a/b\"].contains(resource) }}"),
        });
    }
    format!("{effect} ({principal}, {action}, {resource}) {};", clauses.join(" "))
}

/// An entity file: some paths in sets of other names, never upwards, so that no circle arises.
fn parents(choices: &mut Choices<'_>) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut all: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for _ in 0..choices.below(6) {
        let from = choices.one(&["/a", "/a/b", "/a/b/c", "/ab", "/b/a", "/b"]);
        let to = choices.one(&["/set", "/set/x", "/set/x/y", "/set-x", "/c"]);
        all.entry(from).or_default().insert(to);
    }
    all
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

/// Policies, an entity file, and what is asked.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) policies: Vec<String>,
    pub(crate) parents: BTreeMap<&'static str, BTreeSet<&'static str>>,
    pub(crate) questions: Vec<Asked>,
}

impl Case {
    /// Policies and entities by the first bytes, then `questions` questions.
    pub(crate) fn new(choices: &mut Choices<'_>, most_policies: usize, questions: usize) -> Case {
        let parents = parents(choices);
        let mut policies = Vec::new();
        for _ in 0..=choices.below(most_policies) {
            policies.push(if choices.rarely(9) { operators_policy(choices) } else { policy(choices) });
        }
        let known = resources();
        let questions = (0..questions).map(|_| question(choices, &known)).collect();
        Case { policies, parents, questions }
    }
}

fn question(choices: &mut Choices<'_>, known: &[Resource]) -> Asked {
    // Most questions are on files, which have the most policies.
    let is_file = |at: &usize| ActionId::ALL[*at].kind() == "Path";
    let files: Vec<_> = (0..ActionId::COUNT).filter(is_file).collect();
    let action = if choices.rarely(5) { choices.below(ActionId::COUNT) } else { choices.one(&files) };
    let asked = ActionId::ALL[action];
    let fitting: Vec<_> = (0..known.len()).filter(|at| known[*at].kind() == asked.kind()).collect();
    let who = choices.one(&askers(asked));
    let (resource, import) = (choices.one(&fitting), choices.below(IMPORTS.len()));
    // An operator is nobody's callee.
    let chain = if who < PRINCIPALS.len() { choices.below(CHAINS.len()) } else { 0 };
    Asked { who, action, resource, import, chain }
}

/// The places of those whom the schema lets take an action.
fn askers(action: ActionId) -> Vec<usize> {
    let uid = EntityUid::from_str(&format!("Action::\"{action}\"")).unwrap();
    let kinds: Vec<String> = schema().principals_for_action(&uid).unwrap().map(ToString::to_string).collect();
    let is_one = |party: &Party| kinds.iter().any(|kind| kind == party.entity().0);
    let parties = parties();
    (0..parties.len()).filter(|at| is_one(&parties[*at])).collect()
}

/// The schema, read once.
pub(crate) fn schema() -> &'static Schema {
    static READ: std::sync::LazyLock<Schema> =
        std::sync::LazyLock::new(|| Schema::from_cedarschema_str(airssys_wasm::policy::SCHEMA).unwrap().0);
    &READ
}
