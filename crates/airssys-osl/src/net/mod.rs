//! The network: decided on the address, not on the name.
//!
//! A [`Network`] is one session's view of it. Names are looked up once ([`Network::resolve`]); what was handed out is
//! judged as that host for a while, and every address is decided on when something is done with it: each connection,
//! each datagram in either direction, each local address that is taken. The address that was decided on is the address
//! that the system's call gets, because the call takes it from the permit.
//!
//! The functions have the meaning of `wasi:sockets` 0.2 and know nothing of it. None of them waits; what can be waited
//! for is a future (`ready`), which also ends when the permission is lost. A socket whose permission is lost is reset at
//! once, so that nothing the system still holds for the other side goes on.
//!
//! *Invariant:* nothing is sent, and no local address is taken, before the decision on it was recorded; and no address or
//! byte from outside reaches a guest that was not allowed to have it from there.

mod accept;
mod connection;
mod datagrams;
mod decide;
mod embedded;
mod error;
mod line;
mod lookups;
mod names;
mod network;
mod peers;
mod slots;
mod standing;
mod stream;
mod sys;
mod system_names;
mod tcp;
mod types;
mod udp;

pub use accept::Accepted;
pub use connection::Connection;
pub use datagrams::{MAX_DATAGRAM_BYTES, Receiver, Sender};
pub use error::NetError;
pub use names::{Addresses, NameError, NameService};
pub use network::{NetLimits, Network, Refused};
pub use stream::{PIECE_BYTES, Reader, Writer};
pub use system_names::SystemNames;
pub use tcp::TcpSocket;
pub use types::{Datagram, Family, Outgoing, Shutdown, SocketOption};
pub use udp::UdpSocket;
