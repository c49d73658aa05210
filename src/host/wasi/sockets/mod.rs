//! wasi:sockets: sockets and names over airssys-osl's network, one call each.
//!
//! Everything that names an address or a host is decided and done by airssys-osl; here arguments and answers change
//! their types. Nothing here waits: what can be waited for is a pollable.

mod convert;
mod names;
mod streams;
mod tcp;
mod udp;

pub(crate) use super::fail::SocketFail;
pub(super) use names::*;
pub(super) use tcp::*;
pub(super) use udp::*;

use crate::host::bindings::sockets::network::ErrorCode;
use crate::kernel::{Call, Fail, Guarded, Limits};
use airssys_osl::net;
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};

/// The network as a guest holds it: a word, for the network itself is the instance's.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "`bindgen!` re-exports it")]
pub struct NetworkHandle;

/// Resources of the interface, each around what airssys-osl gave for it.
macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => { $(
        $(#[$doc])*
        #[derive(Debug)]
        #[expect(unreachable_pub, reason = "`bindgen!` re-exports it")]
        pub struct $name($inner);

        #[async_trait::async_trait]
        impl Pollable for $name {
            async fn ready(&mut self) {
                self.0.ready().await;
            }
        }
    )* };
}

resources! {
    /// The addresses of a name that is being looked up.
    Addresses(net::Addresses);
    /// A TCP socket.
    TcpSocket(net::TcpSocket);
    /// A UDP socket.
    UdpSocket(net::UdpSocket);
    /// Where datagrams come in.
    Receiver(net::Receiver);
    /// Where datagrams go out.
    Sender(net::Sender);
}

/// The guest's word for an error; none but a trap is left out.
pub(super) fn convert(error: SocketFail) -> wasmtime::Result<ErrorCode> {
    match error {
        SocketFail::Net(error) => Ok(super::fail::socket_code(&error)),
        SocketFail::Trap(error) => Err(error),
    }
}

/// The instance's network, made at its first use; making it has no effect and asks nothing.
fn network(g: &mut Guarded<'_>) -> net::Network {
    let session = g.session();
    let made =
        g.state.network.clone().unwrap_or_else(|| net::Network::new(session, limits(&g.state.meter.limits)));
    g.state.network.get_or_insert(made).clone()
}

fn limits(limits: &Limits) -> net::NetLimits {
    let sockets = usize::try_from(limits.sockets.get()).unwrap_or(usize::MAX);
    net::NetLimits { sockets, ..net::NetLimits::default() }
}

/// Records a socket that was one too many. Where the system had none left, that was not the instance's doing.
fn counted<T>(g: &mut Guarded<'_>, made: Result<T, net::NetError>) -> Result<T, net::NetError> {
    let limits = g.state.meter.limits;
    if matches!(made, Err(net::NetError::NewSocketLimit))
        && network(g).open_sockets() as u64 >= limits.sockets.get()
    {
        g.exceed(limits.out_of_sockets());
    }
    made
}

/// Something to wait for, on the same permission as what it is of.
fn pollable<T: Pollable>(
    g: &mut Guarded<'_>,
    call: &Call,
    this: Resource<T>,
) -> Result<Resource<DynPollable>, Fail> {
    let holder = g.holder(call, &this)?;
    let pollable = subscribe(&mut g.state.table, this).map_err(Fail::Trap)?;
    g.attribute(&pollable, holder);
    Ok(pollable)
}

/// Methods that read or set one option.
macro_rules! options {
    ($socket:ident { $($get:ident $set:ident $option:ident $ty:ty, $from:expr, $to:expr;)* }) => { $(
        pub(in crate::host::wasi) fn $get(
            g: &mut Guarded<'_>,
            call: Call,
            this: Resource<$socket>,
        ) -> Result<$ty, SocketFail> {
            let value = g.state.table.get(&this)?.0.option(SocketOption::$option, call.import())?;
            Ok($from(value))
        }

        pub(in crate::host::wasi) fn $set(
            g: &mut Guarded<'_>,
            call: Call,
            this: Resource<$socket>,
            value: $ty,
        ) -> Result<(), SocketFail> {
            let value = $to(value);
            Ok(g.state.table.get(&this)?.0.set_option(SocketOption::$option, value, call.import())?)
        }
    )* };
}
use options;
