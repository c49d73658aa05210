//! The two directions of a connection as streams. Each piece of bytes asks the connection's leases in airssys-osl.

use crate::host::wasi::streams::{CHECK, FLUSH, READ, WRITE, denied, named};
use crate::kernel::Current;
use airssys_osl::net::{NetError, Reader, Writer};
use bytes::Bytes;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

/// What comes from the other side.
pub(super) struct TcpReader {
    reader: Reader,
    current: Current,
}

/// What goes to the other side.
pub(super) struct TcpWriter {
    writer: Writer,
    current: Current,
}

impl TcpReader {
    pub(super) fn new(reader: Reader, current: Current) -> TcpReader {
        TcpReader { reader, current }
    }
}

impl TcpWriter {
    pub(super) fn new(writer: Writer, current: Current) -> TcpWriter {
        TcpWriter { writer, current }
    }
}

#[async_trait::async_trait]
impl Pollable for TcpReader {
    async fn ready(&mut self) {
        self.reader.ready().await;
    }
}

#[async_trait::async_trait]
impl InputStream for TcpReader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.reader.read(size, named(&self.current, READ)).map_err(failed)
    }
}

#[async_trait::async_trait]
impl Pollable for TcpWriter {
    async fn ready(&mut self) {
        self.writer.ready().await;
    }
}

#[async_trait::async_trait]
impl OutputStream for TcpWriter {
    fn check_write(&mut self) -> StreamResult<usize> {
        self.writer.budget(named(&self.current, CHECK)).map_err(failed)
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.writer.write(bytes, named(&self.current, WRITE)).map_err(failed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.writer.flush(named(&self.current, FLUSH)).map_err(failed)
    }
}

fn failed(error: NetError) -> StreamError {
    match error {
        NetError::Denied(why) => denied(why),
        NetError::Closed => StreamError::Closed,
        NetError::TooMuch => StreamError::trap("write exceeds what check-write allowed"),
        error => StreamError::LastOperationFailed(wasmtime::Error::new(error)),
    }
}
