//! What outlives a restart: the highest releases, the revoked keys, the latest time, and the messages of durable mailboxes.
//!
//! *Invariant:* none of the marks ever goes back. A clock that was set back makes nothing valid again that had run out, a restart
//! brings no revoked key back, and no release runs that is older than one that ran under its name.

use crate::embed::Error;
use crate::embed::timekeeping::Timekeeper;
use crate::identity::{Trust, VerifiedComponent};
use airssys_osl::{Principal, host_files};
use airssys_rt::durable::{Clock, Mailbox, Marks, RaiseError, Store, StoreError, Terms};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Kinds of marks.
const RELEASE: &str = "release";
const REVOKED: &str = "revoked-key";
const CLOCK: &str = "clock";
const WALL: &str = "wall";

/// The file in the state's directory.
const FILE: &str = "state.redb";

/// What a state directory holds.
pub(in crate::embed) struct State {
    /// First, so that it is dropped before the store, whose last mark it makes.
    time: Timekeeper,
    marks: Marks,
    /// Ends with this and the mailboxes: it is what writes.
    store: Store,
    /// The latest time that was seen, milliseconds.
    latest: Arc<AtomicU64>,
    /// Revoked keys that could not be put down yet.
    unkept: Arc<Mutex<BTreeSet<String>>>,
}

impl State {
    /// Opens the state in a directory, which is made if it is not there. No second process has it meanwhile.
    pub(in crate::embed) fn open(directory: &Path) -> Result<State, Error> {
        let wrong =
            |error: StoreError| Error::Config(format!("state directory `{}`: {error}", directory.display()));
        let (backend, latest) = (host_files::database_ambient(directory, FILE)?, Arc::default());
        let store = Store::open_blocking_with_clock(backend, clock(&latest)).map_err(wrong)?;
        State::of(store, latest)
    }

