//! The standard streams, and streams that are closed.
//!
//! No stream here keeps a queue: a write is done when it returns, and an empty write does nothing at all, so a guest
//! can make none of them grow. Each use asks the stream's lease.

use crate::kernel::Closed;
use airssys_osl::{Denied, stdio};
use bytes::Bytes;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, StreamError, StreamResult,
};

/// The most bytes of one read or one write.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// The names under which uses of a stream are recorded.
pub(super) const READ: &str = "wasi:io/streams#[method]input-stream.read";
pub(super) const WRITE: &str = "wasi:io/streams#[method]output-stream.write";
pub(super) const CHECK: &str = "wasi:io/streams#[method]output-stream.check-write";
pub(super) const FLUSH: &str = "wasi:io/streams#[method]output-stream.flush";

pub(super) fn denied(denied: Denied) -> StreamError {
    StreamError::LastOperationFailed(wasmtime::Error::new(denied))
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
