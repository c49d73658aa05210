//! Host directories in the guest's name space.
//!
//! *Invariant:* a mount's root is held open from loading on; no host path is looked up again for a guest.

use crate::fs::check;
use crate::fs::device::Device;
use crate::fs::node::Node;
use crate::fs::path::child;
use crate::fs::remembered::Remembered;
use crate::fs::spelling::{Spellings, above};
use crate::fs::sys::volume::{Spelling, Volume};
use crate::fs::sys::{self, Identity, Meta, System};
use crate::fs::{Directory, FsError, MetadataHash, names};
use crate::gate::{Lease, Session};
use crate::handle::Handle;
use crate::resource::GuestPath;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, RwLockReadGuard, RwLockWriteGuard};

/// A host directory to mount.
#[derive(Debug, Clone)]
pub struct MountSpec {
    /// Where it lies on the host.
    pub host: PathBuf,
    /// Where the guest sees it.
    pub guest: GuestPath,
    /// Nothing in it can be changed, whatever the policies say.
    pub read_only: bool,
    /// What few hosts need.
    pub options: MountOptions,
}

impl MountSpec {
    /// A writable mount without options.
    pub fn new(host: impl Into<PathBuf>, guest: GuestPath) -> MountSpec {
        MountSpec { host: host.into(), guest, read_only: false, options: MountOptions::default() }
    }

    /// The same mount, read-only.
    #[must_use]
    pub fn read_only(self) -> MountSpec {
        MountSpec { read_only: true, ..self }
    }
}

/// What few hosts need of a mount. `Default` allows none of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MountOptions {
    /// A path may lead into another file system that is mounted within.
    pub cross_devices: bool,
    /// Devices, pipes and sockets may be opened; never waiting for the other side.
    pub special_files: bool,
    /// How paths are looked up.
    pub resolver: Resolver,
    /// Take the names from the disk even if the file system is known to keep spellings apart.
    pub names_from_disk: bool,
}

/// How paths are looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Resolver {
    /// The platform's best way.
    #[default]
    Auto,
    /// The way that every platform has: one name at a time.
    Portable,
}

