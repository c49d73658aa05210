//! The log itself: what the gate and the kernel tell, and where it goes.

use crate::audit::chain::Chain;
use crate::audit::error::AuditError;
use crate::audit::facts::{Load, PolicySet, Refused};
use crate::audit::file::LogFile;
use crate::audit::record::{FORMAT, Kind, Opened, Record};
use crate::audit::sink::{Memory, Sink};
use crate::audit::trace;
use crate::audit::value::Head;
use airssys_osl::{ActionId, Entry, LimitExceeded, RecordError, Recorder, Subject};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

/// A log being written. Share it by `Arc`; one lock stands around chain and sinks.
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
    chain: Mutex<Chain>,
    tracing: bool,
}

/// Puts the sinks of a [`Log`] together.
#[derive(Default)]
pub struct Builder {
    file: Option<PathBuf>,
    sinks: Vec<Box<dyn Sink>>,
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
        let Builder { file, sinks: others, tracing } = self;
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        let (mut last, mut torn_bytes) = (None, 0);
        if let Some(path) = file {
            let (file, end) = LogFile::open(&path)?;
            (last, torn_bytes) = (end.last, end.torn_bytes);
            sinks.push(Box::new(file));
        }
        sinks.extend(others);
        let log = Log { chain: Mutex::new(Chain::new(last, sinks)), tracing };
        let opened = log.append(opened(torn_bytes));
        if opened.is_err() {
            // There is nothing to close.
            log.lock()?.abandon();
        }
        Ok(opened.map(|()| log)?)
    }
}

fn opened(torn_bytes: u64) -> Record<'static> {
    let program = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
    let torn_bytes = (torn_bytes > 0).then_some(torn_bytes);
    let open = Opened { format: FORMAT, program: program.into(), torn_bytes };
    Record { open: Some(open), ..Record::of(Kind::Open) }
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
        let log = Log { chain: Mutex::new(Chain::new(None, sinks)), tracing };
        // Should it fail after all, the next record tells, or fails in its turn.
        let _ = log.append(opened(0));
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
        if let Some(record) = self.lock()?.close()?
            && self.tracing
        {
            trace::emit(&record);
        }
        Ok(())
    }

    /// The last record there is: what `airssys audit verify --head` wants to know.
    pub fn head(&self) -> Option<Head> {
        self.lock().ok().and_then(|chain| chain.head())
    }

    fn append(&self, mut record: Record<'_>) -> Result<(), RecordError> {
        self.lock()?.append(&mut record)?;
        // Outside the lock, so that a subscriber may take its time or write a record of its own.
        if self.tracing {
            trace::emit(&record);
        }
        Ok(())
    }

    fn lock(&self) -> Result<MutexGuard<'_, Chain>, RecordError> {
        // A sink that panicked may hold half a line: nothing is written after that.
        self.chain.lock().map_err(|_| RecordError("a sink panicked".to_owned()))
    }
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
