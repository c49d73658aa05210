//! The handle on the network, and looking up names.

use super::{Addresses, NetworkHandle, SocketFail, convert, network, pollable};
use crate::host::bindings::sockets::network::IpAddress;
use crate::kernel::{Call, Fail, Guarded, Holder};
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::DynPollable;

type This = Resource<Addresses>;

pub(in crate::host::wasi) fn instance_network_instance_network(
    g: &mut Guarded<'_>,
    _: Call,
) -> Result<Resource<NetworkHandle>, Fail> {
    let holder = Holder::Lease(network(g).lease().clone());
    g.push(NetworkHandle, holder)
}

pub(in crate::host::wasi) fn network_drop(
    g: &mut Guarded<'_>,
    this: Resource<NetworkHandle>,
) -> wasmtime::Result<()> {
    g.state.table.delete(this)?;
    Ok(())
}

pub(in crate::host::wasi) fn ip_name_lookup_resolve_addresses(
    g: &mut Guarded<'_>,
    call: Call,
    _: Resource<NetworkHandle>,
    name: String,
) -> Result<This, SocketFail> {
    g.make_room()?;
    let addresses = network(g).resolve(&name, call.import())?;
    let holder = Holder::Lease(addresses.lease().clone());
    Ok(g.push(Addresses(addresses), holder)?)
}

pub(in crate::host::wasi) fn resolve_address_stream_resolve_next_address(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<Option<IpAddress>, SocketFail> {
    Ok(g.state.table.get(&this)?.0.next(call.import())?.map(convert::wasi_ip))
}

pub(in crate::host::wasi) fn resolve_address_stream_subscribe(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<Resource<DynPollable>, Fail> {
    pollable(g, &call, this)
}

pub(in crate::host::wasi) fn resolve_address_stream_drop(
    g: &mut Guarded<'_>,
    this: This,
) -> wasmtime::Result<()> {
    g.state.table.delete(this)?;
    Ok(())
}
