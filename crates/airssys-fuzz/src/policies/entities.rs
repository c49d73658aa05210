//! The little world as rows of an entity file, as a person would write them down: each path with its directory as its
//! one parent, each host in the one above.

use super::random::Case;
use super::world::*;
use airssys_osl::{Endpoint, Party, Peer, Principal, Resource};
use serde_json::{Value, json};
use std::collections::BTreeSet;

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

/// The whole world.
pub(crate) fn all_rows(case: &Case) -> Vec<Value> {
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
    all
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

/// What of the world one question is shown: of the components only who asks, who is asked about, and those on whose
/// behalf it is; and the asker's publisher in its groups.
pub(crate) struct Shown {
    /// Components that it is not.
    pub(crate) hidden: Vec<&'static str>,
    /// Rows that are added or stand in others' place, each with whether the schema is asked about it.
    pub(crate) added: Vec<(Value, bool)>,
}

impl Shown {
    pub(crate) fn of(who: &Party, about: &Resource, chain: &[usize]) -> Shown {
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
        let hidden = PRINCIPALS.iter().copied().filter(|name| !shown(name)).collect();
        let strange = peer.and_then(|peer| stranger(peer, about)).map(|row| (row, false));
        let own = own_publisher(who).map(|row| (row, true));
        Shown { hidden, added: own.into_iter().chain(strange).collect() }
    }
}

/// The asker's publisher, in its groups.
fn own_publisher(who: &Party) -> Option<Value> {
    let own = who.component()?;
    let groups: Vec<_> = own.groups.iter().map(|g| uid("Group", g)).collect();
    Some(json!({"uid": uid("Publisher", &own.publisher), "attrs": {}, "parents": groups}))
}

/// A function, in its component and in all that one lies in; a component of whom only the publisher is known. Of one that
/// lives nothing is to be added.
fn stranger(peer: &Peer, about: &Resource) -> Option<Value> {
    let groups = peer.principal().map(|own| own.groups.clone()).unwrap_or_default();
    let mut parents: Vec<_> = groups.iter().map(|g| uid("Group", g)).collect();
    parents.push(uid("Publisher", peer.publisher()));
    match (about.kind(), peer.principal()) {
        ("Function", _) => {
            parents.push(uid("Component", peer.name()));
            Some(json!({"uid": uid("Function", about.id()), "attrs": {}, "parents": parents}))
        }
        (_, None) => Some(json!({"uid": uid("Component", peer.name()), "attrs": {}, "parents": parents})),
        (_, Some(_)) => None,
    }
}
