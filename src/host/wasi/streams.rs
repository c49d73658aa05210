//! Own streams: bounded, in place, asking their lease at each use.
//!
//! No stream here keeps a queue: a write is done when it returns, and an empty write does nothing at all, so a guest
//! can make none of them grow. A write that reaches a file system which is not local, or a pipe whose reader is slow,
//! goes to the blocking pool by the blocking methods.

use crate::kernel::Closed;
use airssys_osl::fs::{File, FsError};
use airssys_osl::{Denied, stdio};
use bytes::Bytes;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream, InputStream, OutputStream, StreamError, StreamResult};

/// The most bytes of one read or one write.
const MAX_BYTES: usize = 64 * 1024;
/// The name under which a use of a stream is recorded.
const READ: &str = "wasi:io/streams#[method]input-stream.read";
const WRITE: &str = "wasi:io/streams#[method]output-stream.write";
const CHECK: &str = "wasi:io/streams#[method]output-stream.check-write";
const FLUSH: &str = "wasi:io/streams#[method]output-stream.flush";

fn denied(denied: Denied) -> StreamError {
    StreamError::LastOperationFailed(wasmtime::Error::new(denied))
}

fn failed(error: FsError) -> StreamError {
    match error {
        FsError::Denied(why) => denied(why),
        error => StreamError::LastOperationFailed(wasmtime::Error::new(error)),
    }
}

/// A file read from an offset on.
pub(crate) struct FileReader {
    file: File,
    offset: u64,
}

impl FileReader {
    pub(crate) fn new(file: File, offset: u64) -> FileReader {
        FileReader { file, offset }
    }
}

#[async_trait::async_trait]
impl Pollable for FileReader {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl InputStream for FileReader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let size = size.min(MAX_BYTES);
        let bytes = self.file.read_at(size as u64, self.offset, READ).map_err(failed)?;
        if bytes.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        self.offset = self.offset.saturating_add(bytes.len() as u64);
        Ok(bytes.into())
    }
}

/// A file written from an offset on, or at its end.
pub(crate) struct FileWriter {
    file: File,
    at: Option<u64>,
}

impl FileWriter {
    pub(crate) fn new(file: File, at: Option<u64>) -> FileWriter {
        FileWriter { file, at }
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), FsError> {
        while !bytes.is_empty() {
            let written = match self.at {
                Some(offset) => self.file.write_at(bytes, offset, WRITE)?,
                None => self.file.append(bytes, WRITE)?,
            };
            if written == 0 {
                return Err(FsError::NoSpace);
            }
            self.at = self.at.map(|offset| offset.saturating_add(written as u64));
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Pollable for FileWriter {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for FileWriter {
    fn check_write(&mut self) -> StreamResult<usize> {
        self.file.enter_writing(CHECK).map_err(failed)?;
        Ok(MAX_BYTES)
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        permitted(bytes.len())?;
        if bytes.is_empty() {
            return self.file.enter_writing(WRITE).map_err(failed);
        }
        self.write_all(&bytes).map_err(failed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.file.enter_writing(FLUSH).map_err(failed)
    }
}

/// More than `check-write` allowed is a broken contract, which traps.
fn permitted(length: usize) -> StreamResult<()> {
    if length > MAX_BYTES { Err(StreamError::trap("write exceeds what check-write allowed")) } else { Ok(()) }
}

/// Standard input.
pub(crate) struct InputPipe(stdio::Input);

impl InputPipe {
    pub(crate) fn new(input: stdio::Input) -> InputPipe {
        InputPipe(input)
    }
}

#[async_trait::async_trait]
impl Pollable for InputPipe {
    async fn ready(&mut self) {
        self.0.ready().await;
    }
}

#[async_trait::async_trait]
impl InputStream for InputPipe {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.0.read(size, READ).map_err(stdio_failed)
    }
}

/// Standard output or error.
pub(crate) struct OutputPipe(stdio::Output);

impl OutputPipe {
    pub(crate) fn new(output: stdio::Output) -> OutputPipe {
        OutputPipe(output)
    }
}

#[async_trait::async_trait]
impl Pollable for OutputPipe {
    async fn ready(&mut self) {
        self.0.ready().await;
    }
}

#[async_trait::async_trait]
impl OutputStream for OutputPipe {
    fn check_write(&mut self) -> StreamResult<usize> {
        self.0.budget(CHECK).map_err(stdio_failed)
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.write(&bytes, WRITE).map_err(stdio_failed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.0.flush(FLUSH).map_err(stdio_failed)
    }
}

fn stdio_failed(error: stdio::StdioError) -> StreamError {
    match error {
        stdio::StdioError::Denied(why) => denied(why),
        stdio::StdioError::Closed => StreamError::Closed,
        stdio::StdioError::TooMuch => StreamError::trap("write exceeds what check-write allowed"),
        error => StreamError::LastOperationFailed(wasmtime::Error::new(error)),
    }
}

/// A stream that is closed from the start.
struct Hole;

#[async_trait::async_trait]
impl Pollable for Hole {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl InputStream for Hole {
    fn read(&mut self, _: usize) -> StreamResult<Bytes> {
        Err(StreamError::Closed)
    }
}

#[async_trait::async_trait]
impl OutputStream for Hole {
    fn check_write(&mut self) -> StreamResult<usize> {
        Err(StreamError::Closed)
    }

    fn write(&mut self, _: Bytes) -> StreamResult<()> {
        Err(StreamError::Closed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Err(StreamError::Closed)
    }
}

impl Closed for DynInputStream {
    fn closed() -> DynInputStream {
        Box::new(Hole)
    }
}

impl Closed for DynOutputStream {
    fn closed() -> DynOutputStream {
        Box::new(Hole)
    }
}
