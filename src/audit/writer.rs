//! Who takes records from the journal to the log: a thread that gives them their place, links them, and writes many at once.
//!
//! ```text
//! gate ─▶ journal (memory that is a file) ─▶ effect
//!             └─▶ writer: place, hash, write(2) ─▶ followers
//! ```
//!
//! *Invariant:* what the journal says is done stands in the log.

use crate::audit::canonical::{Place as Placed, place_line};
use crate::audit::file::LogFile;
use crate::audit::follower::Follower;
use crate::audit::journal::{Entry, Journal, Place};
use crate::audit::sink::Sink;
use crate::audit::value::{Hash, Head, Speller};
use airssys_osl::host_map::HostMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that are written at once, but for the last line.
const BATCH: usize = 256 * 1024;

/// How long it sleeps while records come now and then, so that none of their writers has to wake it.
const NAP: Duration = Duration::from_millis(1);

/// After so many naps without a record it sleeps until it is woken.
const NAPS: u32 = 50;

/// How long it waits before it tries again to write what could not be written.
const RETRY: Duration = Duration::from_millis(20);

/// What those who put records down and the thread know of each other.
pub(super) struct Shared {
    pub(super) journal: Journal<HostMap>,
    /// Up to where there are entries.
    put: AtomicU64,
    /// Up to where they are in the log.
    done: AtomicU64,
    /// Whether they cannot be written: what comes is denied.
    fails: AtomicBool,
    asleep: AtomicBool,
    closing: AtomicBool,
    /// What was put down was never told to be there.
    pub(super) abandoned: AtomicBool,
    progress: Mutex<Progress>,
    moved: Condvar,
}

#[derive(Default)]
struct Progress {
    head: Option<Head>,
    failure: Option<String>,
    over: bool,
}

/// The log's end, and what goes there.
pub(super) struct Writer {
    pub(super) file: LogFile,
    /// Where the log is.
    pub(super) path: PathBuf,
    pub(super) followers: Vec<Box<dyn Follower>>,
    pub(super) links: Links,
    /// How long what is written may be in the machine's memory alone.
    pub(super) sync_every: Option<Duration>,
}

/// The number of the next record, and what it is linked to.
#[derive(Debug, Clone)]
pub(super) struct Links {
    pub(super) next: u64,
    prev: Hash,
    speller: Speller,
}

impl Links {
    /// After that record, or at the beginning.
    pub(super) fn after(head: Option<Head>) -> Links {
        let (next, prev) = head.map_or((0, Hash::ZERO), |head| (head.seq.saturating_add(1), head.hash));
        Links { next, prev, speller: Speller::default() }
    }

    /// The last record there is.
    pub(super) fn head(&self) -> Option<Head> {
        self.next.checked_sub(1).map(|seq| Head { seq, hash: self.prev })
    }

    /// Adds the line of the next record.
    pub(super) fn line(&mut self, micros: i64, fields: &[u8], lines: &mut Vec<u8>) {
        let place = Placed { seq: self.next, micros, speller: &mut self.speller };
        self.prev = place_line(place, fields, self.prev, lines);
        self.next = self.next.saturating_add(1);
    }
}

impl Shared {
    pub(super) fn new(journal: Journal<HostMap>, head: Option<Head>) -> Shared {
        Shared {
            journal,
            put: AtomicU64::new(0),
            done: AtomicU64::new(0),
            fails: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            progress: Mutex::new(Progress { head, ..Progress::default() }),
            moved: Condvar::new(),
        }
    }

    /// Tells that there are entries up to there. Whether the thread sleeps and is to be woken.
    pub(super) fn is_put(&self, at: Place) -> bool {
        // In one order with what the thread does before it sleeps: one of the two sees the other.
        self.put.store(at, Ordering::SeqCst);
        self.asleep.load(Ordering::SeqCst) && self.asleep.swap(false, Ordering::SeqCst)
    }

    /// Up to where the log is written.
    pub(super) fn done(&self) -> Place {
        self.done.load(Ordering::Acquire)
    }

    /// Why nothing can be written, if that is so.
    pub(super) fn failure(&self) -> Option<String> {
        if !self.fails.load(Ordering::Acquire) {
            return None;
        }
        self.progress().failure.clone()
    }

    /// The last record of the log.
    pub(super) fn head(&self) -> Option<Head> {
        self.progress().head
    }

    /// Waits until the log is written up to there. Calls `wake` to have it written.
    pub(super) fn wait(&self, until: Place, wake: impl Fn()) -> Result<(), String> {
        let mut progress = self.progress();
        loop {
            if self.done() >= until {
                return Ok(());
            }
            if let Some(why) = &progress.failure {
                return Err(why.clone());
            }
            if progress.over {
                return Err("the log's writer has ended".to_owned());
            }
            wake();
            let waited = self.moved.wait_timeout(progress, RETRY);
            progress = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(progress, _)| progress);
        }
    }

    /// Has the thread end when all is written, or cannot be.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advanced(&self, at: Place, links: &Links) {
        self.journal.set_done(at, links.next);
        self.done.store(at, Ordering::Release);
        let mut progress = self.progress();
        (progress.head, progress.failure) = (links.head(), None);
        self.fails.store(false, Ordering::Release);
        drop(progress);
        self.moved.notify_all();
    }

    fn failed(&self, why: String) {
        let mut progress = self.progress();
        progress.failure = Some(why);
        self.fails.store(true, Ordering::Release);
        drop(progress);
        self.moved.notify_all();
    }
}

