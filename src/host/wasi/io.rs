//! wasi:io: errors, polling and streams. The plumbing is wasmtime-wasi-io's; what flows is ours.

use crate::host::bindings::io::{error, poll, streams};
use crate::kernel::{Call, Fail, Guarded, Holder};
use airssys_osl::Denied;
use airssys_osl::fs::FsError;
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::DynPollable;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream, StreamError, StreamResult};

type Input = Resource<DynInputStream>;
type Output = Resource<DynOutputStream>;

/// What a guest is told of any error: never a host's text.
const DEBUG_TEXT: &str = "the operation failed";

pub(super) fn error_to_debug_string(
    _: &mut Guarded<'_>,
    _: Call,
    _: Resource<wasmtime::Error>,
) -> Result<String, Fail> {
    Ok(DEBUG_TEXT.to_owned())
}

pub(super) fn error_drop(g: &mut Guarded<'_>, this: Resource<wasmtime::Error>) -> wasmtime::Result<()> {
    error::HostError::drop(&mut g.state.table, this)
}

/// A stream's error as the guest sees it; the error resource behind it belongs to the instance.
pub(super) fn convert(g: &mut Guarded<'_>, error: StreamError) -> wasmtime::Result<streams::StreamError> {
    match error {
        StreamError::Closed => Ok(streams::StreamError::Closed),
        StreamError::LastOperationFailed(error) => {
            if let Some(fatal) = denial(&error).filter(|denied| denied.is_fatal()) {
                return Err(wasmtime::Error::new(fatal.clone()));
            }
            if g.make_room().is_err() {
                // No handle is left for the reason, and want of handles must not end the guest.
                return Ok(streams::StreamError::Closed);
            }
            Ok(streams::StreamError::LastOperationFailed(g.push(error, Holder::Instance)?))
        }
        StreamError::Trap(error) => Err(error),
    }
}

/// The denial in a stream's error, if it is one.
fn denial(error: &wasmtime::Error) -> Option<&Denied> {
    match error.downcast_ref::<FsError>() {
        Some(FsError::Denied(denied)) => Some(denied),
        Some(_) => None,
        None => error.downcast_ref(),
    }
}

// What was revoked is ready: whoever waits for it learns of it by using it, through that function's own error.

pub(super) async fn poll_poll(
    g: &mut Guarded<'_>,
    _: Call,
    pollables: Vec<Resource<DynPollable>>,
) -> Result<Vec<u32>, Fail> {
    if !pollables.iter().any(|pollable| g.is_revoked(pollable)) {
        return poll::Host::poll(&mut g.state.table, pollables).await.map_err(Fail::Trap);
    }
    let mut ready = Vec::new();
    for (index, pollable) in (0..).zip(pollables) {
        if is_ready(g, pollable).await? {
            ready.push(index);
        }
    }
    Ok(ready)
}

async fn is_ready(g: &mut Guarded<'_>, pollable: Resource<DynPollable>) -> Result<bool, Fail> {
    if g.is_revoked(&pollable) {
        return Ok(true);
    }
    poll::HostPollable::ready(&mut g.state.table, pollable).await.map_err(Fail::Trap)
}

pub(super) async fn pollable_ready(
    g: &mut Guarded<'_>,
    _: Call,
    this: Resource<DynPollable>,
) -> Result<bool, Fail> {
    is_ready(g, this).await
}

pub(super) async fn pollable_block(
    g: &mut Guarded<'_>,
    _: Call,
    this: Resource<DynPollable>,
) -> Result<(), Fail> {
    if g.is_revoked(&this) {
        return Ok(());
    }
    poll::HostPollable::block(&mut g.state.table, this).await.map_err(Fail::Trap)
}

pub(super) fn pollable_drop(g: &mut Guarded<'_>, this: Resource<DynPollable>) -> wasmtime::Result<()> {
    poll::HostPollable::drop(&mut g.state.table, this)
}

