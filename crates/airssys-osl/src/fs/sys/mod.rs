//! System calls on files, by platform: the one room for them.
//!
//! Every call names its object by an open directory and *one* plain name in it, and follows no link. How a path is
//! taken apart, and what is decided on the way, is told in [`super::locate`] once for all platforms. On Linux there is
//! in addition one way to open a whole link-free path in one call; where it answers anything but success, nothing has
//! happened and the slow way is taken.

pub(in crate::fs) mod bytes;
#[cfg(target_os = "linux")]
mod linux;
mod portable;
pub(in crate::fs) mod volume;

use crate::fs::types::{Kind, NewTimes, Stat};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Which object it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::fs) struct Identity {
    pub(in crate::fs) device: u64,
    pub(in crate::fs) inode: u64,
}

/// What a look at an object tells.
#[derive(Debug, Clone, Copy)]
pub(in crate::fs) struct Meta {
    pub(in crate::fs) identity: Identity,
    pub(in crate::fs) kind: Kind,
    pub(in crate::fs) links: u64,
    pub(in crate::fs) size: u64,
    pub(in crate::fs) accessed: Option<SystemTime>,
    pub(in crate::fs) modified: Option<SystemTime>,
    pub(in crate::fs) changed: Option<SystemTime>,
}

impl Meta {
    pub(in crate::fs) fn stat(&self) -> Stat {
        let Meta { kind, links, size, accessed, modified, changed, .. } = *self;
        Stat { kind, links, size, accessed, modified, changed }
    }
}

/// What an opened object is opened for; neither reading nor writing means for a look or for walking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::fs) struct Mode {
    pub(in crate::fs) read: bool,
    pub(in crate::fs) write: bool,
    /// May the way lead into another file system?
    pub(in crate::fs) cross_devices: bool,
}

/// One name as the system lists it.
pub(in crate::fs) struct RawEntry {
    pub(in crate::fs) name: OsString,
    /// None where the listing does not say.
    pub(in crate::fs) kind: Option<Kind>,
}

pub(in crate::fs) type RawEntries = Box<dyn Iterator<Item = io::Result<RawEntry>> + Send>;

/// The calls. No name given to them is ever followed if it is a link.
pub(in crate::fs) trait System: Send + Sync + std::fmt::Debug {
    /// Opens a host directory for walking. Ambient: only mounting does it.
    fn open_root_ambient(&self, host: &Path) -> io::Result<File>;

    /// Opens `path`, many names at once, if neither a link nor another file system is on the way.
    /// None where the platform has no such call.
    fn open_beneath(&self, dir: &File, path: &str, mode: Mode) -> Option<io::Result<File>>;
    /// The same for a directory to walk from.
    fn walk_beneath(&self, dir: &File, path: &str, cross_devices: bool) -> Option<io::Result<File>>;

    /// Opens a directory for walking.
    fn open_dir(&self, dir: &File, name: &str, cross_devices: bool) -> io::Result<File>;
    /// Opens what is there, found before to be of `kind`; never creates, truncates or waits.
    fn open(&self, dir: &File, name: &str, kind: Kind, mode: Mode) -> io::Result<File>;
    /// Opens the directory itself anew, for reading its entries or for walking.
    fn reopen_dir(&self, dir: &File, read: bool) -> io::Result<File>;
    /// Makes a file that must not be there yet.
    fn create_file(&self, dir: &File, name: &str, mode: Mode) -> io::Result<File>;

    fn stat(&self, dir: &File, name: &str) -> io::Result<Meta>;
    fn stat_open(&self, file: &File) -> io::Result<Meta>;
    fn read_link(&self, dir: &File, name: &str) -> io::Result<OsString>;
    /// The entries, read as they are asked for, from a fresh handle.
    fn entries(&self, dir: &File) -> io::Result<RawEntries>;

    fn create_dir(&self, dir: &File, name: &str) -> io::Result<()>;
    fn symlink(&self, target: &str, dir: &File, name: &str) -> io::Result<()>;
    fn remove_file(&self, dir: &File, name: &str) -> io::Result<()>;
    fn remove_dir(&self, dir: &File, name: &str) -> io::Result<()>;
    /// Renames; without `replace` it fails where the new name is taken.
    fn rename(&self, from: (&File, &str), to: (&File, &str), replace: bool) -> io::Result<()>;
    fn hard_link(&self, from: (&File, &str), to: (&File, &str)) -> io::Result<()>;
    fn set_times_at(&self, dir: &File, name: &str, times: &NewTimes) -> io::Result<()>;
    fn set_times_open(&self, file: &File, kind: Kind, times: &NewTimes) -> io::Result<()>;
}

/// Linux's calls where they are, else the portable ones.
pub(in crate::fs) fn native() -> &'static dyn System {
    #[cfg(target_os = "linux")]
    return &linux::Linux;
    #[cfg(not(target_os = "linux"))]
    return &portable::Portable;
}

/// The calls that every platform has.
pub(in crate::fs) fn portable() -> &'static dyn System {
    &portable::Portable
}
