//! Standard output and error.

use crate::action::{ActionId, StdioWrite};
use crate::gate::{Lease, Permit};
use crate::handle::Handle;
use crate::resource::Stdio;
use crate::stdio::{BUDGET_BYTES, Memory, StdioError};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

/// How long a stalled reader is left alone before the next look, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(32);

/// Where output goes.
#[derive(Debug, Clone, Default)]
pub enum Sink {
    /// To the process's own stream of the same name.
    Inherit,
    /// Into memory.
    Memory(Memory),
    /// Nowhere.
    #[default]
    Null,
}

/// A stream that may be written. Clones are the same stream.
#[derive(Debug, Clone)]
pub struct Output {
    lease: Lease,
    target: Target,
}

#[derive(Debug, Clone)]
enum Target {
    /// A stream, and how much it takes at once when it takes anything.
    Stream(Arc<Handle>, usize),
    Memory(Memory),
    Null,
}

impl Output {
    /// The stream that was permitted, into `sink`.
    ///
    /// # Errors
    /// [`StdioError::Closed`] when the process has no such stream; the permission is for input.
    pub fn new(permit: Permit<StdioWrite>, sink: Sink) -> Result<Output, StdioError> {
        let target = match sink {
            Sink::Inherit => {
                let file = own_stream_ambient(*permit.resource())?;
                let most = waiting::most_at_once(&file);
                Target::Stream(Arc::new(file), most)
            }
            Sink::Memory(memory) => Target::Memory(memory),
            Sink::Null => Target::Null,
        };
        Ok(Output { lease: permit.into_lease(), target })
    }

    /// How many bytes the next write may bring; 0 when it has to wait for [`Output::ready`].
    ///
    /// # Errors
    /// [`StdioError`].
    pub fn budget(&self, import: &'static str) -> Result<usize, StdioError> {
        self.lease.enter(ActionId::StdioWrite, import)?;
        self.room()
    }

    fn room(&self) -> Result<usize, StdioError> {
        match &self.target {
            Target::Stream(file, most) => Ok(if waiting::has_room(file) { *most } else { 0 }),
            Target::Memory(memory) => match memory.room() {
                0 => Err(StdioError::Closed),
                room => Ok(room.min(BUDGET_BYTES)),
            },
            Target::Null => Ok(BUDGET_BYTES),
        }
    }

    /// Writes all of `bytes`, in place. An empty write has no effect.
    ///
    /// # Errors
    /// [`StdioError`].
    pub fn write(&self, bytes: &[u8], import: &'static str) -> Result<(), StdioError> {
        self.lease.enter(ActionId::StdioWrite, import)?;
        if bytes.len() > BUDGET_BYTES {
            return Err(StdioError::TooMuch);
        }
        match &self.target {
            _ if bytes.is_empty() => Ok(()),
            // A guest that did not ask for the room must not make the host wait for it.
            Target::Stream(..) if bytes.len() > self.room()? => Err(StdioError::TooMuch),
            Target::Stream(file, _) => (&**file).write_all(bytes).map_err(ended),
            Target::Memory(memory) if memory.write(bytes) => Ok(()),
            Target::Memory(_) => Err(StdioError::Closed),
            Target::Null => Ok(()),
        }
    }

    /// Nothing is kept back, so there is nothing to flush but the permission.
    ///
    /// # Errors
    /// [`StdioError::Denied`].
    pub fn flush(&self, import: &'static str) -> Result<(), StdioError> {
        Ok(self.lease.enter(ActionId::StdioWrite, import)?)
    }

    /// True when [`Output::ready`] would return at once.
    pub fn is_ready(&self) -> bool {
        self.lease.is_revoked() || !matches!(self.room(), Ok(0))
    }

    /// Returns when there is room, the stream is closed, or the permission was taken back.
    pub async fn ready(&self) {
        let mut pause = FIRST_PAUSE;
        while !self.is_ready() {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.lease.revoked() => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }
}

fn ended(error: io::Error) -> StdioError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => StdioError::Closed,
        _ => StdioError::Io(error),
    }
}

/// A handle on one of the process's own streams, without the buffer that the standard library puts before it.
#[cfg(unix)]
fn own_stream_ambient(stream: Stdio) -> Result<Handle, StdioError> {
    use std::os::fd::AsFd;
    let owned = match stream {
        Stdio::Stdout => io::stdout().as_fd().try_clone_to_owned(),
        Stdio::Stderr => io::stderr().as_fd().try_clone_to_owned(),
        Stdio::Stdin => return Err(StdioError::Closed),
    };
    Ok(owned.map_err(StdioError::Io)?.into())
}

#[cfg(windows)]
fn own_stream_ambient(stream: Stdio) -> Result<Handle, StdioError> {
    use std::os::windows::io::AsHandle;
    let owned = match stream {
        Stdio::Stdout => io::stdout().as_handle().try_clone_to_owned(),
        Stdio::Stderr => io::stderr().as_handle().try_clone_to_owned(),
        Stdio::Stdin => return Err(StdioError::Closed),
    };
    Ok(owned.map_err(StdioError::Io)?.into())
}

#[cfg(unix)]
mod waiting {
    use crate::handle::Handle;
    use crate::stdio::BUDGET_BYTES;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    /// What a pipe takes without waiting once it says that it takes anything.
    const PIPE_BYTES: usize = 4096;

    /// True when a write would not wait. An error of the stream counts as room: the write reports it.
    pub(super) fn has_room(file: &Handle) -> bool {
        let mut fds = [PollFd::new(file, PollFlags::OUT)];
        !matches!(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0))
    }

    pub(super) fn most_at_once(file: &Handle) -> usize {
        let regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
        if regular { BUDGET_BYTES } else { PIPE_BYTES }
    }
}

#[cfg(not(unix))]
mod waiting {
    use crate::handle::Handle;
    use crate::stdio::BUDGET_BYTES;

    /// Without a way to ask, as much as may be written at all: a stalled reader then holds the caller's thread.
    pub(super) fn has_room(_: &Handle) -> bool {
        true
    }

    pub(super) fn most_at_once(_: &Handle) -> usize {
        BUDGET_BYTES
    }
}
