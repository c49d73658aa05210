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
use crate::handle::Handle;
use std::ffi::OsString;
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
    /// The number of the object, where the listing has it. Between layers and mounts it is not always the one that a
    /// look at the object tells.
    pub(in crate::fs) inode: Option<u64>,
}

pub(in crate::fs) type RawEntries = Box<dyn Iterator<Item = io::Result<RawEntry>> + Send>;

/// The calls. No name given to them is ever followed if it is a link.
pub(in crate::fs) trait System: Send + Sync + std::fmt::Debug {
    /// Opens a host directory for walking. Ambient: only mounting does it.
    fn open_root_ambient(&self, host: &Path) -> io::Result<Handle>;

    /// Opens `path`, many names at once, if neither a link nor another file system is on the way.
    /// None where the platform has no such call.
    fn open_beneath(&self, dir: &Handle, path: &str, mode: Mode) -> Option<io::Result<Handle>>;
    /// The same for a directory to walk from.
    fn walk_beneath(&self, dir: &Handle, path: &str, cross_devices: bool) -> Option<io::Result<Handle>>;

    /// Opens a directory for walking.
    fn open_dir(&self, dir: &Handle, name: &str, cross_devices: bool) -> io::Result<Handle>;
    /// Opens what is there, found before to be of `kind`; never creates, truncates or waits.
    fn open(&self, dir: &Handle, name: &str, kind: Kind, mode: Mode) -> io::Result<Handle>;
    /// Opens the directory itself anew, for reading its entries or for walking.
    fn reopen_dir(&self, dir: &Handle, read: bool) -> io::Result<Handle>;
    /// Makes a file that must not be there yet.
    fn create_file(&self, dir: &Handle, name: &str, mode: Mode) -> io::Result<Handle>;

    fn stat(&self, dir: &Handle, name: &str) -> io::Result<Meta>;
    fn stat_open(&self, file: &Handle) -> io::Result<Meta>;
    /// True when the directory takes one spelling for another, or will not say.
    fn folds_case(&self, dir: &Handle) -> bool {
        volume::folds_case(dir)
    }
    fn read_link(&self, dir: &Handle, name: &str) -> io::Result<OsString>;
    /// The entries, read as they are asked for, from a fresh handle.
    fn entries(&self, dir: &Handle) -> io::Result<RawEntries>;

    fn create_dir(&self, dir: &Handle, name: &str) -> io::Result<()>;
    fn symlink(&self, target: &str, dir: &Handle, name: &str) -> io::Result<()>;
    fn remove_file(&self, dir: &Handle, name: &str) -> io::Result<()>;
    fn remove_dir(&self, dir: &Handle, name: &str) -> io::Result<()>;
    /// Renames; without `replace` it fails where the new name is taken.
    fn rename(&self, from: (&Handle, &str), to: (&Handle, &str), replace: bool) -> io::Result<()>;
    fn hard_link(&self, from: (&Handle, &str), to: (&Handle, &str)) -> io::Result<()>;
    fn set_times_at(&self, dir: &Handle, name: &str, times: &NewTimes) -> io::Result<()>;
    fn set_times_open(&self, file: &Handle, kind: Kind, times: &NewTimes) -> io::Result<()>;
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

#[cfg(all(test, unix))]
#[expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test builds its directories by hand")]
mod tests {
    use super::*;

    /// Both kinds of calls, in a directory of their own.
    fn each(test: impl Fn(&dyn System, &Path, &Handle)) {
        for sys in [native(), portable()] {
            let dir = tempfile::tempdir().unwrap();
            let open = sys.open_root_ambient(dir.path()).unwrap();
            test(sys, dir.path(), &open);
        }
    }

    #[test]
    fn a_rename_that_may_not_replace_does_not() {
        each(|sys, host, dir| {
            std::fs::write(host.join("old"), "old").unwrap();
            std::fs::write(host.join("new"), "new").unwrap();
            let error = sys.rename((dir, "old"), (dir, "new"), false).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(std::fs::read_to_string(host.join("new")).unwrap(), "new");
            sys.rename((dir, "old"), (dir, "free"), false).unwrap();
            sys.rename((dir, "free"), (dir, "new"), true).unwrap();
            assert_eq!(std::fs::read_to_string(host.join("new")).unwrap(), "old");
        });
    }

