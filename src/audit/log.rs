//! The log itself: what the gate and the kernel tell, and where it goes.

use crate::audit::chain::Chain;
use crate::audit::error::AuditError;
use crate::audit::facts::{Load, PolicySet, Refused};
use crate::audit::follower::Follower;
use crate::audit::journaled::{Found, Journaled, Opening, Terms};
use crate::audit::record::Record;
use crate::audit::sink::{Memory, Sink};
use crate::audit::trace;
use crate::audit::value::Head;
use airssys_osl::{ActionId, Entry, LimitExceeded, Principal, RecordError, Recorder, Subject};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// A log being written. Share it by `Arc`.
///
/// A record that goes to a file is put into a journal beside it first, which is memory and outlives the process however that
/// dies; then its effect may begin. A thread gives it its place in the chain and writes it, mostly within a millisecond.
/// [`Log::settle`] waits for that. What a process which died had left there is put into the log by whoever opens it next.
/// Where there are sinks besides the file, all of them are written before the effect, under one lock.
///
/// When it is dropped it writes `close`, unless [`Log::close`] did.
///
/// ```
/// use airssys_wasm::audit::{Log, verify};
///
/// let (log, memory) = Log::in_memory();
/// log.close()?;
/// let report = verify(&*memory.bytes(), log.head())?;
/// assert!(report.is_sound() && report.records == 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Log {
    way: Way,
    tracing: bool,
}

/// How records go to where they are kept.
enum Way {
    Direct(Mutex<Chain>),
    Journaled(Journaled),
}

/// Puts the sinks of a [`Log`] together.
#[derive(Default)]
pub struct Builder {
    file: Option<PathBuf>,
    sinks: Vec<Box<dyn Sink>>,
    followers: Vec<Box<dyn Follower>>,
    sync_every: Option<Duration>,
    tracing: bool,
}

impl Builder {
    /// Writes to that file and continues its chain. There is one at most: a second chain would have another end.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Builder {
        self.file = Some(path.into());
        self
    }

    /// Writes to that sink as well.
    pub fn sink(mut self, sink: impl Sink + 'static) -> Builder {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Tells that follower of each record once it is written.
    pub fn follower(mut self, follower: impl Follower + 'static) -> Builder {
        self.followers.push(Box::new(follower));
        self
    }

    /// Has the machine keep what was written to the file within so long, so that it outlives a loss of power too. Without
    /// this that is left to the file system; the death of the process loses nothing either way.
    pub fn sync_every(mut self, period: Duration) -> Builder {
        self.sync_every = Some(period);
        self
    }

    /// Emits each record, once written, as an event at target `airssys::audit`.
    pub fn tracing(mut self, on: bool) -> Builder {
        self.tracing = on;
        self
    }

    /// Opens the file, if there is one, and writes `open`.
    ///
    /// # Errors
    /// [`AuditError`] when the file cannot be opened, locked, continued or written.
    pub fn build(self) -> Result<Log, AuditError> {
        let tracing = self.tracing;
        let (way, found) = self.way()?;
        let log = Log { way, tracing };
        if let Err(error) =
            log.append(Record::opened(found.torn_bytes, found.recovered)).and_then(|()| log.settle())
        {
            // There is nothing to close.
            log.abandon();
            return Err(error.into());
        }
        Ok(log)
    }

    fn way(self) -> Result<(Way, Found), AuditError> {
        let Builder { file, mut sinks, followers, sync_every, .. } = self;
        let direct = |last, sinks, followers| Way::Direct(Mutex::new(Chain::new(last, sinks, followers)));
        let Some(path) = file else { return Ok((direct(None, sinks, followers), Found::default())) };
        if sinks.is_empty() {
            let (opening, found) = Journaled::open(&path, Terms { followers, sync_every })?;
            let way = match opening {
                Opening::Journaled(journaled) => Way::Journaled(journaled),
                Opening::Plain(file, last, followers) => direct(last, vec![Box::new(file)], followers),
            };
            return Ok((way, found));
        }
        let (file, last, found) = Journaled::recover(&path)?;
        sinks.insert(0, Box::new(file));
        Ok((direct(last, sinks, followers), found))
    }
}

impl Log {
    /// A log with sinks of one's choice.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A log in that file, and in `tracing` too.
    ///
    /// # Errors
    /// [`AuditError`] when the file cannot be opened, locked, continued or written.
    pub fn open_file(path: &Path) -> Result<Log, AuditError> {
        Log::builder().file(path).tracing(true).build()
    }

    /// A log that only emits events, which nobody may be listening to.
    pub fn tracing_only() -> Log {
        Log::infallible(Vec::new(), true)
    }

    /// A log in memory, for tests and embedders.
    pub fn in_memory() -> (Log, Memory) {
        let memory = Memory::new();
        (Log::infallible(vec![Box::new(memory.clone())], false), memory)
    }

    /// With sinks that cannot fail.
    fn infallible(sinks: Vec<Box<dyn Sink>>, tracing: bool) -> Log {
        let log = Log { way: Way::Direct(Mutex::new(Chain::new(None, sinks, Vec::new()))), tracing };
        // Should it fail after all, the next record tells, or fails in its turn.
        let _ = log.append(Record::opened(0, 0));
        log
    }

