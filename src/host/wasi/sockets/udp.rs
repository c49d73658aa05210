//! UDP sockets and their datagrams.

use super::{
    NetworkHandle, Receiver, Sender, SocketFail, UdpSocket, convert, counted, network, options, pollable,
};
use crate::host::bindings::sockets::network::{IpAddressFamily, IpSocketAddress};
use crate::host::bindings::sockets::udp::{IncomingDatagram, OutgoingDatagram};
use crate::kernel::{Call, Fail, Guarded, Holder};
use airssys_osl::net::SocketOption;
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::DynPollable;

type This = Resource<UdpSocket>;

pub(in crate::host::wasi) fn udp_create_socket_create_udp_socket(
    g: &mut Guarded<'_>,
    _: Call,
    family: IpAddressFamily,
) -> Result<This, SocketFail> {
    g.make_room()?;
    let made = network(g).udp_socket(convert::family(family));
    let socket = counted(g, made)?;
    let holder = Holder::Lease(socket.lease().clone());
    Ok(g.push(UdpSocket(socket), holder)?)
}

pub(in crate::host::wasi) fn udp_socket_start_bind(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    _: Resource<NetworkHandle>,
    local: IpSocketAddress,
) -> Result<(), SocketFail> {
    Ok(g.state.table.get(&this)?.0.start_bind(convert::address(local), call.import())?)
}

pub(in crate::host::wasi) fn udp_socket_finish_bind(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<(), SocketFail> {
    Ok(g.state.table.get(&this)?.0.finish_bind(call.import())?)
}

pub(in crate::host::wasi) fn udp_socket_stream(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    remote: Option<IpSocketAddress>,
) -> Result<(Resource<Receiver>, Resource<Sender>), SocketFail> {
    g.make_room_for(2)?;
    let remote = remote.map(convert::address);
    let (receiver, sender) = g.state.table.get(&this)?.0.stream(remote, call.import())?;
    let holders = (Holder::Lease(receiver.lease().clone()), Holder::Lease(sender.lease().clone()));
    let receiver = g.push(Receiver(receiver), holders.0)?;
    Ok((receiver, g.push(Sender(sender), holders.1)?))
}

pub(in crate::host::wasi) fn udp_socket_local_address(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<IpSocketAddress, SocketFail> {
    Ok(convert::wasi_address(g.state.table.get(&this)?.0.local_address(call.import())?))
}

pub(in crate::host::wasi) fn udp_socket_remote_address(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<IpSocketAddress, SocketFail> {
    Ok(convert::wasi_address(g.state.table.get(&this)?.0.remote_address(call.import())?))
}

pub(in crate::host::wasi) fn udp_socket_address_family(
    g: &mut Guarded<'_>,
    _: Call,
    this: This,
) -> Result<IpAddressFamily, Fail> {
    Ok(convert::wasi_family(g.state.table.get(&this)?.0.family()))
}

options! { UdpSocket {
    udp_socket_unicast_hop_limit udp_socket_set_unicast_hop_limit
        HopLimit u8, |value: u64| u8::try_from(value).unwrap_or(u8::MAX), u64::from;
    udp_socket_receive_buffer_size udp_socket_set_receive_buffer_size
        ReceiveBuffer u64, std::convert::identity, std::convert::identity;
    udp_socket_send_buffer_size udp_socket_set_send_buffer_size
        SendBuffer u64, std::convert::identity, std::convert::identity;
} }

pub(in crate::host::wasi) fn udp_socket_subscribe(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<Resource<DynPollable>, Fail> {
    pollable(g, &call, this)
}

pub(in crate::host::wasi) fn udp_socket_drop(g: &mut Guarded<'_>, this: This) -> wasmtime::Result<()> {
    g.state.table.delete(this)?;
    Ok(())
}

pub(in crate::host::wasi) fn incoming_datagram_stream_receive(
    g: &mut Guarded<'_>,
    call: Call,
    this: Resource<Receiver>,
    most: u64,
) -> Result<Vec<IncomingDatagram>, SocketFail> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let received = g.state.table.get(&this)?.0.receive(most, call.import())?;
    Ok(received.into_iter().map(convert::incoming).collect())
}

pub(in crate::host::wasi) fn incoming_datagram_stream_subscribe(
    g: &mut Guarded<'_>,
    call: Call,
    this: Resource<Receiver>,
) -> Result<Resource<DynPollable>, Fail> {
    pollable(g, &call, this)
}

pub(in crate::host::wasi) fn incoming_datagram_stream_drop(
    g: &mut Guarded<'_>,
    this: Resource<Receiver>,
) -> wasmtime::Result<()> {
    g.state.table.delete(this)?;
    Ok(())
}

pub(in crate::host::wasi) fn outgoing_datagram_stream_check_send(
    g: &mut Guarded<'_>,
    call: Call,
    this: Resource<Sender>,
) -> Result<u64, SocketFail> {
    Ok(g.state.table.get(&this)?.0.check_send(call.import())? as u64)
}

pub(in crate::host::wasi) fn outgoing_datagram_stream_send(
    g: &mut Guarded<'_>,
    call: Call,
    this: Resource<Sender>,
    datagrams: Vec<OutgoingDatagram>,
) -> Result<u64, SocketFail> {
    let datagrams: Vec<_> = datagrams.into_iter().map(convert::outgoing).collect();
    Ok(g.state.table.get(&this)?.0.send(&datagrams, call.import())? as u64)
}

pub(in crate::host::wasi) fn outgoing_datagram_stream_subscribe(
    g: &mut Guarded<'_>,
    call: Call,
    this: Resource<Sender>,
) -> Result<Resource<DynPollable>, Fail> {
    pollable(g, &call, this)
}

pub(in crate::host::wasi) fn outgoing_datagram_stream_drop(
    g: &mut Guarded<'_>,
    this: Resource<Sender>,
) -> wasmtime::Result<()> {
    g.state.table.delete(this)?;
    Ok(())
}
