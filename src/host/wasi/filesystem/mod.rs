//! wasi:filesystem: descriptors over airssys-osl's handles, one call each.
//!
//! Everything that names a path or touches a file is decided and done by airssys-osl; here arguments and answers
//! change their types, and calls that may not end soon go to the blocking pool.

mod convert;
mod descriptor;
mod paths;

pub(crate) use super::fail::FsFail;
pub(super) use descriptor::*;
pub(super) use paths::*;

use crate::host::bindings::filesystem::types::{DirectoryEntry, ErrorCode};
use crate::kernel::{Call, Fail, Guarded, Holder};
use airssys_osl::fs::{Entries, FsError, Node};
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::component::Resource;

/// What a descriptor's handle stands for.
#[derive(Debug, Clone)]
#[expect(unreachable_pub, reason = "`bindgen!` re-exports it")]
pub struct Descriptor(pub(crate) Node);

/// What a directory-entry-stream's handle stands for.
#[derive(Debug, Clone)]
#[expect(unreachable_pub, reason = "`bindgen!` re-exports it")]
pub struct EntryStream {
    entries: Arc<Mutex<Entries>>,
    in_place: bool,
}

/// The guest's word for an error; none but a trap is left out.
pub(super) fn convert(error: FsFail) -> wasmtime::Result<ErrorCode> {
    match error {
        FsFail::Fs(error) => Ok(super::fail::code(&error)),
        FsFail::Code(code) => Ok(code),
        FsFail::Trap(error) => Err(error),
    }
}

/// The node behind a descriptor.
fn node(g: &Guarded<'_>, handle: &Resource<Descriptor>) -> Result<Node, FsFail> {
    Ok(g.state.table.get(handle)?.0.clone())
}

/// Does file work in place where it ends soon, elsewhere on the blocking pool. A guest waits for its own call, so it
/// never has more than one there.
async fn work<T: Send + 'static>(
    in_place: bool,
    work: impl FnOnce() -> Result<T, FsError> + Send + 'static,
) -> Result<T, FsFail> {
    if in_place {
        return Ok(work()?);
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(FsFail::Trap(wasmtime::Error::new(error))),
    }
}

pub(super) fn preopens_get_directories(
    g: &mut Guarded<'_>,
    _: Call,
) -> Result<Vec<(Resource<Descriptor>, String)>, Fail> {
    let roots = g.state.grants.mounts.roots(&g.state.session);
    let mut directories = Vec::with_capacity(roots.len());
    for (root, path) in roots {
        let holder = Holder::Lease(root.lease().clone());
        directories.push((g.push(Descriptor(root), holder)?, path.as_str().to_owned()));
    }
    Ok(directories)
}

pub(super) fn types_filesystem_error_code(
    g: &mut Guarded<'_>,
    _: Call,
    error: Resource<wasmtime::Error>,
) -> Result<Option<ErrorCode>, Fail> {
    Ok(g.state.table.get(&error)?.downcast_ref::<FsError>().map(super::fail::code))
}

pub(super) fn descriptor_drop(g: &mut Guarded<'_>, this: Resource<Descriptor>) -> wasmtime::Result<()> {
    g.state.table.delete(this)?;
    Ok(())
}

pub(super) async fn directory_entry_stream_read_directory_entry(
    g: &mut Guarded<'_>,
    call: Call,
    this: Resource<EntryStream>,
) -> Result<Option<DirectoryEntry>, FsFail> {
    let stream = g.state.table.get(&this)?.clone();
    let next =
        move || stream.entries.lock().unwrap_or_else(PoisonError::into_inner).next_entry(call.import());
    let in_place = g.state.table.get(&this)?.in_place;
    Ok(work(in_place, next).await?.map(convert::entry))
}

pub(super) fn directory_entry_stream_drop(
    g: &mut Guarded<'_>,
    this: Resource<EntryStream>,
) -> wasmtime::Result<()> {
    g.state.table.delete(this)?;
    Ok(())
}
