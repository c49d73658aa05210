//! Marks that only go up, and sets that only grow, across restarts.
//!
//! *Invariant:* what [`Marks::raise`] or [`Marks::add`] said `Ok` to is on disk, and no call takes it back. So a
//! restart cannot be used to install an older release, to trust a revoked key, or to turn back the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, RwLock};

use redb::{ReadableTable, ReadableTableMetadata};
use thiserror::Error;

use super::batch::Batch;
use super::disk::Tables;
use super::error::StoreError;
use super::store::{Link, whole};

/// Marks and members that a store holds, each. They never become fewer, so a bound is all that keeps them small.
const MOST: u64 = 100_000;
/// Bytes of a kind and a key together.
const KEY_BYTES: usize = 2048;

/// Why a mark is not set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RaiseError {
    /// There are too many to take a new one. Those that exist can still be raised.
    #[error("the store holds {MOST} marks of this sort and takes no new one")]
    Full,
    /// The kind and the key are too long.
    #[error("a mark's kind and key have {KEY_BYTES} bytes at most")]
    TooLong,
    /// The store failed. Whether the mark is set is not known.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The marks of a store: numbers that only go up, and sets that only grow.
///
/// Reading takes no look at the disk: it answers by the last commit.
#[derive(Clone)]
pub struct Marks {
    link: Arc<Link>,
    mirror: Arc<Mirror>,
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Marks").finish_non_exhaustive()
    }
}

impl Marks {
    pub(super) fn new(link: Arc<Link>, mirror: Arc<Mirror>) -> Self {
        Self { link, mirror }
    }

    /// Raises the mark to `value` unless it is as high already, and says how high it is now, on disk.
    ///
    /// # Errors
    ///
    /// [`RaiseError`]: it may be as it was. Do not go on as if it were raised.
    pub async fn raise(&self, kind: &str, key: &str, value: u64) -> Result<u64, RaiseError> {
        let (kind, key) = owned(kind, key)?;
        self.link.ask(move |batch| batch.raise(kind, key, value)).await?
    }

    /// [`Marks::raise`] for a thread that may block.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn raise_blocking(&self, kind: &str, key: &str, value: u64) -> Result<u64, RaiseError> {
        let (kind, key) = owned(kind, key)?;
        self.link.ask_blocking(move |batch| batch.raise(kind, key, value))?
    }

    /// The highest value that the mark ever had, if it was ever set.
    #[must_use]
    pub fn highest(&self, kind: &str, key: &str) -> Option<u64> {
        whole(self.mirror.0.read()).highest.get(kind)?.get(key).copied()
    }

    /// Adds `key` to the set, and says whether it is new there, once it is on disk.
    ///
    /// # Errors
    ///
    /// [`RaiseError`]: it may not be there. Do not go on as if it were.
    pub async fn add(&self, kind: &str, key: &str) -> Result<bool, RaiseError> {
        let (kind, key) = owned(kind, key)?;
        self.link.ask(move |batch| batch.add(kind, key)).await?
    }

    /// [`Marks::add`] for a thread that may block.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn add_blocking(&self, kind: &str, key: &str) -> Result<bool, RaiseError> {
        let (kind, key) = owned(kind, key)?;
        self.link.ask_blocking(move |batch| batch.add(kind, key))?
    }

    /// Whether the set has `key`.
    #[must_use]
    pub fn contains(&self, kind: &str, key: &str) -> bool {
        whole(self.mirror.0.read()).members.get(kind).is_some_and(|keys| keys.contains(key))
    }

    /// All that the set has, in order.
    #[must_use]
    pub fn all(&self, kind: &str) -> Vec<String> {
        let known = whole(self.mirror.0.read());
        known.members.get(kind).map(|keys| keys.iter().cloned().collect()).unwrap_or_default()
    }
}

fn owned(kind: &str, key: &str) -> Result<(String, String), RaiseError> {
    if kind.len().saturating_add(key.len()) > KEY_BYTES {
        return Err(RaiseError::TooLong);
    }
    Ok((kind.to_owned(), key.to_owned()))
}

/// A mark that was set in a batch.
pub(super) enum Change {
    Raised(String, String, u64),
    Added(String, String),
}

/// What of the marks is on disk, for those who read.
#[derive(Default)]
pub(super) struct Mirror(RwLock<Known>);

#[derive(Default)]
struct Known {
    highest: BTreeMap<String, BTreeMap<String, u64>>,
    members: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Raised(kind, key, value) => {
                let known = self.highest.entry(kind).or_default().entry(key).or_default();
                *known = value.max(*known);
            }
            Change::Added(kind, key) => {
                self.members.entry(kind).or_default().insert(key);
            }
        }
    }
}

impl Mirror {
    pub(super) fn apply(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let mut known = whole(self.0.write());
        changes.into_iter().for_each(|change| known.apply(change));
    }

    /// Takes what the disk says. What it held already it keeps: that was on disk too.
    pub(super) fn reload(&self, tables: &Tables<'_>) -> Result<(), StoreError> {
        let mut found = Vec::new();
        for row in tables.highest.iter()? {
            let (mark, value) = row?;
            let (kind, key) = mark.value();
            found.push(Change::Raised(kind.to_owned(), key.to_owned(), value.value()));
        }
        for row in tables.members.iter()? {
            let (member, ()) = row.map(|(member, _)| (member, ()))?;
            let (kind, key) = member.value();
            found.push(Change::Added(kind.to_owned(), key.to_owned()));
        }
        self.apply(found);
        Ok(())
    }
}

impl Batch<'_, '_> {
    fn raise(
        &mut self,
        kind: String,
        key: String,
        value: u64,
    ) -> Result<Result<u64, RaiseError>, StoreError> {
        let name = (kind.as_str(), key.as_str());
        let highest = &mut self.tables.highest;
        let before = highest.get(name)?.map(|before| before.value());
        if let Some(before) = before
            && before >= value
        {
            return Ok(Ok(before));
        }
        if before.is_none() && highest.len()? >= MOST {
            return Ok(Err(RaiseError::Full));
        }
        highest.insert(name, value)?;
        self.after.dirty = true;
        self.after.marks.push(Change::Raised(kind, key, value));
        Ok(Ok(value))
    }

    fn add(&mut self, kind: String, key: String) -> Result<Result<bool, RaiseError>, StoreError> {
        let name = (kind.as_str(), key.as_str());
        let members = &mut self.tables.members;
        if members.get(name)?.is_some() {
            return Ok(Ok(false));
        }
        if members.len()? >= MOST {
            return Ok(Err(RaiseError::Full));
        }
        members.insert(name, ())?;
        self.after.dirty = true;
        self.after.marks.push(Change::Added(kind, key));
        Ok(Ok(true))
    }
}
