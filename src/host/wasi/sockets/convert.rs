//! Addresses and other small values, between WASI's types and airssys-osl's.

use crate::host::bindings::sockets::{network as wasi, tcp, udp};
use airssys_osl::net::{Datagram, Family, Outgoing, Shutdown};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

pub(super) fn family(family: wasi::IpAddressFamily) -> Family {
    match family {
        wasi::IpAddressFamily::Ipv4 => Family::V4,
        wasi::IpAddressFamily::Ipv6 => Family::V6,
    }
}

pub(super) fn wasi_family(family: Family) -> wasi::IpAddressFamily {
    match family {
        Family::V4 => wasi::IpAddressFamily::Ipv4,
        Family::V6 => wasi::IpAddressFamily::Ipv6,
    }
}

/// With zone and flow, which airssys-osl judges.
pub(super) fn address(address: wasi::IpSocketAddress) -> SocketAddr {
    match address {
        wasi::IpSocketAddress::Ipv4(v4) => {
            let (a, b, c, d) = v4.address;
            SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), v4.port)
        }
        wasi::IpSocketAddress::Ipv6(v6) => {
            let (a, b, c, d, e, f, g, h) = v6.address;
            let ip = Ipv6Addr::new(a, b, c, d, e, f, g, h);
            SocketAddrV6::new(ip, v6.port, v6.flow_info, v6.scope_id).into()
        }
    }
}

pub(super) fn wasi_address(address: SocketAddr) -> wasi::IpSocketAddress {
    match address {
        SocketAddr::V4(v4) => wasi::IpSocketAddress::Ipv4(wasi::Ipv4SocketAddress {
            port: v4.port(),
            address: v4.ip().octets().into(),
        }),
        SocketAddr::V6(v6) => wasi::IpSocketAddress::Ipv6(wasi::Ipv6SocketAddress {
            port: v6.port(),
            flow_info: v6.flowinfo(),
            address: v6.ip().segments().into(),
            scope_id: v6.scope_id(),
        }),
    }
}

pub(super) fn wasi_ip(ip: IpAddr) -> wasi::IpAddress {
    match ip {
        IpAddr::V4(ip) => wasi::IpAddress::Ipv4(ip.octets().into()),
        IpAddr::V6(ip) => wasi::IpAddress::Ipv6(ip.segments().into()),
    }
}

pub(super) fn shutdown(how: tcp::ShutdownType) -> Shutdown {
    match how {
        tcp::ShutdownType::Receive => Shutdown::Receive,
        tcp::ShutdownType::Send => Shutdown::Send,
        tcp::ShutdownType::Both => Shutdown::Both,
    }
}

pub(super) fn incoming(datagram: Datagram) -> udp::IncomingDatagram {
    udp::IncomingDatagram { data: datagram.data, remote_address: wasi_address(datagram.remote) }
}

pub(super) fn outgoing(datagram: udp::OutgoingDatagram) -> Outgoing {
    Outgoing { data: datagram.data, remote: datagram.remote_address.map(address) }
}

#[cfg(test)]
mod tests {
    use super::{address, wasi_address};
    use std::net::{SocketAddr, SocketAddrV6};

    #[test]
    fn an_address_leads_back_to_itself_with_zone_and_flow() {
        let zoned = SocketAddrV6::new("fe80::1:2".parse().unwrap(), 443, 7, 3);
        for given in [SocketAddr::from(([192, 0, 2, 1], 80)), zoned.into()] {
            assert_eq!(address(wasi_address(given)), given);
        }
    }
}
