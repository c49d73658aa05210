//! Marks that only rise and sets that only grow, kept across restarts.

use super::disk;
use super::error::StoreError;
use super::writer::Writer;

/// Marks and sets, each known by a kind and a key of its user's choosing.
///
/// *Invariant:* what a call has returned is on disk, and no later call returns less.
#[derive(Debug, Clone)]
pub struct Marks {
    pub(super) writer: Writer,
}

impl Marks {
    /// Raises a mark to `value`, and tells the highest it ever was raised to.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when that may not be on disk.
    pub async fn raise(&self, kind: &str, key: &str, value: u64) -> Result<u64, StoreError> {
        let (kind, key) = (kind.to_owned(), key.to_owned());
        self.writer.run(move |tx, _| disk::raise(tx, &kind, &key, value), |highest, _| highest).await
    }

    /// The highest a mark ever was raised to.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the disk cannot be read.
    pub async fn highest(&self, kind: &str, key: &str) -> Result<Option<u64>, StoreError> {
        let (kind, key) = (kind.to_owned(), key.to_owned());
        self.writer.run(move |tx, _| disk::highest(tx, &kind, &key), |highest, _| highest).await
    }

    /// Puts `key` into the set `kind`, for ever.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when that may not be on disk.
    pub async fn add(&self, kind: &str, key: &str) -> Result<(), StoreError> {
        let (kind, key) = (kind.to_owned(), key.to_owned());
        self.writer.run(move |tx, _| disk::add(tx, &kind, &key), |(), _| ()).await
    }

    /// Whether `key` is in the set `kind`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the disk cannot be read.
    pub async fn contains(&self, kind: &str, key: &str) -> Result<bool, StoreError> {
        let (kind, key) = (kind.to_owned(), key.to_owned());
        self.writer.run(move |tx, _| disk::contains(tx, &kind, &key), |found, _| found).await
    }

    /// The whole set `kind`, in order.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the disk cannot be read.
    pub async fn all(&self, kind: &str) -> Result<Vec<String>, StoreError> {
        let kind = kind.to_owned();
        self.writer.run(move |tx, _| disk::all(tx, &kind), |found, _| found).await
    }
}
