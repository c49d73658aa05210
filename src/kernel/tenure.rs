//! How long a session lasts: no longer than the identity behind it, and no longer than who holds it.

use airssys_osl::{Principal, Session};
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
use tokio::time::sleep_until;

/// Holds a session open. When it is dropped, also because a start or a call was given up in the middle, the session is
/// closed and its summary written.
#[derive(Debug)]
pub struct Tenure {
    session: Arc<Session>,
    principal: Arc<Principal>,
    /// When the identity runs out.
    until: Option<Instant>,
    /// Closed by the tenure's end.
    over: watch::Sender<()>,
}

impl Tenure {
    /// Holds `session` open while the identity behind it lasts: for ever if `until` is none.
    pub fn new(session: Arc<Session>, principal: Arc<Principal>, until: Option<Instant>) -> Tenure {
        Tenure { session, principal, until, over: watch::Sender::new(()) }
    }

    /// The identity behind it.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// The session.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Closed when the tenure has ended, and with it all that an instance held, on whatever thread that was.
    pub(crate) fn over(&self) -> watch::Receiver<()> {
        self.over.subscribe()
    }

    /// Revokes the session as soon as the identity runs out, also in the middle of the work. That goes on: each of its
    /// questions is denied from then on, and what it waits for wakes.
    pub(crate) async fn while_valid<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(until) = self.until else { return work.await };
        let mut work = std::pin::pin!(work);
        // Looked at before anything else, and here rather than in a task of some executor: no guest code runs unless
        // somebody polls this.
        if until > Instant::now() {
            tokio::select! {
                biased;
                () = sleep_until(until.into()) => {}
                done = &mut work => return done,
            }
        }
        self.session.revoke();
        work.await
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        // The end of an instance is not undone by a summary that cannot be written; the log's owner sees its own error.
        let _ = self.session.close();
        // What was in the middle of a use when it was closed by who gave it up.
        let _ = self.session.flush_summary();
    }
}
