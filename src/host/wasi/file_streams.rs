//! Streams over files: in place where the file system is local, on the blocking pool elsewhere.
//!
//! A stream holds at most one piece of at most 64 KiB: one read ahead, or one being written. Every piece asks the
//! file's lease right before its system call, also on the pool, and what was read ahead is asked for again when it is
//! handed out. A stream that is dropped gives up what it would have read, and waits for what is under way: no guest
//! leaves work behind by opening the next stream.

use super::filesystem::Descriptor;
use super::streams::{CHECK, FLUSH, MAX_BYTES, READ, WRITE, named};
use crate::kernel::Current;
use airssys_osl::fs::{File, FsError};
use airssys_osl::{ActionId, Lease};
use bytes::Bytes;
use tokio::task::JoinHandle;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

/// A denial stays among the errors of files, so that `filesystem-error-code` answers `access` for it too.
pub(super) fn failed(error: FsError) -> StreamError {
    StreamError::LastOperationFailed(wasmtime::Error::new(error))
}

/// A piece of work on the pool.
type Piece<T> = JoinHandle<Result<T, FsError>>;

/// What became of a piece of work.
async fn finished<T>(work: &mut Piece<T>) -> Result<T, FsError> {
    work.await.unwrap_or_else(|error| Err(FsError::Io(std::io::Error::other(error))))
}

/// A file read from an offset on.
pub(crate) struct FileReader {
    opened: Descriptor,
    lease: Lease,
    offset: u64,
    current: Current,
    /// The piece read ahead, where reading in place is not allowed.
    ahead: Option<Result<Bytes, FsError>>,
    work: Option<Piece<Vec<u8>>>,
}

impl FileReader {
    pub(crate) fn new(opened: Descriptor, lease: Lease, offset: u64, current: Current) -> FileReader {
        FileReader { opened, lease, offset, current, ahead: None, work: None }
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
        let file = self.opened.file().map_err(failed)?;
        file.permits_reading(named(&self.current, READ)).map_err(failed)?;
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

    /// The piece under way, or the next one.
    async fn piece(&mut self) -> Result<&mut Piece<Vec<u8>>, FsError> {
        if self.work.is_none() {
            let (opened, offset, name) = (self.opened.clone(), self.offset, named(&self.current, READ));
            let read = move || opened.file()?.read_at(MAX_BYTES as u64, offset, name);
            self.work = Some(self.opened.pool().seat().await?.start(read));
        }
        self.work.as_mut().ok_or(FsError::BadDescriptor)
    }

    async fn read_ahead(&mut self) -> Result<Bytes, FsError> {
        // Kept across a wait that is given up, so that no second piece is asked for.
        let piece = finished(self.piece().await?).await;
        self.work = None;
        piece.map(Bytes::from)
    }
}

#[async_trait::async_trait]
impl Pollable for FileReader {
    async fn ready(&mut self) {
        if self.opened.in_place() || self.ahead.is_some() {
            return;
        }
        let lease = self.lease.clone();
        let name = named(&self.current, READ);
        let piece = tokio::select! {
            piece = self.read_ahead() => piece,
            () = lease.lost(ActionId::FsRead, name) => return,
        };
        self.ahead = Some(piece);
    }
}

#[async_trait::async_trait]
impl InputStream for FileReader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let size = size.min(MAX_BYTES);
        if !self.opened.in_place() {
            return self.piece_ahead(size);
        }
        let file = self.opened.file().map_err(failed)?;
        let bytes = file.read_at(size as u64, self.offset, named(&self.current, READ)).map_err(failed)?;
        self.taken(bytes.into(), size)
    }

    async fn cancel(&mut self) {
        let Some(mut work) = self.work.take() else { return };
        // What has not begun never does; what has begun is waited for, unless nothing is owed to the guest any more.
        work.abort();
        tokio::select! {
            _ = finished(&mut work) => {}
            () = self.lease.lost(ActionId::FsRead, READ) => {}
        }
    }
}

impl Drop for FileReader {
    fn drop(&mut self) {
        // Without `cancel`: the store is gone.
        if let Some(work) = &self.work {
            work.abort();
        }
    }
}

/// A piece of at most 64 KiB on its way into a file.
struct Written {
    opened: Descriptor,
    at: Option<u64>,
    bytes: Bytes,
    name: &'static str,
}

