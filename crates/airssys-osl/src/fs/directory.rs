//! A directory handle, and what is done through it to the names beneath.

use crate::action::{Action, ActionId, FsCreate, FsDelete, FsList, FsStat, FsSymlink, FsTimes};
use crate::fs::entries::Entries;
use crate::fs::locate::{Last, Located, Look, Spot, locate};
use crate::fs::mount::Mount;
use crate::fs::path::Steps;
use crate::fs::sys::{Identity, Meta, bytes};
use crate::fs::types::{Flags, Kind, MetadataHash, NewTimes, OpenOptions, Stat};
use crate::fs::{FsError, Node, effects, open};
use crate::gate::{Denied, InUse, Lease, Permit};
use crate::handle::Handle;
use crate::resource::GuestPath;
use std::sync::Arc;

/// An open directory. Clones are the same handle.
///
/// A mount's root is for walking: it carries no right, and each use is decided. Any other handle carries what it was
/// opened for. Names beneath are looked up from the mount's root by the handle's own canonical path; if the directory
/// is no longer there, nothing is found.
#[derive(Debug, Clone)]
pub struct Directory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    mount: Arc<Mount>,
    path: GuestPath,
    /// Keeps the object, and so its identity, from being taken by another.
    file: Arc<Handle>,
    identity: Identity,
    lease: Lease,
    flags: Flags,
}

impl Directory {
    pub(in crate::fs) fn root(mount: Arc<Mount>, lease: Lease) -> Directory {
        let (path, file, identity) = (mount.guest.clone(), Arc::clone(&mount.root), mount.identity);
        let flags = Flags { read: true, write: false, mutate_directory: !mount.read_only };
        Directory(Arc::new(Inner { mount, path, file, identity, lease, flags }))
    }

    pub(in crate::fs) fn opened(
        mount: Arc<Mount>,
        path: GuestPath,
        file: Handle,
        identity: Identity,
        lease: Lease,
        flags: Flags,
    ) -> Directory {
        Directory(Arc::new(Inner { mount, path, file: Arc::new(file), identity, lease, flags }))
    }

    /// Its canonical path.
    pub fn path(&self) -> &GuestPath {
        &self.0.path
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        &self.0.lease
    }

    /// True when calls through it end soon and may be made in place.
    pub fn in_place(&self) -> bool {
        self.0.mount.in_place()
    }

    /// True when opening so ends soon and may be done in place.
    ///
    /// False also where opening a file to change it may first copy the whole of it, as on overlayfs.
    pub fn in_place_for(&self, how: &OpenOptions) -> bool {
        if how.changes() { self.0.mount.in_place_to_change() } else { self.in_place() }
    }

    pub(in crate::fs) fn is_root(&self) -> bool {
        self.0.path == self.0.mount.guest
    }

    pub(in crate::fs) fn mount(&self) -> &Arc<Mount> {
        &self.0.mount
    }

    pub(in crate::fs) fn flags(&self) -> Flags {
        self.0.flags
    }

    pub(in crate::fs) fn identity(&self) -> Identity {
        self.0.identity
    }

    pub(in crate::fs) fn look(&self, import: &'static str) -> Look<'_> {
        Look { mount: &self.0.mount, session: self.0.lease.session(), import }
    }

    /// Refuses a handle that was revoked.
    pub(in crate::fs) fn check_live(&self, import: &'static str) -> Result<(), Denied> {
        self.0.lease.check_live(ActionId::FsStat, import)
    }

    /// The directory by its canonical path, for walking, if that still leads to this very directory.
    pub(in crate::fs) fn still_there(&self) -> Result<Arc<Handle>, FsError> {
        if self.is_root() {
            return Ok(Arc::clone(&self.0.file));
        }
        let gone = |error| match error {
            FsError::NotDirectory | FsError::Loop => FsError::NoEntry,
            other => other,
        };
        let there = self.0.mount.walk_to(&self.0.path).map_err(gone)?;
        if self.0.mount.sys.stat_open(&there)?.identity != self.0.identity {
            return Err(FsError::NoEntry);
        }
        Ok(there)
    }

    pub(in crate::fs) fn meta(&self, import: &'static str) -> Result<Meta, FsError> {
        let there = self.still_there().map_err(|error| self.look(import).tell(&self.0.path, error))?;
        Ok(self.0.mount.sys.stat_open(&there)?)
    }

    pub(in crate::fs) fn set_times_here(
        &self,
        times: &NewTimes,
        import: &'static str,
    ) -> Result<(), FsError> {
        let there = self.still_there().map_err(|error| self.look(import).tell(&self.0.path, error))?;
        Ok(self.0.mount.sys.set_times_open(&there, Kind::Directory, times)?)
    }

    pub(in crate::fs) fn sync_here(&self, data_only: bool, import: &'static str) -> Result<(), FsError> {
        let there = self.still_there().map_err(|error| self.look(import).tell(&self.0.path, error))?;
        let readable = self.0.mount.sys.reopen_dir(&there, true)?;
        Ok(bytes::sync(&readable, data_only)?)
    }

    /// Opens a path.
    ///
    /// # Errors
    /// [`FsError`]; nothing was created, truncated or opened then.
    pub fn open_at(&self, path: &str, how: &OpenOptions, import: &'static str) -> Result<Node, FsError> {
        open::open_at(self, path, how, import)
    }

    /// Metadata of a path.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn stat_at(&self, path: &str, follow: bool, import: &'static str) -> Result<Stat, FsError> {
        self.meta_at(path, follow, import).map(|meta| meta.stat())
    }