/// Says that the thread is no more, however it ended.
struct Over<'a>(&'a Shared);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.progress().over = true;
        if self.0.failure().is_none() && self.0.done() != self.0.put.load(Ordering::SeqCst) {
            self.0.failed("the log's writer has ended".to_owned());
        }
        self.0.moved.notify_all();
    }
}

/// Why something was not written.
struct Failure {
    why: String,
    /// Whether nothing can be written any more.
    is_last: bool,
}

impl Failure {
    fn last(why: String) -> Failure {
        Failure { why, is_last: true }
    }
}

impl Writer {
    /// Writes until the log is closed. The journal goes before the log is another's to open.
    pub(super) fn run(mut self, shared: &Shared) {
        let over = Over(shared);
        self.write_all(shared);
        if shared.abandoned.load(Ordering::SeqCst) || shared.done() == shared.put.load(Ordering::SeqCst) {
            // One that stays holds nothing that is missed.
            drop(self.file.remove_journal(&self.path));
        }
        drop(over);
    }

    fn write_all(&mut self, shared: &Shared) {
        let (mut done, mut naps, mut unsynced) = (0, 0, None);
        loop {
            let closing = shared.closing.load(Ordering::SeqCst);
            let put = shared.put.load(Ordering::SeqCst);
            if done == put {
                self.sync(&mut unsynced, closing);
                if closing {
                    return;
                }
                naps = rest(shared, naps, put, unsynced.is_some());
                continue;
            }
            naps = 0;
            match self.write(shared, done, put) {
                Ok(at) => {
                    done = at;
                    unsynced.get_or_insert_with(Instant::now);
                    self.sync(&mut unsynced, false);
                }
                Err(Failure { why, is_last }) => {
                    shared.failed(why);
                    if closing || is_last {
                        return;
                    }
                    thread::park_timeout(RETRY);
                }
            }
        }
    }

    /// Writes what there is, or so much of it as goes at once. Up to where.
    fn write(&mut self, shared: &Shared, from: Place, put: Place) -> Result<Place, Failure> {
        let (mut links, mut at) = (self.links.clone(), from);
        let (mut lines, mut ends, mut fields) = (Vec::new(), Vec::new(), Vec::new());
        while at < put && lines.len() < BATCH {
            let Some((Entry { seq, micros, body }, next)) = shared.journal.take(at, &mut fields) else {
                return Err(Failure::last("the journal was changed by somebody else".to_owned()));
            };
            if seq != links.next {
                return Err(Failure::last(format!(
                    "the journal has record {seq} in the place of {}",
                    links.next
                )));
            }
            links.line(micros, body, &mut lines);
            ends.push(lines.len());
            at = next;
        }
        self.append(&lines)?;
        shared.advanced(at, &links);
        self.links = links;
        self.tell(&lines, &ends);
        Ok(at)
    }

    fn append(&mut self, lines: &[u8]) -> Result<(), Failure> {
        let Err(error) = self.file.append(lines) else { return Ok(()) };
        match self.file.take_back() {
            Ok(()) => Err(Failure { why: error.to_string(), is_last: false }),
            // What is left of it is found and cut off when the log is opened again: nothing is written behind it.
            Err(stuck) => Err(Failure::last(format!(
                "{error}, and what was written of it could not be taken back: {stuck}"
            ))),
        }
    }

    fn tell(&mut self, lines: &[u8], ends: &[usize]) {
        for follower in &mut self.followers {
            let mut begin = 0;
            for end in ends {
                follower.told(lines.get(begin..*end).unwrap_or_default());
                begin = *end;
            }
        }
    }

    /// Has the machine keep what was written, when that is due.
    fn sync(&self, since: &mut Option<Instant>, now: bool) {
        let (Some(every), Some(begun)) = (self.sync_every, *since) else {
            *since = None;
            return;
        };
        if (now || begun.elapsed() >= every) && self.file.sync().is_ok() {
            *since = None;
        }
    }
}

/// Waits for records. How often it napped since the last.
fn rest(shared: &Shared, naps: u32, put: Place, unsynced: bool) -> u32 {
    if naps < NAPS || unsynced {
        thread::park_timeout(NAP);
        return naps.saturating_add(1);
    }
    shared.asleep.store(true, Ordering::SeqCst);
    if shared.put.load(Ordering::SeqCst) == put && !shared.closing.load(Ordering::SeqCst) {
        thread::park();
    }
    shared.asleep.store(false, Ordering::SeqCst);
    0
}