/// Why a mount was refused. Each is an error of configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// The host directory is missing, unreadable or none.
    #[error("`{}` cannot be mounted at `{guest}`: {source}; name a host directory that exists", host.display())]
    Open {
        /// The host directory.
        host: PathBuf,
        /// Where it was to be seen.
        guest: GuestPath,
        /// What the system said.
        source: std::io::Error,
    },
    /// Two mounts are seen at, or within, the same place.
    #[error("mounts `{first}` and `{second}` overlap: give each guest path outside of the others")]
    GuestOverlap {
        /// One guest path.
        first: GuestPath,
        /// The other.
        second: GuestPath,
    },
    /// Two mounts show, in whole or part, the same host directory.
    #[error(
        "mounts `{first}` and `{second}` show the same files of `{}`: mount each host directory once",
        host.display()
    )]
    HostOverlap {
        /// One guest path.
        first: GuestPath,
        /// The other.
        second: GuestPath,
        /// The directory within both.
        host: PathBuf,
    },
    /// Spellings may be folded there, and the names on disk cannot be read.
    #[error(
        "`{}` cannot be listed, and its file system may take one spelling for another: make the directory readable",
        host.display()
    )]
    Names {
        /// The host directory.
        host: PathBuf,
    },
    /// The directory shows the kernel's own state.
    #[error("`{}` shows the kernel's own state and cannot be mounted: name a directory of files", host.display())]
    KernelInterface {
        /// The host directory.
        host: PathBuf,
    },
    /// A file that the host's own authority rests on could be changed by the guest.
    #[error(
        "`{}` lies beneath the mount `{guest}`, where a guest could change it: \
         add `:ro` to the mount, or move the file out of `{}`",
        protected.display(), host.display()
    )]
    Protected {
        /// The file.
        protected: PathBuf,
        /// The mount's host directory.
        host: PathBuf,
        /// The mount's guest path.
        guest: GuestPath,
    },
    /// A file that the host's own authority rests on has further names, and one of them may lie where the guest writes.
    #[error(
        "`{}` has more than one name, and another may lie in `{}`, where a guest at `{guest}` could change it: \
         add `:ro` to the mount, or replace the file by a copy with one name",
        protected.display(), host.display()
    )]
    Linked {
        /// The file.
        protected: PathBuf,
        /// The mount's host directory.
        host: PathBuf,
        /// The mount's guest path.
        guest: GuestPath,
    },
    /// What lies behind a protected name cannot be told.
    #[error("`{}` cannot be told apart from the mounts: {source}; make its directory readable", protected.display())]
    Unknown {
        /// The file.
        protected: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Every mount of one runtime or component.
#[derive(Debug, Clone, Default)]
pub struct Mounts {
    mounts: Vec<Arc<Mount>>,
}

impl Mounts {
    /// Opens the mounts, or says what is wrong with them. `protected` are the files and directories which the host's
    /// own authority rests on: policies, trust, configuration, keys, audit.
    ///
    /// # Errors
    /// [`MountError`] in one sentence with the remedy.
    pub fn open_ambient(specs: Vec<MountSpec>, protected: &[PathBuf]) -> Result<Mounts, MountError> {
        let keys = Arc::new([RandomState::new(), RandomState::new()]);
        let mut mounts = Vec::with_capacity(specs.len());
        for spec in specs {
            mounts.push(Arc::new(Mount::open_ambient(spec, Arc::clone(&keys))?));
        }
        check::overlaps(&mounts)?;
        check::protected_ambient(&mounts, protected)?;
        Ok(Mounts { mounts })
    }

    /// Handles for walking on the roots which the policies let `session` see, with their guest paths. They carry no
    /// right; no decision is taken.
    pub fn roots(&self, session: &Arc<Session>) -> Vec<(Node, GuestPath)> {
        let seen = self.mounts.iter().filter(|mount| session.sees_mount(&mount.guest));
        seen.map(|mount| (Node::Directory(mount.root(session)), mount.guest.clone())).collect()
    }

    /// True when every mount's calls end soon and may be made in place.
    pub fn in_place(&self) -> bool {
        self.mounts.iter().all(|mount| mount.in_place())
    }

    /// True when there is no mount.
    pub fn is_empty(&self) -> bool {
        self.mounts.is_empty()
    }
}

/// One mounted directory.
pub(in crate::fs) struct Mount {
    pub(in crate::fs) host: PathBuf,
    pub(in crate::fs) guest: GuestPath,
    pub(in crate::fs) root: Arc<Handle>,
    pub(in crate::fs) identity: Identity,
    pub(in crate::fs) read_only: bool,
    is_local: bool,
    copies_up: bool,
    spelling: Spelling,
    spellings: Spellings,
    plain: Remembered<()>,
    pub(in crate::fs) options: MountOptions,
    pub(in crate::fs) sys: &'static dyn System,
    device: Arc<Device>,
    keys: Arc<[RandomState; 2]>,
}

impl Mount {
    fn open_ambient(spec: MountSpec, keys: Arc<[RandomState; 2]>) -> Result<Mount, MountError> {
        let MountSpec { host, guest, read_only, options } = spec;
        let refused = |source| MountError::Open { host: host.clone(), guest: guest.clone(), source };
        let real = check::real_path_ambient(&host).map_err(refused)?;
        let native = match options.resolver {
            Resolver::Auto => sys::native(),
            Resolver::Portable => sys::portable(),
        };
        let root = native.open_root_ambient(&real).map_err(refused)?;
        let sys = answering(native, &root);
        let volume = Volume::of(&root).map_err(refused)?;
        if volume.is_kernel_interface {
            return Err(MountError::KernelInterface { host });
        }
        let identity = sys.stat_open(&root).map_err(refused)?.identity;
        let from_disk = options.names_from_disk || options.cross_devices;
        let spelling = if from_disk { Spelling::Folded } else { volume.spelling };
        if spelling == Spelling::Folded && sys.entries(&root).is_err() {
            return Err(MountError::Names { host });
        }
        Ok(Mount {
            host: real,
            guest,
            root: Arc::new(root),
            identity,
            read_only,
            is_local: volume.is_local && !options.cross_devices,
            copies_up: volume.copies_up && !read_only,
            spelling,
            spellings: Spellings::default(),
            plain: Remembered::default(),
            options,
            sys,
            device: Device::of(identity),
            keys,
        })
    }

    /// A mount on other calls than the platform's, with a lock of its own, on which each directory must be asked for its
    /// spellings.
    #[cfg(test)]
    pub(in crate::fs) fn on_system(spec: MountSpec, sys: &'static dyn System) -> Mount {
        let keys = Arc::new([RandomState::new(), RandomState::new()]);
        let spelling = match spec.options.names_from_disk {
            true => Spelling::Folded,
            false => Spelling::ByDirectory,
        };
        Mount { sys, spelling, device: Arc::default(), ..Mount::open_ambient(spec, keys).unwrap() }
    }

    /// A handle for walking on the root.
    fn root(self: &Arc<Mount>, session: &Arc<Session>) -> Directory {
        let lease = Lease::for_walking(Arc::clone(session), self.guest.clone().into());
        Directory::root(Arc::clone(self), lease)
    }

    /// True when calls end soon and may be made in place: the file system is local, and no name makes it list a
    /// directory.
    pub(in crate::fs) fn in_place(&self) -> bool {
        let lists = match self.spelling {
            Spelling::Kept => false,
            Spelling::ByDirectory => self.spellings.folding_met(),
            Spelling::Folded => true,
        };
        self.is_local && !lists
    }

    /// True when also calls that change a file that is there end soon: the file system does not copy it first.
    pub(in crate::fs) fn in_place_to_change(&self) -> bool {
        self.in_place() && !self.copies_up
    }

    /// The part of a canonical path beneath this mount, `.` for the root itself.
    pub(in crate::fs) fn relative<'p>(&self, path: &'p str) -> &'p str {
        let beneath = if self.guest.is_root() { Some(path) } else { path.strip_prefix(self.guest.as_str()) };
        match beneath.map(|rest| rest.trim_start_matches('/')) {
            Some("") | None => ".",
            Some(rest) => rest,
        }
    }

    /// True when names in the directory of that canonical path are found by one spelling alone, and so is the path.
    pub(in crate::fs) fn keeps_spellings(&self, directory: &str) -> bool {
        match self.spelling {
            Spelling::Kept => true,
            Spelling::ByDirectory => self.spellings.kept(self, directory),
            Spelling::Folded => false,
        }
    }

    /// True when a canonical path is the spelling by which its object is found, and the only one.
    pub(in crate::fs) fn is_only_spelling(&self, path: &GuestPath) -> bool {
        *path == self.guest || self.keeps_spellings(above(path.as_str()))
    }

    /// Opens a canonical path for walking, through directories alone and by their names as they stand on disk.
    pub(in crate::fs) fn walk_to(&self, path: &GuestPath) -> Result<Arc<Handle>, FsError> {
        if self.is_only_spelling(path) {
            return self.walk_by_text(path.as_str());
        }
        let mut at = Arc::clone(&self.root);
        let mut above = self.guest.clone();
        let mut left = names::MAX_LISTED;
        for name in self.relative(path.as_str()).split('/').filter(|name| *name != ".") {
            let meta = self.sys.stat(&at, name)?;
            self.check_spelling(&at, &above, name, &meta, &mut left)?;
            at = Arc::new(self.sys.open_dir(&at, name, self.options.cross_devices)?);
            above = child(&above, name)?;
        }
        Ok(at)
    }

    /// Opens a canonical path for walking, through directories alone and by whatever spelling finds them.
    pub(in crate::fs) fn walk_by_text(&self, path: &str) -> Result<Arc<Handle>, FsError> {
        let (relative, cross_devices) = (self.relative(path), self.options.cross_devices);
        if relative == "." {
            return Ok(Arc::clone(&self.root));
        }
        if let Some(opened) = self.sys.walk_beneath(&self.root, relative, cross_devices) {
            return Ok(Arc::new(opened?));
        }
        let mut at = Arc::clone(&self.root);
        for name in relative.split('/') {
            at = Arc::new(self.sys.open_dir(&at, name, cross_devices)?);
        }
        Ok(at)
    }

    /// Refuses a canonical path that does not lead to that object, or no longer by this name.
    pub(in crate::fs) fn check_leads_to(&self, path: &GuestPath, object: Identity) -> Result<(), FsError> {
        let gone = |error| match error {
            FsError::NotDirectory | FsError::Loop => FsError::NoEntry,
            other => other,
        };
        let (Some(above), Some(name)) = (path.parent(), path.name()) else { return Err(FsError::NoEntry) };
        let directory = self.walk_to(&above).map_err(gone)?;
        let meta = self.sys.stat(&directory, name)?;
        if meta.identity != object {
            return Err(FsError::NoEntry);
        }
        let mut left = names::MAX_LISTED;
        self.check_spelling(&directory, &above, name, &meta, &mut left)
    }

    /// Refuses a name that found its object by another spelling than the one on disk.
    fn check_spelling(
        &self,
        directory: &Handle,
        path: &GuestPath,
        name: &str,
        meta: &Meta,
        left: &mut usize,
    ) -> Result<(), FsError> {
        if self.keeps_spellings(path.as_str())
            || names::on_disk(self.sys, directory, name, meta, left)? == name
        {
            return Ok(());
        }
        Err(FsError::NoEntry)
    }

    /// Held while something is decided and done: nothing moves meanwhile.
    pub(in crate::fs) fn still(&self) -> RwLockReadGuard<'_, ()> {
        self.device.still()
    }

    /// Held while a move is decided and done: nothing else is.
    pub(in crate::fs) fn moving(&self) -> RwLockWriteGuard<'_, ()> {
        self.device.moving()
    }

    /// How often something other than a plain file was moved, or linked, on the device through this process.
    pub(in crate::fs) fn moves(&self) -> u64 {
        self.device.count()
    }

    /// To be called after something other than a plain file was moved or linked, and while nothing else happens: what is
    /// remembered of paths may be wrong.
    pub(in crate::fs) fn forget_paths(&self) {
        self.device.count_one();
    }

    /// True when a file or directory was found at that canonical path, and no guest can have put anything of another
    /// kind there since: it makes none, and what it moves is noticed.
    pub(in crate::fs) fn was_plain(&self, path: &GuestPath) -> bool {
        self.plain.find(self.moves(), path.as_str()).is_some()
    }

    /// Keeps that a file or directory was found at that canonical path. Nothing may have moved since.
    pub(in crate::fs) fn remember_plain(&self, path: &GuestPath) {
        if !self.was_plain(path) {
            self.plain.keep(self.moves(), path.as_str(), ());
        }
    }

    /// True when an object of that device may not be reached through this mount.
    pub(in crate::fs) fn is_beyond(&self, meta: &Meta) -> bool {
        !self.options.cross_devices && meta.identity.device != self.identity.device
    }

    /// True when an opened object shows the kernel's own state: possible only across devices.
    pub(in crate::fs) fn is_kernel_interface(&self, file: &Handle, meta: &Meta) -> bool {
        meta.identity.device != self.identity.device
            && Volume::of(file).map_or(true, |volume| volume.is_kernel_interface)
    }

    /// A number for an object that tells nothing but equality.
    pub(in crate::fs) fn hash(&self, meta: &Meta) -> MetadataHash {
        let [lower, upper] = &*self.keys;
        MetadataHash { lower: lower.hash_one(meta.identity), upper: upper.hash_one(meta.identity) }
    }
}

