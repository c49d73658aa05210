//! Streams over files: in place where the file system is local, on the blocking pool elsewhere.
//!
//! A stream holds at most one piece of at most 64 KiB: one read ahead, or one being written. Every piece asks the
//! file's lease right before its system call, also on the pool, and what was read ahead is asked for again when it is
//! handed out.

use super::streams::{CHECK, FLUSH, MAX_BYTES, READ, WRITE, denied};
use airssys_osl::fs::{File, FsError};
use bytes::Bytes;
use tokio::task::JoinHandle;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

fn failed(error: FsError) -> StreamError {
    match error {
        FsError::Denied(why) => denied(why),
        error => StreamError::LastOperationFailed(wasmtime::Error::new(error)),
    }
}

/// What became of a piece of work on the pool.
async fn finished<T>(work: &mut JoinHandle<Result<T, FsError>>) -> Result<T, FsError> {
    work.await.unwrap_or_else(|error| Err(FsError::Io(std::io::Error::other(error))))
}

/// A file read from an offset on.
pub(crate) struct FileReader {
    file: File,
    offset: u64,
    /// The piece read ahead, where reading in place is not allowed.
    ahead: Option<Result<Bytes, FsError>>,
    work: Option<JoinHandle<Result<Vec<u8>, FsError>>>,
}

impl FileReader {
    pub(crate) fn new(file: File, offset: u64) -> FileReader {
        FileReader { file, offset, ahead: None, work: None }
    }

    fn taken(&mut self, bytes: Bytes, size: usize) -> StreamResult<Bytes> {
        if bytes.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        self.offset = self.offset.saturating_add(bytes.len() as u64);
        Ok(bytes)
    }

    /// Hands out at most `size` bytes of the piece read ahead; nothing when there is none yet.
    fn piece_ahead(&mut self, size: usize) -> StreamResult<Bytes> {
        self.file.enter_reading(READ).map_err(failed)?;
        match self.ahead.take() {
            None => Ok(Bytes::new()),
            Some(Err(error)) => Err(failed(error)),
            Some(Ok(mut piece)) => {
                let now = piece.split_to(size.min(piece.len()));
                if !piece.is_empty() {
                    self.ahead = Some(Ok(piece));
                }
                self.taken(now, size)
            }
        }
    }
}

#[async_trait::async_trait]
impl Pollable for FileReader {
    async fn ready(&mut self) {
        if self.file.in_place() || self.ahead.is_some() {
            return;
        }
        let (file, offset) = (self.file.clone(), self.offset);
        // Kept across a wait that is given up, so that no second piece is asked for.
        let read = move || file.read_at(MAX_BYTES as u64, offset, READ);
        let work = self.work.get_or_insert_with(|| tokio::task::spawn_blocking(read));
        tokio::select! {
            piece = finished(work) => self.ahead = Some(piece.map(Bytes::from)),
            () = self.file.lease().revoked() => {}
        }
        self.work = None;
    }
}

#[async_trait::async_trait]
impl InputStream for FileReader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let size = size.min(MAX_BYTES);
        if !self.file.in_place() {
            return self.piece_ahead(size);
        }
        let bytes = self.file.read_at(size as u64, self.offset, READ).map_err(failed)?;
        self.taken(bytes.into(), size)
    }
}

/// A file written from an offset on, or at its end.
pub(crate) struct FileWriter {
    file: File,
    at: Option<u64>,
    /// The piece being written, where writing in place is not allowed.
    work: Option<JoinHandle<Result<(), FsError>>>,
    /// How the last piece ended, until it is told.
    ended: Option<FsError>,
}

impl FileWriter {
    pub(crate) fn new(file: File, at: Option<u64>) -> FileWriter {
        FileWriter { file, at, work: None, ended: None }
    }

    fn write_piece(&mut self, bytes: Bytes) -> Result<(), FsError> {
        let (file, at) = (self.file.clone(), self.at);
        self.at = self.at.map(|offset| offset.saturating_add(bytes.len() as u64));
        if self.file.in_place() {
            return write_all(&file, at, &bytes);
        }
        self.work = Some(tokio::task::spawn_blocking(move || write_all(&file, at, &bytes)));
        Ok(())
    }

    fn told(&mut self) -> StreamResult<()> {
        self.ended.take().map_or(Ok(()), |error| Err(failed(error)))
    }
}

fn write_all(file: &File, mut at: Option<u64>, mut bytes: &[u8]) -> Result<(), FsError> {
    while !bytes.is_empty() {
        let written = match at {
            Some(offset) => file.write_at(bytes, offset, WRITE)?,
            None => file.append(bytes, WRITE)?,
        };
        if written == 0 {
            return Err(FsError::NoSpace);
        }
        at = at.map(|offset| offset.saturating_add(written as u64));
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

#[async_trait::async_trait]
impl Pollable for FileWriter {
    async fn ready(&mut self) {
        let Some(work) = &mut self.work else { return };
        let ended = tokio::select! {
            ended = finished(work) => ended.err(),
            () = self.file.lease().revoked() => None,
        };
        self.ended = ended;
        self.work = None;
    }
}

#[async_trait::async_trait]
impl OutputStream for FileWriter {
    fn check_write(&mut self) -> StreamResult<usize> {
        self.told()?;
        self.file.enter_writing(CHECK).map_err(failed)?;
        Ok(if self.work.is_some() { 0 } else { MAX_BYTES })
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        // More than `check-write` allowed is a broken contract, which traps.
        if bytes.len() > MAX_BYTES || (self.work.is_some() && !bytes.is_empty()) {
            return Err(StreamError::trap("write exceeds what check-write allowed"));
        }
        if bytes.is_empty() {
            return self.file.enter_writing(WRITE).map_err(failed);
        }
        self.write_piece(bytes).map_err(failed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.told()?;
        self.file.enter_writing(FLUSH).map_err(failed)
    }
}
