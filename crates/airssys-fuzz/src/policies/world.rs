//! The little world that is asked about.

use airssys_osl::{Caller, Chain, Endpoint, FunctionName, Host, Operator, Party, Peer, Principal, Resource};
use std::sync::Arc;

/// Paths of the little world: prefixes of each other by name and by letters.
pub(crate) const PATHS: [&str; 16] = [
    "/", "/a", "/ab", "/a/b", "/a/bc", "/a/b/c", "/a/b/c/d", "/a-b", "/b", "/b/a", "/b/a/b", "/set",
    "/set/x", "/set/x/y", "/set-x", "/c",
];
/// Names that lie in each other, and some that only look so.
pub(crate) const HOSTS: [&str; 6] = ["com", "example.com", "api.example.com", "badexample.com", "x.org", "a"];
/// Endpoints with the hosts they were looked up as.
pub(crate) const ENDPOINTS: [(&str, &[&str]); 6] = [
    ("192.0.2.1:443/tcp", &[]),
    ("192.0.2.2:443/tcp", &["api.example.com"]),
    ("[2001:db8::1]:53/udp", &["badexample.com", "x.org"]),
    ("127.0.0.1:80/tcp", &["example.com"]),
    ("[::ffff:10.0.0.1]:80/tcp", &[]),
    ("*:0/udp", &[]),
];
pub(crate) const VARIABLES: [&str; 3] = ["HOME", "/a", "a"];
pub(crate) const PRINCIPALS: [&str; 5] = ["acme/x", "acme/y", "other/x", "local-dev/x", "acme/xx"];
pub(crate) const GROUPS: [&str; 3] = ["vetted", "acme", "fixers"];
/// Topics that lie in each other, and one that only begins like another.
pub(crate) const TOPICS: [&str; 4] = ["/t", "/t/new", "/t/new/x", "/tt"];
pub(crate) const FUNCTIONS: [&str; 3] = ["acme/y#f", "acme/y#acme:text/shout.loud", "other/x#f"];
/// On whose behalf something is asked: places in the world, the nearest first.
pub(crate) const CHAINS: [&[usize]; 4] = [&[], &[1], &[2, 1], &[3, 0]];
pub(crate) const OPERATORS: [(u32, &[&str]); 2] = [(7, &["vetted"]), (70, &[])];
pub(crate) const IMPORTS: [&str; 2] = ["wasi:filesystem/types#open-at", "wasi:cli/environment#get"];

fn principal(name: &str) -> Principal {
    Principal {
        name: name.to_owned(),
        publisher: name.split('/').next().unwrap().to_owned(),
        digest: "ab".repeat(32),
        version: (1, 2, 3),
        release: 7,
        dev: false,
        groups: Vec::new(),
    }
}

pub(crate) fn world() -> Vec<Principal> {
    let mut all: Vec<_> = PRINCIPALS.iter().map(|name| principal(name)).collect();
    // Groups are a publisher's.
    for at in [0, 1, 4] {
        all[at].groups = vec!["fixers".into(), "vetted".into()];
    }
    all[2].release = i64::MAX as u64;
    all[2].groups = vec!["acme".into()];
    all[3].dev = true;
    all[4].version = (0, 9, 0);
    all
}

pub(crate) fn resources() -> Vec<Resource> {
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
    let topics = TOPICS.iter().map(|id| ("Topic", *id)).chain([("Runtime", "self")]);
    let strangers = [("Component", "gone/x"), ("Function", "gone/x#f")];
    let all = paths.chain(rest).chain(closed).chain(topics).chain(strangers);
    let named = all.map(|(kind, id)| Resource::parse(kind, id).unwrap());
    named.chain(endpoints).chain(living()).collect()
}

/// Components and functions of who is in the world.
pub(crate) fn living() -> Vec<Resource> {
    let world: Vec<_> = world().into_iter().map(Arc::new).collect();
    let peer = |name: &str| Peer::live(world.iter().find(|who| who.name == name).unwrap(), 1);
    let components = world.iter().map(|who| Peer::live(who, 1).into());
    let function = |id: &&str| {
        let function = FunctionName::parse(id).unwrap();
        let of = peer(function.peer().name());
        function.of(of).into()
    };
    components.chain(FUNCTIONS.iter().map(function)).collect()
}

/// Whoever may ask, components first.
pub(crate) fn parties() -> Vec<Party> {
    let operators = OPERATORS.iter().map(|(uid, groups)| {
        Operator::new(*uid, groups.iter().map(|group| (*group).to_owned()).collect()).unwrap().into()
    });
    world().into_iter().map(Party::from).chain(operators).collect()
}

pub(crate) fn chain_of(places: &[usize]) -> Chain {
    let world = world();
    Chain::of(places.iter().map(|at| Caller {
        principal: Arc::new(world[*at].clone()),
        instance: 1,
        waits: true,
    }))
}
