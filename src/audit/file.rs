//! The log's own file. The one place of this layer that touches the file system.
//!
//! One writer: the file is locked for as long as it is open. One chain: its last record is verified and continued.
//! An unfinished last line, left by a crash, never counted as written; it is cut off, and the next record says so.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the audit file is the host's own, named by the operator; no guest reaches it"
)]

use crate::audit::canonical::{BadLine, MAX_LINE, is_torn, read_line};
use crate::audit::error::AuditError;
use crate::audit::journal::WORDS;
use crate::audit::sink::Sink;
use crate::audit::value::Head;
use airssys_osl::host_map::HostMap;
use std::fs::{OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes that are read of a journal: one more than it has.
const MAX_JOURNAL: u64 = WORDS as u64 * 8 + 1;

/// An open, locked log file.
pub(super) struct LogFile {
    file: std::fs::File,
    /// Bytes it holds.
    len: u64,
    /// Bytes it held before the last append.
    good: u64,
}

/// Where an existing log ends.
pub(super) struct End {
    /// Its last whole record.
    pub(super) last: Option<Head>,
    /// Bytes after it that were cut off.
    pub(super) torn_bytes: u64,
}

impl LogFile {
    /// Opens or creates the file, locks it and finds its end.
    pub(super) fn open(path: &Path) -> Result<(LogFile, End), AuditError> {
        let failed = |source| AuditError::File { path: path.to_owned(), source };
        let file = open_regular(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(AuditError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // From here on the lock is given back by `drop`.
        let mut log = LogFile { file, len: 0, good: 0 };
        let (last, whole, torn_bytes) = match read_end(&mut log.file).map_err(failed)? {
            Ok(end) => end,
            Err(bad) => return Err(AuditError::Tampered { path: path.to_owned(), bad }),
        };
        if torn_bytes > 0 {
            log.file.set_len(whole).map_err(failed)?;
        }
        (log.len, log.good) = (whole, whole);
        Ok((log, End { last, torn_bytes }))
    }
}

impl LogFile {
    /// Has the machine keep what was written, also when it loses its power.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// The journal beside the log, which a process left that died; none where none did.
    pub(super) fn read_journal(log: &Path) -> Result<Option<Vec<u8>>, AuditError> {
        let path = journal_of(log);
        let failed = |source| AuditError::File { path: path.clone(), source };
        match std::fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
            Ok(found) if !found.is_file() => return Err(AuditError::NotRegular { path }),
            Ok(_) => {}
        }
        let mut options = OpenOptions::new();
        harden(options.read(true));
        let file = options.open(&path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(MAX_JOURNAL).read_to_end(&mut bytes).map_err(failed)?;
        Ok(Some(bytes))
    }

    /// A new journal beside the log, in the place of one that was read.
    pub(super) fn create_journal(&self, log: &Path) -> Result<HostMap, AuditError> {
        let path = journal_of(log);
        let mut options = OpenOptions::new();
        harden(options.read(true).write(true).create_new(true));
        let mapped = options.open(&path).and_then(|file| HostMap::new(&file, WORDS));
        mapped.map_err(|source| AuditError::File { path, source })
    }

    /// Removes the journal, all of which is in the log.
    pub(super) fn remove_journal(&self, log: &Path) -> Result<(), AuditError> {
        let path = journal_of(log);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(AuditError::File { path, source }),
            _ => Ok(()),
        }
    }

    /// The last whole record of a log that somebody may be writing.
    pub(super) fn last(log: &Path) -> Result<Option<Head>, AuditError> {
        let failed = |source| AuditError::File { path: log.to_owned(), source };
        let mut options = OpenOptions::new();
        harden(options.read(true));
        let mut file = options.open(log).map_err(failed)?;
        let found = read_end(&mut file).map_err(failed)?;
        found.map(|(last, ..)| last).map_err(|bad| AuditError::Tampered { path: log.to_owned(), bad })
    }
}

/// Beside the log, so that where nothing may reach the one nothing reaches the other.
pub(super) fn journal_of(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".journal");
    name.into()
}

impl Drop for LogFile {
    fn drop(&mut self) {
        // Closing is not enough: a process this one is just starting holds a copy of the descriptor until its `exec`.
        let _ = self.file.unlock();
    }
}

impl Sink for LogFile {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.good = self.len;
        // No buffer of our own: when this returns, every byte went through write(2).
        self.file.write_all(line)?;
        self.len += line.len() as u64;
        Ok(())
    }

    fn take_back(&mut self) -> io::Result<()> {
        self.file.set_len(self.good)?;
        self.len = self.good;
        Ok(())
    }
}

