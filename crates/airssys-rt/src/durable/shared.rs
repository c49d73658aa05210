//! The backend as redb gets it: it can be opened again, and is not touched before it was opened.

use std::fmt;
use std::io::{Error, ErrorKind};
use std::ops::Bound;
use std::sync::{Arc, RwLock};

use redb::{BackendError, StorageBackend};

use super::error::StoreError;
use super::store::whole;

/// A backend that can be opened again after redb gave up on it, and that holds back what is written meanwhile.
///
/// redb refuses all work after the first failed write. The bytes are then read again, from the same backend.
#[derive(Clone)]
pub(super) struct Shared {
    backend: Arc<dyn StorageBackend>,
    held: Arc<RwLock<Option<Held>>>,
}

/// What was written and is not to be seen by anybody else yet, in order.
struct Held {
    changes: Vec<Change>,
    len: u64,
    /// How much of the backend's own bytes is still to be seen.
    own: u64,
}

enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
    Sync,
}

impl Shared {
    pub(super) fn new(backend: impl StorageBackend) -> Self {
        Self { backend: Arc::new(backend), held: Arc::default() }
    }

    /// From now on nothing reaches the backend.
    pub(super) fn hold_back(&self) -> Result<(), StoreError> {
        let len = self.backend.len().map_err(|error| StoreError::Disk(error.to_string()))?;
        *whole(self.held.write()) = Some(Held { changes: Vec::new(), len, own: len });
        Ok(())
    }

    /// Does what was held back, in its order and with its syncs, so that a crash finds what it would have found.
    pub(super) fn let_through(&self) -> Result<(), StoreError> {
        let mut held = whole(self.held.write());
        for change in held.iter().flat_map(|held| &held.changes) {
            let done = match change {
                Change::Write(offset, data) => self.backend.write(*offset, data),
                Change::Length(len) => self.backend.set_len(*len),
                Change::Sync => self.backend.sync_data(),
            };
            done.map_err(|error| StoreError::Disk(error.to_string()))?;
        }
        *held = None;
        Ok(())
    }

    /// Does not do it.
    pub(super) fn forget(&self) {
        *whole(self.held.write()) = None;
    }

    /// Keeps the change while changes are held back; does it otherwise.
    fn change(&self, change: Change, now: impl FnOnce(&dyn StorageBackend) -> Io<()>) -> Io<()> {
        if let Some(held) = whole(self.held.write()).as_mut() {
            held.take(change);
            return Ok(());
        }
        now(&*self.backend)
    }
}

impl Held {
    fn take(&mut self, change: Change) {
        if let Change::Length(len) = change {
            self.len = len;
            self.own = self.own.min(len);
        }
        self.changes.push(change);
    }

    fn read(&self, backend: &dyn StorageBackend, offset: u64, out: &mut [u8]) -> Io<()> {
        let size = u64::try_from(out.len()).unwrap_or(u64::MAX);
        if offset.checked_add(size).is_none_or(|end| end > self.len) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        out.fill(0);
        let own = usize::try_from(self.own.saturating_sub(offset).min(size)).unwrap_or(0);
        if let Some(own) = out.get_mut(..own).filter(|own| !own.is_empty()) {
            backend.read(offset, own)?;
        }
        for change in &self.changes {
            match change {
                Change::Write(at, data) => overlay(out, offset, *at, data),
                Change::Length(len) => clear_from(out, offset, *len),
                Change::Sync => {}
            }
        }
        Ok(())
    }
}

/// Copies into `out`, which begins at `offset`, what of `data`, which begins at `at`, falls there.
fn overlay(out: &mut [u8], offset: u64, at: u64, data: &[u8]) {
    let skip = |by: u64| usize::try_from(by).unwrap_or(usize::MAX);
    let out = out.get_mut(skip(at.saturating_sub(offset))..).unwrap_or_default();
    let data = data.get(skip(offset.saturating_sub(at))..).unwrap_or_default();
    out.iter_mut().zip(data).for_each(|(out, byte)| *out = *byte);
}

/// What was cut off is zero when it grows again.
fn clear_from(out: &mut [u8], offset: u64, len: u64) {
    let kept = usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX);
    out.get_mut(kept..).unwrap_or_default().fill(0);
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.backend.fmt(f)
    }
}

type Io<T> = Result<T, Error>;

impl StorageBackend for Shared {
    fn len(&self) -> Io<u64> {
        let mut held = whole(self.held.write());
        let Some(held) = held.as_mut() else { return self.backend.len() };
        if held.changes.is_empty() {
            // redb asks once it has the lock: until then somebody else may have written.
            let len = self.backend.len()?;
            (held.len, held.own) = (len, len);
        }
        Ok(held.len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Io<()> {
        match whole(self.held.read()).as_ref() {
            Some(held) => held.read(&*self.backend, offset, out),
            None => self.backend.read(offset, out),
        }
    }

    fn set_len(&self, len: u64) -> Io<()> {
        self.change(Change::Length(len), |backend| backend.set_len(len))
    }

    fn sync_data(&self) -> Io<()> {
        self.change(Change::Sync, |backend| backend.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Io<()> {
        if let Some(held) = whole(self.held.write()).as_mut() {
            held.take(Change::Write(offset, data.to_vec()));
            return Ok(());
        }
        self.backend.write(offset, data)
    }

    fn close(&self) -> Io<()> {
        self.backend.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.query_lock_range(start, end)
    }
}
