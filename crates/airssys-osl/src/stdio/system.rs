//! What the standard streams ask of the system.
//!
//! A write must not make its caller wait, and the flag that would say so for good belongs to an open file that other
//! processes share. So the flag goes with the single write, where the system knows such a thing.

use crate::handle::Handle;
use crate::resource::Stdio;
use crate::stdio::StdioError;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A stream to write to.
#[derive(Debug)]
pub(super) struct Stream {
    file: Handle,
    /// Cleared once the system said that it cannot write here without waiting.
    never_waiting: AtomicBool,
}

impl Stream {
    /// A handle on the process's own stream, without the buffer that the standard library puts before it.
    pub(super) fn own_ambient(which: Stdio) -> Result<Stream, StdioError> {
        match which {
            Stdio::Stdout => own(&io::stdout()),
            Stdio::Stderr => own(&io::stderr()),
            Stdio::Stdin => Err(StdioError::Closed),
        }
    }

    pub(super) fn new(file: Handle) -> Stream {
        Stream { file, never_waiting: AtomicBool::new(true) }
    }

    /// True for what takes a write whatever others do: nobody reads at its other side.
    pub(super) fn is_regular(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.is_file())
    }

    /// Writes all of `bytes`, however long it takes.
    pub(super) fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.file).write_all(bytes)
    }

    /// Writes as much as goes without waiting, which may be nothing.
    pub(super) fn write_at_once(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.write_never_waiting(bytes) {
            Some(Err(error)) if is_passing(&error) => Ok(0),
            Some(done) => done,
            None => Ok(0),
        }
    }

    /// Writes some of `bytes`, however long it takes.
    pub(super) fn write_waiting(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.file).write(bytes)
    }

    /// Writes some of `bytes` without waiting; none when this cannot be had here.
    pub(super) fn write_never_waiting(&self, bytes: &[u8]) -> Option<io::Result<usize>> {
        if !self.never_waiting.load(Ordering::Relaxed) {
            return None;
        }
        let done = platform::write_never_waiting(&self.file, bytes);
        if done.is_none() {
            self.never_waiting.store(false, Ordering::Relaxed);
        }
        done
    }

    /// True when a write would not wait, as far as can be known; looks for at most `patience`. An error of the stream
    /// counts as room: the write reports it.
    pub(super) fn has_room(&self, patience: Duration) -> bool {
        platform::has_room(&self.file, patience)
    }

    /// True when both lead to one object, so that the order between them can be seen.
    pub(super) fn is_same(&self, other: &Stream) -> bool {
        platform::is_same(&self.file, &other.file)
    }
}

/// True for what another attempt may not meet.
pub(super) fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Returns when standard input has something or has ended.
pub(super) fn wait_for_input() {
    platform::wait_for_input();
}

#[cfg(unix)]
fn own(stream: &impl std::os::fd::AsFd) -> Result<Stream, StdioError> {
    let owned = stream.as_fd().try_clone_to_owned().map_err(StdioError::Io)?;
    Ok(Stream::new(owned.into()))
}

#[cfg(windows)]
fn own(stream: &impl std::os::windows::io::AsHandle) -> Result<Stream, StdioError> {
    let owned = stream.as_handle().try_clone_to_owned().map_err(StdioError::Io)?;
    Ok(Stream::new(owned.into()))
}

#[cfg(unix)]
mod platform {
    use crate::handle::Handle;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::time::Duration;

    /// Pipes, sockets and `/dev/null` can do it on today's kernels; terminals and named pipes cannot.
    #[cfg(target_os = "linux")]
    pub(super) fn write_never_waiting(file: &Handle, bytes: &[u8]) -> Option<io::Result<usize>> {
        use rustix::io::{ReadWriteFlags, pwritev2};
        /// By this the call writes where the stream stands.
        const HERE: u64 = u64::MAX;
        match pwritev2(file, &[io::IoSlice::new(bytes)], HERE, ReadWriteFlags::NOWAIT) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => None,
            done => Some(done.map_err(io::Error::from)),
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn write_never_waiting(_: &Handle, _: &[u8]) -> Option<io::Result<usize>> {
        None
    }

    pub(super) fn has_room(file: &Handle, patience: Duration) -> bool {
        let patience = Timespec::try_from(patience).ok();
        let mut fds = [PollFd::new(file, PollFlags::OUT)];
        !matches!(poll(&mut fds, patience.as_ref()), Ok(0) | Err(Errno::INTR))
    }

    pub(super) fn is_same(one: &Handle, other: &Handle) -> bool {
        match (one.metadata(), other.metadata()) {
            (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
            (Err(_), _) | (_, Err(_)) => false,
        }
    }

    pub(super) fn wait_for_input() {
        let stdin = io::stdin();
        // Whatever this says, the read after it says it better.
        let _ = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], None);
    }
}

#[cfg(not(unix))]
mod platform {
    use crate::handle::Handle;
    use std::io;
    use std::time::Duration;

    pub(super) fn write_never_waiting(_: &Handle, _: &[u8]) -> Option<io::Result<usize>> {
        None
    }

    /// Without a way to ask, the write itself waits; it has a thread of its own.
    pub(super) fn has_room(_: &Handle, _: Duration) -> bool {
        true
    }

    pub(super) fn is_same(_: &Handle, _: &Handle) -> bool {
        false
    }

    pub(super) fn wait_for_input() {
        std::thread::sleep(Duration::from_millis(10));
    }
}