fn open_regular(path: &Path) -> Result<std::fs::File, AuditError> {
    // Some devices act on being opened, so the name is looked at first. What counts is the look at what was opened.
    if std::fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(AuditError::NotRegular { path: path.to_owned() });
    }
    open_and_look(path)
}

fn open_and_look(path: &Path) -> Result<std::fs::File, AuditError> {
    let failed = |source| AuditError::File { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    harden(&mut options);
    let file = options.open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_file() {
        Ok(file)
    } else {
        Err(AuditError::NotRegular { path: path.to_owned() })
    }
}

#[cfg(unix)]
fn harden(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    options.mode(0o600).custom_flags(flags.bits().cast_signed());
}

#[cfg(not(unix))]
fn harden(_: &mut OpenOptions) {}

/// The last whole record, the bytes up to its end, and the bytes after it.
type Found = (Option<Head>, u64, u64);

fn read_end(file: &mut std::fs::File) -> io::Result<Result<Found, BadLine>> {
    let len = file.seek(SeekFrom::End(0))?;
    // Room for the longest line, the longest unfinished one after it, and the line feed before it.
    let start = len.saturating_sub(2 * MAX_LINE as u64 + 1);
    file.seek(SeekFrom::Start(start))?;
    let mut window = Vec::new();
    file.take(len - start).read_to_end(&mut window)?;
    Ok(judge_end(&window, start))
}

fn judge_end(window: &[u8], start: u64) -> Result<Found, BadLine> {
    let feed = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n');
    let (whole, tail) = match feed(window) {
        Some(at) => window.split_at_checked(at + 1).unwrap_or((window, b"")),
        None if start == 0 => (b"".as_slice(), window),
        None => return Err(BadLine::TooLong),
    };
    let line = whole.strip_suffix(b"\n").unwrap_or_default();
    let line = match feed(line) {
        Some(at) => line.get(at + 1..).unwrap_or_default(),
        None if start == 0 => line,
        None => return Err(BadLine::TooLong),
    };
    let last = if whole.is_empty() { None } else { Some(read_line(line, &mut Vec::new())?) };
    let last = last.and_then(|record| Some(Head { seq: record.seq, hash: record.hash? }));
    // What is cut off must be a record's beginning: whoever names a wrong file must not lose a byte of it.
    if !tail.is_empty() && !is_torn(tail, last.map_or(0, |head| head.seq.saturating_add(1))) {
        return Err(BadLine::NotRecord(
            "what follows the last record is not the beginning of one".to_owned(),
        ));
    }
    Ok((last, start + whole.len() as u64, tail.len() as u64))
}

#[cfg(all(test, unix))]
mod tests {
    use super::{LogFile, open_and_look};
    use crate::audit::error::AuditError;
    use rustix::fs::{CWD, FileType, Mode, mknodat, symlinkat};
    use std::path::Path;

    #[test]
    fn a_copy_of_the_descriptor_keeps_no_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let (log, _) = LogFile::open(&path).unwrap();
        let copy = log.file.try_clone().unwrap();
        assert!(LogFile::open(&path).is_err());
        drop(log);
        assert!(LogFile::open(&path).is_ok());
        drop(copy);
    }

    #[test]
    fn what_was_put_in_place_after_the_first_look_is_refused_by_the_second() {
        let dir = tempfile::tempdir().unwrap();
        let (log, link, pipe) = (dir.path().join("log"), dir.path().join("link"), dir.path().join("pipe"));
        assert!(open_and_look(&log).is_ok());
        symlinkat(&log, CWD, &link).unwrap();
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert!(matches!(open_and_look(&link), Err(AuditError::File { .. })));
        for special in [&*pipe, Path::new("/dev/null")] {
            assert!(matches!(open_and_look(special), Err(AuditError::NotRegular { .. })), "{special:?}");
        }
    }
}
