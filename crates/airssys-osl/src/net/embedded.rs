//! The IPv4 address that some IPv6 addresses carry, and that traffic to them reaches in the end.
//!
//! Such an address is decided in both forms: what is said about `10.0.0.0/8` counts for `64:ff9b::a00:1` too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address itself first, then each IPv4 address it carries, with the same port.
pub(in crate::net) fn forms(address: SocketAddr) -> Vec<SocketAddr> {
    let mut forms = vec![SocketAddr::new(address.ip(), address.port())];
    if let IpAddr::V6(ip) = address.ip() {
        forms.extend(carried(ip).into_iter().map(|ip| SocketAddr::new(ip.into(), address.port())));
    }
    forms
}

/// True for an address that is IPv4 written as IPv6: it is never on the wire, and no IPv6 socket takes it.
pub(in crate::net) fn is_ipv4_in_disguise(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.to_ipv4_mapped().is_some() || is_compatible(ip),
    }
}

fn is_compatible(ip: Ipv6Addr) -> bool {
    matches!(ip.segments(), [0, 0, 0, 0, 0, 0, ..]) && !ip.is_unspecified() && !ip.is_loopback()
}

fn carried(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let last = at(ip, [12, 13, 14, 15]);
    let mut found = match ip.segments() {
        // Mapped (RFC 4291), compatible (deprecated there) and translated (RFC 2765).
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => vec![last],
        [0, 0, 0, 0, 0, 0, ..] if is_compatible(ip) => vec![last],
        // NAT64: the well-known prefix (RFC 6052), and the one for local use (RFC 8215).
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => vec![last],
        [0x64, 0xff9b, 1, ..] => local_nat64(ip, last),
        // 6to4 (RFC 3056).
        [0x2002, ..] => vec![at(ip, [2, 3, 4, 5])],
        // Teredo (RFC 4380): its server, and its client's address, kept inverted.
        [0x2001, 0, ..] => vec![at(ip, [4, 5, 6, 7]), Ipv4Addr::from_bits(!last.to_bits())],
        // ISATAP (RFC 5214).
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => vec![last],
        _ => Vec::new(),
    };
    found.dedup();
    found
}

/// The prefix in use is the operator's choice, and with it where the address stands (RFC 6052, 2.2): every reading
/// counts. Those in `0.0.0.0/8` are what the others leave at that place, and count only when there is no other.
fn local_nat64(ip: Ipv6Addr, last: Ipv4Addr) -> Vec<Ipv4Addr> {
    let places = [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12]];
    let mut readings: Vec<_> = places.into_iter().map(|place| at(ip, place)).collect();
    readings.push(last);
    readings.retain(|reading| reading.octets().first() != Some(&0));
    if readings.is_empty() {
        readings.push(last);
    }
    readings
}

fn at(ip: Ipv6Addr, places: [usize; 4]) -> Ipv4Addr {
    let octets = ip.octets();
    Ipv4Addr::from(places.map(|place| octets.get(place).copied().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ip: &str) -> Vec<String> {
        let forms = forms(SocketAddr::new(ip.parse().unwrap(), 7));
        assert_eq!(forms.first().unwrap().ip(), ip.parse::<IpAddr>().unwrap(), "the original comes first");
        forms.iter().skip(1).map(|form| form.ip().to_string()).collect()
    }

    #[test]
    fn every_known_way_to_carry_ipv4_is_seen() {
        for (ip, carried) in [
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("::ffff:0:10.0.0.1", "10.0.0.1"),
            ("::10.0.0.1", "10.0.0.1"),
            ("64:ff9b::10.0.0.1", "10.0.0.1"),
            ("64:ff9b:1::10.0.0.1", "10.0.0.1"),
            ("2002:a00:1::", "10.0.0.1"),
            ("2002:a00:1:1:2:3:4:5", "10.0.0.1"),
            ("2001:db8::5efe:10.0.0.1", "10.0.0.1"),
            ("2001:db8::200:5efe:10.0.0.1", "10.0.0.1"),
        ] {
            assert_eq!(told(ip), [carried], "{ip}");
        }
        assert_eq!(told("2001::4136:e378:8000:63bf:3fff:fdd2"), ["65.54.227.120", "192.0.2.45"]);
    }

    #[test]
    fn each_reading_of_a_local_translation_prefix_counts() {
        // /48, /56 and /64, with 10.0.0.1 in each; a translator need not look at what stands after it.
        assert!(told("64:ff9b:1:a00:0:100::").contains(&"10.0.0.1".to_owned()));
        assert!(told("64:ff9b:1:a00:0:100::5").contains(&"10.0.0.1".to_owned()));
        assert!(told("64:ff9b:1:a:0:1::").contains(&"10.0.0.1".to_owned()));
        assert!(told("64:ff9b:1:0:a:0:100:0").contains(&"10.0.0.1".to_owned()));
    }

    #[test]
    fn plain_addresses_carry_none() {
        for ip in ["192.0.2.1", "::", "::1", "2001:db8::1", "fe80::1", "2606:4700::1111"] {
            assert_eq!(told(ip), [""; 0], "{ip}");
        }
        assert!(is_ipv4_in_disguise("::ffff:1.2.3.4".parse().unwrap()));
        assert!(is_ipv4_in_disguise("::1.2.3.4".parse().unwrap()));
        for ip in ["::", "::1", "1.2.3.4", "64:ff9b::1.2.3.4"] {
            assert!(!is_ipv4_in_disguise(ip.parse().unwrap()), "{ip}");
        }
    }
}