impl std::fmt::Debug for Mount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let access = if self.read_only { " (read-only)" } else { "" };
        write!(f, "{} at {}{access}", self.host.display(), self.guest)
    }
}

/// The portable calls where the kernel, or a filter above it, does not know the one for whole paths.
fn answering(native: &'static dyn System, root: &Handle) -> &'static dyn System {
    match native.walk_beneath(root, ".", false) {
        Some(Err(_)) => sys::portable(),
        Some(Ok(_)) | None => native,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::path;

    #[test]
    fn what_a_file_system_may_copy_first_is_not_changed_in_place() {
        use crate::fs::OpenOptions;
        let dir = tempfile::tempdir().unwrap();
        let mount = |copies_up| {
            let mounted = Mount::on_system(MountSpec::new(dir.path(), path("/m")), sys::native());
            let mount = Mount { copies_up, is_local: true, spelling: Spelling::Kept, ..mounted };
            Arc::new(mount).root(&crate::testing::session(|_, _| true).0)
        };
        let look = OpenOptions::default();
        let write = OpenOptions { write: true, ..look };
        let (copying, other) = (mount(true), mount(false));
        assert!(copying.in_place_for(&look) && !copying.in_place_for(&write));
        assert!(!copying.in_place_for(&OpenOptions { truncate: true, ..look }));
        assert!(!Node::Directory(copying.clone()).in_place_to_change() && copying.in_place());
        assert!(other.in_place_for(&look) && other.in_place_for(&write));
        assert!(Node::Directory(other).in_place_to_change());
    }
}
