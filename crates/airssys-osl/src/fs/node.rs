//! What a descriptor is: a file or a directory, and what can be asked of either.

use crate::action::{ActionId, FsStat, FsTimes, FsWrite};
use crate::fs::mount::Mount;
use crate::fs::sys::{Identity, Meta};
use crate::fs::types::{Flags, Kind, MetadataHash, NewTimes, Stat};
use crate::fs::{Directory, File, FsError};
use crate::gate::{InUse, Lease, Spent};
use crate::resource::GuestPath;
use std::sync::Arc;

/// An open file or directory. Clones are the same handle.
#[derive(Debug, Clone)]
pub enum Node {
    /// A file, or a device where the mount allows it.
    File(File),
    /// A directory.
    Directory(Directory),
}

impl Node {
    /// The directory.
    ///
    /// # Errors
    /// [`FsError::NotDirectory`] when it is a file.
    pub fn directory(&self) -> Result<&Directory, FsError> {
        match self {
            Node::Directory(directory) => Ok(directory),
            Node::File(_) => Err(FsError::NotDirectory),
        }
    }

    /// The file.
    ///
    /// # Errors
    /// [`FsError::BadDescriptor`] when it is a directory.
    pub fn file(&self) -> Result<&File, FsError> {
        match self {
            Node::File(file) => Ok(file),
            Node::Directory(_) => Err(FsError::BadDescriptor),
        }
    }

    /// Its canonical path.
    pub fn path(&self) -> &GuestPath {
        match self {
            Node::File(file) => file.path(),
            Node::Directory(directory) => directory.path(),
        }
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        match self {
            Node::File(file) => file.lease(),
            Node::Directory(directory) => directory.lease(),
        }
    }

    /// True when calls on it end soon and may be made in place.
    pub fn in_place(&self) -> bool {
        match self {
            Node::File(file) => file.in_place(),
            Node::Directory(directory) => directory.in_place(),
        }
    }

    /// True when also calls end soon that change the file itself or its name: [`Node::set_times`], and as either end
    /// [`Directory::rename_at`], [`Directory::link_at`] and [`Directory::set_times_at`].
    ///
    /// False on a file system that may first copy the whole of a file, as overlayfs does.
    pub fn in_place_to_change(&self) -> bool {
        self.in_place() && self.mount().in_place_to_change()
    }

    fn mount(&self) -> &Arc<Mount> {
        match self {
            Node::File(file) => &file.handle().mount,
            Node::Directory(directory) => directory.mount(),
        }
    }

    /// What it is.
    ///
    /// # Errors
    /// [`FsError::Denied`] when its lease no longer stands.
    pub fn kind(&self, import: &'static str) -> Result<Kind, FsError> {
        let _in_use = self.enter_any(import)?;
        Ok(match self {
            Node::File(file) => file.handle().kind,
            Node::Directory(_) => Kind::Directory,
        })
    }

    /// How it was opened.
    ///
    /// # Errors
    /// [`FsError::Denied`] when its lease no longer stands.
    pub fn flags(&self, import: &'static str) -> Result<Flags, FsError> {
        let _in_use = self.enter_any(import)?;
        Ok(match self {
            Node::File(file) => file.handle().flags,
            Node::Directory(directory) => directory.flags(),
        })
    }

    /// Its metadata.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn stat(&self, import: &'static str) -> Result<Stat, FsError> {
        let _looking = self.enter_looking(import)?;
        self.meta(import).map(|meta| meta.stat())
    }

    /// A number for it that tells nothing but equality.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn metadata_hash(&self, import: &'static str) -> Result<MetadataHash, FsError> {
        let _looking = self.enter_looking(import)?;
        self.meta(import).map(|meta| self.mount().hash(&meta))
    }

    /// True when both handles are on one object.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn is_same_object(&self, other: &Node, import: &'static str) -> Result<bool, FsError> {
        let _looking = self.enter_looking(import)?;
        let _looking_too = other.enter_looking(import)?;
        Ok(self.identity() == other.identity())
    }

    /// Sets its time stamps. Decided on its path each time: no handle is opened for it.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn set_times(&self, times: &NewTimes, import: &'static str) -> Result<(), FsError> {
        self.lease().check_live(ActionId::FsTimes, import)?;
        if self.mount().read_only {
            return Err(FsError::ReadOnly);
        }
        let _still = self.mount().still();
        match self {
            Node::File(file) => file.set_times_here(times, import),
            Node::Directory(directory) => {
                let permit = self.lease().session().authorize::<FsTimes>(self.path().clone(), import)?;
                let _spent = permit.redeem()?;
                directory.set_times_here(times, import)
            }
        }
    }

    /// Waits until what was written is on the disk.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn sync(&self, data_only: bool, import: &'static str) -> Result<(), FsError> {
        match self {
            Node::File(file) => file.sync_here(data_only, import),
            Node::Directory(directory) => {
                directory.check_live(import)?;
                let permit = self.lease().session().authorize::<FsWrite>(self.path().clone(), import)?;
                let _spent = permit.redeem()?;
                directory.sync_here(data_only, import)
            }
        }
    }

    /// Enters a look: by the handle's live lease, or by a decision where it is only for walking.
    fn enter_looking(&self, import: &'static str) -> Result<Looking<'_>, FsError> {
        if let Some(in_use) = self.enter_any(import)? {
            return Ok(Looking::ByHandle(in_use));
        }
        let permit = self.lease().session().authorize::<FsStat>(self.path().clone(), import)?;
        Ok(Looking::ByDecision(permit.redeem()?))
    }

    /// Enters a use that any right covers. None when there is none: the handle is for walking.
    fn enter_any(&self, import: &'static str) -> Result<Option<InUse<'_>>, FsError> {
        match self {
            Node::File(file) => file.enter_any(import).map(Some),
            Node::Directory(directory) => directory.enter_any(import),
        }
    }

    fn identity(&self) -> Identity {
        match self {
            Node::File(file) => file.handle().identity,
            Node::Directory(directory) => directory.identity(),
        }
    }

    fn meta(&self, import: &'static str) -> Result<Meta, FsError> {
        match self {
            Node::File(file) => file.meta(),
            Node::Directory(directory) => directory.meta(import),
        }
    }
}

/// A look that is under way.
#[expect(dead_code, reason = "held until the look is over")]
enum Looking<'a> {
    ByHandle(InUse<'a>),
    ByDecision(Spent<FsStat>),
}
