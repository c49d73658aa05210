//! A listing, read as it is asked for.

use crate::action::ActionId;
use crate::fs::FsError;
use crate::fs::directory::Directory;
use crate::fs::sys::RawEntries;
use crate::fs::types::{Entry, Kind};
use crate::gate::{InUse, Lease};
use crate::handle::Handle;
use crate::resource::GuestPath;

/// The entries of a directory, in the order of the system, without `.` and `..`.
///
/// Memory stays bounded however many there are; the lease is asked for each. Names that no path can spell (no text, or
/// bidirectional controls) are left out and counted.
///
/// As with a file, a new decision is taken only while the directory's path still leads to it.
pub struct Entries {
    of: Directory,
    listing: RawEntries,
    lease: Lease,
    left_out: u64,
}

impl Entries {
    pub(in crate::fs) fn start(of: Directory, there: &Handle, lease: Lease) -> Result<Entries, FsError> {
        let listing = of.mount().sys.entries(there)?;
        Ok(Entries { of, listing, lease, left_out: 0 })
    }

    /// The next entry; none at the end.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn next_entry(&mut self, import: &'static str) -> Result<Option<Entry>, FsError> {
        let _in_use = enter(&self.of, &self.lease, import)?;
        for raw in self.listing.by_ref() {
            let raw = raw?;
            if raw.name == "." || raw.name == ".." {
                continue;
            }
            let name = raw.name.into_string().ok();
            let Some(name) = name.filter(|name| GuestPath::check_name(name).is_ok()) else {
                self.left_out += 1;
                continue;
            };
            let unknown =
                || self.of.mount().sys.stat(self.of.file(), &name).map_or(Kind::Unknown, |meta| meta.kind);
            let kind = raw.kind.unwrap_or_else(unknown);
            return Ok(Some(Entry { name, kind }));
        }
        Ok(None)
    }

    /// True when reading on, and dropping it, ends soon and may be done in place.
    pub fn in_place(&self) -> bool {
        self.of.in_place()
    }

    /// How many names were left out so far, because no path can spell them.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }
}

impl std::fmt::Debug for Entries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "listing under {:?}", self.lease)
    }
}

/// Enters a use of a listing; a new decision is taken only while the directory is still where it was opened.
fn enter<'a>(of: &Directory, lease: &'a Lease, import: &'static str) -> Result<InUse<'a>, FsError> {
    if let Some(in_use) = lease.enter_if_current(ActionId::FsList, import) {
        return Ok(in_use);
    }
    lease.check_live(ActionId::FsList, import)?;
    let _still = of.mount().still();
    of.still_there().map_err(|error| of.look(import).tell(of.path(), error))?;
    Ok(lease.enter(ActionId::FsList, import)?)
}
