//! Every platform: cap-std, one name at a time.

use super::{Identity, Meta, Mode, RawEntries, RawEntry, System};
use crate::fs::types::{Kind, NewTime, NewTimes};
use crate::handle::Handle;
use cap_fs_ext::{
    DirExt, FileTypeExt as _, FollowSymlinks, MetadataExt as _, OpenOptionsFollowExt, SystemTimeSpec,
};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, FileType, Metadata, OpenOptions};
use cap_std::time::SystemTime as CapTime;
use std::ffi::OsString;
use std::fs::FileTimes;
use std::io;
use std::path::Path;
use std::time::SystemTime;

#[derive(Debug)]
pub(super) struct Portable;

impl System for Portable {
    #[expect(clippy::disallowed_methods, reason = "mounting opens a host directory on the operator's behalf")]
    fn open_root_ambient(&self, host: &Path) -> io::Result<Handle> {
        Ok(Dir::open_ambient_dir(host, ambient_authority())?.into_std_file())
    }

    fn open_beneath(&self, _: &Handle, _: &str, _: Mode) -> Option<io::Result<Handle>> {
        None
    }

    fn walk_beneath(&self, _: &Handle, _: &str, _: bool) -> Option<io::Result<Handle>> {
        None
    }

    fn open_dir(&self, dir: &Handle, name: &str, cross_devices: bool) -> io::Result<Handle> {
        let opened = at(dir)?.open_dir_nofollow(name)?.into_std_file();
        same_device(self, dir, opened, cross_devices)
    }

    fn open(&self, dir: &Handle, name: &str, kind: Kind, mode: Mode) -> io::Result<Handle> {
        if kind == Kind::Directory {
            let opened = self.open_dir(dir, name, mode.cross_devices)?;
            return if mode.read { self.reopen_dir(&opened, true) } else { Ok(opened) };
        }
        let opened = at(dir)?.open_with(name, &options(mode))?.into_std();
        same_device(self, dir, opened, mode.cross_devices)
    }

    fn reopen_dir(&self, dir: &Handle, _read: bool) -> io::Result<Handle> {
        // Opened as a file, so that it can be synchronised as well as listed.
        let options = readable_dir();
        Ok(at(dir)?.open_with(".", &options)?.into_std())
    }

    fn create_file(&self, dir: &Handle, name: &str, mode: Mode) -> io::Result<Handle> {
        let mut options = options(mode);
        // The library wants writing for creating; the handle's own flags say what may be done with it.
        options.write(true).create_new(true);
        Ok(at(dir)?.open_with(name, &options)?.into_std())
    }

    fn stat(&self, dir: &Handle, name: &str) -> io::Result<Meta> {
        Ok(meta(&at(dir)?.symlink_metadata(name)?))
    }

    fn stat_open(&self, file: &Handle) -> io::Result<Meta> {
        Ok(meta(&Metadata::from_file(file)?))
    }

    fn read_link(&self, dir: &Handle, name: &str) -> io::Result<OsString> {
        Ok(at(dir)?.read_link_contents(name)?.into_os_string())
    }

    fn entries(&self, dir: &Handle) -> io::Result<RawEntries> {
        let listing = Dir::from_std_file(self.reopen_dir(dir, true)?).entries()?;
        Ok(Box::new(listing.map(|entry| {
            let entry = entry?;
            Ok(RawEntry { name: entry.file_name(), kind: entry.file_type().ok().map(kind), inode: None })
        })))
    }

    fn create_dir(&self, dir: &Handle, name: &str) -> io::Result<()> {
        at(dir)?.create_dir(name)
    }

    fn symlink(&self, target: &str, dir: &Handle, name: &str) -> io::Result<()> {
        DirExt::symlink(&at(dir)?, target, name)
    }

    fn remove_file(&self, dir: &Handle, name: &str) -> io::Result<()> {
        at(dir)?.remove_file_or_symlink(name)
    }

    fn remove_dir(&self, dir: &Handle, name: &str) -> io::Result<()> {
        at(dir)?.remove_dir(name)
    }

    fn rename(&self, from: (&Handle, &str), to: (&Handle, &str), replace: bool) -> io::Result<()> {
        if replace { at(from.0)?.rename(from.1, &at(to.0)?, to.1) } else { rename_if_free(self, from, to) }
    }

    fn hard_link(&self, from: (&Handle, &str), to: (&Handle, &str)) -> io::Result<()> {
        at(from.0)?.hard_link(from.1, &at(to.0)?, to.1)
    }