impl Written {
    fn write(self) -> Result<(), FsError> {
        write_all(self.opened.file()?, self.at, &self.bytes, self.name)
    }
}

/// How far the last piece is.
enum Progress {
    /// Done, or there was none.
    Done,
    /// Waiting for a place on the pool.
    Waiting(Written),
    Running(Piece<()>),
}

/// A file written from an offset on, or at its end.
pub(crate) struct FileWriter {
    opened: Descriptor,
    lease: Lease,
    at: Option<u64>,
    current: Current,
    /// The piece being written, where writing in place is not allowed.
    last: Progress,
    /// How the last piece ended, until it is told.
    ended: Option<FsError>,
}

impl FileWriter {
    pub(crate) fn new(opened: Descriptor, lease: Lease, at: Option<u64>, current: Current) -> FileWriter {
        FileWriter { opened, lease, at, current, last: Progress::Done, ended: None }
    }

    fn write_piece(&mut self, bytes: Bytes) -> Result<(), FsError> {
        let (at, name) = (self.at, named(&self.current, WRITE));
        self.at = at.map(|offset| offset.saturating_add(bytes.len() as u64));
        if self.opened.in_place() {
            return write_all(self.opened.file()?, at, &bytes, name);
        }
        let piece = Written { opened: self.opened.clone(), at, bytes, name };
        // Without a place it begins when somebody waits for the stream, or drops it.
        self.last = match self.opened.pool().free_seat() {
            Some(seat) => Progress::Running(seat.start(move || piece.write())),
            None => Progress::Waiting(piece),
        };
        Ok(())
    }

    /// Returns when nothing is under way. May be given up and called again.
    async fn finish(&mut self) -> Result<(), FsError> {
        if let Progress::Waiting(_) = self.last {
            let seat = self.opened.pool().seat().await;
            if let Progress::Waiting(piece) = std::mem::replace(&mut self.last, Progress::Done) {
                self.last = Progress::Running(seat?.start(move || piece.write()));
            }
        }
        let Progress::Running(work) = &mut self.last else { return Ok(()) };
        let ended = finished(work).await;
        self.last = Progress::Done;
        ended
    }

    async fn finish_unless_lost(&mut self, name: &'static str) {
        let lease = self.lease.clone();
        let ended = tokio::select! {
            ended = self.finish() => ended,
            () = lease.lost(ActionId::FsWrite, name) => return,
        };
        self.ended = self.ended.take().or(ended.err());
    }

    fn is_busy(&self) -> bool {
        !matches!(self.last, Progress::Done)
    }

    fn told(&mut self) -> StreamResult<()> {
        self.ended.take().map_or(Ok(()), |error| Err(failed(error)))
    }

    /// Asks the lease, without doing anything.
    fn enter(&self, otherwise: &'static str) -> StreamResult<()> {
        let (name, in_place) = (named(&self.current, otherwise), self.opened.in_place());
        let enter = |file: &File| match in_place {
            true => file.enter_writing(name).map(drop),
            false => file.permits_writing(name),
        };
        self.opened.file().and_then(enter).map_err(failed)
    }
}

fn write_all(file: &File, mut at: Option<u64>, mut bytes: &[u8], name: &'static str) -> Result<(), FsError> {
    while !bytes.is_empty() {
        let written = match at {
            Some(offset) => file.write_at(bytes, offset, name)?,
            None => file.append(bytes, name)?,
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
        if self.is_busy() {
            self.finish_unless_lost(named(&self.current, WRITE)).await;
        }
    }
}

#[async_trait::async_trait]
impl OutputStream for FileWriter {
    fn check_write(&mut self) -> StreamResult<usize> {
        self.told()?;
        self.enter(CHECK)?;
        Ok(if self.is_busy() { 0 } else { MAX_BYTES })
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        // More than `check-write` allowed is a broken contract, which traps.
        if bytes.len() > MAX_BYTES || (self.is_busy() && !bytes.is_empty()) {
            return Err(StreamError::trap("write exceeds what check-write allowed"));
        }
        if bytes.is_empty() {
            return self.enter(WRITE);
        }
        self.write_piece(bytes).map_err(failed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.told()?;
        self.enter(FLUSH)
    }

    async fn cancel(&mut self) {
        // What was taken is written, as it is in place; a revoked stream's is not.
        self.finish_unless_lost(WRITE).await;
    }
}
