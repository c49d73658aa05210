//! Taking back: an instance's permissions, an instance, or everything that a key signed.
//!
//! Each of these is a barrier. When it has returned, no effect of what was taken back is under way and none starts any
//! more; whoever waited has been woken. Taking back is never refused: where it cannot be recorded, it is done all the
//! same and the missing record told.

use crate::embed::runtime::outside_effects;
use crate::embed::{Component, ComponentRuntime, Error};
use crate::identity::{Standing, Trust};
use airssys_osl::Session;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The sessions of live instances, with what the identity of their component rests on.
#[derive(Debug, Default)]
pub(crate) struct Live(Mutex<Vec<(Arc<Standing>, Weak<Session>)>>);

impl Live {
    pub(crate) fn add(&self, standing: &Arc<Standing>, session: &Arc<Session>) {
        let mut live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if live.len() == live.capacity() {
            live.retain(|(_, session)| session.strong_count() > 0);
        }
        live.push((Arc::clone(standing), Arc::downgrade(session)));
    }

    fn of(&self, which: impl Fn(&Standing) -> bool) -> Vec<Arc<Session>> {
        let live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = live.iter().filter(|(standing, _)| which(standing));
        wanted.filter_map(|(_, session)| session.upgrade()).collect()
    }
}

/// Takes back what these sessions hold: first all, then the waits. One instance's effect must not lengthen another's
/// permission.
fn end(sessions: &[Arc<Session>]) {
    sessions.iter().for_each(|session| session.revoke());
    sessions.iter().for_each(|session| session.end());
}

impl ComponentRuntime {
    /// Revokes a publisher's key, by its id as `airssys keygen` prints it: what it signed is refused from now on, and
    /// each live instance of it is denied everything. Returns how many instances that were. A barrier, see
    /// [`ComponentRuntime::swap_policy`]; it lasts as long as this runtime, and with
    /// [`Config::state_dir`](crate::embed::Config::state_dir) beyond; write it into the trust file as well.
    ///
    /// # Errors
    /// [`Error::UnknownKey`] when no trusted key has that id; [`Error::Record`] when it was done and could not be recorded.
    pub fn revoke_key(&self, key_id: &str) -> Result<usize, Error> {
        outside_effects()?;
        let known = {
            let mut trust = self.shared.trust();
            let known = trust.revoke_key(key_id);
            if known {
                self.shared.revoked().insert(key_id.to_owned());
            }
            known
        };
        if !known {
            let id = key_id.escape_debug();
            return Err(Error::UnknownKey(id.to_string()));
        }
        // Done in any case; that it would not outlive a restart is told.
        let kept = self.shared.state().map_or(Ok(()), |state| state.revoke(key_id));
        let recorded = self.shared.log().revoke(None, &format!("key {key_id} is revoked"));
        let sessions = self.shared.live().of(|standing| standing.key_id() == key_id);
        end(&sessions);
        recorded?;
        kept?;
        Ok(sessions.len())
    }

    /// Trusts whom `trust` names from now on, and nobody else. Each live instance of which it does not say what was said when
    /// that was verified (its publisher, key, times, name and groups) is denied everything; returns how many those were. Keys
    /// that this runtime has revoked, and those that its state directory holds, stay revoked. A barrier, see
    /// [`ComponentRuntime::swap_policy`].
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::Record`] when it was done and the latest time could not be kept, or that not be recorded.
    pub fn swap_trust(&self, mut trust: Trust) -> Result<usize, Error> {
        outside_effects()?;
        // Where the latest time cannot be kept, by the clock as it is: what is taken back is taken back in any case.
        let latest = self.shared.now();
        let now = latest.as_ref().map_or_else(|_| jiff::Timestamp::now(), |now| *now);
        {
            let mut current = self.shared.trust();
            for key in self.shared.revoked().iter() {
                trust.revoke_key(key);
            }
            if let Some(state) = self.shared.state() {
                state.revoke_again(&mut trust);
            }
            *current = trust.clone();
        }
        let sessions = self.shared.live().of(|standing| !standing.holds(&trust, now));
        end(&sessions);
        let (publishers, instances) = (trust.publishers().count(), sessions.len());
        let text = format!(
            "{publishers} publishers are trusted from now on; {instances} instances lost their permissions"
        );
        self.shared.log().revoke(None, &text)?;
        latest.map(|_| instances)
    }
}

impl Component {
    /// Takes back everything this instance holds: from now on each of its questions is denied, and what it waits for
    /// wakes. It can still be called. A barrier, see [`ComponentRuntime::swap_policy`].
    ///
    /// # Errors
    /// [`Error::Record`] when it was done and could not be recorded.
    pub fn revoke(&self) -> Result<(), Error> {
        outside_effects()?;
        let recorded = self.shared.log().revoke(Some(self.live.session.subject()), "revoked by the host");
        self.live.session.end();
        Ok(recorded?)
    }

    /// Ends this instance: takes back everything it holds, stops a call under way, which answers [`Error::Ended`], and
    /// frees its memory. Further calls answer [`Error::Ended`]; [`Component::instantiate`] gives another. A barrier,
    /// see [`ComponentRuntime::swap_policy`].
    ///
    /// # Errors
    /// [`Error::Record`] when it was done and could not be recorded.
    pub async fn unload(&self) -> Result<(), Error> {
        outside_effects()?;
        let live = &self.live;
        let recorded = self.shared.log().revoke(Some(live.session.subject()), "unloaded by the host");
        live.end().await;
        let session = Arc::clone(&live.session);
        // An effect may be a call into a file system that hangs: not waited for on the executor's own thread.
        let ended = tokio::task::spawn_blocking(move || session.end()).await;
        ended.map_err(|error| Error::Executor(error.to_string()))?;
        // A call in the background that was in the middle of a tick is dropped at its end; an error says that it is gone.
        let _ = self.over.clone().changed().await;
        let closed = live.session.close();
        recorded?;
        Ok(closed?)
    }
}
