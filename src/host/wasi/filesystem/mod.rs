//! wasi:filesystem: descriptors over airssys-osl's handles, one call each.
//!
//! Everything that names a path or touches a file is decided and done by airssys-osl; here arguments and answers
//! change their types, and calls that may not end soon go to the blocking pool.

mod convert;
mod descriptor;
mod opened;
mod paths;

pub(crate) use super::fail::FsFail;
pub(super) use descriptor::*;
#[expect(unreachable_pub, reason = "`bindgen!` re-exports them")]
pub use opened::{Descriptor, EntryStream};
pub(super) use paths::*;

use crate::host::bindings::filesystem::types::{DirectoryEntry, ErrorCode};
use crate::kernel::{Call, Fail, Guarded, Holder};
use airssys_osl::fs::FsError;
use opened::{Opened, Place, pool};
use std::sync::PoisonError;
use wasmtime::component::Resource;

/// The guest's word for an error; none but a trap is left out.
pub(super) fn convert(error: FsFail) -> wasmtime::Result<ErrorCode> {
    match error {
        FsFail::Fs(error) => Ok(super::fail::code(&error)),
        FsFail::Code(code) => Ok(code),
        FsFail::Trap(error) => Err(error),
    }
}

/// What is open behind a descriptor.
fn node(g: &Guarded<'_>, handle: &Resource<Descriptor>) -> Result<Descriptor, FsFail> {
    Ok(g.state.table.get(handle)?.clone())
}

pub(super) fn preopens_get_directories(
    g: &mut Guarded<'_>,
    _: Call,
) -> Result<Vec<(Resource<Descriptor>, String)>, Fail> {
    let roots = g.state.grants.mounts.roots(&g.state.session);
    let mut directories = Vec::with_capacity(roots.len());
    for (root, path) in roots {
        let (holder, in_place) = (Holder::Lease(root.lease().clone()), root.in_place());
        let root = Opened::new(root, in_place, pool(g), Place::shared());
        directories.push((g.push(root, holder)?, path.as_str().to_owned()));
    }
    Ok(directories)
}

pub(super) fn types_filesystem_error_code(
    g: &mut Guarded<'_>,
    _: Call,
    error: Resource<wasmtime::Error>,
) -> Result<Option<ErrorCode>, Fail> {
    // A denial and the system's own refusal are one kind of error here, and so one word.
    Ok(g.state.table.get(&error)?.downcast_ref::<FsError>().map(super::fail::code))
}

/// What is open closes with the last that uses it, not here where that may take long: see [`Opened`].
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
    let next = stream.work(move |entries| {
        entries.lock().unwrap_or_else(PoisonError::into_inner).next_entry(call.import())
    });
    Ok(next.await?.map(convert::entry))
}

pub(super) fn directory_entry_stream_drop(
    g: &mut Guarded<'_>,
    this: Resource<EntryStream>,
) -> wasmtime::Result<()> {
    g.state.table.delete(this)?;
    Ok(())
}
