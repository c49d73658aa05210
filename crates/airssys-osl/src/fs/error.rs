//! What can go wrong with a file, in neutral words, and which of it may be told to whom.

use crate::gate::{Denied, LimitExceeded};
use std::io::{self, ErrorKind};

/// Why a file operation did not happen.
///
/// The variants have the meaning of the POSIX codes of the same name. [`FsError::Denied`] and [`FsError::Access`] must
/// look alike to a guest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FsError {
    /// A decision said no.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The bytes that may be read or written are used up.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The operating system permits it not.
    #[error("the operating system permits it not")]
    Access,
    /// There is no such name.
    #[error("there is no such file or directory")]
    NoEntry,
    /// The name is taken.
    #[error("the name is taken")]
    Exist,
    /// A directory was needed.
    #[error("it is not a directory")]
    NotDirectory,
    /// Something other than a directory was needed.
    #[error("it is a directory")]
    IsDirectory,
    /// The directory has entries.
    #[error("the directory is not empty")]
    NotEmpty,
    /// Too many symbolic links, or one where none was to be followed.
    #[error("too many symbolic links")]
    Loop,
    /// Out of the mount, or a kind of file that is not opened.
    #[error("it leads out of the mount, or is no file that may be opened")]
    NotPermitted,
    /// The mount is read-only.
    #[error("the mount is read-only")]
    ReadOnly,
    /// The handle is not of the kind, or not open for, what was asked.
    #[error("the handle was not opened for this")]
    BadDescriptor,
    /// Arguments that make no sense together.
    #[error("the arguments make no sense together")]
    Invalid,
    /// A name or path is too long.
    #[error("the name is too long")]
    NameTooLong,
    /// A name that is no text, or that holds bidirectional controls.
    #[error("the name is no plain text")]
    IllegalByteSequence,
    /// The two ends lie in different mounts.
    #[error("the two names lie in different mounts")]
    CrossDevice,
    /// In use by the system, such as a mount's root.
    #[error("it is in use")]
    Busy,
    /// The file has too many names.
    #[error("the file has too many names")]
    TooManyLinks,
    /// No space, or quota, is left.
    #[error("no space is left")]
    NoSpace,
    /// The file would be too large.
    #[error("the file would be too large")]
    FileTooLarge,
    /// Neither this platform nor this kind of file can do it.
    #[error("it is not supported")]
    Unsupported,
    /// The host has too few resources right now.
    #[error("the host has too few resources")]
    OutOfMemory,
    /// Any other failure of the system. Its text is for the host's log, never for a guest.
    #[error("input or output failed")]
    Io(#[source] io::Error),
}

impl FsError {
    /// True when the error tells the state of a name: whether it is there, and what it is.
    pub(in crate::fs) fn tells_state(&self) -> bool {
        match self {
            FsError::NoEntry
            | FsError::Exist
            | FsError::NotDirectory
            | FsError::IsDirectory
            | FsError::NotEmpty
            | FsError::Loop
            | FsError::NotPermitted
            | FsError::NameTooLong
            | FsError::IllegalByteSequence
            | FsError::Invalid
            | FsError::CrossDevice
            | FsError::Busy
            | FsError::TooManyLinks
            | FsError::Access
            | FsError::Unsupported
            | FsError::Io(_) => true,
            FsError::Denied(_)
            | FsError::ReadOnly
            | FsError::BadDescriptor
            | FsError::NoSpace
            | FsError::FileTooLarge
            | FsError::OutOfMemory
            | FsError::Limit(_) => false,
        }
    }
}

impl From<io::Error> for FsError {
    fn from(error: io::Error) -> FsError {
        match error.kind() {
            ErrorKind::NotFound => FsError::NoEntry,
            ErrorKind::AlreadyExists => FsError::Exist,
            ErrorKind::NotADirectory => FsError::NotDirectory,
            ErrorKind::IsADirectory => FsError::IsDirectory,
            ErrorKind::DirectoryNotEmpty => FsError::NotEmpty,
            ErrorKind::PermissionDenied => denied_by_system(&error),
            ErrorKind::ReadOnlyFilesystem => FsError::ReadOnly,
            ErrorKind::InvalidInput => FsError::Invalid,
            ErrorKind::InvalidFilename => FsError::NameTooLong,
            ErrorKind::CrossesDevices => FsError::CrossDevice,
            ErrorKind::ResourceBusy | ErrorKind::ExecutableFileBusy => FsError::Busy,
            ErrorKind::TooManyLinks => FsError::TooManyLinks,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FsError::NoSpace,
            ErrorKind::FileTooLarge => FsError::FileTooLarge,
            ErrorKind::Unsupported => FsError::Unsupported,
            ErrorKind::OutOfMemory => FsError::OutOfMemory,
            _ => by_code(error),
        }
    }
}

#[cfg(unix)]
fn denied_by_system(error: &io::Error) -> FsError {
    match rustix::io::Errno::from_io_error(error) {
        Some(rustix::io::Errno::PERM) => FsError::NotPermitted,
        _ => FsError::Access,
    }
}

#[cfg(not(unix))]
fn denied_by_system(_: &io::Error) -> FsError {
    FsError::Access
}

/// What the standard library has no stable kind for.
#[cfg(unix)]
fn by_code(error: io::Error) -> FsError {
    use rustix::io::Errno;
    match Errno::from_io_error(&error) {
        Some(Errno::LOOP) => FsError::Loop,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS) => FsError::OutOfMemory,
        Some(Errno::BADF) => FsError::BadDescriptor,
        Some(Errno::ILSEQ) => FsError::IllegalByteSequence,
        // A socket or a device without a driver, met while opening.
        Some(Errno::NXIO | Errno::NODEV) => FsError::NotPermitted,
        _ => FsError::Io(error),
    }
}

#[cfg(not(unix))]
fn by_code(error: io::Error) -> FsError {
    FsError::Io(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_the_state_of_a_name_is_marked_and_the_rest_is_not() {
        for error in [FsError::NoEntry, FsError::Exist, FsError::NotEmpty, FsError::Loop, FsError::Access] {
            assert!(error.tells_state(), "{error:?}");
        }
        for error in [FsError::ReadOnly, FsError::NoSpace, FsError::BadDescriptor] {
            assert!(!error.tells_state(), "{error:?}");
        }
    }

    #[test]
    fn the_text_of_a_system_error_is_not_in_the_sentence() {
        let error = FsError::Io(io::Error::other("/host/secret"));
        assert!(!error.to_string().contains("secret"));
    }
}
