//! A directory of the host's own that nobody else may look into or write to, held open: what is done there is done there
//! also when its name leads elsewhere by now.
//!
//! *Invariant:* what is read is a plain file of this user's that nobody else may write, never a link's target, and at most as
//! long as was said.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a directory of the host's own, never a guest's"
)]

use crate::host_files::HostFileError;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

#[cfg(unix)]
use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

/// A private directory.
#[derive(Debug)]
pub struct PrivateDir {
    dir: File,
    path: PathBuf,
}

/// A plain file in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateFile {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was last used or written.
    pub used: SystemTime,
}

/// Why a directory is not private.
fn refused(path: &Path, why: &str) -> HostFileError {
    let why = format!("it must be a directory of this user's alone, mode 0700, and {why}");
    HostFileError::Read {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::PermissionDenied, why),
    }
}

#[cfg(unix)]
impl PrivateDir {
    /// Opens it, and makes it if it is not there.
    ///
    /// # Errors
    /// [`HostFileError`] when it cannot be made or opened, or is a link, somebody else's, or open to others.
    pub fn open_ambient(path: &Path) -> Result<PrivateDir, HostFileError> {
        use std::os::unix::fs::MetadataExt as _;
        crate::host_files::create_dir_all_ambient(path)?;
        let wrong = |source: io::Error| HostFileError::Read { path: path.to_owned(), source };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => {
                return Err(refused(path, "this is a link or no directory"));
            }
            Err(error) => return Err(wrong(error.into())),
        };
        let metadata = dir.metadata().map_err(wrong)?;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(refused(path, "this one belongs to somebody else"));
        }
        if metadata.mode() & 0o077 != 0 {
            let mode = metadata.mode() & 0o7777;
            return Err(refused(path, &format!("this one has mode {mode:04o}: `chmod 700` it")));
        }
        Ok(PrivateDir { dir, path: path.to_owned() })
    }

    /// The contents of a file; none when nothing has that name.
    ///
    /// # Errors
    /// [`HostFileError`] when it is anything but a plain file of this user's that nobody else may write, or longer.
    pub fn read(&self, name: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, HostFileError> {
        use std::os::unix::fs::MetadataExt as _;
        let path = self.path.join(name);
        let wrong = |source: io::Error| HostFileError::Read { path: path.clone(), source };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.dir, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(wrong(error.into())),
        };
        let metadata = file.metadata().map_err(wrong)?;
        if !metadata.is_file() {
            return Err(HostFileError::NotRegular { path });
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
            let why = "it belongs to somebody else, or others may read or write it: its mode must be 0600";
            return Err(wrong(io::Error::new(io::ErrorKind::PermissionDenied, why)));
        }
        let mut bytes =
            Vec::with_capacity(usize::try_from(metadata.len().min(max_bytes)).unwrap_or_default());
        let read = file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(wrong)?;
        if read as u64 > max_bytes {
            return Err(HostFileError::TooLarge { path, max_bytes });
        }
        Ok(Some(bytes))
    }

    /// Puts a file there, whole or not at all, in place of what has its name. It is not forced onto the disk.
    ///
    /// # Errors
    /// [`HostFileError::Write`].
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<(), HostFileError> {
        self.drafted(name, bytes, |draft| {
            match rustix::fs::renameat(&self.dir, draft, &self.dir, name) {
                // No file takes the place of a directory.
                Err(rustix::io::Errno::ISDIR) => {
                    rustix::fs::unlinkat(&self.dir, name, AtFlags::REMOVEDIR)?;
                    rustix::fs::renameat(&self.dir, draft, &self.dir, name)
                }
                renamed => renamed,
            }
        })
    }

    /// Puts a file there unless something has its name. False when something has.
    ///
    /// # Errors
    /// [`HostFileError::Write`].
    pub fn put_new(&self, name: &str, bytes: &[u8]) -> Result<bool, HostFileError> {
        let mut is_new = true;
        self.drafted(name, bytes, |draft| {
            // A second name for the draft: unlike a rename it fails if the name is taken.
            let linked = rustix::fs::linkat(&self.dir, draft, &self.dir, name, AtFlags::empty());
            is_new = linked != Err(rustix::io::Errno::EXIST);
            if is_new { linked } else { Ok(()) }?;
            rustix::fs::unlinkat(&self.dir, draft, AtFlags::empty())
        })?;
        Ok(is_new)
    }

    fn drafted(
        &self,
        name: &str,
        bytes: &[u8],
        place: impl FnOnce(&str) -> rustix::io::Result<()>,
    ) -> Result<(), HostFileError> {
        let wrong = |source: io::Error| HostFileError::Write { path: self.path.join(name), source };
        let number = getrandom::u64().map_err(io::Error::other).map_err(wrong)?;
        let draft = format!("{DRAFT}{number:016x}");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = rustix::fs::openat(&self.dir, draft.as_str(), flags, Mode::RUSR | Mode::WUSR);
        let mut file = File::from(made.map_err(|error| wrong(error.into()))?);
        let placed = file.write_all(bytes).and_then(|()| place(&draft).map_err(io::Error::from));
        if placed.is_err() {
            // Made by this very call, so it is ours to take away.
            let _ = rustix::fs::unlinkat(&self.dir, draft.as_str(), AtFlags::empty());
        }
        placed.map_err(wrong)
    }

    /// Notes that a file was used now. What cannot be noted is forgotten.
    pub fn used(&self, name: &str) {
        let (now, same) =
            (Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }, Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT });
        let times = Timestamps { last_access: same, last_modification: now };
        let _ = rustix::fs::utimensat(&self.dir, name, &times, AtFlags::SYMLINK_NOFOLLOW);
    }

    /// Removes a file. What is not there is removed already.
    ///
    /// # Errors
    /// [`HostFileError::Write`].
    pub fn remove(&self, name: &str) -> Result<(), HostFileError> {
        match rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(HostFileError::Write { path: self.path.join(name), source: error.into() }),
        }
    }

    /// The plain files there, the one that was not used for the longest first. What a process that died has left half written
    /// an hour ago is removed.
    ///
    /// # Errors
    /// [`HostFileError::Read`].
    pub fn files(&self) -> Result<Vec<PrivateFile>, HostFileError> {
        let wrong =
            |error: rustix::io::Errno| HostFileError::Read { path: self.path.clone(), source: error.into() };
        let mut found = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.dir).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let Ok(stat) = rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
                continue;
            }
            let since = Duration::new(
                u64::try_from(stat.st_mtime).unwrap_or_default(),
                u32::try_from(stat.st_mtime_nsec).unwrap_or_default(),
            );
            let used = SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH);
            if name.starts_with(DRAFT) {
                if used.elapsed().is_ok_and(|age| age > ABANDONED) {
                    let _ = self.remove(name);
                }
                continue;
            }
            let bytes = u64::try_from(stat.st_size).unwrap_or_default();
            found.push(PrivateFile { name: name.to_owned(), bytes, used });
        }
        found.sort_by_key(|file| file.used);
        Ok(found)
    }
}

/// What files begin with that are not whole yet.
const DRAFT: &str = ".draft-";

/// After how long nobody writes to such a file any more.
const ABANDONED: Duration = Duration::from_secs(3600);

#[cfg(not(unix))]
impl PrivateDir {
    /// Not on this system, where who may look into a directory is not told by its mode.
    ///
    /// # Errors
    /// Always.
    pub fn open_ambient(path: &Path) -> Result<PrivateDir, HostFileError> {
        Err(refused(path, "this system has no such modes"))
    }
}
