//! Standard output and error.

use crate::action::{ActionId, StdioWrite};
use crate::gate::{Lease, Permit, Session};
use crate::resource::Stdio;
use crate::stdio::channel::Channel;
use crate::stdio::system::Stream;
use crate::stdio::writer::Writer;
use crate::stdio::{BUDGET_BYTES, Memory, StdioError, left};
use std::io;
use std::sync::{Arc, OnceLock};

/// Where output goes.
#[derive(Debug, Clone, Default)]
pub enum Sink {
    /// To the process's own stream of the same name.
    Inherit,
    /// To the process's standard output, whichever of the two it is: standard error is then the process's own alone.
    Stdout,
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
    /// Which of the process's own streams it is.
    own: Option<Stdio>,
}

#[derive(Debug, Clone)]
enum Target {
    /// A regular file, which makes nobody wait for a reader.
    File(Arc<Stream>),
    /// Anything else that the process may have for a stream.
    Stream(Arc<Channel>),
    Memory(Memory),
    Null,
}

/// The writers of the process's own streams.
static STDOUT: Writer = Writer::new("stdout");
static STDERR: Writer = Writer::new("stderr");

/// One descriptor for each, however often a guest asks for its stream; none where it is no regular file.
static STDOUT_FILE: OwnFile = OnceLock::new();
static STDERR_FILE: OwnFile = OnceLock::new();

type OwnFile = OnceLock<Option<Arc<Stream>>>;

fn own_file(which: Stdio) -> Result<&'static OwnFile, StdioError> {
    match which {
        Stdio::Stdout => Ok(&STDOUT_FILE),
        Stdio::Stderr => Ok(&STDERR_FILE),
        Stdio::Stdin => Err(StdioError::Closed),
    }
}

fn kept(own: &OwnFile, open: impl FnOnce() -> Option<Stream>) -> Option<Arc<Stream>> {
    own.get_or_init(|| open().filter(Stream::is_regular).map(Arc::new)).clone()
}

impl Output {
    /// The stream that was permitted, into `sink`.
    ///
    /// # Errors
    /// [`StdioError::Closed`] when the process has no such stream; the permission is for input.
    pub fn new(permit: Permit<StdioWrite>, sink: Sink) -> Result<Output, StdioError> {
        match sink {
            Sink::Inherit => {
                let which = *permit.resource();
                Output::onto_own(permit, which)
            }
            Sink::Stdout => Output::onto_own(permit, Stdio::Stdout),
            Sink::Memory(memory) => Ok(Output::of(permit, Target::Memory(memory))),
            Sink::Null => Ok(Output::of(permit, Target::Null)),
        }
    }

    fn onto_own(permit: Permit<StdioWrite>, which: Stdio) -> Result<Output, StdioError> {
        if let Some(file) = kept(own_file(which)?, || Stream::own_ambient(which).ok()) {
            return Ok(Output { own: Some(which), ..Output::of(permit, Target::File(file)) });
        }
        let stream = Stream::own_ambient(which)?;
        let writer = writer_ambient(which, &stream);
        Ok(Output { own: Some(which), ..Output::onto(permit, stream, writer) })
    }

    pub(in crate::stdio) fn onto(
        permit: Permit<StdioWrite>,
        stream: Stream,
        writer: &'static Writer,
    ) -> Output {
        let lease = permit.into_lease();
        let target = match stream.is_regular() {
            true => Target::File(Arc::new(stream)),
            false => Target::Stream(Arc::new(Channel::new(lease.clone(), stream, writer))),
        };
        Output { lease, target, own: None }
    }

    fn of(permit: Permit<StdioWrite>, target: Target) -> Output {
        Output { lease: permit.into_lease(), target, own: None }
    }

    /// How many bytes the next write may bring, whatever others write meanwhile; 0 when it has to wait for
    /// [`Output::ready`].
    ///
    /// # Errors
    /// [`StdioError`]; what went wrong with earlier writes is told here, too.
    pub fn budget(&self, import: &'static str) -> Result<usize, StdioError> {
        let _in_use = self.lease.enter(ActionId::StdioWrite, import)?;
        let room = match &self.target {
            Target::File(_) | Target::Null => BUDGET_BYTES,
            Target::Stream(channel) => channel.budget()?,
            Target::Memory(memory) => match memory.room() {
                0 => return Err(StdioError::Closed),
                room => room.min(BUDGET_BYTES),
            },
        };
        Ok(self.lease.session().room_to_put_out(room))
    }

