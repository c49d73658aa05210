//! TCP sockets.

use super::streams::{TcpReader, TcpWriter};
use super::{NetworkHandle, SocketFail, TcpSocket, convert, counted, network, options, pollable};
use crate::host::bindings::sockets::network::{IpAddressFamily, IpSocketAddress};
use crate::host::bindings::sockets::tcp::ShutdownType;
use crate::kernel::{Call, Fail, Guarded, Holder};
use airssys_osl::net::{Reader, SocketOption, Writer};
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::DynPollable;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

type This = Resource<TcpSocket>;
type Streams = (Resource<DynInputStream>, Resource<DynOutputStream>);

pub(in crate::host::wasi) fn tcp_create_socket_create_tcp_socket(
    g: &mut Guarded<'_>,
    _: Call,
    family: IpAddressFamily,
) -> Result<This, SocketFail> {
    g.make_room()?;
    let made = network(g).tcp_socket(convert::family(family));
    let socket = counted(g, made)?;
    let holder = Holder::Lease(socket.lease().clone());
    Ok(g.push(TcpSocket(socket), holder)?)
}

pub(in crate::host::wasi) fn tcp_socket_start_bind(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    _: Resource<NetworkHandle>,
    local: IpSocketAddress,
) -> Result<(), SocketFail> {
    Ok(g.state.table.get(&this)?.0.start_bind(convert::address(local), call.import())?)
}

pub(in crate::host::wasi) fn tcp_socket_finish_bind(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<(), SocketFail> {
    Ok(g.state.table.get(&this)?.0.finish_bind(call.import())?)
}

pub(in crate::host::wasi) fn tcp_socket_start_connect(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    _: Resource<NetworkHandle>,
    remote: IpSocketAddress,
) -> Result<(), SocketFail> {
    Ok(g.state.table.get(&this)?.0.start_connect(convert::address(remote), call.import())?)
}

pub(in crate::host::wasi) fn tcp_socket_finish_connect(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<Streams, SocketFail> {
    g.make_room_for(2)?;
    let (reader, writer) = g.state.table.get(&this)?.0.finish_connect(call.import())?;
    streams(g, reader, writer)
}

fn streams(g: &mut Guarded<'_>, reader: Reader, writer: Writer) -> Result<Streams, SocketFail> {
    let holders = (Holder::Lease(reader.lease().clone()), Holder::Lease(writer.lease().clone()));
    let reader = TcpReader::new(reader, g.state.current.clone());
    let writer = TcpWriter::new(writer, g.state.current.clone());
    let input = g.push(Box::new(reader) as DynInputStream, holders.0)?;
    Ok((input, g.push(Box::new(writer) as DynOutputStream, holders.1)?))
}

pub(in crate::host::wasi) fn tcp_socket_start_listen(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<(), SocketFail> {
    Ok(g.state.table.get(&this)?.0.start_listen(call.import())?)
}

pub(in crate::host::wasi) fn tcp_socket_finish_listen(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<(), SocketFail> {
    Ok(g.state.table.get(&this)?.0.finish_listen(call.import())?)
}

pub(in crate::host::wasi) fn tcp_socket_accept(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<(This, Resource<DynInputStream>, Resource<DynOutputStream>), SocketFail> {
    g.make_room_for(3)?;
    let accepted = g.state.table.get(&this)?.0.accept(call.import());
    let accepted = counted(g, accepted)?;
    let holder = Holder::Lease(accepted.socket.lease().clone());
    let socket = g.push(TcpSocket(accepted.socket), holder)?;
    let (input, output) = streams(g, accepted.reader, accepted.writer)?;
    Ok((socket, input, output))
}

pub(in crate::host::wasi) fn tcp_socket_local_address(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<IpSocketAddress, SocketFail> {
    Ok(convert::wasi_address(g.state.table.get(&this)?.0.local_address(call.import())?))
}

pub(in crate::host::wasi) fn tcp_socket_remote_address(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<IpSocketAddress, SocketFail> {
    Ok(convert::wasi_address(g.state.table.get(&this)?.0.remote_address(call.import())?))
}

pub(in crate::host::wasi) fn tcp_socket_is_listening(
    g: &mut Guarded<'_>,
    _: Call,
    this: This,
) -> Result<bool, Fail> {
    Ok(g.state.table.get(&this)?.0.is_listening())
}

pub(in crate::host::wasi) fn tcp_socket_address_family(
    g: &mut Guarded<'_>,
    _: Call,
    this: This,
) -> Result<IpAddressFamily, Fail> {
    Ok(convert::wasi_family(g.state.table.get(&this)?.0.family()))
}

pub(in crate::host::wasi) fn tcp_socket_set_listen_backlog_size(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    value: u64,
) -> Result<(), SocketFail> {
    Ok(g.state.table.get(&this)?.0.set_backlog(value, call.import())?)
}

options! { TcpSocket {
    tcp_socket_keep_alive_enabled tcp_socket_set_keep_alive_enabled
        KeepAlive bool, |value: u64| value != 0, u64::from;
    tcp_socket_keep_alive_idle_time tcp_socket_set_keep_alive_idle_time
        KeepAliveIdle u64, std::convert::identity, std::convert::identity;
    tcp_socket_keep_alive_interval tcp_socket_set_keep_alive_interval
        KeepAliveInterval u64, std::convert::identity, std::convert::identity;
    tcp_socket_keep_alive_count tcp_socket_set_keep_alive_count
        KeepAliveCount u32, |value: u64| u32::try_from(value).unwrap_or(u32::MAX), u64::from;
    tcp_socket_hop_limit tcp_socket_set_hop_limit
        HopLimit u8, |value: u64| u8::try_from(value).unwrap_or(u8::MAX), u64::from;
    tcp_socket_receive_buffer_size tcp_socket_set_receive_buffer_size
        ReceiveBuffer u64, std::convert::identity, std::convert::identity;
    tcp_socket_send_buffer_size tcp_socket_set_send_buffer_size
        SendBuffer u64, std::convert::identity, std::convert::identity;
} }

pub(in crate::host::wasi) fn tcp_socket_subscribe(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<Resource<DynPollable>, Fail> {
    pollable(g, &call, this)
}

pub(in crate::host::wasi) fn tcp_socket_shutdown(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    how: ShutdownType,
) -> Result<(), SocketFail> {
    Ok(g.state.table.get(&this)?.0.shutdown(convert::shutdown(how), call.import())?)
}

pub(in crate::host::wasi) fn tcp_socket_drop(g: &mut Guarded<'_>, this: This) -> wasmtime::Result<()> {
    g.state.table.delete(this)?;
    Ok(())
}
