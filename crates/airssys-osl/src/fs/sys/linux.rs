//! Linux: `openat2` and descriptors for walking.

use super::{Identity, Meta, Mode, RawEntries, RawEntry, System};
use crate::fs::types::{Kind, NewTime, NewTimes};
use crate::handle::Handle;
use rustix::fs::{
    AtFlags, Dir, FileType, Mode as Permissions, OFlags, RenameFlags, ResolveFlags, Stat, Timespec,
    Timestamps, UTIME_NOW, UTIME_OMIT,
};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How often a look-up that a rename elsewhere disturbed is tried again.
const RETRIES: usize = 4;

#[derive(Debug)]
pub(super) struct Linux;

impl System for Linux {
    fn open_root_ambient(&self, host: &Path) -> io::Result<Handle> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::open(host, flags, Permissions::empty())?.into())
    }

    fn open_beneath(&self, dir: &Handle, path: &str, mode: Mode) -> Option<io::Result<Handle>> {
        Some(openat2(dir, path, access(mode), mode.cross_devices))
    }

    fn walk_beneath(&self, dir: &Handle, path: &str, cross_devices: bool) -> Option<io::Result<Handle>> {
        Some(self.open_dir(dir, path, cross_devices))
    }

    fn open_dir(&self, dir: &Handle, name: &str, cross_devices: bool) -> io::Result<Handle> {
        openat2(dir, name, OFlags::PATH | OFlags::DIRECTORY, cross_devices)
    }

    fn open(&self, dir: &Handle, name: &str, kind: Kind, mode: Mode) -> io::Result<Handle> {
        let directory = if kind == Kind::Directory { OFlags::DIRECTORY } else { OFlags::empty() };
        openat2(dir, name, access(mode) | directory, mode.cross_devices)
    }

    fn reopen_dir(&self, dir: &Handle, read: bool) -> io::Result<Handle> {
        let flags = if read { OFlags::RDONLY } else { OFlags::PATH };
        let flags = flags | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(dir, ".", flags, Permissions::empty())?.into())
    }

    fn create_file(&self, dir: &Handle, name: &str, mode: Mode) -> io::Result<Handle> {
        // A new file is opened for something even if only a look was asked for.
        let flags = access(Mode { read: mode.read || !mode.write, ..mode });
        let flags = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(dir, name, flags, Permissions::from_raw_mode(0o666))?.into())
    }

    fn stat(&self, dir: &Handle, name: &str) -> io::Result<Meta> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        Ok(meta(&rustix::fs::statat(dir, name, flags)?))
    }

    fn stat_open(&self, file: &Handle) -> io::Result<Meta> {
        Ok(meta(&rustix::fs::fstat(file)?))
    }

    fn read_link(&self, dir: &Handle, name: &str) -> io::Result<OsString> {
        Ok(OsString::from_vec(rustix::fs::readlinkat(dir, name, Vec::new())?.into_bytes()))
    }

    fn entries(&self, dir: &Handle) -> io::Result<RawEntries> {
        // A descriptor for walking cannot be read, and a shared one would share its position.
        let mut listing = Dir::new(self.reopen_dir(dir, true)?)?;
        Ok(Box::new(std::iter::from_fn(move || {
            Some(listing.read()?.map(raw_entry).map_err(io::Error::from))
        })))
    }

    fn create_dir(&self, dir: &Handle, name: &str) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(dir, name, Permissions::from_raw_mode(0o777))?)
    }

    fn symlink(&self, target: &str, dir: &Handle, name: &str) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, dir, name)?)
    }

    fn remove_file(&self, dir: &Handle, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(dir, name, AtFlags::empty())?)
    }

    fn remove_dir(&self, dir: &Handle, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR)?)
    }

    fn rename(&self, from: (&Handle, &str), to: (&Handle, &str), replace: bool) -> io::Result<()> {
        if replace {
            return Ok(rustix::fs::renameat(from.0, from.1, to.0, to.1)?);
        }
        match rustix::fs::renameat_with(from.0, from.1, to.0, to.1, RenameFlags::NOREPLACE) {
            // A file system without the flag: look, then act, under the mount's lock for moves.
            Err(Errno::INVAL | Errno::NOSYS) => super::portable::rename_if_free(self, from, to),
            other => Ok(other?),
        }
    }

    fn hard_link(&self, from: (&Handle, &str), to: (&Handle, &str)) -> io::Result<()> {
        Ok(rustix::fs::linkat(from.0, from.1, to.0, to.1, AtFlags::empty())?)
    }

    fn set_times_at(&self, dir: &Handle, name: &str, times: &NewTimes) -> io::Result<()> {
        Ok(rustix::fs::utimensat(dir, name, &timestamps(times)?, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    fn set_times_open(&self, file: &Handle, _: Kind, times: &NewTimes) -> io::Result<()> {
        // By the descriptor itself, which may be one for walking.
        Ok(rustix::fs::utimensat(file, "", &timestamps(times)?, AtFlags::EMPTY_PATH)?)
    }
}

/// Never waits, never becomes a controlling terminal, never is inherited.
fn access(mode: Mode) -> OFlags {
    let flags = match (mode.read, mode.write) {
        (true, true) => OFlags::RDWR,
        (true, false) => OFlags::RDONLY,
        (false, true) => OFlags::WRONLY,
        // Opens nothing, so it cannot wait either; the system takes no other flags with it.
        (false, false) => return OFlags::PATH | OFlags::CLOEXEC,
    };
    flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC
}

/// Opens without any link on the way or at its end. Not with `NOFOLLOW`: together with `PATH` that would open a link at
/// the end instead of refusing it.
fn openat2(dir: &Handle, path: &str, flags: OFlags, cross_devices: bool) -> io::Result<Handle> {
    let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    if !cross_devices {
        resolve |= ResolveFlags::NO_XDEV;
    }
    let flags = flags | OFlags::CLOEXEC;
    let mut result = Err(Errno::AGAIN);
    for _ in 0..RETRIES {
        result = rustix::fs::openat2(dir, path, flags, Permissions::empty(), resolve);
        if !matches!(result, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    Ok(result?.into())
}

fn raw_entry(entry: rustix::fs::DirEntry) -> RawEntry {
    let name = OsStr::from_bytes(entry.file_name().to_bytes()).to_owned();
    let kind = match entry.file_type() {
        FileType::Unknown => None,
        known => Some(kind(known)),
    };
    RawEntry { name, kind, inode: Some(entry.ino()) }
}

fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharacterDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Unknown => Kind::Unknown,
    }
}

#[expect(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    reason = "the fields' types differ by architecture"
)]
fn meta(stat: &Stat) -> Meta {
    Meta {
        identity: Identity { device: stat.st_dev as u64, inode: stat.st_ino as u64 },
        kind: kind(FileType::from_raw_mode(stat.st_mode)),
        links: u64::from(stat.st_nlink),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        accessed: time(stat.st_atime as i64, stat.st_atime_nsec as u64),
        modified: time(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
        changed: time(stat.st_ctime as i64, stat.st_ctime_nsec as u64),
    }
}

fn time(seconds: i64, nanoseconds: u64) -> Option<SystemTime> {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    let second = if seconds < 0 { epoch.checked_sub(whole) } else { epoch.checked_add(whole) };
    second?.checked_add(Duration::from_nanos(nanoseconds))
}

fn timestamps(times: &NewTimes) -> io::Result<Timestamps> {
    Ok(Timestamps { last_access: timespec(times.accessed)?, last_modification: timespec(times.modified)? })
}

fn timespec(time: NewTime) -> io::Result<Timespec> {
    let too_large = |_| io::Error::from(io::ErrorKind::InvalidInput);
    match time {
        NewTime::Keep => Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }),
        NewTime::Now => Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }),
        NewTime::At(time) => match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Ok(Timespec {
                tv_sec: i64::try_from(after.as_secs()).map_err(too_large)?,
                tv_nsec: after.subsec_nanos().into(),
            }),
            Err(before) => {
                let before = before.duration();
                let (seconds, nanos) = match before.subsec_nanos() {
                    0 => (before.as_secs(), 0),
                    nanos => (before.as_secs().saturating_add(1), 1_000_000_000 - nanos),
                };
                let seconds = i64::try_from(seconds).map_err(too_large)?;
                Ok(Timespec { tv_sec: -seconds, tv_nsec: nanos.into() })
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_and_after_the_epoch_lead_back_to_themselves() {
        for offset in [0_i64, 1, -1, 1_500_000_000_123, -1_500_000_000_123] {
            let by = Duration::from_nanos(offset.unsigned_abs());
            let epoch = SystemTime::UNIX_EPOCH;
            let when = if offset < 0 { epoch - by } else { epoch + by };
            let spec = timespec(NewTime::At(when)).unwrap();
            assert_eq!(time(spec.tv_sec, u64::try_from(spec.tv_nsec).unwrap()), Some(when), "{offset}");
        }
    }
}
