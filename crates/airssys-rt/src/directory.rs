//! Names for addresses: looked up once, and an unknown name is an error.
//!
//! *Invariant:* a name has at most one address. Sending to a name that nobody has fails with the message; it is
//! never taken and dropped.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::mailbox::Address;

/// Which name has which address.
///
/// Clones share one table.
///
/// ```
/// use std::num::NonZeroUsize;
/// use airssys_rt::{directory::Directory, mailbox::bounded};
///
/// let directory = Directory::new();
/// let (address, _mailbox) = bounded::<u8>(NonZeroUsize::MIN);
/// directory.register("acme/thumb", address)?;
/// assert!(directory.address("acme/thumb").is_ok());
/// assert!(directory.address("acme/thum").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Directory<M> {
    names: Arc<RwLock<HashMap<Arc<str>, Address<M>>>>,
}

impl<M> Directory<M> {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self { names: Arc::default() }
    }

    /// Gives `name` to `address`. A name whose mailbox is closed may be given anew.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Taken`] when the name belongs to a mailbox that is still open.
    pub fn register(&self, name: impl Into<Arc<str>>, address: Address<M>) -> Result<(), DirectoryError> {
        match self.write().entry(name.into()) {
            Entry::Occupied(entry) if !entry.get().is_gone() => {
                Err(DirectoryError::Taken { name: entry.key().to_string() })
            }
            Entry::Occupied(mut entry) => {
                entry.insert(address);
                Ok(())
            }
            Entry::Vacant(entry) => {
                entry.insert(address);
                Ok(())
            }
        }
    }

    /// The address of `name`.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Unknown`] when nobody has this name, or who had it has ended.
    pub fn address(&self, name: &str) -> Result<Address<M>, DirectoryError> {
        match self.read().get(name) {
            Some(address) if !address.is_gone() => Ok(address.clone()),
            Some(_) | None => Err(DirectoryError::Unknown { name: name.to_owned() }),
        }
    }

    /// Takes `name` out and returns its address.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Unknown`] when nobody has this name.
    pub fn remove(&self, name: &str) -> Result<Address<M>, DirectoryError> {
        self.write().remove(name).ok_or_else(|| DirectoryError::Unknown { name: name.to_owned() })
    }

    // A panic under the lock leaves the table whole: each change to it is a single call.
    fn read(&self) -> RwLockReadGuard<'_, HashMap<Arc<str>, Address<M>>> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Arc<str>, Address<M>>> {
        self.names.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M> Clone for Directory<M> {
    fn clone(&self) -> Self {
        Self { names: Arc::clone(&self.names) }
    }
}

impl<M> Default for Directory<M> {
    fn default() -> Self {
        Self::new()
    }
}

/// Why the directory could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// Nobody has this name.
    #[error("nobody is known as `{name}`: check the name, or start its owner first")]
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// The name belongs to somebody who is still there.
    #[error("the name `{name}` is taken: end its owner first, or choose another name")]
    Taken {
        /// The name that was asked for.
        name: String,
    },
}
