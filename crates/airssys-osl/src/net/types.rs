//! Words for sockets.

use std::net::SocketAddr;

/// Which addresses a socket speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Those of IPv4.
    V4,
    /// Those of IPv6 alone: IPv4 is never taken with it.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: &SocketAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

/// Which half of a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Nothing more is read.
    Receive,
    /// Nothing more is written; the other side sees the end after all that was.
    Send,
    /// Both.
    Both,
}

/// What can be set on a socket. Values are whole numbers: times in nanoseconds, sizes in bytes, 0 and 1 for no and yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketOption {
    /// Whether an idle connection is probed.
    KeepAlive,
    /// How long it is idle before.
    KeepAliveIdle,
    /// Time between probes.
    KeepAliveInterval,
    /// How many go unanswered before the connection is given up.
    KeepAliveCount,
    /// How many routers a packet passes at most.
    HopLimit,
    /// What the system keeps for the guest to read.
    ReceiveBuffer,
    /// What the system keeps for the other side.
    SendBuffer,
}

const SECOND: u64 = 1_000_000_000;

impl SocketOption {
    /// The value within its bounds; none when it makes no sense.
    pub(in crate::net) fn clamped(self, value: u64) -> Option<u64> {
        let (least, most) = match self {
            SocketOption::KeepAlive => return Some(u64::from(value != 0)),
            SocketOption::KeepAliveIdle | SocketOption::KeepAliveInterval => (SECOND, 32_767 * SECOND),
            SocketOption::KeepAliveCount => (1, 127),
            SocketOption::HopLimit => (1, 255),
            // What a guest may make the host's kernel hold for each of its sockets.
            SocketOption::ReceiveBuffer | SocketOption::SendBuffer => (4096, 1 << 20),
        };
        (value != 0).then(|| value.clamp(least, most))
    }

    /// True for what only a connection has.
    pub(in crate::net) fn is_of_connections(self) -> bool {
        match self {
            SocketOption::KeepAlive
            | SocketOption::KeepAliveIdle
            | SocketOption::KeepAliveInterval
            | SocketOption::KeepAliveCount => true,
            SocketOption::HopLimit | SocketOption::ReceiveBuffer | SocketOption::SendBuffer => false,
        }
    }
}

/// A datagram that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// What it holds.
    pub data: Vec<u8>,
    /// Where it came from.
    pub remote: SocketAddr,
}

/// A datagram to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What it holds.
    pub data: Vec<u8>,
    /// Where to; none on a stream that has one remote.
    pub remote: Option<SocketAddr>,
}
