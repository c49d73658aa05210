//! An address with its port and transport.

use crate::resource::Host;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// How bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// In connections.
    Tcp,
    /// In datagrams.
    Udp,
}

impl Transport {
    /// The word in an endpoint's text.
    pub const fn name(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        }
    }

    /// The transport of that word.
    pub fn parse(name: &str) -> Option<Transport> {
        match name {
            "tcp" => Some(Transport::Tcp),
            "udp" => Some(Transport::Udp),
            _ => None,
        }
    }
}

/// One end of traffic: `192.0.2.1:443/tcp`, `[2001:db8::1]:443/tcp`, or `*:443/tcp` for every local address there is.
///
/// *Invariant:* the text is canonical (the standard library's for the address, no zone, no flow), and `*` stands for
/// both unspecified addresses, so neither has another spelling.
///
/// To be the same endpoint is also to have been looked up as the same hosts by the same look-up: a verdict that is
/// remembered for an endpoint does not outlive the look-up it rests on.
///
/// ```
/// use airssys_osl::{Endpoint, Host};
/// let endpoint = Endpoint::parse("192.0.2.1:443/tcp")?;
/// assert_eq!((endpoint.port(), endpoint.transport().name()), (443, "tcp"));
/// let host = Host::parse("api.example.com").unwrap();
/// assert_ne!(endpoint.clone().looked_up_as([host], 1), endpoint);
/// assert!(Endpoint::parse("0.0.0.0:443/tcp").is_err(), "that is `*:443/tcp`");
/// # Ok::<(), airssys_osl::EndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Endpoint(Arc<Parts>);

#[derive(Clone, PartialEq, Eq, Hash)]
struct Parts {
    text: String,
    /// None: every local address.
    ip: Option<IpAddr>,
    port: u16,
    transport: Transport,
    /// In order, each once.
    hosts: Vec<Host>,
    look_up: u64,
}

/// Why a text is no canonical endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no endpoint: write `192.0.2.1:443/tcp`, `[2001:db8::1]:443/tcp` or `*:443/udp`, in canonical form"
)]
pub struct EndpointError(String);

impl Endpoint {
    /// The endpoint of an address, without the hosts it may have been looked up as. Zone and flow are left out.
    pub fn of(address: SocketAddr, transport: Transport) -> Endpoint {
        let (ip, port) = (address.ip(), address.port());
        let ip = (!ip.is_unspecified()).then_some(ip);
        let text = match ip {
            Some(ip) => format!("{}/{}", SocketAddr::new(ip, port), transport.name()),
            None => format!("*:{port}/{}", transport.name()),
        };
        Endpoint(Arc::new(Parts { text, ip, port, transport, hosts: Vec::new(), look_up: 0 }))
    }

    /// Parses a canonical text.
    ///
    /// # Errors
    /// [`EndpointError`] when it is not.
    pub fn parse(text: &str) -> Result<Endpoint, EndpointError> {
        let bad = || EndpointError(text.chars().take(100).collect::<String>().escape_debug().to_string());
        let (address, transport) = text.rsplit_once('/').ok_or_else(bad)?;
        let transport = Transport::parse(transport).ok_or_else(bad)?;
        let address: SocketAddr = match address.strip_prefix("*:") {
            Some(port) => ([0; 4], port.parse().map_err(|_| bad())?).into(),
            None => address.parse().map_err(|_| bad())?,
        };
        let endpoint = Endpoint::of(address, transport);
        if endpoint.as_str() == text { Ok(endpoint) } else { Err(bad()) }
    }

    /// The same address, judged as these hosts too; `look_up` tells this look-up from every other.
    ///
    /// Naming a resource is no authority: what a guest connects to is made from its own look-ups alone.
    pub fn looked_up_as(self, hosts: impl IntoIterator<Item = Host>, look_up: u64) -> Endpoint {
        let mut hosts: Vec<_> = hosts.into_iter().collect();
        hosts.sort();
        hosts.dedup();
        let parts = Arc::unwrap_or_clone(self.0);
        Endpoint(Arc::new(Parts { hosts, look_up, ..parts }))
    }

    /// The address; none for `*`.
    pub fn ip(&self) -> Option<IpAddr> {
        self.0.ip
    }

    /// The port; 0 when the system is to choose one.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// The transport.
    pub fn transport(&self) -> Transport {
        self.0.transport
    }

    /// Address and port; none for `*`.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.ip.map(|ip| SocketAddr::new(ip, self.0.port))
    }

    /// The hosts that the address was looked up as, in order.
    pub fn hosts(&self) -> &[Host] {
        &self.0.hosts
    }

    /// Which look-up the hosts come from; 0: none.
    pub fn look_up(&self) -> u64 {
        self.0.look_up
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.text)?;
        if self.0.hosts.is_empty() { Ok(()) } else { write!(f, " as {:?}", self.0.hosts) }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_not_canonical_are_refused() {
        for bad in [
            "",
            "192.0.2.1",
            "192.0.2.1:443",
            "192.0.2.1:443/sctp",
            "192.0.2.1:0443/tcp",
            "192.0.2.1:65536/tcp",
            "192.0.2.01:443/tcp",
            "[2001:DB8::1]:443/tcp",
            "[2001:db8:0::1]:443/tcp",
            "[fe80::1%1]:443/tcp",
            "2001:db8::1:443/tcp",
            "0.0.0.0:443/tcp",
            "[::]:443/tcp",
            "*:+1/tcp",
            "*:443/TCP",
            "*/tcp",
            "localhost:443/tcp",
            " 192.0.2.1:443/tcp",
        ] {
            assert!(Endpoint::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn canonical_texts_lead_back_to_themselves() {
        for good in
            ["192.0.2.1:443/tcp", "[2001:db8::1]:53/udp", "[::ffff:192.0.2.1]:1/tcp", "*:0/tcp", "*:53/udp"]
        {
            assert_eq!(Endpoint::parse(good).unwrap().as_str(), good);
        }
        let (zero, colons) = ("0.0.0.0:80".parse().unwrap(), "[::]:80".parse().unwrap());
        assert_eq!(Endpoint::of(zero, Transport::Tcp), Endpoint::of(colons, Transport::Tcp));
        let zoned = SocketAddr::V6(std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 80, 7, 3));
        assert_eq!(Endpoint::of(zoned, Transport::Tcp).as_str(), "[fe80::1]:80/tcp");
    }

    #[test]
    fn another_look_up_is_another_endpoint_and_the_order_of_hosts_is_none() {
        let plain = Endpoint::parse("192.0.2.1:443/tcp").unwrap();
        let (a, b) = (Host::parse("a.example").unwrap(), Host::parse("b.example").unwrap());
        let both = plain.clone().looked_up_as([a.clone(), b.clone()], 1);
        assert_eq!(both, plain.clone().looked_up_as([b, a.clone(), a.clone()], 1));
        assert_ne!(both, plain.clone().looked_up_as([a.clone()], 1));
        assert_ne!(plain.clone().looked_up_as([a.clone()], 2), plain.clone().looked_up_as([a], 1));
        assert_eq!(both.as_str(), plain.as_str());
    }
}
