//! The standard streams, and streams that are closed.
//!
//! A queue of standard output is bounded and belongs to `airssys_osl::stdio`; an empty write does nothing at all. Each
//! use asks the stream's lease.

use super::TABLE;
use crate::kernel::{Class, Closed, Current};
use airssys_osl::{Denied, stdio};
use bytes::Bytes;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, StreamError, StreamResult,
};

/// The most bytes of one read or one write.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// The names under which uses of a stream are recorded where no function of a stream was called: a wait that reads
/// ahead, or makes room.
pub(super) const READ: &str = "wasi:io/streams#[method]input-stream.read";
pub(super) const WRITE: &str = "wasi:io/streams#[method]output-stream.write";
pub(super) const CHECK: &str = "wasi:io/streams#[method]output-stream.check-write";
pub(super) const FLUSH: &str = "wasi:io/streams#[method]output-stream.flush";

/// The name of the function that the guest is in, if it is one that uses a handle.
pub(super) fn named(current: &Current, otherwise: &'static str) -> &'static str {
    match TABLE.get(current.index()) {
        Some(row) if row.class == Class::Use => row.id,
        Some(_) | None => otherwise,
    }
}

/// The name of the function that the guest is in.
pub(super) fn entered(current: &Current) -> Option<&'static str> {
    TABLE.get(current.index()).map(|row| row.id)
}

pub(super) fn denied(denied: Denied) -> StreamError {
    StreamError::LastOperationFailed(wasmtime::Error::new(denied))
}

/// Standard input.
pub(crate) struct InputPipe {
    input: stdio::Input,
    current: Current,
}

impl InputPipe {
    pub(crate) fn new(input: stdio::Input, current: Current) -> InputPipe {
        InputPipe { input, current }
    }
}

#[async_trait::async_trait]
impl Pollable for InputPipe {
    async fn ready(&mut self) {
        self.input.ready(named(&self.current, READ)).await;
    }
}

#[async_trait::async_trait]
impl InputStream for InputPipe {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.input.read(size, named(&self.current, READ)).map_err(stdio_failed)
    }
}

/// Standard output or error.
pub(crate) struct OutputPipe {
    output: stdio::Output,
    current: Current,
}

impl OutputPipe {
    pub(crate) fn new(output: stdio::Output, current: Current) -> OutputPipe {
        OutputPipe { output, current }
    }
}

#[async_trait::async_trait]
impl Pollable for OutputPipe {
    async fn ready(&mut self) {
        self.output.ready(named(&self.current, CHECK)).await;
    }
}

#[async_trait::async_trait]
impl OutputStream for OutputPipe {
    fn check_write(&mut self) -> StreamResult<usize> {
        self.output.budget(named(&self.current, CHECK)).map_err(stdio_failed)
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.output.write(&bytes, named(&self.current, WRITE)).map_err(stdio_failed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.output.flush(named(&self.current, FLUSH)).map_err(stdio_failed)
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
