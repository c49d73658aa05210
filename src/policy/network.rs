//! Hosts and endpoints as Cedar's entities. What they lie in follows from their names and from the look-ups of whoever
//! asks; no file says anything about it.

use super::vocabulary::{Vocabulary, id_of, uid_of};
use airssys_osl::{Endpoint, Resource};
use cedar_policy_core::ast::{Entity, EntityUID, Name, RestrictedExpr};
use cedar_policy_core::extensions::Extensions;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

/// A host and every name that it lies in, from the nearest up: `a.example.com`, `example.com`, `com`.
pub(crate) fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(host), |name| name.split_once('.').map(|(_, parent)| parent))
}

/// The entity of a host or an endpoint, an endpoint in the hosts it was looked up as; none for other resources.
pub(crate) fn entity(resource: &Resource, words: &Vocabulary) -> Option<Result<Arc<Entity>, String>> {
    match resource {
        Resource::Host(_) => Some(host(resource, words)),
        Resource::Endpoint(endpoint) => Some(endpoint_entity(endpoint, words)),
        Resource::Path(_)
        | Resource::EnvVar(_)
        | Resource::Stdio(_)
        | Resource::Clock(_)
        | Resource::Random(_)
        | Resource::Process(_)
        | Resource::Component(_)
        | Resource::Function(_)
        | Resource::Topic(_)
        | Resource::Runtime(_)
        | Resource::Own(_) => None,
    }
}

/// The entity of a host or an endpoint that a policy names; none for others. An endpoint is then in no host.
pub(crate) fn named(uid: &EntityUID, words: &Vocabulary) -> Option<Arc<Entity>> {
    let kind = [("Host", &words.host), ("Endpoint", &words.endpoint)];
    let (kind, _) = kind.into_iter().find(|(_, own)| *own == uid.entity_type())?;
    let resource = Resource::parse(kind, id_of(uid)).ok()?;
    entity(&resource, words)?.ok()
}

fn host(resource: &Resource, words: &Vocabulary) -> Result<Arc<Entity>, String> {
    let parents = suffixes(resource.id()).skip(1).map(|name| uid_of(&words.host, name)).collect();
    made(uid_of(&words.host, resource.id()), Vec::new(), parents)
}

fn endpoint_entity(endpoint: &Endpoint, words: &Vocabulary) -> Result<Arc<Entity>, String> {
    let hosts = endpoint.hosts().iter().flat_map(|host| suffixes(host.as_str()));
    let parents = hosts.map(|name| uid_of(&words.host, name)).collect();
    let mut attributes = vec![
        ("port", RestrictedExpr::val(i64::from(endpoint.port()))),
        ("transport", RestrictedExpr::val(endpoint.transport().name())),
    ];
    if let Some(ip) = endpoint.ip() {
        let function: Name = "ip".parse().map_err(|_| "Cedar lacks `ip`")?;
        attributes.push((
            "ip",
            RestrictedExpr::call_extension_fn(function, [RestrictedExpr::val(spelt(ip).as_str())]),
        ));
    }
    made(uid_of(&words.endpoint, endpoint.as_str()), attributes, parents)
}

/// As Cedar reads it: an address of IPv6 without the dots of an IPv4 one in it.
fn spelt(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => ip.segments().map(|part| format!("{part:x}")).join(":"),
    }
}

fn made(
    uid: EntityUID,
    attributes: Vec<(&'static str, RestrictedExpr)>,
    parents: HashSet<EntityUID>,
) -> Result<Arc<Entity>, String> {
    let attributes = attributes.into_iter().map(|(key, value)| (key.into(), value));
    let entity = Entity::new(uid, attributes, HashSet::new(), parents, [], Extensions::all_available());
    entity.map(Arc::new).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use airssys_osl::Host;

    #[test]
    fn what_is_made_conforms_to_the_schema() {
        let words = Vocabulary::built_in().unwrap();
        let host = Host::parse("api.example.com").unwrap();
        for id in [
            "192.0.2.1:443/tcp",
            "[2001:db8::1]:53/udp",
            "[::ffff:10.0.0.1]:1/tcp",
            "[::1]:0/tcp",
            "*:53/udp",
        ] {
            let endpoint = Endpoint::parse(id).unwrap().looked_up_as([host.clone()], 1);
            let made = entity(&endpoint.into(), &words).unwrap().unwrap();
            let checked = [cedar_policy::Entity::from((*made).clone())];
            cedar_policy::Entities::from_entities(checked, Some(&words.schema)).unwrap();
            let parents: HashSet<_> = made.parents().map(|parent| id_of(parent).to_owned()).collect();
            assert_eq!(parents, ["api.example.com", "example.com", "com"].map(str::to_owned).into(), "{id}");
        }
    }
}
