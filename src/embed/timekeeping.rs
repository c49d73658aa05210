//! The latest time of day is kept while a runtime lives, and not only when something is loaded: what has run out while it ran
//! must not be valid again when it is started anew with a clock that was set back.

use crate::embed::Error;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// How often it is kept where nothing runs out.
const PERIOD: Duration = Duration::from_secs(10);

/// A thread that has the time kept, until this is dropped.
pub(in crate::embed) struct Timekeeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    due: Mutex<Due>,
    news: Condvar,
}

#[derive(Default)]
struct Due {
    /// When something runs out, on the clock that is never set, and what the time of day is by then at least.
    moments: BTreeMap<Instant, u64>,
    ended: bool,
}

impl Timekeeper {
    /// Has `keep` called with the least that the time of day is, in milliseconds: from time to time, when something runs out,
    /// and at the end.
    ///
    /// # Errors
    /// [`Error::Executor`] when there is no thread for it.
    pub(in crate::embed) fn new(keep: impl Fn(u64) + Send + 'static) -> Result<Timekeeper, Error> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = Builder::new().name("airssys-time".into()).spawn(move || own.run(&keep));
        let thread = thread.map_err(|error| Error::Executor(error.to_string()))?;
        Ok(Timekeeper { shared, thread: Some(thread) })
    }

    /// Something runs out then.
    pub(in crate::embed) fn runs_out(&self, at: Instant, time_of_day: Timestamp) {
        let millis = u64::try_from(time_of_day.as_millisecond()).unwrap_or_default();
        let mut due = self.shared.due();
        let known = due.moments.entry(at).or_default();
        *known = millis.max(*known);
        drop(due);
        self.shared.news.notify_one();
    }
}

impl Drop for Timekeeper {
    fn drop(&mut self) {
        self.shared.due().ended = true;
        self.shared.news.notify_one();
        if let Some(thread) = self.thread.take() {
            // What it keeps is on disk when this returns. Its panic would be ours alone.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self, keep: &impl Fn(u64)) {
        loop {
            let (over, least) = self.wait();
            keep(least);
            if over {
                return;
            }
        }
    }

    /// Waits for the next moment. Whether it is the last, and what has run out by then.
    fn wait(&self) -> (bool, u64) {
        let until = Instant::now() + PERIOD;
        let mut due = self.due();
        loop {
            let now = Instant::now();
            let next = due.moments.keys().next().copied().map_or(until, |next| next.min(until));
            if due.ended || next <= now {
                let later = due.moments.split_off(&now);
                let least = std::mem::replace(&mut due.moments, later).into_values().max();
                return (due.ended, least.unwrap_or_default());
            }
            let waited = self.news.wait_timeout(due, next - now);
            due = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(due, _)| due);
        }
    }

    fn due(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    const AT_LAST: Duration = Duration::from_secs(60);

    #[test]
    fn what_runs_out_is_kept_at_that_moment_with_its_time_of_day_and_the_end_is_too() {
        let (tell, kept) = channel();
        let keeper = Timekeeper::new(move |least| tell.send((Instant::now(), least)).unwrap()).unwrap();
        let soon = Instant::now() + Duration::from_millis(50);
        keeper.runs_out(soon + AT_LAST, Timestamp::from_millisecond(9).unwrap());
        keeper.runs_out(soon, Timestamp::from_millisecond(7).unwrap());
        let (when, least) = kept.recv_timeout(AT_LAST).unwrap();
        assert!(when >= soon);
        assert_eq!(least, 7);
        drop(keeper);
        assert_eq!(kept.recv_timeout(AT_LAST).unwrap().1, 0, "what has not run out yet has not");
    }
}
