//! Plain Cedar on the full set, with entities as a person would write them down.

use crate::random::{Asked, Case};
use crate::world::*;
use airssys_osl::{ActionId, Endpoint, Party, Peer, Principal, Resource};
use airssys_wasm::policy::{BASE, SCHEMA};
use cedar_policy::{
    Authorizer, Context, Decision, Effect, Entities, EntityUid, PolicyId, PolicySet, Request, Response,
    Schema,
};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

pub(crate) fn uid(kind: &str, id: &str) -> Value {
    json!({"type": kind, "id": id})
}

pub(crate) fn directory(path: &str) -> Option<&str> {
    match path.rsplit_once('/')? {
        ("", "") => None,
        ("", _) => Some("/"),
        (parent, _) => Some(parent),
    }
}

/// Hosts, each in the one above, and endpoints in their hosts.
pub(crate) fn network() -> Vec<Value> {
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
pub(crate) fn plain_entities(case: &Case, schema: &Schema) -> Entities {
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
    all.extend(
        ["acme", "other", "local-dev"]
            .map(|p| json!({"uid": uid("Publisher", p), "attrs": {}, "parents": []})),
    );
    all.extend(world().iter().map(|who| component(who, &groups(&who.groups))));
    all.extend(topics());
    all.push(json!({"uid": uid("Runtime", "self"), "attrs": {}, "parents": []}));
    all.extend(OPERATORS.iter().map(|(id, in_groups)| {
        let parents: Vec<_> = in_groups.iter().map(|group| uid("Group", group)).collect();
        json!({"uid": uid("Operator", &id.to_string()), "attrs": {"uid": id}, "parents": parents})
    }));
    Entities::from_json_value(Value::Array(all), Some(schema)).unwrap()
}

pub(crate) fn component(who: &Principal, groups: &[Value]) -> Value {
    let parents: Vec<_> = groups.iter().cloned().chain([uid("Publisher", &who.publisher)]).collect();
    let (major, minor, patch) = who.version;
    json!({
        "uid": uid("Component", &who.name),
        "attrs": {
            "name": who.name, "publisher": {"__entity": uid("Publisher", &who.publisher)}, "digest": who.digest,
            "version": {"major": major, "minor": minor, "patch": patch},
            "release": who.release, "dev": who.dev,
        },
        "parents": parents,
    })
}

/// Topics, each in the one above.
pub(crate) fn topics() -> Vec<Value> {
    let parents = |topic| directory(topic).map(|above| uid("Topic", above));
    let all = TOPICS.iter().chain(&["/"]);
    all.map(|id| json!({"uid": uid("Topic", id), "attrs": {}, "parents": parents(id).as_slice()})).collect()
}

/// The world as the kernel shows it for one question: of the components only who asks, who is asked about, and those on
/// whose behalf it is; and the asker's publisher in its groups.
pub(crate) fn entities_for(
    who: &Party,
    about: &Resource,
    chain: &[usize],
    all: &Entities,
    schema: &Schema,
) -> Entities {
    let peer = match about {
        Resource::Component(peer) => Some(peer),
        Resource::Function(function) => Some(function.peer()),
        _ => None,
    };
    let is_living = peer.filter(|_| about.kind() == "Component").and_then(|peer| peer.principal());
    let shown = |name: &str| {
        who.component().is_some_and(|own| own.name == name)
            || is_living.is_some_and(|own| own.name == name)
            || chain.iter().any(|at| PRINCIPALS[*at] == name)
    };
    let hidden = PRINCIPALS.iter().filter(|name| !shown(name));
    let hidden = hidden.map(|name| EntityUid::from_str(&format!("Component::\"{name}\"")).unwrap());
    let mut all = all.clone().remove_entities(hidden).unwrap();
    for (entity, schema) in
        own_publisher(who, schema).into_iter().chain(peer.map(|peer| stranger(peer, about)))
    {
        let added = Entities::from_json_value(entity, schema).unwrap();
        all = all.upsert_entities(added, schema).unwrap();
    }
    all
}

/// The asker's publisher, in its groups.
fn own_publisher<'a>(who: &Party, schema: &'a Schema) -> Option<(Value, Option<&'a Schema>)> {
    let own = who.component()?;
    let groups: Vec<_> = own.groups.iter().map(|g| uid("Group", g)).collect();
    let publisher = json!({"uid": uid("Publisher", &own.publisher), "attrs": {}, "parents": groups});
    Some((json!([publisher]), Some(schema)))
}

