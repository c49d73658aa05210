//! Following the log: records as they are written, for readers that may be slow.
//!
//! A reader has a queue of bounded length. What does not fit is not sent and is counted, and the reader is told how many
//! records it missed, at the place where they are missing. The log itself never waits for a reader.

use crate::audit::Follower;
use bytes::Bytes;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Lines that a reader may be behind.
const BEHIND: usize = 256;

/// What a follower is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A record, as it stands in the log, its line feed included.
    Record(Bytes),
    /// So many records came that this reader was too slow for.
    Missed(u64),
}

/// Tells of the log to those who follow it. Clones are the same.
///
/// ```
/// use airssys_wasm::audit::Log;
/// use airssys_wasm::serve::{Follow, Line};
///
/// let follow = Follow::default();
/// let mut followed = follow.followed();
/// let log = Log::builder().follower(follow).build()?;
/// assert!(matches!(followed.now(), Some(Line::Record(line)) if line.ends_with(b"}\n")));
/// # drop(log); Ok::<(), airssys_wasm::audit::AuditError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Follow(Arc<Mutex<Vec<Reader>>>);

#[derive(Debug)]
struct Reader {
    queue: mpsc::Sender<Line>,
    missed: Arc<AtomicU64>,
}

/// The records that come, for one reader.
pub struct Followed {
    queue: mpsc::Receiver<Line>,
    missed: Arc<AtomicU64>,
    wanted: Wanted,
    goes_on: GoesOn,
}

/// Which records a reader wants.
type Wanted = Box<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// Whether a reader may still read.
type GoesOn = Box<dyn Fn() -> bool + Send + Sync>;

/// Records of the log: some that there are, and perhaps those that come.
#[derive(Debug, Default)]
pub struct Logs {
    /// Those that there are, each with its line feed.
    pub past: Vec<Bytes>,
    /// Those that come.
    pub live: Option<Followed>,
}

impl Follow {
    /// Follows the log from here on.
    pub fn followed(&self) -> Followed {
        let (sender, queue) = mpsc::channel(BEHIND);
        let missed = Arc::new(AtomicU64::new(0));
        self.readers().push(Reader { queue: sender, missed: Arc::clone(&missed) });
        Followed { queue, missed, wanted: Box::new(|_| true), goes_on: Box::new(|| true) }
    }

    fn tell(&self, line: &Line) {
        self.readers().retain(|reader| reader.tell(line));
    }

    fn readers(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// Whether the reader is still there.
    fn tell(&self, line: &Line) -> bool {
        let missed = self.missed.swap(0, Ordering::AcqRel);
        if missed > 0 && self.queue.try_send(Line::Missed(missed)).is_err() {
            self.missed.fetch_add(missed, Ordering::AcqRel);
        }
        match self.queue.try_send(line.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.missed.fetch_add(1, Ordering::AcqRel);
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
}

impl Follower for Follow {
    fn told(&mut self, line: &[u8]) {
        if !self.readers().is_empty() {
            self.tell(&Line::Record(Bytes::copy_from_slice(line)));
        }
    }
}

impl Followed {
    /// Only records for which `wanted` holds.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Followed {
        self.wanted = Box::new(wanted);
        self
    }

    /// Only as long as `goes_on` holds: it is asked before each line, and the first no is the end.
    #[must_use]
    pub fn while_it(mut self, goes_on: impl Fn() -> bool + Send + Sync + 'static) -> Followed {
        self.goes_on = Box::new(goes_on);
        self
    }

    /// The next line, when there is one; none when the log is gone, or may be read no more.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Line>> {
        loop {
            match self.queue.poll_recv(context) {
                Poll::Ready(Some(_)) if !(self.goes_on)() => return Poll::Ready(None),
                Poll::Ready(Some(Line::Record(line))) if !(self.wanted)(&line) => {}
                Poll::Ready(next) => return Poll::Ready(next),
                // The queue is empty, so what was missed came after all that was in it, and nothing is missed now.
                Poll::Pending => {
                    return self.told_of_missed().map_or(Poll::Pending, |line| Poll::Ready(Some(line)));
                }
            }
        }
    }

    /// The next line, if there is one already.
    pub fn now(&mut self) -> Option<Line> {
        loop {
            match self.queue.try_recv() {
                Ok(_) if !(self.goes_on)() => return None,
                Ok(Line::Record(line)) if !(self.wanted)(&line) => {}
                Ok(line) => return Some(line),
                Err(_) => return self.told_of_missed(),
            }
        }
    }

    fn told_of_missed(&self) -> Option<Line> {
        let missed = self.missed.swap(0, Ordering::AcqRel);
        (missed > 0).then_some(Line::Missed(missed))
    }
}

impl std::fmt::Debug for Followed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Followed").field("waiting", &self.queue.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: usize) -> Vec<u8> {
        format!("{number}\n").into_bytes()
    }

    #[test]
    fn what_a_slow_reader_misses_is_counted_where_it_is_missing() {
        let mut follow = Follow::default();
        let mut followed = follow.followed();
        for number in 0..BEHIND + 7 {
            follow.told(&record(number));
        }
        for number in 0..BEHIND {
            assert_eq!(followed.now(), Some(Line::Record(record(number).into())));
        }
        assert_eq!(followed.now(), Some(Line::Missed(7)));
        assert_eq!(followed.now(), None);
        follow.told(b"next\n");
        assert_eq!(followed.now(), Some(Line::Record("next\n".into())));
    }

    #[test]
    fn what_was_missed_is_told_before_what_came_after_it() {
        let mut follow = Follow::default();
        let mut followed = follow.followed();
        for number in 0..BEHIND + 2 {
            follow.told(&record(number));
        }
        assert!(followed.now().is_some() && followed.now().is_some());
        follow.told(b"after\n");
        let rest: Vec<Line> = std::iter::from_fn(|| followed.now()).collect();
        let end = &rest[rest.len() - 2..];
        assert_eq!(end, [Line::Missed(2), Line::Record("after\n".into())]);
    }

    #[test]
    fn a_reader_that_is_gone_is_forgotten_and_unwanted_records_are_left_out() {
        let mut follow = Follow::default();
        drop(follow.followed());
        let mut followed = follow.followed().only(|line| line.starts_with(b"b"));
        for line in ["a\n", "b\n"] {
            follow.told(line.as_bytes());
        }
        assert_eq!(follow.readers().len(), 1);
        assert_eq!((followed.now(), followed.now()), (Some(Line::Record("b\n".into())), None));
    }
}
