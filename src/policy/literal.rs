//! The names the kernel uses for entities: a policy that spells one otherwise would silently never match.

use super::vocabulary::id_of;
use airssys_osl::{EnvName, GuestPath};
use cedar_policy_core::ast::EntityUID;
use std::net::IpAddr;

/// Why an entity's id is not the one the kernel would use, if it is not.
pub(crate) fn misspelt(uid: &EntityUID) -> Option<String> {
    let id = id_of(uid);
    match uid.entity_type().to_string().as_str() {
        "Path" => GuestPath::parse(id).err().map(|e| e.to_string()),
        "EnvVar" => EnvName::parse(id).is_none().then(|| "no variable has that name".to_owned()),
        "Component" => (!is_component(id))
            .then(|| "a component is `publisher/name`, each of a-z, 0-9 and `-`".to_owned()),
        "Publisher" => (!is_name(id)).then(|| "a publisher's name is of a-z, 0-9 and `-`".to_owned()),
        "Host" => host(id).err(),
        "Endpoint" => endpoint(id).err(),
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

fn host(id: &str) -> Result<(), String> {
    if id.parse::<IpAddr>().is_ok() {
        return Err("an address is an `Endpoint`, a `Host` is a name".to_owned());
    }
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    };
    if id.len() <= 253 && id.split('.').all(label) {
        return Ok(());
    }
    Err("a host is in lower case, without a trailing dot, international names in punycode".to_owned())
}

fn endpoint(id: &str) -> Result<(), String> {
    let form = || "an endpoint is `192.0.2.1:443/tcp`, `[2001:db8::1]:53/udp` or `*:53/udp`".to_owned();
    let (socket, transport) = id.rsplit_once('/').ok_or_else(form)?;
    let (address, port) = socket.rsplit_once(':').ok_or_else(form)?;
    let number: u16 = port.parse().map_err(|_| form())?;
    if !matches!(transport, "tcp" | "udp") || number.to_string() != port {
        return Err(form());
    }
    if address == "*" {
        return Ok(());
    }
    let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
    let ip: IpAddr = bare.parse().map_err(|_| form())?;
    let shown = match ip.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    };
    if shown == address { Ok(()) } else { Err(format!("its address is written `{shown}`")) }
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
            ("Endpoint", "[::ffff:192.0.2.1]:443/tcp"),
            ("Endpoint", "[2001:DB8::1]:443/tcp"),
            ("Endpoint", "2001:db8::1:443/tcp"),
            ("Endpoint", "example.com:443/tcp"),
            ("Endpoint", "192.0.2.1:443/sctp"),
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
            ("Endpoint", "*:0/udp"),
            ("Group", "Anything goes"),
        ] {
            assert_eq!(check(kind, id), None, "{kind}::\"{id}\"");
        }
    }
}
