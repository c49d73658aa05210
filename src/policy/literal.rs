//! The names the kernel uses for entities: a policy that spells one otherwise would silently never match.

use super::vocabulary::id_of;
use airssys_osl::own::{self, OwnResource};
use airssys_osl::{Endpoint, EnvName, FunctionName, GuestPath, Host, Topic};
use cedar_policy_core::ast::EntityUID;

/// Why an entity's id is not the one the kernel would use, if it is not.
pub(crate) fn misspelt(uid: &EntityUID) -> Option<String> {
    let id = id_of(uid);
    match uid.entity_type().to_string().as_str() {
        "Path" => GuestPath::parse(id).err().map(|e| e.to_string()),
        "EnvVar" => EnvName::parse(id).is_none().then(|| "no variable has that name".to_owned()),
        "Component" => (!is_component(id))
            .then(|| "a component is `publisher/name`, each of a-z, 0-9 and `-`".to_owned()),
        "Publisher" => (!is_name(id)).then(|| "a publisher's name is of a-z, 0-9 and `-`".to_owned()),
        "Host" => Host::parse(id).err().map(|e| e.to_string()),
        "Endpoint" => Endpoint::parse(id).err().map(|e| e.to_string()),
        "Topic" => Topic::parse(id).err().map(|e| e.to_string()),
        "Function" => FunctionName::parse(id).is_none().then(|| {
            "a function is `publisher/name#namespace:package/interface.function`, or `publisher/name#function`".to_owned()
        }),
        "Operator" => id.parse::<u32>().ok().filter(|uid| uid.to_string() == id).is_none().then(|| {
            "an operator is known by the number of the user, such as `1000`".to_owned()
        }),
        kind if kind.contains("::") => {
            let known = own::declare_kind(kind).and_then(|kind| OwnResource::new(kind, id));
            // An action has a namespace too, and is no resource.
            if kind.ends_with("::Action") { None } else { known.err().map(|e| e.to_string()) }
        }
        _ => None,
    }
}

/// True for `[a-z0-9-]+`.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// True for `publisher/component`.
pub(crate) fn is_component(name: &str) -> bool {
    name.split_once('/').is_some_and(|(publisher, own)| is_name(publisher) && is_name(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, id: &str) -> Option<String> {
        misspelt(&EntityUID::with_eid_and_type(kind, id).unwrap())
    }

    #[test]
    fn names_the_kernel_would_not_use_are_misspelt() {
        for (kind, id) in [
            ("Path", "/x/"),
            ("Path", "/a/../b"),
            ("Path", "x"),
            ("Path", "/a//b"),
            ("EnvVar", "A=B"),
            ("EnvVar", ""),
            ("Component", "acme"),
            ("Component", "acme/"),
            ("Component", "Acme/x"),
            ("Component", "acme/x/y"),
            ("Publisher", "Acme"),
            ("Host", "Example.com"),
            ("Host", "example.com."),
            ("Host", ""),
            ("Host", "bücher.example"),
            ("Host", "10.0.0.1"),
            ("Host", "*.example.com"),
            ("Endpoint", "192.0.2.1:443"),
            ("Endpoint", "192.0.2.1:0443/tcp"),
            ("Endpoint", "0.0.0.0:443/tcp"),
            ("Endpoint", "[::]:443/tcp"),
            ("Endpoint", "[::ffff:c000:201]:443/tcp"),
            ("Host", "127.1"),
            ("Host", "xn--a"),
            ("Endpoint", "[2001:DB8::1]:443/tcp"),
            ("Endpoint", "2001:db8::1:443/tcp"),
            ("Endpoint", "example.com:443/tcp"),
            ("Endpoint", "192.0.2.1:443/sctp"),
            ("Topic", "orders"),
            ("Topic", "/orders/"),
            ("Function", "acme/x"),
            ("Function", "acme#f"),
            ("Operator", "root"),
            ("Operator", "01000"),
        ] {
            assert!(check(kind, id).is_some(), "{kind}::\"{id}\"");
        }
    }

    #[test]
    fn names_the_kernel_uses_are_accepted() {
        for (kind, id) in [
            ("Path", "/"),
            ("Path", "/data/in"),
            ("EnvVar", "HOME"),
            ("Component", "acme/thumb-2"),
            ("Publisher", "local-dev"),
            ("Host", "xn--bcher-kva.example"),
            ("Host", "localhost"),
            ("Endpoint", "192.0.2.1:443/tcp"),
            ("Endpoint", "[2001:db8::1]:53/udp"),
            ("Endpoint", "[::ffff:192.0.2.1]:443/tcp"),
            ("Endpoint", "*:0/udp"),
            ("Group", "Anything goes"),
            ("Topic", "/"),
            ("Topic", "/orders/new"),
            ("Function", "acme/x#acme:text/shout.loud"),
            ("Function", "acme/x#[method]thing.f"),
            ("Operator", "1000"),
        ] {
            assert_eq!(check(kind, id), None, "{kind}::\"{id}\"");
        }
    }
}
