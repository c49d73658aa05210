//! Decisions on hosts and endpoints: an address is judged as itself and as the names it was looked up as.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod policy_support;

use airssys_osl::{ActionId, Endpoint, Host, Outcome, Resource};
use airssys_wasm::policy::{Flaw, Policies, Question, Source, Suggestion, explain};
use policy_support::{decide, load, principal};

const BY_HOST: &str =
    "@id(\"h\") permit (principal, action in Action::\"net\", resource in Host::\"example.com\");";
const ALL: &str = "@id(\"all\") permit (principal, action, resource);";

fn endpoint(id: &str, hosts: &[&str]) -> Resource {
    let hosts = hosts.iter().map(|host| Host::parse(host).unwrap());
    Endpoint::parse(id).unwrap().looked_up_as(hosts, 1).into()
}

fn may(policies: &Policies, groups: &[&str], action: ActionId, resource: &Resource) -> Outcome {
    let mut who = principal("acme/x");
    who.groups = groups.iter().map(|group| (*group).to_owned()).collect();
    decide(policies, &who, action, resource).verdict.outcome()
}

fn connects(policies: &Policies, id: &str, hosts: &[&str]) -> bool {
    may(policies, &[], ActionId::NetConnect, &endpoint(id, hosts)) == Outcome::Allow
}

#[test]
fn a_permit_by_host_takes_addresses_looked_up_in_it_and_no_bare_address() {
    let policies = load(BY_HOST);
    let address = "192.0.2.1:443/tcp";
    assert!(!connects(&policies, address, &[]));
    for hosts in [&["badexample.com"][..], &["example.com.evil.org"], &["com"], &["example.org"]] {
        assert!(!connects(&policies, address, hosts), "{hosts:?}");
    }
    for hosts in
        [&["example.com"][..], &["api.example.com"], &["a.b.example.com"], &["x.org", "api.example.com"]]
    {
        assert!(connects(&policies, address, hosts), "{hosts:?}");
    }
}

#[test]
fn a_forbid_by_host_takes_addresses_that_were_looked_up_in_it_under_any_name() {
    let policies =
        load(&format!("{ALL} forbid (principal, action, resource is Endpoint in Host::\"example.com\");"));
    assert!(!connects(&policies, "192.0.2.1:443/tcp", &["api.example.com", "x.org"]));
    assert!(connects(&policies, "192.0.2.1:443/tcp", &["x.org"]));
    let host = Resource::parse("Host", "api.example.com").unwrap();
    assert_eq!(may(&policies, &[], ActionId::NetResolve, &host), Outcome::Allow, "a name is no endpoint");
}

#[test]
fn a_name_lies_in_the_names_above_it_and_in_none_that_it_only_ends_with() {
    let policies = load(BY_HOST);
    for (name, outcome) in [
        ("example.com", Outcome::Allow),
        ("a.b.example.com", Outcome::Allow),
        ("badexample.com", Outcome::Deny),
        ("com", Outcome::Deny),
        ("example.com.org", Outcome::Deny),
    ] {
        let host = Resource::parse("Host", name).unwrap();
        assert_eq!(may(&policies, &[], ActionId::NetResolve, &host), outcome, "{name}");
    }
    let same = load("permit (principal, action, resource == Host::\"example.com\");");
    let host = Resource::parse("Host", "api.example.com").unwrap();
    assert_eq!(may(&same, &[], ActionId::NetResolve, &host), Outcome::Deny);
}

/// Addresses that only who is in the group reaches.
const INNER: &[&str] = &[
    "127.0.0.1",
    "127.9.9.9",
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "224.0.0.1",
    "239.255.255.255",
    "192.0.0.192",
    "198.18.0.1",
    "198.19.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "[::1]",
    "[fe80::1]",
    "[febf::1]",
    "[fec0::1]",
    "[feff::1]",
    "[fc00::1]",
    "[fdff::1]",
    "[ff02::1]",
];

/// Their neighbours, and others that anybody may be permitted.
const OUTER: &[&str] = &[
    "192.0.2.1",
    "192.0.1.1",
    "172.32.0.1",
    "100.128.0.1",
    "198.20.0.1",
    "223.255.255.255",
    "168.63.129.17",
    "[2001:db8::1]",
    "[::ffff:192.0.2.1]",
];

