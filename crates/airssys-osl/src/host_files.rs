//! The host's own files and surroundings: what the command line and the log need, and no guest ever.
//!
//! Every name ends in `_ambient`: these functions take authority from the process itself, without a decision. They are
//! here so that they can be counted.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the one room for the host's own files; each function says `_ambient`"
)]

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Why a file of the host could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostFileError {
    /// It could not be opened or read.
    #[error("`{}` cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It could not be written.
    #[error("`{}` cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is larger than anything of its kind should be.
    #[error("`{}` is larger than {max_bytes} bytes: is it the right file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        max_bytes: u64,
    },
    /// It holds something other than text.
    #[error("`{}` is not UTF-8 text: is it the right file?", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// It exists and is not overwritten.
    #[error("`{}` exists and is not overwritten: name another file, or remove it first", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It is a device, a pipe or a directory.
    #[error("`{}` is no regular file: name one", path.display())]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
}

/// Who may read a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// Its owner alone: keys, logs.
    Private,
    /// Everyone: public keys, signed components.
    Public,
}

impl Privacy {
    fn mode(self) -> u32 {
        match self {
            Privacy::Private => 0o600,
            Privacy::Public => 0o644,
        }
    }
}

fn reading(path: &Path) -> impl FnOnce(io::Error) -> HostFileError {
    let path = path.to_owned();
    |source| HostFileError::Read { path, source }
}

fn writing(path: &Path) -> impl FnOnce(io::Error) -> HostFileError {
    let path = path.to_owned();
    |source| HostFileError::Write { path, source }
}

/// Opens a plain file for reading: nobody is waited for at the other side of a pipe, no device is touched further.
fn open_plain(path: &Path) -> Result<File, HostFileError> {
    let mut options = OpenOptions::new();
    options.read(true);
    never_waiting(&mut options);
    let file = options.open(path).map_err(reading(path))?;
    match file.metadata().map_err(reading(path))?.is_file() {
        true => Ok(file),
        false => Err(HostFileError::NotRegular { path: path.to_owned() }),
    }
}

/// Reads a whole plain file of at most `max_bytes`.
///
/// # Errors
/// [`HostFileError`].
pub fn read_ambient(path: &Path, max_bytes: u64) -> Result<Vec<u8>, HostFileError> {
    let too_large = || HostFileError::TooLarge { path: path.to_owned(), max_bytes };
    let file = open_plain(path)?;
    if file.metadata().map_err(reading(path))?.len() > max_bytes {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // A file that grows meanwhile meets the same bound.
    let read = file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(reading(path))?;
    if read as u64 > max_bytes { Err(too_large()) } else { Ok(bytes) }
}

/// Reads a whole text of at most `max_bytes`.
///
/// # Errors
/// [`HostFileError`].
pub fn read_to_string_ambient(path: &Path, max_bytes: u64) -> Result<String, HostFileError> {
    let bytes = read_ambient(path, max_bytes)?;
    String::from_utf8(bytes).map_err(|_| HostFileError::NotText { path: path.to_owned() })
}

/// Writes a new file, whole or not at all, and on the disk when it returns. Never overwrites.
///
/// # Errors
/// [`HostFileError`]; [`HostFileError::Exists`] when the name is taken.
pub fn write_new_ambient(path: &Path, bytes: &[u8], privacy: Privacy) -> Result<(), HostFileError> {
    let draft = Draft::write(path, bytes, privacy)?;
    // A second name for the draft: unlike a rename it fails if the name is taken.
    match std::fs::hard_link(&draft.path, path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(HostFileError::Exists { path: path.to_owned() })
        }
        // A file system without second names: the new name itself, filled at once.
        Err(_) => write_in_place(path, bytes, privacy),
    }
}

fn write_in_place(path: &Path, bytes: &[u8], privacy: Privacy) -> Result<(), HostFileError> {
    let mut file = match create_new(path, privacy) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(HostFileError::Exists { path: path.to_owned() });
        }
        other => other.map_err(writing(path))?,
    };
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // Made by this very call, so it is ours to take away.
        let _ = std::fs::remove_file(path);
    }
    written.map_err(writing(path))?;
    sync_parent(path)
}

/// Puts new contents in a plain file's place, whole or not at all.
///
/// # Errors
/// [`HostFileError`]; [`HostFileError::NotRegular`] when the name is taken by anything else.
pub fn replace_ambient(path: &Path, bytes: &[u8], privacy: Privacy) -> Result<(), HostFileError> {
    // A rename over `/dev/null` would put a file in the device's place.
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(HostFileError::NotRegular { path: path.to_owned() });
    }
    let draft = Draft::write(path, bytes, privacy)?;
    std::fs::rename(&draft.path, path).map_err(writing(path))?;
    sync_parent(path)
}

