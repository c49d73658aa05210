//! The policies that ship: each example decides its cases as its file says.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

mod policy_support;

use airssys_osl::{ActionId, Host, Outcome, Principal, Resource};
use airssys_wasm::policy::{Policies, Source};
use policy_support::{decide, outcome, principal};
use std::collections::BTreeSet;
use std::path::Path;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    principal: Vec<Who>,
    case: Vec<Case>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    /// How cases call it, where two principals have one name.
    r#as: Option<String>,
    name: String,
    version: Option<String>,
    release: Option<u64>,
    digest: Option<String>,
    dev: Option<bool>,
    #[serde(default)]
    groups: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    why: String,
    principal: String,
    action: String,
    resource: (String, String),
    /// For an endpoint: the hosts that its address was looked up as.
    #[serde(default)]
    looked_up_as: Vec<String>,
    verdict: String,
    policies: Vec<String>,
}

impl Who {
    fn principal(&self) -> Principal {
        let mut who = principal(&self.name);
        if let Some(version) = &self.version {
            let parts: Vec<u64> = version.split('.').map(|n| n.parse().unwrap()).collect();
            let [major, minor, patch] = parts.try_into().unwrap();
            who.version = (major, minor, patch);
        }
        who.release = self.release.unwrap_or(who.release);
        who.dev = self.dev.unwrap_or(false);
        who.digest = self.digest.clone().unwrap_or(who.digest);
        who.groups.clone_from(&self.groups);
        who
    }
}

impl Case {
    fn resource(&self) -> Resource {
        let hosts = self.looked_up_as.iter().map(|host| Host::parse(host).unwrap());
        match Resource::parse(&self.resource.0, &self.resource.1).unwrap() {
            Resource::Endpoint(endpoint) => endpoint.looked_up_as(hosts, 1).into(),
            other if self.looked_up_as.is_empty() => other,
            other => panic!("{}: {other} is not looked up", self.why),
        }
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/policies"))
}

fn source(path: &Path) -> Source {
    Source::new(
        path.strip_prefix(root()).unwrap().display().to_string(),
        std::fs::read_to_string(path).unwrap(),
    )
}

fn check(example: &Path) -> (usize, usize) {
    let entities = example.join("entities.json");
    let entities: Vec<_> = entities.exists().then(|| source(&entities)).into_iter().collect();
    let policies = Policies::load(&[source(&example.join("policy.cedar"))], &entities)
        .unwrap_or_else(|e| panic!("{:?}", miette::Report::new(e)));
    let cases: Cases = toml::from_str(&source(&example.join("cases.toml")).text).unwrap();
    let (mut denied, mut named) = (0, BTreeSet::new());
    for case in &cases.case {
        let who = cases.principal.iter().find(|w| w.r#as.as_ref().unwrap_or(&w.name) == &case.principal);
        let who = who.unwrap_or_else(|| panic!("no principal `{}`", case.principal)).principal();
        let action = ActionId::parse(&case.action).unwrap();
        let resource = case.resource();
        let (found, determining) = outcome(&decide(&policies, &who, action, &resource));
        let shown = format!("{}: {} {action} {resource}: {}", example.display(), case.principal, case.why);
        assert_eq!((found.name(), &determining), (case.verdict.as_str(), &case.policies), "{shown}");
        denied += usize::from(found != Outcome::Allow);
        named.extend(determining);
    }
    let silent: Vec<_> = policies
        .rules()
        .filter(|r| r.place.file.contains("policy.cedar") && !named.contains(&r.id))
        .collect();
    assert!(silent.is_empty(), "{}: no case for {silent:?}", example.display());
    (cases.case.len(), denied)
}

#[test]
fn every_example_decides_its_cases_and_every_policy_in_it_has_one() {
    let mut examples: Vec<_> =
        std::fs::read_dir(root().join("examples")).unwrap().map(|e| e.unwrap().path()).collect();
    examples.sort();
    assert!(examples.len() >= 7);
    for example in examples {
        let (cases, denied) = check(&example);
        assert!(denied >= 2 && cases > denied, "{}: shows denials and allowances", example.display());
    }
}

#[test]
fn the_starter_lets_a_program_start_and_shows_it_nothing() {
    let policies = Policies::load(&[source(&root().join("starter.cedar"))], &[]).unwrap();
    let may = |kind: &str, id: &str, action| {
        let resource = Resource::parse(kind, id).unwrap();
        decide(&policies, &principal("acme/x"), action, &resource).verdict.outcome() == Outcome::Allow
    };
    for action in ActionId::ALL.iter().filter(|action| action.name().starts_with("fs:")) {
        assert!(!may("Path", "/", *action), "{action}");
    }
    assert!(!may("EnvVar", "HOME", ActionId::EnvRead) && !may("Stdio", "stdin", ActionId::StdioRead));
    assert!(may("Stdio", "stdout", ActionId::StdioWrite) && may("Stdio", "stderr", ActionId::StdioWrite));
    assert!(may("Clock", "wall", ActionId::ClockRead) && may("Clock", "monotonic", ActionId::ClockSleep));
    assert!(may("Random", "secure", ActionId::RandomRead) && may("Process", "self", ActionId::ProcessArgs));
}

#[test]
fn the_starter_and_each_example_load_together() {
    for example in std::fs::read_dir(root().join("examples")).unwrap() {
        let files =
            [source(&root().join("starter.cedar")), source(&example.unwrap().path().join("policy.cedar"))];
        Policies::load(&files, &[]).unwrap();
    }
}