    #[test]
    fn no_call_follows_a_link() {
        each(|sys, host, dir| {
            std::fs::create_dir(host.join("d")).unwrap();
            std::fs::write(host.join("f"), "canary").unwrap();
            std::os::unix::fs::symlink("d", host.join("to-d")).unwrap();
            std::os::unix::fs::symlink("f", host.join("to-f")).unwrap();
            std::os::unix::fs::symlink("new", host.join("dangling")).unwrap();
            let mode = |read, write| Mode { read, write, cross_devices: false };
            assert!(sys.open_dir(dir, "to-d", false).is_err());
            assert!(sys.walk_beneath(dir, "to-d", false).is_none_or(|opened| opened.is_err()));
            for (read, write) in [(true, false), (false, true), (true, true), (false, false)] {
                let mode = mode(read, write);
                assert!(sys.open(dir, "to-f", Kind::File, mode).is_err(), "{mode:?}");
                assert!(sys.open(dir, "to-d", Kind::Directory, mode).is_err(), "{mode:?}");
                assert!(sys.open_beneath(dir, "to-f", mode).is_none_or(|opened| opened.is_err()));
                assert!(sys.open_beneath(dir, "to-d/x", mode).is_none_or(|opened| opened.is_err()));
                assert!(sys.create_file(dir, "dangling", mode).is_err(), "{mode:?}");
            }
            assert_eq!(sys.stat(dir, "to-f").unwrap().kind, Kind::Symlink);
            let times =
                NewTimes { modified: crate::fs::NewTime::At(SystemTime::UNIX_EPOCH), ..NewTimes::default() };
            let before = sys.stat(dir, "f").unwrap().modified;
            sys.set_times_at(dir, "to-f", &times).unwrap();
            assert_eq!(sys.stat(dir, "f").unwrap().modified, before);
            sys.hard_link((dir, "to-f"), (dir, "second")).unwrap();
            assert_eq!(sys.stat(dir, "second").unwrap().kind, Kind::Symlink);
            sys.remove_file(dir, "to-f").unwrap();
            assert!(sys.remove_dir(dir, "to-d").is_err());
            assert!(host.join("f").exists() && host.join("d").exists() && !host.join("new").exists());
        });
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn no_call_leads_into_another_file_system_unless_told_to() {
        for sys in [native(), portable()] {
            let root = sys.open_root_ambient(Path::new("/")).unwrap();
            let mode = Mode { read: true, write: false, cross_devices: false };
            assert!(sys.open_dir(&root, "proc", false).is_err());
            assert!(sys.open(&root, "proc", Kind::Directory, mode).is_err());
            assert!(sys.open_beneath(&root, "proc/version", mode).is_none_or(|opened| opened.is_err()));
            assert!(sys.walk_beneath(&root, "proc/self", false).is_none_or(|opened| opened.is_err()));
            assert!(sys.open_dir(&root, "proc", true).is_ok());
        }
    }

    #[test]
    fn what_is_opened_or_made_is_never_waited_for_nor_made_twice() {
        each(|sys, host, dir| {
            use rustix::fs::{CWD, FileType, Mode as Bits, mknodat};
            mknodat(CWD, host.join("pipe"), FileType::Fifo, Bits::from_raw_mode(0o600), 0).unwrap();
            let mode = Mode { read: true, write: false, cross_devices: false };
            sys.open(dir, "pipe", Kind::Fifo, mode).unwrap();
            let file = sys.open(dir, "pipe", Kind::Fifo, mode).unwrap();
            assert!(rustix::io::fcntl_getfd(&file).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
            sys.create_file(dir, "new", mode).unwrap();
            let error = sys.create_file(dir, "new", mode).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        });
    }
}