    /// Tells that a component was loaded, and with what.
    ///
    /// # Errors
    /// [`RecordError`] when it could not be written; the component must not run.
    pub fn load(&self, subject: &Subject, load: &Load<'_>) -> Result<(), RecordError> {
        self.append(Record::load(subject, load))
    }

    /// Tells that a component was refused before it ran.
    ///
    /// # Errors
    /// [`RecordError`] when it could not be written.
    pub fn refused(&self, refused: &Refused<'_>) -> Result<(), RecordError> {
        self.append(Record::refused(refused))
    }

    /// Tells that compiled code of a component was found that is none of this installation's, and was not used.
    ///
    /// # Errors
    /// [`RecordError`] when it could not be written; the component must not run.
    pub fn compiled_anew(&self, of: &Principal, file_digest: &str, why: &str) -> Result<(), RecordError> {
        let text = format!(
            "the code that was kept for the file {file_digest} was not used, and it was compiled anew: {why}"
        );
        self.append(Record::remark(&of.name, &of.digest, &text))
    }

    /// Tells that the limit `name`, set to `allowed`, was exceeded.
    ///
    /// # Errors
    /// [`RecordError`] when it could not be written.
    pub fn limit(&self, subject: &Subject, name: &str, allowed: u64, text: &str) -> Result<(), RecordError> {
        self.append(Record::limit(subject, None, (name, allowed), text))
    }

    /// Tells that verdicts from `epoch` on rest on other policies.
    ///
    /// # Errors
    /// [`RecordError`] when it could not be written; the policies must not be replaced.
    pub fn swap(&self, epoch: u64, policy_set: &PolicySet) -> Result<(), RecordError> {
        self.append(Record::swap(epoch, policy_set))
    }

    /// Tells that the host takes permissions back: those of `subject`, or of everything that `text` names.
    ///
    /// # Errors
    /// [`RecordError`] when it could not be written.
    pub fn revoke(&self, subject: Option<&Subject>, text: &str) -> Result<(), RecordError> {
        self.append(Record::revoke(subject, text))
    }

    /// Writes `close`; every later record is an error. A second call does nothing.
    ///
    /// # Errors
    /// [`RecordError`] when it could not be written.
    pub fn close(&self) -> Result<(), RecordError> {
        let closed = match &self.way {
            Way::Direct(chain) => lock(chain)?.close()?,
            Way::Journaled(journaled) => journaled.close()?,
        };
        if let Some(record) = closed
            && self.tracing
        {
            trace::emit(&record);
        }
        Ok(())
    }

    /// The last record there is, once all are written: what `airssys audit verify --head` wants to know.
    pub fn head(&self) -> Option<Head> {
        match &self.way {
            Way::Direct(chain) => lock(chain).ok().and_then(|chain| chain.head()),
            Way::Journaled(journaled) => journaled.head(),
        }
    }

    /// Waits until every record so far stands in the file.
    ///
    /// # Errors
    /// [`RecordError`] when they cannot be written; they are in the journal then.
    pub fn settle(&self) -> Result<(), RecordError> {
        match &self.way {
            Way::Direct(_) => Ok(()),
            Way::Journaled(journaled) => journaled.settle().map(drop),
        }
    }

    fn append(&self, mut record: Record<'_>) -> Result<(), RecordError> {
        match &self.way {
            Way::Direct(chain) => lock(chain)?.append(&mut record)?,
            Way::Journaled(journaled) => journaled.append(&mut record)?,
        }
        // Outside the lock, so that a subscriber may take its time or write a record of its own.
        if self.tracing {
            trace::emit(&record);
        }
        Ok(())
    }

    fn abandon(&self) {
        match &self.way {
            Way::Direct(chain) => {
                if let Ok(mut chain) = lock(chain) {
                    chain.abandon();
                }
            }
            Way::Journaled(journaled) => journaled.abandon(),
        }
    }
}

fn lock(chain: &Mutex<Chain>) -> Result<MutexGuard<'_, Chain>, RecordError> {
    // A sink that panicked may hold half a line: nothing is written after that.
    chain.lock().map_err(|_| RecordError("a sink panicked".to_owned()))
}

impl Recorder for Log {
    fn decision(&self, entry: &Entry<'_>) -> Result<(), RecordError> {
        self.append(Record::decision(entry))
    }

    fn note(&self, subject: &Subject, import: &'static str, text: &str) -> Result<(), RecordError> {
        self.append(Record::note(subject, import, text))
    }

    fn summary(&self, subject: &Subject, reused: &[(ActionId, u64)]) -> Result<(), RecordError> {
        self.append(Record::summary(subject, reused))
    }

    fn exceeded(
        &self,
        subject: &Subject,
        import: Option<&'static str>,
        limit: &LimitExceeded,
    ) -> Result<(), RecordError> {
        self.append(Record::limit(subject, import, (limit.limit, limit.value), &limit.to_string()))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(target: "airssys::audit", %error, "the log was not closed");
        }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.head() {
            Some(head) => write!(f, "log at {head}"),
            None => f.write_str("empty log"),
        }
    }
}