/// Methods of streams that go straight to the table; the stream behind the handle asks its lease.
macro_rules! plumb {
    ($($trait:ident { $($name:ident as $method:ident ( $($arg:ident : $ty:ty),* ) -> $out:ty;)* })*) => { $($(
        pub(super) fn $name(g: &mut Guarded<'_>, _: Call $(, $arg: $ty)*) -> StreamResult<$out> {
            streams::$trait::$method(&mut g.state.table $(, $arg)*)
        }
    )*)* };
}

macro_rules! plumb_waiting {
    ($($trait:ident { $($name:ident as $method:ident ( $($arg:ident : $ty:ty),* ) -> $out:ty;)* })*) => { $($(
        pub(super) async fn $name(g: &mut Guarded<'_>, _: Call $(, $arg: $ty)*) -> StreamResult<$out> {
            streams::$trait::$method(&mut g.state.table $(, $arg)*).await
        }
    )*)* };
}

plumb! {
    HostInputStream {
        input_stream_skip as skip(this: Input, len: u64) -> u64;
    }
    HostOutputStream {
        output_stream_check_write as check_write(this: Output) -> u64;
        output_stream_write as write(this: Output, contents: Vec<u8>) -> ();
        output_stream_flush as flush(this: Output) -> ();
        output_stream_write_zeroes as write_zeroes(this: Output, len: u64) -> ();
        output_stream_splice as splice(this: Output, src: Input, len: u64) -> u64;
    }
}

plumb_waiting! {
    HostInputStream {
        input_stream_blocking_skip as blocking_skip(this: Input, len: u64) -> u64;
    }
    HostOutputStream {
        output_stream_blocking_write_and_flush as blocking_write_and_flush(this: Output, contents: Vec<u8>) -> ();
        output_stream_blocking_flush as blocking_flush(this: Output) -> ();
        output_stream_blocking_write_zeroes_and_flush as blocking_write_zeroes_and_flush(this: Output, len: u64) -> ();
        output_stream_blocking_splice as blocking_splice(this: Output, src: Input, len: u64) -> u64;
    }
}

pub(super) fn input_stream_read(
    g: &mut Guarded<'_>,
    _: Call,
    this: Input,
    len: u64,
) -> StreamResult<Vec<u8>> {
    let len = g.at_most_in_one_call(len);
    streams::HostInputStream::read(&mut g.state.table, this, len)
}

pub(super) async fn input_stream_blocking_read(
    g: &mut Guarded<'_>,
    _: Call,
    this: Input,
    len: u64,
) -> StreamResult<Vec<u8>> {
    let len = g.at_most_in_one_call(len);
    streams::HostInputStream::blocking_read(&mut g.state.table, this, len).await
}

pub(super) fn input_stream_subscribe(
    g: &mut Guarded<'_>,
    call: Call,
    this: Input,
) -> Result<Resource<DynPollable>, Fail> {
    let holder = g.holder(&call, &this)?;
    let pollable = streams::HostInputStream::subscribe(&mut g.state.table, this).map_err(Fail::Trap)?;
    g.attribute(&pollable, holder);
    Ok(pollable)
}

pub(super) fn output_stream_subscribe(
    g: &mut Guarded<'_>,
    call: Call,
    this: Output,
) -> Result<Resource<DynPollable>, Fail> {
    let holder = g.holder(&call, &this)?;
    let pollable = streams::HostOutputStream::subscribe(&mut g.state.table, this).map_err(Fail::Trap)?;
    g.attribute(&pollable, holder);
    Ok(pollable)
}

pub(super) async fn input_stream_drop(g: &mut Guarded<'_>, this: Input) -> wasmtime::Result<()> {
    streams::HostInputStream::drop(&mut g.state.table, this).await
}

pub(super) async fn output_stream_drop(g: &mut Guarded<'_>, this: Output) -> wasmtime::Result<()> {
    streams::HostOutputStream::drop(&mut g.state.table, this).await
}