    /// Writes all of `bytes`, or takes them over to write them in order. Never waits for a reader. An empty write has
    /// no effect.
    ///
    /// # Errors
    /// [`StdioError`].
    pub fn write(&self, bytes: &[u8], import: &'static str) -> Result<(), StdioError> {
        let _in_use = self.lease.enter(ActionId::StdioWrite, import)?;
        if bytes.len() > BUDGET_BYTES {
            return Err(StdioError::TooMuch);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let aside = self.lease.session().all_to_put_out(bytes.len(), import)?;
        self.own.into_iter().for_each(|own| left::wrote(own, bytes));
        match &self.target {
            Target::File(file) => file.write_all(bytes).map_err(ended)?,
            Target::Stream(channel) => channel.write(bytes, import)?,
            Target::Memory(memory) if memory.write(bytes) => {}
            Target::Memory(_) => return Err(StdioError::Closed),
            Target::Null => {}
        }
        aside.spend(bytes.len());
        Ok(())
    }

    /// Asks that all that was written gets out: until it is, [`Output::budget`] is 0.
    ///
    /// # Errors
    /// [`StdioError`].
    pub fn flush(&self, import: &'static str) -> Result<(), StdioError> {
        let _in_use = self.lease.enter(ActionId::StdioWrite, import)?;
        match &self.target {
            Target::Stream(channel) => channel.flush(),
            Target::File(_) | Target::Memory(_) | Target::Null => Ok(()),
        }
    }

    /// True when [`Output::ready`] would return at once.
    pub fn is_ready(&self) -> bool {
        match &self.target {
            Target::Stream(channel) => self.lease.is_revoked() || channel.is_ready(),
            Target::File(_) | Target::Memory(_) | Target::Null => true,
        }
    }

    /// Returns when there is room, the stream is closed, or the permission was taken back.
    pub async fn ready(&self, import: &'static str) {
        match &self.target {
            Target::Stream(channel) => channel.ready(import).await,
            Target::File(_) | Target::Memory(_) | Target::Null => {}
        }
    }

    /// Its standing permission.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }
}

/// Returns when everything that the session wrote to the process's own streams is out, or never will be: its
/// permission was taken back, or the stream has ended. As long as a reader stands still this waits, so bound it.
///
/// A session's end takes its permissions back, and with them what is still queued. So wait here before.
pub async fn settled(session: &Arc<Session>) {
    STDOUT.settled(session).await;
    STDERR.settled(session).await;
}

fn ended(error: io::Error) -> StdioError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => StdioError::Closed,
        _ => StdioError::Io(error),
    }
}

/// Where both streams are one, such as on a terminal, they have one queue: what came first is seen first.
fn writer_ambient(which: Stdio, stream: &Stream) -> &'static Writer {
    match which {
        Stdio::Stderr => match Stream::own_ambient(Stdio::Stdout) {
            Ok(stdout) if stream.is_same(&stdout) => &STDOUT,
            Ok(_) | Err(_) => &STDERR,
        },
        Stdio::Stdout | Stdio::Stdin => &STDOUT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_file_is_opened_once_and_nothing_else_is_kept() {
        let own = OwnFile::new();
        let file = || Some(Stream::new(tempfile::tempfile().unwrap()));
        let first = kept(&own, file).unwrap();
        assert!(Arc::ptr_eq(&first, &kept(&own, || panic!("opened again")).unwrap()));
        let own = OwnFile::new();
        let (_reader, writer) = std::io::pipe().unwrap();
        let pipe = || Some(Stream::new(std::os::fd::OwnedFd::from(writer).into()));
        assert!(kept(&own, pipe).is_none());
    }

    #[test]
    fn a_permission_for_input_finds_no_output() {
        assert!(matches!(own_file(Stdio::Stdin), Err(StdioError::Closed)));
        assert!(own_file(Stdio::Stdout).is_ok() && own_file(Stdio::Stderr).is_ok());
    }
}
