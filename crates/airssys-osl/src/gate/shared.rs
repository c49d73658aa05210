//! What all sessions of one runtime share, and what a change of policies means for them.

use crate::gate::delegation::Registry;
use crate::gate::{Allowance, Ask, Authorizer, Decision, RecordError, Recorder, Session, Subject, Verdict};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The authorizer and the recorder together. One for a runtime.
pub struct Gate {
    pub(in crate::gate) authorizer: Arc<dyn Authorizer>,
    pub(in crate::gate) recorder: Arc<dyn Recorder>,
    epoch: Arc<AtomicU64>,
    sessions: Mutex<Vec<Weak<Session>>>,
    registry: Arc<Registry>,
}

impl Gate {
    /// A gate that asks `authorizer` and tells `recorder`.
    pub fn new(authorizer: Arc<dyn Authorizer>, recorder: Arc<dyn Recorder>) -> Arc<Gate> {
        #[cfg(feature = "observed")]
        let (authorizer, recorder) = crate::gate::removed::without(authorizer, recorder);
        let epoch = Arc::clone(authorizer.epoch());
        Arc::new(Gate { authorizer, recorder, epoch, sessions: Mutex::default(), registry: Arc::default() })
    }

    /// Opens a session for one live instance, whose bytes nobody bounds.
    pub fn session(self: &Arc<Gate>, subject: Subject) -> Arc<Session> {
        self.session_within(subject, Allowance::default())
    }

    /// Opens a session for one live instance that may spend so much.
    pub fn session_within(self: &Arc<Gate>, subject: Subject, allowance: Allowance) -> Arc<Session> {
        let session = Session::new(Arc::clone(self), subject, allowance);
        keep_alive(&mut lock(&self.sessions), Arc::downgrade(&session));
        session
    }

    /// Writes every live session's summary: what was counted so far rests on the policies that are about to change.
    ///
    /// # Errors
    /// [`RecordError`] when one could not be written; the change must then not happen.
    pub fn flush_summaries(&self) -> Result<(), RecordError> {
        self.live_sessions().iter().try_for_each(|session| session.flush_summary())
    }

    /// To be called after each change of epoch, by whoever made it, with the epoch before. Wakes every wait that rests
    /// on a verdict, so that it is decided anew, ends every socket that is denied by now, and returns when each effect
    /// that began under `old` is over: from then on none starts that was decided under it. Not to be called from within
    /// an effect, which would wait for itself.
    pub fn policies_changed(&self, old: u64) {
        let sessions = self.live_sessions();
        for session in &sessions {
            session.wake();
        }
        // Before the wait, which may be long, and after it: an effect that was under way may have made a socket.
        sessions.iter().for_each(|session| session.end_what_is_denied());
        sessions.iter().for_each(|session| session.wait_for(old));
        sessions.iter().for_each(|session| session.end_what_is_denied());
    }

    /// Upgraded under the lock and used after it: what is done with a session may take its locks.
    fn live_sessions(&self) -> Vec<Arc<Session>> {
        lock(&self.sessions).iter().filter_map(Weak::upgrade).collect()
    }

    /// What the policies in force say. A panic in the authorizer is a fault, not a lost task.
    pub(in crate::gate) fn decide(&self, ask: &Ask<'_>) -> Decision {
        let epoch = self.current_epoch();
        let panicked =
            || Decision { verdict: Verdict::fault("the authorizer panicked"), epoch, reusable: false };
        catch_unwind(AssertUnwindSafe(|| self.authorizer.decide(ask))).unwrap_or_else(|_| panicked())
    }

    /// What is lent.
    pub(in crate::gate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    pub(in crate::gate) fn current_epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    pub(in crate::gate) fn epoch(&self) -> &AtomicU64 {
        &self.epoch
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.registry.close();
    }
}

/// Adds to a list of what may be gone; only when it would have to grow are those that are gone thrown out.
pub(in crate::gate) fn keep_alive<T>(list: &mut Vec<Weak<T>>, one: Weak<T>) {
    if list.len() == list.capacity() {
        list.retain(|kept| kept.strong_count() > 0);
    }
    list.push(one);
}

pub(in crate::gate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What the locks guard is valid after every single statement; a panic elsewhere must not open or jam the gate.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