#[test]
fn inner_addresses_are_forbidden_whatever_they_were_looked_up_as_but_for_the_group() {
    let policies = load(ALL);
    for ip in INNER {
        let inner = endpoint(&format!("{ip}:80/tcp"), &["api.example.com"]);
        for action in
            ActionId::ALL.iter().filter(|a| a.name().starts_with("net:") && **a != ActionId::NetResolve)
        {
            assert_eq!(may(&policies, &[], *action, &inner), Outcome::Deny, "{action} {ip}");
            assert_eq!(may(&policies, &["inner-network"], *action, &inner), Outcome::Allow, "{action} {ip}");
        }
    }
    for ip in OUTER {
        assert!(connects(&policies, &format!("{ip}:80/tcp"), &[]), "{ip}");
    }
    let open = "permit (principal, action, resource) when { principal in Group::\"inner-network\" };";
    let inner = endpoint("10.0.0.1:80/tcp", &[]);
    assert_eq!(may(&load(open), &["inner-network"], ActionId::NetConnect, &inner), Outcome::Allow);
}

#[test]
fn every_local_address_is_a_resource_of_its_own() {
    let any = endpoint("*:53/udp", &[]);
    let one = endpoint("192.0.2.1:53/udp", &[]);
    let named =
        load("permit (principal, action == Action::\"net:bind\", resource == Endpoint::\"*:53/udp\");");
    assert_eq!(may(&named, &[], ActionId::NetBind, &any), Outcome::Allow);
    assert_eq!(may(&named, &[], ActionId::NetBind, &one), Outcome::Deny);
    assert_eq!(may(&named, &[], ActionId::NetBind, &endpoint("*:54/udp", &[])), Outcome::Deny);
    assert_eq!(may(&named, &[], ActionId::NetBind, &endpoint("*:53/tcp", &[])), Outcome::Deny);
    let by_address = load(
        "permit (principal, action, resource is Endpoint) when { resource has ip && resource.port == 53 };",
    );
    assert_eq!(may(&by_address, &[], ActionId::NetBind, &any), Outcome::Deny);
    assert_eq!(may(&by_address, &[], ActionId::NetBind, &one), Outcome::Allow);
}

#[test]
fn a_policy_that_takes_the_address_for_granted_does_not_load() {
    let text =
        "permit (principal, action in Action::\"net\", resource is Endpoint) when { resource.ip.isIpv4() };";
    assert!(Policies::load(&[Source::new("t.cedar", text)], &[]).is_err());
}

#[test]
fn no_file_says_what_a_host_or_an_endpoint_is_in() {
    for row in [
        r#"[{"uid": {"type": "Host", "id": "evil.org"}, "parents": [{"type": "Host", "id": "example.com"}]}]"#,
        r#"[{"uid": {"type": "Endpoint", "id": "127.0.0.1:80/tcp"}, "attrs": {"port": 80, "transport": "tcp"}}]"#,
    ] {
        let error = Policies::load(&[], &[Source::new("e.json", row)]).unwrap_err();
        assert!(matches!(error.problems()[0].flaw, Flaw::Entity { .. }), "{error:?}");
    }
}

#[test]
fn the_suggestion_for_an_address_with_a_name_is_a_permit_by_that_name() {
    let resource = endpoint("192.0.2.1:443/tcp", &["api.example.com"]);
    let question = Question {
        principal: principal("acme/x").into(),
        action: ActionId::NetConnect,
        resource: resource.clone(),
        import: String::new(),
        chain: std::sync::Arc::default(),
    };
    let Some(Suggestion::Permit(text)) = explain(&load(""), &question).suggestion else { panic!() };
    assert!(text.contains("resource is Endpoint in Host::\"api.example.com\""), "{text}");
    let policies = load(&text);
    assert!(connects(&policies, "192.0.2.1:443/tcp", &["api.example.com"]));
    assert!(connects(&policies, "192.0.2.9:443/tcp", &["api.example.com"]), "its addresses change");
    assert!(!connects(&policies, "192.0.2.1:80/tcp", &["api.example.com"]));
    assert!(!connects(&policies, "192.0.2.1:443/tcp", &[]));
    let bare = Question { resource: endpoint("192.0.2.1:443/tcp", &[]), ..question };
    let Some(Suggestion::Permit(text)) = explain(&load(""), &bare).suggestion else { panic!() };
    assert!(text.contains("resource == Endpoint::\"192.0.2.1:443/tcp\""), "{text}");
}
