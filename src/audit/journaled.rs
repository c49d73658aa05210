//! A log with a journal: what there is between the gate, which must not wait, and the thread that writes.

use crate::audit::canonical::write_fields;
use crate::audit::error::AuditError;
use crate::audit::file::{End, LogFile, journal_of};
use crate::audit::follower::Follower;
use crate::audit::journal::{Entry, Journal, Place, fits};
use crate::audit::record::{Kind, Record};
use crate::audit::sink::Sink;
use crate::audit::value::{Head, Time};
use crate::audit::writer::{Links, Shared, Writer};
use airssys_osl::RecordError;
use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Largest buffer that a thread keeps between records.
const KEEP: usize = 64 * 1024;

thread_local! {
    /// Where this thread writes the fields of its records.
    static FIELDS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A log whose records go through a journal.
pub(super) struct Journaled {
    shared: Arc<Shared>,
    turn: Mutex<Turn>,
    thread: Mutex<Option<JoinHandle<()>>>,
    waker: std::thread::Thread,
    path: PathBuf,
}

/// Where the next record is put.
struct Turn {
    at: Place,
    /// Up to where the log was written when there was no room last.
    done: Place,
    seq: u64,
    /// Records that could not be put down since the last one that was.
    lost: u64,
    ended: Option<&'static str>,
}

/// How a file is to be written.
pub(super) struct Terms {
    pub(super) followers: Vec<Box<dyn Follower>>,
    pub(super) sync_every: Option<Duration>,
}

/// What was found beside the log and belongs into it.
#[derive(Default)]
struct Left {
    lines: Vec<u8>,
    records: u64,
}

impl Journaled {
    /// Opens the log, puts into it what a process left that died, and begins. None where the file system maps no files; then
    /// with the log's file. What was cut off, and what was put into it.
    pub(super) fn open(path: &Path, terms: Terms) -> Result<(Opening, Found), AuditError> {
        let (file, last, found) = Journaled::recover(path)?;
        let links = Links::after(last);
        let seq = links.next;
        let words = match file.create_journal(path) {
            Ok(words) => words,
            Err(AuditError::File { source, .. }) if source.kind() == io::ErrorKind::Unsupported => {
                return Ok((Opening::Plain(file, last, terms.followers), found));
            }
            Err(error) => return Err(error),
        };
        let shared = Arc::new(Shared::new(Journal::new(words, links.next), links.head()));
        let writer = Writer {
            file,
            path: path.to_owned(),
            followers: terms.followers,
            links,
            sync_every: terms.sync_every,
        };
        let own = Arc::clone(&shared);
        let thread = Builder::new().name("airssys-audit".into()).spawn(move || writer.run(&own));
        let thread = thread.map_err(|source| AuditError::File { path: path.to_owned(), source })?;
        let turn = Turn { at: 0, done: 0, seq, lost: 0, ended: None };
        let waker = thread.thread().clone();
        let (turn, thread, path) = (Mutex::new(turn), Mutex::new(Some(thread)), path.to_owned());
        Ok((Opening::Journaled(Journaled { shared, turn, thread, waker, path }), found))
    }

    /// Opens the log, and puts into it what a process left that died.
    pub(super) fn recover(path: &Path) -> Result<(LogFile, Option<Head>, Found), AuditError> {
        let (mut file, End { last, torn_bytes }) = LogFile::open(path)?;
        let mut links = Links::after(last);
        let left = left(path, &mut links)?;
        file.append(&left.lines).map_err(|source| AuditError::File { path: path.to_owned(), source })?;
        file.remove_journal(path)?;
        Ok((file, links.head(), Found { torn_bytes, recovered: left.records }))
    }

    /// Puts a record down. It outlives this process when this returns.
    pub(super) fn append(&self, record: &mut Record<'_>) -> Result<(), RecordError> {
        FIELDS.with_borrow_mut(|scratch| {
            let fields = write_fields(record, scratch);
            let mut turn = self.turn();
            let put = fields.and_then(|fields| self.put(&mut turn, fields));
            if put.is_err() {
                turn.lost = turn.lost.saturating_add(1);
            }
            drop(turn);
            if scratch.capacity() > KEEP {
                *scratch = Vec::new();
            }
            (record.seq, record.time) = put.map_err(RecordError)?;
            Ok(())
        })
    }

    /// Puts `close` down and has everything written. The journal is gone when this returns without an error.
    pub(super) fn close(&self) -> Result<Option<Record<'static>>, RecordError> {
        let mut record = Record::of(Kind::Close);
        if self.turn().ended.is_some() {
            return Ok(None);
        }
        let put = self.append(&mut record);
        let until = {
            let mut turn = self.turn();
            turn.ended = Some("the log is closed");
            turn.at
        };
        let written = self.end(until);
        put.and(written.map_err(RecordError)).map(|()| Some(record))
    }

    /// Puts nothing more down, not even `close`.
    pub(super) fn abandon(&self) {
        self.turn().ended = Some("the log was not opened");
        self.shared.abandoned.store(true, Ordering::SeqCst);
        // Why it was not is known already.
        drop(self.end(Place::MAX));
    }

    /// Waits until all that was put down is written. The last record.
    pub(super) fn settle(&self) -> Result<Option<Head>, RecordError> {
        let until = self.turn().at;
        self.shared.wait(until, || self.waker.unpark()).map_err(RecordError)?;
        Ok(self.shared.head())
    }

    /// The last record that is written.
    pub(super) fn head(&self) -> Option<Head> {
        self.settle().unwrap_or_else(|_| self.shared.head())
    }

    /// Ends the thread, which writes what there is.
    fn end(&self, until: Place) -> Result<(), String> {
        self.shared.close();
        self.waker.unpark();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let panicked = thread.is_some_and(|thread| thread.join().is_err());
        match self.shared.failure() {
            Some(why) => {
                Err(format!("{why}; what is missing stands in `{}`", journal_of(&self.path).display()))
            }
            None if panicked || self.shared.done() < until && until != Place::MAX => {
                Err("the log's writer has ended".to_owned())
            }
            None => Ok(()),
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, turn: &mut Turn, fields: &[u8]) -> Result<(u64, Time), String> {
        if let Some(why) = turn.ended {
            return Err(why.to_owned());
        }
        if let Some(why) = self.shared.failure() {
            return Err(why);
        }
        if turn.lost > 0 {
            let mut text = Vec::new();
            self.place(turn, write_fields(&Record::lost(turn.lost), &mut text)?)?;
            turn.lost = 0;
        }
        self.place(turn, fields)
    }

    fn place(&self, turn: &mut Turn, fields: &[u8]) -> Result<(u64, Time), String> {
        if !fits(turn.done, turn.at, fields.len()) {
            turn.done = self.room(turn.at, fields.len())?;
        }
        let (seq, time) = (turn.seq, Time::now());
        turn.at = self.shared.journal.put(turn.at, Entry { seq, micros: time.micros(), body: fields });
        turn.seq = seq.saturating_add(1);
        if self.shared.is_put(turn.at) {
            self.waker.unpark();
        }
        Ok((seq, time))
    }

    /// Waits until there is room for so long a record. Up to where the log is written by then.
    fn room(&self, at: Place, length: usize) -> Result<Place, String> {
        loop {
            let done = self.shared.done();
            if fits(done, at, length) {
                return Ok(done);
            }
            self.shared.wait(done + 1, || self.waker.unpark())?;
        }
    }
}

/// How a file is written.
pub(super) enum Opening {
    Journaled(Journaled),
    /// Where nothing can be mapped: the file, its last record, and who is told.
    Plain(LogFile, Option<Head>, Vec<Box<dyn Follower>>),
}

/// What a process had left that died.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    /// Bytes of an unfinished line, which were cut off.
    pub(super) torn_bytes: u64,
    /// Records that stood in the journal alone.
    pub(super) recovered: u64,
}

