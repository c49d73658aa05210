//! Methods of a descriptor that name no path.

use super::{Descriptor, EntryStream, FsFail, Place, convert, node, pool};
use crate::host::bindings::filesystem::types as wasi;
use crate::host::wasi::file_streams::{FileReader, FileWriter};
use crate::kernel::{Call, Fail, Guarded, Holder};
use airssys_osl::fs::FsError;
use std::sync::Mutex;
use wasmtime::component::Resource;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

type This = Resource<Descriptor>;

pub(in crate::host::wasi) async fn descriptor_read_via_stream(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    offset: u64,
) -> Result<Resource<DynInputStream>, FsFail> {
    let node = node(g, &this)?;
    node.clone().work(move |node| node.file()?.enter_reading(call.import()).map(drop)).await?;
    let lease = node.file()?.lease().clone();
    let reader = FileReader::new(node, lease.clone(), offset, g.state.current.clone());
    Ok(g.push(Box::new(reader) as DynInputStream, Holder::Lease(lease))?)
}

pub(in crate::host::wasi) async fn descriptor_write_via_stream(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    offset: u64,
) -> Result<Resource<DynOutputStream>, FsFail> {
    writer(g, call, &this, Some(offset)).await
}

pub(in crate::host::wasi) async fn descriptor_append_via_stream(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<Resource<DynOutputStream>, FsFail> {
    writer(g, call, &this, None).await
}

async fn writer(
    g: &mut Guarded<'_>,
    call: Call,
    this: &This,
    at: Option<u64>,
) -> Result<Resource<DynOutputStream>, FsFail> {
    let node = node(g, this)?;
    node.clone().work(move |node| node.file()?.enter_writing(call.import()).map(drop)).await?;
    let lease = node.file()?.lease().clone();
    let writer = FileWriter::new(node, lease.clone(), at, g.state.current.clone());
    Ok(g.push(Box::new(writer) as DynOutputStream, Holder::Lease(lease))?)
}

pub(in crate::host::wasi) async fn descriptor_advise(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    offset: u64,
    length: u64,
    advice: wasi::Advice,
) -> Result<(), FsFail> {
    let node = node(g, &this)?;
    let advice = convert::advice(advice);
    node.work(move |node| node.file()?.advise(offset, length, advice, call.import())).await
}

pub(in crate::host::wasi) async fn descriptor_sync_data(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<(), FsFail> {
    sync(g, call, &this, true).await
}

pub(in crate::host::wasi) async fn descriptor_sync(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<(), FsFail> {
    sync(g, call, &this, false).await
}

/// A sync waits for the disk, whatever the file system: never in place.
async fn sync(g: &mut Guarded<'_>, call: Call, this: &This, data_only: bool) -> Result<(), FsFail> {
    let node = node(g, this)?;
    node.work_if(false, move |node| node.sync(data_only, call.import())).await
}

pub(in crate::host::wasi) async fn descriptor_get_flags(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<wasi::DescriptorFlags, FsFail> {
    let node = node(g, &this)?;
    Ok(convert::flags(node.work(move |node| node.flags(call.import())).await?))
}

pub(in crate::host::wasi) async fn descriptor_get_type(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<wasi::DescriptorType, FsFail> {
    let node = node(g, &this)?;
    Ok(convert::kind(node.work(move |node| node.kind(call.import())).await?))
}

pub(in crate::host::wasi) async fn descriptor_set_size(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    size: u64,
) -> Result<(), FsFail> {
    let node = node(g, &this)?;
    node.work(move |node| node.file()?.set_size(size, call.import())).await
}

pub(in crate::host::wasi) async fn descriptor_set_times(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    accessed: wasi::NewTimestamp,
    modified: wasi::NewTimestamp,
) -> Result<(), FsFail> {
    let node = node(g, &this)?;
    let times = convert::times(accessed, modified)?;
    let in_place = node.value()?.in_place_to_change();
    node.work_if(in_place, move |node| node.set_times(&times, call.import())).await
}

pub(in crate::host::wasi) async fn descriptor_read(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    length: u64,
    offset: u64,
) -> Result<(Vec<u8>, bool), FsFail> {
    let (node, length) = (node(g, &this)?, g.at_most_in_one_call(length));
    let bytes = node.work(move |node| node.file()?.read_at(length, offset, call.import())).await?;
    let at_end = bytes.is_empty();
    Ok((bytes, at_end))
}

pub(in crate::host::wasi) async fn descriptor_write(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    buffer: Vec<u8>,
    offset: u64,
) -> Result<u64, FsFail> {
    let node = node(g, &this)?;
    let written = node.work(move |node| node.file()?.write_at(&buffer, offset, call.import())).await?;
    Ok(written as u64)
}

pub(in crate::host::wasi) async fn descriptor_read_directory(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<Resource<EntryStream>, FsFail> {
    let node = node(g, &this)?;
    g.make_room()?;
    // A listing keeps its directory open as well, also when the guest lets go of that.
    let (place, pool, in_place) = (Place::take_some(g.state, 2)?, pool(g), node.in_place());
    let listing = node.work(move |node| {
        let entries = node.directory()?.entries(call.import())?;
        let lease = entries.lease().clone();
        Ok((EntryStream::new(Mutex::new(entries), in_place, pool, place), lease))
    });
    let (listing, lease) = listing.await?;
    Ok(g.push(listing, Holder::Lease(lease))?)
}

pub(in crate::host::wasi) async fn descriptor_stat(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<wasi::DescriptorStat, FsFail> {
    let node = node(g, &this)?;
    Ok(convert::stat(node.work(move |node| node.stat(call.import())).await?))
}

/// It has no error of its own: what cannot be told traps.
pub(in crate::host::wasi) async fn descriptor_is_same_object(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    other: This,
) -> Result<bool, Fail> {
    let (this, other) = (g.state.table.get(&this)?.clone(), g.state.table.get(&other)?.clone());
    let (import, in_place) = (call.import(), this.in_place() && other.in_place());
    let same = this.work_if(in_place, move |this| this.is_same_object(other.value()?, import)).await;
    same.map_err(|fail| match fail {
        FsFail::Fs(FsError::Denied(denied)) => denied.into(),
        FsFail::Fs(error) => Fail::Trap(wasmtime::Error::new(error)),
        FsFail::Code(code) => Fail::Trap(wasmtime::format_err!("{code:?}")),
        FsFail::Trap(error) => Fail::Trap(error),
    })
}

pub(in crate::host::wasi) async fn descriptor_metadata_hash(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
) -> Result<wasi::MetadataHashValue, FsFail> {
    let node = node(g, &this)?;
    Ok(convert::hash(node.work(move |node| node.metadata_hash(call.import())).await?))
}