/// A function, in its component and in all that one lies in; a component of whom only the publisher is known. Of one that
/// lives nothing is to be added.
fn stranger<'a>(peer: &Peer, about: &Resource) -> (Value, Option<&'a Schema>) {
    let groups = peer.principal().map(|own| own.groups.clone()).unwrap_or_default();
    let mut parents: Vec<_> = groups.iter().map(|g| uid("Group", g)).collect();
    parents.push(uid("Publisher", peer.publisher()));
    let entities = match (about.kind(), peer.principal()) {
        ("Function", _) => {
            parents.push(uid("Component", peer.name()));
            json!([{"uid": uid("Function", about.id()), "attrs": {}, "parents": parents}])
        }
        (_, None) => json!([{"uid": uid("Component", peer.name()), "attrs": {}, "parents": parents}]),
        (_, Some(_)) => json!([]),
    };
    (entities, None)
}

/// Decision, determining policies, policies that erred.
pub(crate) type Told = (Decision, BTreeSet<String>, BTreeSet<String>);

/// Who asks, about which component or function if it is about one, and on whose behalf: what the world shows.
type Shown = (usize, Option<usize>, usize);

pub(crate) struct Plain {
    schema: Schema,
    /// Those that read the context, to which callers are shown, and the others, to which they are not.
    policies: [PolicySet; 2],
    all: Entities,
    parties: Vec<Party>,
    shown: RefCell<BTreeMap<Shown, Entities>>,
}

impl Plain {
    pub(crate) fn new(case: &Case, text: &str) -> Plain {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).unwrap();
        let all = plain_entities(case, &schema);
        let mut policies = [PolicySet::new(), PolicySet::new()];
        for (source, id) in [(BASE, None), (text, Some("t.cedar#"))] {
            for policy in PolicySet::from_str(source).unwrap().policies() {
                let number =
                    policy.id().to_string().trim_start_matches("policy").parse::<usize>().unwrap() + 1;
                let id = id
                    .map_or_else(|| policy.annotation("id").unwrap().to_owned(), |p| format!("{p}{number}"));
                let reads_context = policy.to_string().contains("context");
                policies[usize::from(!reads_context)].add(policy.new_id(PolicyId::new(id))).unwrap();
            }
        }
        Plain { schema, policies, all, parties: parties(), shown: RefCell::default() }
    }

    pub(crate) fn ask(&self, asked: Asked, resource: &Resource) -> Told {
        let Asked { who, action, import, chain, .. } = asked;
        let component = |at: &usize| json!({"__entity": uid("Component", PRINCIPALS[*at])});
        let (import, callers) = (IMPORTS[import], CHAINS[chain]);
        let mut context =
            json!({"import": import, "chain": callers.iter().map(component).collect::<Vec<_>>()});
        if let Some(caller) = callers.first() {
            context["caller"] = component(caller);
        }
        let request = Request::new(
            EntityUid::from_str(&self.parties[who].to_string()).unwrap(),
            EntityUid::from_str(&format!("Action::\"{}\"", ActionId::ALL[action])).unwrap(),
            EntityUid::from_str(&resource.to_string()).unwrap(),
            Context::from_json_value(context, None).unwrap(),
            Some(&self.schema),
        );
        let request = request.unwrap();
        let (mut reasons, mut forbidding, mut errors) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (policies, chain) in self.policies.iter().zip([chain, 0]) {
            let response = self.response(&request, policies, Asked { chain, ..asked }, resource);
            let told: Vec<_> = response.diagnostics().reason().cloned().collect();
            let forbids = |id: &PolicyId| policies.policy(id).unwrap().effect() == Effect::Forbid;
            let (against, for_it): (Vec<_>, Vec<_>) = told.into_iter().partition(|id| forbids(id));
            forbidding.extend(against.iter().map(ToString::to_string));
            reasons.extend(for_it.iter().map(ToString::to_string));
            errors.extend(response.diagnostics().errors().map(|e| match e {
                cedar_policy::AuthorizationError::PolicyEvaluationError(e) => e.policy_id().to_string(),
            }));
        }
        match (forbidding.is_empty(), reasons.is_empty()) {
            (false, _) => (Decision::Deny, forbidding, errors),
            (true, false) => (Decision::Allow, reasons, errors),
            (true, true) => (Decision::Deny, BTreeSet::new(), errors),
        }
    }

    fn response(&self, request: &Request, policies: &PolicySet, asked: Asked, on: &Resource) -> Response {
        let Asked { who, chain, .. } = asked;
        let about = matches!(on, Resource::Component(_) | Resource::Function(_));
        let mut shown = self.shown.borrow_mut();
        let entities = shown
            .entry((who, about.then_some(asked.resource), chain))
            .or_insert_with(|| entities_for(&self.parties[who], on, CHAINS[chain], &self.all, &self.schema));
        Authorizer::new().is_authorized(request, policies, entities)
    }
}