    fn set_times_at(&self, dir: &Handle, name: &str, times: &NewTimes) -> io::Result<()> {
        at(dir)?.set_symlink_times(name, spec(times.accessed), spec(times.modified))
    }

    fn set_times_open(&self, file: &Handle, kind: Kind, times: &NewTimes) -> io::Result<()> {
        if kind == Kind::Directory {
            return self.reopen_dir(file, true)?.set_times(file_times(times));
        }
        file.set_times(file_times(times))
    }
}

/// Renames where the name is free. Holding the mount's lock keeps other guests from taking it meanwhile; a process
/// outside may, which is the host's own doing.
pub(super) fn rename_if_free(sys: &dyn System, from: (&Handle, &str), to: (&Handle, &str)) -> io::Result<()> {
    match sys.stat(to.0, to.1) {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => sys.rename(from, to, true),
        Err(error) => Err(error),
    }
}

fn at(dir: &Handle) -> io::Result<Dir> {
    Ok(Dir::from_std_file(dir.try_clone()?))
}

fn same_device(sys: &dyn System, dir: &Handle, opened: Handle, cross_devices: bool) -> io::Result<Handle> {
    let (from, to) = (sys.stat_open(dir)?.identity, sys.stat_open(&opened)?.identity);
    if cross_devices || from.device == to.device {
        return Ok(opened);
    }
    Err(io::ErrorKind::CrossesDevices.into())
}

fn options(mode: Mode) -> OpenOptions {
    let mut options = OpenOptions::new();
    // A look needs some access where there are no descriptors for walking.
    options.read(mode.read || !mode.write).write(mode.write).follow(FollowSymlinks::No);
    never_waiting(&mut options);
    options
}

fn readable_dir() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No);
    cap_fs_ext::OpenOptionsMaybeDirExt::maybe_dir(&mut options, true);
    never_waiting(&mut options);
    options
}

#[cfg(unix)]
fn never_waiting(options: &mut OpenOptions) {
    use cap_std::fs::OpenOptionsExt;
    use rustix::fs::OFlags;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
}

#[cfg(not(unix))]
fn never_waiting(_: &mut OpenOptions) {}

fn kind(file_type: FileType) -> Kind {
    if file_type.is_file() {
        Kind::File
    } else if file_type.is_dir() {
        Kind::Directory
    } else if file_type.is_symlink() {
        Kind::Symlink
    } else if file_type.is_fifo() {
        Kind::Fifo
    } else if file_type.is_socket() {
        Kind::Socket
    } else if file_type.is_char_device() {
        Kind::CharacterDevice
    } else if file_type.is_block_device() {
        Kind::BlockDevice
    } else {
        Kind::Unknown
    }
}

fn meta(metadata: &Metadata) -> Meta {
    Meta {
        identity: Identity { device: metadata.dev(), inode: metadata.ino() },
        kind: kind(metadata.file_type()),
        links: metadata.nlink(),
        size: metadata.len(),
        accessed: metadata.accessed().ok().map(CapTime::into_std),
        modified: metadata.modified().ok().map(CapTime::into_std),
        changed: changed(metadata),
    }
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> Option<SystemTime> {
    use cap_std::fs::MetadataExt;
    use std::time::Duration;
    let whole = Duration::from_secs(metadata.ctime().unsigned_abs());
    let nanos = Duration::from_nanos(u64::try_from(metadata.ctime_nsec()).ok()?);
    let epoch = SystemTime::UNIX_EPOCH;
    let second = if metadata.ctime() < 0 { epoch.checked_sub(whole) } else { epoch.checked_add(whole) };
    second?.checked_add(nanos)
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> Option<SystemTime> {
    None
}

fn spec(time: NewTime) -> Option<SystemTimeSpec> {
    match time {
        NewTime::Keep => None,
        NewTime::Now => Some(SystemTimeSpec::SymbolicNow),
        NewTime::At(time) => Some(SystemTimeSpec::Absolute(CapTime::from_std(time))),
    }
}

fn file_times(times: &NewTimes) -> FileTimes {
    let pick = |time| match time {
        NewTime::Keep => None,
        NewTime::Now => Some(SystemTime::now()),
        NewTime::At(time) => Some(time),
    };
    let mut out = FileTimes::new();
    if let Some(time) = pick(times.accessed) {
        out = out.set_accessed(time);
    }
    if let Some(time) = pick(times.modified) {
        out = out.set_modified(time);
    }
    out
}
