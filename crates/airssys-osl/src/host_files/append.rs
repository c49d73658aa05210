//! A file that grows by whole pieces: a log.
#![expect(clippy::disallowed_types, reason = "part of the one room for the host's own files")]

use super::{HostFileError, Privacy, never_waiting, reading, set_mode, writing};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file that one process at a time writes at the end of, such as a log.
///
/// *Invariant:* it never ends in part of a piece given to [`AppendFile::append`], unless the process or the machine
/// died meanwhile.
#[derive(Debug)]
pub struct AppendFile {
    path: PathBuf,
    file: File,
    length: u64,
    broken: bool,
}

impl AppendFile {
    /// Opens or creates a file, readable by its owner alone, and locks it against every other opener.
    ///
    /// # Errors
    /// [`HostFileError::Locked`] when another has it; [`HostFileError::NotRegular`] for anything but a plain file.
    pub fn open_locked_ambient(path: &Path) -> Result<AppendFile, HostFileError> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        set_mode(&mut options, Privacy::Private.mode());
        never_waiting(&mut options);
        let file = match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                return Err(HostFileError::NotRegular { path: path.to_owned() });
            }
            other => other.map_err(writing(path))?,
        };
        let metadata = file.metadata().map_err(writing(path))?;
        if !metadata.is_file() {
            return Err(HostFileError::NotRegular { path: path.to_owned() });
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(HostFileError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(writing(path)(error)),
        }
        // After the lock: the one before may have written until then.
        let length = file.metadata().map_err(writing(path))?.len();
        Ok(AppendFile { path: path.to_owned(), file, length, broken: false })
    }

    /// Appends all of `bytes` with one call, or nothing.
    ///
    /// # Errors
    /// [`HostFileError::Write`]; what was written in part is taken back, and where even that fails the file takes
    /// nothing more.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), HostFileError> {
        if self.broken {
            return Err(writing(&self.path)(io::Error::other("an earlier write failed half-way")));
        }
        let appended = append_whole(&mut self.file, bytes, self.length);
        match appended {
            Ok(()) => {
                self.length += bytes.len() as u64;
                Ok(())
            }
            Err(failed) => {
                self.broken = failed.is_torn;
                Err(writing(&self.path)(failed.source))
            }
        }
    }

    /// How long it is.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// True when nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Everything in it.
    ///
    /// # Errors
    /// [`HostFileError::Read`].
    pub fn read_all(&mut self) -> Result<Vec<u8>, HostFileError> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0)).map_err(reading(&self.path))?;
        self.file.read_to_end(&mut bytes).map_err(reading(&self.path))?;
        Ok(bytes)
    }

    /// A reader over it from the start, for what is too large to hold.
    ///
    /// # Errors
    /// [`HostFileError::Read`].
    pub fn reader(&mut self) -> Result<impl Read + '_, HostFileError> {
        self.file.seek(SeekFrom::Start(0)).map_err(reading(&self.path))?;
        Ok(&mut self.file)
    }

    /// Cuts it to `length`, such as after a line torn by a crash.
    ///
    /// # Errors
    /// [`HostFileError::Write`].
    pub fn truncate(&mut self, length: u64) -> Result<(), HostFileError> {
        self.file.set_len(length).map_err(writing(&self.path))?;
        self.length = length;
        Ok(())
    }

    /// Waits until it is on the disk.
    ///
    /// # Errors
    /// [`HostFileError::Write`].
    pub fn sync(&self) -> Result<(), HostFileError> {
        self.file.sync_data().map_err(writing(&self.path))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A file that can be cut.
trait Cut: Write {
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Cut for File {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Why nothing was appended, and whether part of it could not be taken back.
#[derive(Debug)]
struct Failed {
    source: io::Error,
    is_torn: bool,
}

fn append_whole(file: &mut impl Cut, bytes: &[u8], length: u64) -> Result<(), Failed> {
    let written = loop {
        match file.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other,
        }
    };
    match written {
        Ok(written) if written == bytes.len() => Ok(()),
        Ok(_) => {
            let is_torn = file.cut(length).is_err();
            Err(Failed { source: io::ErrorKind::WriteZero.into(), is_torn })
        }
        Err(source) => Err(Failed { source, is_torn: false }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with room for so many bytes, which may be too broken to take any back.
    struct Disk {
        bytes: Vec<u8>,
        room: usize,
        cuts: bool,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room - self.bytes.len());
            self.bytes.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Cut for Disk {
        fn cut(&mut self, length: u64) -> io::Result<()> {
            if !self.cuts {
                return Err(io::Error::other("broken"));
            }
            self.bytes.truncate(usize::try_from(length).unwrap());
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_leaves_no_half_of_a_record() {
        let mut disk = Disk { bytes: Vec::new(), room: 8, cuts: true };
        append_whole(&mut disk, b"whole\n", 0).unwrap();
        let failed = append_whole(&mut disk, b"half\n", 6).unwrap_err();
        assert!(!failed.is_torn && disk.bytes == b"whole\n");
        disk.cuts = false;
        assert!(append_whole(&mut disk, b"half\n", 6).unwrap_err().is_torn);
    }
}