    /// A number for the object of a path.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn metadata_hash_at(
        &self,
        path: &str,
        follow: bool,
        import: &'static str,
    ) -> Result<MetadataHash, FsError> {
        self.meta_at(path, follow, import).map(|meta| self.0.mount.hash(&meta))
    }

    fn meta_at(&self, path: &str, follow: bool, import: &'static str) -> Result<Meta, FsError> {
        let steps = self.parse(path, import)?;
        let _still = self.0.mount.still();
        let last = if follow { Last::Follow } else { Last::Look };
        let (spot, permit) = self.decide_at::<FsStat>(&steps, last, import)?;
        let _spent = permit.redeem()?;
        spot.existing(&steps)
    }

    /// The text of a symbolic link.
    ///
    /// # Errors
    /// [`FsError::Invalid`] when it is none; [`FsError::NotPermitted`] when it is absolute, which would tell where
    /// things lie on the host.
    pub fn read_link_at(&self, path: &str, import: &'static str) -> Result<String, FsError> {
        let steps = self.parse(path, import)?;
        let _still = self.0.mount.still();
        let (spot, permit) = self.decide_at::<FsStat>(&steps, Last::Look, import)?;
        let _spent = permit.redeem()?;
        let meta = spot.existing(&steps)?;
        let (Kind::Symlink, Some(parent)) = (meta.kind, &spot.parent) else { return Err(FsError::Invalid) };
        let target = self.0.mount.sys.read_link(parent, &spot.name);
        let target = target.map_err(|error| self.look(import).tell(&spot.path, error))?;
        let target = target.into_string().map_err(|_| FsError::IllegalByteSequence)?;
        let absolute = std::path::Path::new(&target).has_root();
        if absolute { Err(FsError::NotPermitted) } else { Ok(target) }
    }

    /// Sets the time stamps of a path.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn set_times_at(
        &self,
        path: &str,
        follow: bool,
        times: &NewTimes,
        import: &'static str,
    ) -> Result<(), FsError> {
        let steps = self.parse_to_change(path, import)?;
        let _still = self.0.mount.still();
        let last = if follow { Last::Follow } else { Last::Look };
        let (spot, permit) = self.decide_at::<FsTimes>(&steps, last, import)?;
        let done =
            spot.existing(&steps).and_then(|_| effects::set_times(permit, &self.0.mount, &spot, times));
        done.map_err(|error| self.look(import).tell(&spot.path, error))
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn create_directory_at(&self, path: &str, import: &'static str) -> Result<(), FsError> {
        let steps = self.parse_to_change(path, import)?;
        let _still = self.0.mount.still();
        let (spot, permit) = self.decide_at::<FsCreate>(&steps, Last::Entry, import)?;
        let done = spot.free().and_then(|()| effects::create_dir(permit, &self.0.mount, &spot));
        done.map_err(|error| self.look(import).tell(&spot.path, error))
    }

    /// Makes a symbolic link with the text `target`, which is judged when it is followed.
    ///
    /// # Errors
    /// [`FsError`]; [`FsError::NotPermitted`] for an absolute target, which no guest could follow.
    pub fn symlink_at(&self, target: &str, path: &str, import: &'static str) -> Result<(), FsError> {
        let steps = self.parse_to_change(path, import)?;
        Steps::parse(target)?;
        let _still = self.0.mount.still();
        let (spot, permit) = self.decide_at::<FsSymlink>(&steps, Last::Entry, import)?;
        let free = spot.free().and(if steps.must_be_directory { Err(FsError::NoEntry) } else { Ok(()) });
        let done = free.and_then(|()| effects::symlink(permit, &self.0.mount, &spot, target));
        done.map_err(|error| self.look(import).tell(&spot.path, error))
    }

    /// Removes a name that is no directory.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn unlink_file_at(&self, path: &str, import: &'static str) -> Result<(), FsError> {
        let steps = self.parse_to_change(path, import)?;
        let _still = self.0.mount.still();
        let (spot, permit) = self.decide_at::<FsDelete>(&steps, Last::Entry, import)?;
        let fit = spot.existing(&steps).and_then(|meta| match meta.kind {
            Kind::Directory => Err(FsError::IsDirectory),
            _ => Ok(()),
        });
        let done = fit.and_then(|()| effects::remove_file(permit, &self.0.mount, &spot));
        done.map_err(|error| self.look(import).tell(&spot.path, error))
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn remove_directory_at(&self, path: &str, import: &'static str) -> Result<(), FsError> {
        let steps = self.parse_to_change(path, import)?;
        if steps.ends_in_dot {
            return Err(FsError::Invalid);
        }
        let _still = self.0.mount.still();
        let (spot, permit) = self.decide_at::<FsDelete>(&steps, Last::Entry, import)?;
        let fit = spot.existing(&steps).and_then(|meta| match meta.kind {
            Kind::Directory => Ok(()),
            _ => Err(FsError::NotDirectory),
        });
        let done = fit.and_then(|()| effects::remove_dir(permit, &self.0.mount, &spot));
        done.map_err(|error| self.look(import).tell(&spot.path, error))
    }

    /// Starts a listing: the names and kinds of all direct children.
    ///
    /// # Errors
    /// [`FsError`]; [`FsError::BadDescriptor`] when the handle was not opened for reading.
    pub fn entries(&self, import: &'static str) -> Result<Entries, FsError> {
        let lease = if self.0.lease.holds(ActionId::FsList) {
            self.enter(ActionId::FsList, import).map(drop)?;
            self.0.lease.clone()
        } else if self.0.lease.actions().next().is_none() {
            self.check_live(import)?;
            let permit = self.0.lease.session().authorize::<FsList>(self.0.path.clone(), import)?;
            permit.into_lease()
        } else {
            return Err(FsError::BadDescriptor);
        };
        let _still = self.0.mount.still();
        let there = self.still_there().map_err(|error| self.look(import).tell(&self.0.path, error))?;
        Entries::start(self.clone(), &there, lease)
    }

    /// Enters a use under a right of the handle; a new decision is taken only while the directory is where it was opened.
    pub(in crate::fs) fn enter(&self, action: ActionId, import: &'static str) -> Result<InUse<'_>, FsError> {
        if let Some(in_use) = self.0.lease.enter_if_current(action, import) {
            return Ok(in_use);
        }
        self.0.lease.check_live(action, import)?;
        let _still = self.0.mount.still();
        self.still_there().map_err(|error| self.look(import).tell(&self.0.path, error))?;
        Ok(self.0.lease.enter(action, import)?)
    }

    /// Enters a use that any right covers. None when there is none: the handle is for walking.
    pub(in crate::fs) fn enter_any(&self, import: &'static str) -> Result<Option<InUse<'_>>, FsError> {
        match self.0.lease.actions().next() {
            Some(action) => self.enter(action, import).map(Some),
            None => Ok(self.check_live(import).map(|()| None)?),
        }
    }

    /// The handle it keeps open.
    pub(in crate::fs) fn file(&self) -> &Handle {
        &self.0.file
    }

    pub(in crate::fs) fn parse(&self, path: &str, import: &'static str) -> Result<Steps, FsError> {
        self.check_live(import)?;
        Steps::parse(path)
    }

    pub(in crate::fs) fn parse_to_change(&self, path: &str, import: &'static str) -> Result<Steps, FsError> {
        let steps = self.parse(path, import)?;
        if self.0.mount.read_only { Err(FsError::ReadOnly) } else { Ok(steps) }
    }

    /// Finds a name, decides on it, and answers what hinders either.
    fn decide_at<A: Action<Resource = GuestPath>>(
        &self,
        steps: &Steps,
        last: Last,
        import: &'static str,
    ) -> Result<(Spot, Permit<A>), FsError> {
        let look = self.look(import);
        match locate(&look, self, steps, last)? {
            Located::Spot(spot) => {
                let permit = look.session.authorize::<A>(spot.path.clone(), import)?;
                Ok((spot, permit))
            }
            Located::Broken(broken) => {
                if let Some(path) = broken.target() {
                    look.refuse_if_denied::<A>(&path)?;
                }
                Err(broken.tell(&look))
            }
        }
    }
}