/// What stands in the journal and not in the log, as lines of the log.
fn left(path: &Path, links: &mut Links) -> Result<Left, AuditError> {
    let Some(journal) = read(path)? else { return Ok(Left::default()) };
    let mut left = Left::default();
    journal.each_left(|entry| {
        // What was written, and not yet marked as such.
        if entry.seq < links.next && left.records == 0 {
            return;
        }
        let missing = entry.seq.saturating_sub(links.next);
        if missing > 0 && left.records == 0 {
            left.begin(missing, entry.micros, links);
        }
        links.line(entry.micros, entry.body, &mut left.lines);
        left.records += 1;
    });
    Ok(left)
}

impl Left {
    /// The log was moved away, or lost its end with the machine's power: that is told first.
    fn begin(&mut self, missing: u64, micros: i64, links: &mut Links) {
        let begins = links.next == 0;
        let note = Record { text: Some(missing_text(missing).into()), ..Record::of(Kind::Note) };
        let mut text = Vec::new();
        for record in begins.then(|| Record::opened(0, 0)).into_iter().chain([note]) {
            if let Ok(fields) = write_fields(&record, &mut text) {
                links.line(micros, fields, &mut self.lines);
            }
        }
    }
}

fn missing_text(records: u64) -> String {
    format!("{records} records before this one were written and are not in this file")
}

fn read(path: &Path) -> Result<Option<Journal<Vec<AtomicU64>>>, AuditError> {
    let Some(bytes) = LogFile::read_journal(path)? else { return Ok(None) };
    // One that was not begun holds nothing.
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let journal = Journal::read(&bytes);
    journal.map(Some).ok_or_else(|| AuditError::Journal { path: journal_of(path) })
}

/// How many records wait beside the log at `path` that are not in it: a process is about to write them, or died. In the latter
/// case whoever opens the log for writing puts them into it.
///
/// # Errors
/// [`AuditError`] when log or journal cannot be read.
pub fn waiting(path: &Path) -> Result<u64, AuditError> {
    let Some(journal) = read(path)? else { return Ok(0) };
    let next = LogFile::last(path)?.map_or(0, |head| head.seq.saturating_add(1));
    let mut waiting = 0;
    journal.each_left(|entry| waiting += u64::from(entry.seq >= next));
    Ok(waiting)
}
