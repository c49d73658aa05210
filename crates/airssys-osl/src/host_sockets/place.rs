//! The name of a control socket in its directory: what is there before, and what is put there.
//!
//! The socket is made in a fresh directory that only its owner enters, gets its mode there, and only then its name. At no
//! time can anybody else connect, whatever the umask is.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the control socket's own room; nothing here opens a file"
)]

use crate::host_sockets::{HostSocketError, own_uid_ambient};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// Which file a name led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id {
    device: u64,
    inode: u64,
}

impl Id {
    fn of(metadata: &Metadata) -> Id {
        Id { device: metadata.dev(), inode: metadata.ino() }
    }

    fn at(path: &Path) -> io::Result<Id> {
        fs::symlink_metadata(path).map(|metadata| Id::of(&metadata))
    }
}

/// Makes a listening socket of that name that only its owner connects to.
pub(super) fn make(path: &Path) -> Result<(UnixListener, Id), HostSocketError> {
    let failed = |source| HostSocketError::Bind { path: path.to_owned(), source };
    let directory = directory_of(path);
    is_guarded(path, &fs::metadata(directory).map_err(failed)?)?;
    let dead = dead_socket(path)?;
    let room = Room::make(directory).map_err(failed)?;
    let draft = room.path.join("s");
    let listener = UnixListener::bind(&draft).map_err(failed)?;
    fs::set_permissions(&draft, Permissions::from_mode(0o600)).map_err(failed)?;
    let id = Id::at(&draft).map_err(failed)?;
    if let Some(dead) = dead {
        room.take_away(path, dead)?;
    }
    // A second name for it: unlike a rename it fails if the name is taken.
    match fs::hard_link(&draft, path) {
        Ok(()) => Ok((listener, id)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(HostSocketError::Live { path: path.to_owned() })
        }
        Err(error) => Err(failed(error)),
    }
}

/// Takes the name away if it still leads to that socket.
pub(super) fn unmake(path: &Path, id: Id) -> io::Result<()> {
    match Id::at(path) {
        Ok(there) if there == id => fs::remove_file(path),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Refuses a directory in which somebody else could put another socket in the place of ours.
fn is_guarded(path: &Path, directory: &Metadata) -> Result<(), HostSocketError> {
    let (sticky, others_write) = (directory.mode() & 0o1000 != 0, directory.mode() & 0o022 != 0);
    if others_write && !sticky {
        return Err(HostSocketError::Exposed { path: path.to_owned() });
    }
    if ![0, own_uid_ambient()].contains(&directory.uid()) {
        let what = "the directory of";
        return Err(HostSocketError::NotOurs { path: path.to_owned(), what, uid: directory.uid() });
    }
    Ok(())
}

/// The socket of ours that nobody listens at any more, where there is one; everything else that has the name is an error.
fn dead_socket(path: &Path) -> Result<Option<Id>, HostSocketError> {
    let failed = |source| HostSocketError::Bind { path: path.to_owned(), source };
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if let Some(what) = other_than_socket(&there) {
        return Err(HostSocketError::Taken { path: path.to_owned(), what });
    }
    if there.uid() != own_uid_ambient() {
        let what = "the socket";
        return Err(HostSocketError::NotOurs { path: path.to_owned(), what, uid: there.uid() });
    }
    match knock(path) {
        Err(Errno::CONNREFUSED) => Ok(Some(Id::of(&there))),
        Err(Errno::NOENT) => Ok(None),
        // Whoever is too busy to take a connection is alive.
        Ok(()) | Err(Errno::AGAIN) => Err(HostSocketError::Live { path: path.to_owned() }),
        Err(error) => Err(failed(error.into())),
    }
}

fn other_than_socket(there: &Metadata) -> Option<&'static str> {
    let kind = there.file_type();
    if kind.is_socket() {
        None
    } else if kind.is_symlink() {
        Some("a symbolic link")
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_file() {
        Some("a regular file")
    } else {
        Some("a pipe or a device")
    }
}

/// Connects without waiting, and hangs up.
fn knock(path: &Path) -> Result<(), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)
}

/// A fresh directory that only its owner enters, gone when it is dropped.
struct Room {
    path: PathBuf,
}

impl Room {
    fn make(beside: &Path) -> io::Result<Room> {
        // Short, because the whole path of a socket has little room.
        let number = getrandom::u32().map_err(io::Error::other)?;
        let path = beside.join(format!(".a{number:08x}"));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Room { path })
    }

    /// Takes a dead socket's name away; what came there since it was found dead is put back.
    fn take_away(&self, path: &Path, dead: Id) -> Result<(), HostSocketError> {
        let failed = |source| HostSocketError::Bind { path: path.to_owned(), source };
        let old = self.path.join("o");
        match fs::rename(path, &old) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
        if Id::at(&old).map_err(failed)? == dead {
            return Ok(());
        }
        fs::hard_link(&old, path).map_err(failed)?;
        Err(HostSocketError::Live { path: path.to_owned() })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        for name in ["s", "o"] {
            let _ = fs::remove_file(self.path.join(name));
        }
        let _ = fs::remove_dir(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_came_since_the_look_is_put_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        drop(UnixListener::bind(&path).unwrap());
        let dead = Id::at(&path).unwrap();
        fs::rename(&path, directory.path().join("kept")).unwrap();
        let live = UnixListener::bind(&path).unwrap();
        let room = Room::make(directory.path()).unwrap();
        assert!(matches!(room.take_away(&path, dead), Err(HostSocketError::Live { .. })));
        drop(room);
        assert_eq!(knock(&path), Ok(()));
        drop(live);
    }
}
