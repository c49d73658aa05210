//! The names that this host knows: those of its hosts file, and those of its resolver.

use crate::net::{NameError, NameService};
use crate::resource::Host;
use std::net::{IpAddr, ToSocketAddrs};

/// The system's own resolver, with the system's own settings; but the name that was decided on is the name that is
/// asked for, and never one that a search list makes of it.
///
/// A resolver with a search list asks for `api.example.com.<its domain>` too, and some ask for that first. Its answer
/// would be judged as `api.example.com`, by whoever can have a name in that domain. So a name of several labels is
/// asked for as it stands, with the dot at its end that says so. The hosts file is read here because it is not searched
/// for names with that dot. A name of one label (`localhost`, or what a container network calls its members) means
/// something on this host alone, and is left to the system with all its settings.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNames;

impl NameService for SystemNames {
    fn resolve(&self, host: &Host) -> Answer {
        resolve(host, &hosts_file(), asked)
    }
}

type Answer = Result<Vec<IpAddr>, NameError>;

fn resolve(host: &Host, hosts_file: &str, ask: impl FnOnce(&str) -> Answer) -> Answer {
    let listed = listed(hosts_file, host);
    if listed.is_empty() { ask(&absolute(host)) } else { Ok(listed) }
}

#[expect(clippy::disallowed_methods, reason = "the one place where names become addresses, after a permit")]
fn asked(name: &str) -> Answer {
    match (name, 0).to_socket_addrs() {
        Ok(found) => Ok(found.map(|address| address.ip()).collect()),
        // The resolver's own errors carry no code; one of the system is the system's trouble.
        Err(error) if error.raw_os_error().is_some() => Err(NameError::Temporary),
        Err(_) => Err(NameError::NotFound),
    }
}

/// The name as it is asked for.
fn absolute(host: &Host) -> String {
    match host.parent() {
        Some(_) => format!("{host}."),
        None => host.to_string(),
    }
}

/// What the hosts file says; nothing where there is none, or where it is no text.
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "a part of the system's resolver, after a permit")]
fn hosts_file() -> String {
    std::fs::read_to_string("/etc/hosts").unwrap_or_default()
}

/// Elsewhere it stands in no one place.
#[cfg(not(unix))]
fn hosts_file() -> String {
    String::new()
}

/// The addresses of a host in a hosts file, in its order.
fn listed(file: &str, host: &Host) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in file.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
        if let Some(address) = address
            && words.any(|name| name.trim_end_matches('.').eq_ignore_ascii_case(host.as_str()))
        {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        Host::parse(text).unwrap()
    }

    #[test]
    fn no_search_list_makes_another_name_of_one_with_several_labels() {
        let asked_for = |name: &str, hosts_file: &str| {
            let mut asked = None;
            let _ = resolve(&host(name), hosts_file, |name| {
                asked = Some(name.to_owned());
                Err(NameError::NotFound)
            });
            asked
        };
        assert_eq!(asked_for("api.example.com", "").unwrap(), "api.example.com.");
        assert_eq!(asked_for("localhost", "").unwrap(), "localhost", "one label means what this host says");
        assert_eq!(asked_for("api.example.com", "192.0.2.1 api.example.com"), None);
    }

    #[test]
    fn the_hosts_file_is_read_by_whole_names() {
        let file = "127.0.0.1 localhost\n# 10.0.0.9 a.example\n10.0.0.1\tb.example A.Example # a.example.com\n\
                    ::1 a.example\nfe80::1%lo0 a.example\nnonsense a.example\n10.0.0.2 xa.example a.example.com\n";
        let told = |name: &str| listed(file, &host(name)).iter().map(IpAddr::to_string).collect::<Vec<_>>();
        assert_eq!(told("a.example"), ["10.0.0.1", "::1"]);
        assert_eq!(told("a.example.com"), ["10.0.0.2"]);
        assert_eq!(told("example"), [""; 0]);
    }
}
