//! Methods of a descriptor that name a path.

use super::{Descriptor, FsFail, Opened, Place, convert, node, pool};
use crate::host::bindings::filesystem::types as wasi;
use crate::kernel::{Call, Guarded, Holder};
use wasmtime::component::Resource;

type This = Resource<Descriptor>;

pub(in crate::host::wasi) async fn descriptor_open_at(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    path_flags: wasi::PathFlags,
    path: String,
    open_flags: wasi::OpenFlags,
    flags: wasi::DescriptorFlags,
) -> Result<This, FsFail> {
    let node = node(g, &this)?;
    let options = convert::options(path_flags, open_flags, flags);
    // What is opened needs a handle and a place: without either nothing may be created or truncated.
    g.make_room()?;
    let (place, pool) = (Place::take(g.state)?, pool(g));
    let in_place = node.in_place() && node.value()?.directory()?.in_place_for(&options);
    let opened = node.work_if(in_place, move |node| {
        let opened = node.directory()?.open_at(&path, &options, call.import())?;
        let (lease, in_place) = (opened.lease().clone(), opened.in_place());
        Ok((Opened::new(opened, in_place, pool, place), lease))
    });
    let (opened, lease) = opened.await?;
    Ok(g.push(opened, Holder::Lease(lease))?)
}

pub(in crate::host::wasi) async fn descriptor_stat_at(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    path_flags: wasi::PathFlags,
    path: String,
) -> Result<wasi::DescriptorStat, FsFail> {
    let node = node(g, &this)?;
    let follow = convert::follow(path_flags);
    let stat = node.work(move |node| node.directory()?.stat_at(&path, follow, call.import())).await?;
    Ok(convert::stat(stat))
}

pub(in crate::host::wasi) async fn descriptor_metadata_hash_at(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    path_flags: wasi::PathFlags,
    path: String,
) -> Result<wasi::MetadataHashValue, FsFail> {
    let node = node(g, &this)?;
    let follow = convert::follow(path_flags);
    let hash =
        node.work(move |node| node.directory()?.metadata_hash_at(&path, follow, call.import())).await?;
    Ok(convert::hash(hash))
}

pub(in crate::host::wasi) async fn descriptor_set_times_at(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    path_flags: wasi::PathFlags,
    path: String,
    accessed: wasi::NewTimestamp,
    modified: wasi::NewTimestamp,
) -> Result<(), FsFail> {
    let node = node(g, &this)?;
    let follow = convert::follow(path_flags);
    let times = convert::times(accessed, modified)?;
    let in_place = node.value()?.in_place_to_change();
    node.work_if(in_place, move |node| node.directory()?.set_times_at(&path, follow, &times, call.import()))
        .await
}

pub(in crate::host::wasi) async fn descriptor_create_directory_at(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    path: String,
) -> Result<(), FsFail> {
    let node = node(g, &this)?;
    node.work(move |node| node.directory()?.create_directory_at(&path, call.import())).await
}

pub(in crate::host::wasi) async fn descriptor_readlink_at(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    path: String,
) -> Result<String, FsFail> {
    let node = node(g, &this)?;
    node.work(move |node| node.directory()?.read_link_at(&path, call.import())).await
}

pub(in crate::host::wasi) async fn descriptor_remove_directory_at(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    path: String,
) -> Result<(), FsFail> {
    let node = node(g, &this)?;
    node.work(move |node| node.directory()?.remove_directory_at(&path, call.import())).await
}

pub(in crate::host::wasi) async fn descriptor_unlink_file_at(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    path: String,
) -> Result<(), FsFail> {
    let node = node(g, &this)?;
    node.work(move |node| node.directory()?.unlink_file_at(&path, call.import())).await
}

pub(in crate::host::wasi) async fn descriptor_symlink_at(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    target: String,
    path: String,
) -> Result<(), FsFail> {
    let node = node(g, &this)?;
    node.work(move |node| node.directory()?.symlink_at(&target, &path, call.import())).await
}

pub(in crate::host::wasi) async fn descriptor_rename_at(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    old_path: String,
    to: This,
    new_path: String,
) -> Result<(), FsFail> {
    let (node, to) = (node(g, &this)?, self::node(g, &to)?);
    let in_place = node.value()?.in_place_to_change() && to.value()?.in_place_to_change();
    node.work_if(in_place, move |node| {
        node.directory()?.rename_at(&old_path, to.value()?.directory()?, &new_path, call.import())
    })
    .await
}

pub(in crate::host::wasi) async fn descriptor_link_at(
    g: &mut Guarded<'_>,
    call: Call,
    this: This,
    old_path_flags: wasi::PathFlags,
    old_path: String,
    to: This,
    new_path: String,
) -> Result<(), FsFail> {
    let (node, to) = (node(g, &this)?, self::node(g, &to)?);
    let in_place = node.value()?.in_place_to_change() && to.value()?.in_place_to_change();
    let follow = convert::follow(old_path_flags);
    node.work_if(in_place, move |node| {
        node.directory()?.link_at(&old_path, follow, to.value()?.directory()?, &new_path, call.import())
    })
    .await
}