/// A file beside the one that is meant, gone when it is dropped.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn write(beside: &Path, bytes: &[u8], privacy: Privacy) -> Result<Draft, HostFileError> {
        let number = getrandom::u64().map_err(io::Error::other).map_err(writing(beside))?;
        let mut name = OsString::from(".");
        name.push(beside.file_name().ok_or_else(|| HostFileError::NotRegular { path: beside.to_owned() })?);
        name.push(format!(".{number:016x}"));
        let path = beside.with_file_name(name);
        let mut file = create_new(&path, privacy).map_err(writing(beside))?;
        let draft = Draft { path };
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(writing(beside))?;
        Ok(draft)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn create_new(path: &Path, privacy: Privacy) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    set_mode(&mut options, privacy.mode());
    options.open(path)
}

#[cfg(unix)]
fn set_mode(options: &mut OpenOptions, mode: u32) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(mode);
}

#[cfg(not(unix))]
fn set_mode(_: &mut OpenOptions, _: u32) {}

/// Opening must not wait for the other side of a pipe.
#[cfg(unix)]
fn never_waiting(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
}

#[cfg(not(unix))]
fn never_waiting(_: &mut OpenOptions) {}

#[cfg(unix)]
fn sync_parent(path: &Path) -> Result<(), HostFileError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(writing(path))
}

#[cfg(not(unix))]
fn sync_parent(_: &Path) -> Result<(), HostFileError> {
    Ok(())
}

/// A reader over a plain file, for what is too large to hold.
///
/// # Errors
/// [`HostFileError`].
pub fn reader_ambient(path: &Path) -> Result<impl io::BufRead + Seek + Send + use<>, HostFileError> {
    Ok(io::BufReader::new(open_plain(path)?))
}

/// Makes a directory for its owner alone, and those above it.
///
/// # Errors
/// [`HostFileError::Write`].
pub fn create_dir_all_ambient(path: &Path) -> Result<(), HostFileError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(writing(path))
}

/// A database in a directory of the host's own, which is made, private, if it is not there.
///
/// # Errors
/// [`HostFileError::Write`].
pub fn database_ambient(directory: &Path, name: &str) -> Result<redb::backends::FileBackend, HostFileError> {
    let path = directory.join(name);
    let wrong = |source| HostFileError::Write { path: path.clone(), source };
    if !directory.is_dir() {
        private_directory().recursive(true).create(directory).map_err(wrong)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    private(&mut options);
    let file = options.open(&path).map_err(wrong)?;
    redb::backends::FileBackend::new(file).map_err(|error| wrong(io::Error::other(error)))
}

/// A builder of directories that only their owner may enter.
fn private_directory() -> std::fs::DirBuilder {
    #[cfg_attr(not(unix), allow(unused_mut, reason = "there is no mode elsewhere"))]
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// A file that only its owner may read.
fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}

/// The entries of a directory, by name.
///
/// # Errors
/// [`HostFileError::Read`].
pub fn list_ambient(path: &Path) -> Result<Vec<PathBuf>, HostFileError> {
    let listing = std::fs::read_dir(path).map_err(reading(path))?;
    let entries: io::Result<Vec<PathBuf>> = listing.map(|entry| Ok(entry?.path())).collect();
    let mut entries = entries.map_err(reading(path))?;
    entries.sort();
    Ok(entries)
}

/// True when there is something of that name.
pub fn exists_ambient(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// True when both names lead to one thing that exists.
pub fn is_same_ambient(one: &Path, other: &Path) -> bool {
    matches!((std::fs::canonicalize(one), std::fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

/// True when it is a directory, or a link to one.
pub fn is_dir_ambient(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Removes a file.
///
/// # Errors
/// [`HostFileError::Write`].
pub fn remove_file_ambient(path: &Path) -> Result<(), HostFileError> {
    std::fs::remove_file(path).map_err(writing(path))
}

/// A variable of the process's own environment, where it is text.
pub fn env_var_ambient(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The process's own arguments, the program's name first.
pub fn args_ambient() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// The directory the process works in.
///
/// # Errors
/// [`HostFileError::Read`].
pub fn current_dir_ambient() -> Result<PathBuf, HostFileError> {
    std::env::current_dir().map_err(reading(Path::new(".")))
}
