//! Ambient authority of the command line: the files, arguments and settings of the person who typed the command.
//!
//! Everything here acts with that person's own rights and before any component runs; nothing that a component says
//! reaches it. Reads are of regular files only and bounded, opened so that a FIFO cannot make us wait; writes put a
//! whole file in place or nothing.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the command line's own files, arguments and settings: the authority of whoever started it"
)]

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The arguments this process was started with.
pub(super) fn arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// A setting from the environment of this process, if it is set and not empty.
pub(super) fn setting(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Opens a regular file for reading, without waiting for anyone.
pub(super) fn open_ambient(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    }
    let file = options.open(path)?;
    let kind = file.metadata()?;
    match () {
        () if kind.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")),
        () if !kind.is_file() => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
        () => Ok(file),
    }
}

/// Reads a regular file of at most `limit` bytes.
pub(super) fn read_ambient(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {limit} bytes"));
    let bound = u64::try_from(limit).unwrap_or(u64::MAX);
    let file = open_ambient(path)?;
    if file.metadata()?.len() > bound {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // A file that grows meanwhile meets the same bound.
    file.take(bound.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > limit { Err(too_large()) } else { Ok(bytes) }
}

/// Who may read a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// The owner alone.
    Owner,
    /// Everyone, as far as the process's mask allows.
    Everyone,
}

/// Puts `bytes` at `path`, replacing the regular file that may be there.
pub(super) fn replace_ambient(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    // Renaming over `/dev/null` would replace the device.
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "what is there is not a regular file"));
    }
    staged(path, bytes, readers)?.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Puts `bytes` at `path`, where nothing may be.
pub(super) fn create_ambient(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    staged(path, bytes, readers)?.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

fn staged(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".airssys-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What `Everyone` may is cut by the process's mask when the file is created.
        let mode = if readers == Readers::Owner { 0o600 } else { 0o666 };
        builder.permissions(Permissions::from_mode(mode));
    }
    let mut file = builder.tempfile_in(directory_of(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// The directory a file stands in.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Removes a file which this process has just created.
pub(super) fn remove_ambient(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// Whether something stands at `path`, be it a dangling link.
pub(super) fn exists_ambient(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether both names lead to one file that exists.
pub(super) fn is_same_ambient(one: &Path, other: &Path) -> bool {
    matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

/// Makes a directory that only its owner enters, and those above it.
pub(super) fn make_private_directory_ambient(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// The directory in which this user's programs keep their data.
pub(super) fn data_directory() -> Option<PathBuf> {
    let absolute = |name: &str| setting(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".local").join("share"));
    absolute("XDG_DATA_HOME").or_else(|| absolute("LOCALAPPDATA")).or_else(home)
}