    fn of(store: Store, latest: Arc<AtomicU64>) -> Result<State, Error> {
        let marks = store.marks();
        latest.fetch_max(marks.highest(CLOCK, WALL).unwrap_or_default(), Ordering::SeqCst);
        let (kept, now, seen) = (marks.clone(), clock(&latest), Arc::clone(&latest));
        let unkept = Arc::<Mutex<BTreeSet<String>>>::default();
        let owed = Arc::clone(&unkept);
        let time = Timekeeper::new(move |least| {
            seen.fetch_max(least, Ordering::SeqCst);
            // What cannot be kept is tried again, and whoever loads something is told.
            drop(kept.raise_blocking(CLOCK, WALL, now()));
            owed.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|key| kept.add_blocking(REVOKED, key).is_err());
        })?;
        Ok(State { time, marks, store, latest, unkept })
    }

    /// The mailbox on disk of that name.
    pub(in crate::embed) async fn mailbox(&self, name: &str, terms: Terms) -> Result<Mailbox, Error> {
        let mailbox = self.store.mailbox(name, terms).await;
        mailbox.map_err(|error| Error::Config(format!("the mailbox of `{name}`: {error}")))
    }

    /// The time of day in milliseconds, never before the latest that was seen here. Writes nothing.
    pub(in crate::embed) fn clock(&self) -> Clock {
        clock(&self.latest)
    }

    /// Takes back in a trust file what was revoked before.
    pub(in crate::embed) fn revoke_again(&self, trust: &mut Trust) {
        for key in self.marks.all(REVOKED) {
            // A key that the file no longer knows is not trusted anyway.
            trust.revoke_key(&key);
        }
    }

    /// Keeps a key revoked.
    pub(in crate::embed) fn revoke(&self, key_id: &str) -> Result<(), Error> {
        self.marks.add_blocking(REVOKED, key_id).map(drop).map_err(|error| {
            self.unkept.lock().unwrap_or_else(PoisonError::into_inner).insert(key_id.to_owned());
            unkept(error)
        })
    }

    /// The time of day, never before the latest that was ever seen here.
    pub(in crate::embed) fn now(&self) -> Result<Timestamp, Error> {
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let latest = self.marks.raise_blocking(CLOCK, WALL, now).map_err(unkept)?;
        self.latest.fetch_max(latest, Ordering::SeqCst);
        let latest = i64::try_from(latest).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        latest.ok_or_else(|| Error::Config("the latest time in the state directory is none".to_owned()))
    }

    /// An identity runs out then: from that moment on no time before it is believed here.
    pub(in crate::embed) fn runs_out(&self, at: Instant, time_of_day: Timestamp) {
        self.time.runs_out(at, time_of_day);
    }

    /// The highest release that ever ran under that name.
    pub(in crate::embed) fn highest(&self, name: &str) -> Option<u64> {
        self.marks.highest(RELEASE, name)
    }

    /// Refuses a release that is older than one that ran under its name.
    pub(in crate::embed) fn check(&self, verified: &VerifiedComponent) -> Result<(), String> {
        let principal = verified.principal();
        match self.marks.highest(RELEASE, &principal.name) {
            Some(highest) if principal.release < highest => Err(format!(
                "release {} of `{}` is older than release {highest}, which ran here",
                principal.release, principal.name
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Puts down that a release runs. It is on disk when this returns.
    pub(in crate::embed) fn runs(&self, verified: &VerifiedComponent) -> Result<(), Error> {
        let Principal { name, release, .. } = verified.principal();
        if self.marks.highest(RELEASE, name) == Some(*release) {
            return Ok(());
        }
        self.marks.raise_blocking(RELEASE, name, *release).map(drop).map_err(unkept)
    }

    /// Ends what writes, so that from now on nothing can be put down.
    #[cfg(test)]
    pub(in crate::embed) async fn stop_writing(&self) {
        self.store.close().await;
    }
}

fn clock(latest: &Arc<AtomicU64>) -> Clock {
    let latest = Arc::clone(latest);
    Arc::new(move || {
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        latest.fetch_max(now, Ordering::SeqCst).max(now)
    })
}

fn unkept(error: RaiseError) -> Error {
    Error::Config(format!("the state directory cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use airssys_rt::durable::StorageBackend;
    use std::io::{Error, ErrorKind};
    use std::sync::atomic::AtomicBool;

    /// A disk that is full when it is told to be.
    #[derive(Debug, Clone, Default)]
    struct Disk {
        bytes: Arc<Mutex<Vec<u8>>>,
        full: Arc<AtomicBool>,
    }

    impl Disk {
        fn change(&self, change: impl FnOnce(&mut Vec<u8>)) -> Result<(), Error> {
            if self.full.load(Ordering::SeqCst) {
                return Err(ErrorKind::StorageFull.into());
            }
            change(&mut self.bytes.lock().unwrap());
            Ok(())
        }

        fn state(&self) -> State {
            let latest = Arc::default();
            let store = Store::open_blocking_with_clock(self.clone(), clock(&latest)).unwrap();
            State::of(store, latest).unwrap()
        }
    }

    impl StorageBackend for Disk {
        fn len(&self) -> Result<u64, Error> {
            Ok(self.bytes.lock().unwrap().len() as u64)
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
            let start = usize::try_from(offset).unwrap();
            out.copy_from_slice(&self.bytes.lock().unwrap()[start..start + out.len()]);
            Ok(())
        }

        fn set_len(&self, len: u64) -> Result<(), Error> {
            self.change(|bytes| bytes.resize(usize::try_from(len).unwrap(), 0))
        }

        fn sync_data(&self) -> Result<(), Error> {
            self.change(|_| ())
        }

        fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
            let start = usize::try_from(offset).unwrap();
            self.change(|bytes| {
                // As a file grows by what is written behind its end.
                bytes.resize(bytes.len().max(start + data.len()), 0);
                bytes[start..start + data.len()].copy_from_slice(data);
            })
        }
    }

    #[test]
    fn a_revocation_that_found_the_disk_full_is_put_down_when_there_is_room() {
        let disk = Disk::default();
        let state = disk.state();
        state.revoke("first").unwrap();
        disk.full.store(true, Ordering::SeqCst);
        let refused = state.revoke("second").unwrap_err().to_string();
        assert!(refused.contains("the state directory cannot be written"), "{refused}");
        disk.full.store(false, Ordering::SeqCst);
        // The end is one of the times at which it is tried again.
        drop(state);
        assert_eq!(disk.state().marks.all(REVOKED), ["first", "second"]);
    }
}
