//! The code cache: compiled code on disk, so that what was compiled once is not compiled at every start.
//!
//! *Invariant:* the cache makes nothing trusted. Whoever asks has just verified the component's file; an entry is used only if
//! its seal says that this installation compiled that very file with these settings, and otherwise the file is compiled anew.

use crate::identity::SealKey;
use crate::kernel::authentic::{AuthenticCode, Sealed, sealed};
use crate::kernel::{Engine, EngineError};
use airssys_osl::host_private::PrivateDir;
use std::path::Path;
use wasmtime::component::Component;

/// The file with the installation's key.
const KEY: &str = "key";

/// Most bytes of one entry.
const MOST_ENTRY: u64 = 512 << 20;

/// Most bytes of all entries together, unless something else is said.
pub const CODE_CACHE_BYTES: u64 = 1 << 30;

/// A directory with compiled code.
pub struct CodeCache {
    dir: PrivateDir,
    key: SealKey,
    most: u64,
}

/// What the cache knows of a component.
pub(in crate::kernel) enum Found {
    /// Nothing.
    Nothing,
    /// Its code.
    Code(Component),
    /// An entry that is none of this installation's, or damaged; in words, why.
    Foreign(String),
}

impl CodeCache {
    /// Opens the cache in a directory, which is made, private, if it is not there; it holds at most so many bytes of code.
    ///
    /// # Errors
    /// [`EngineError::Cache`] when the directory or the key in it is not this user's alone, or cannot be had.
    pub fn open(directory: &Path, most: u64) -> Result<CodeCache, EngineError> {
        let wrong = |error: &dyn std::fmt::Display| EngineError::Cache(error.to_string());
        let dir = PrivateDir::open_ambient(directory).map_err(|error| wrong(&error))?;
        let read = || dir.read(KEY, crate::identity::SEAL_BYTES as u64).map_err(|error| wrong(&error));
        let kept = match read()? {
            Some(kept) => kept,
            None => {
                let fresh = SealKey::generate().map_err(|error| wrong(&error))?;
                // Of two processes at once one is first; both go by what is there then.
                dir.put_new(KEY, fresh.bytes()).map_err(|error| wrong(&error))?;
                read()?.unwrap_or_default()
            }
        };
        let of_another_length = || {
            let path = directory.join(KEY);
            EngineError::Cache(format!(
                "`{}` is no key: remove it, and what was compiled is compiled anew",
                path.display()
            ))
        };
        let key = SealKey::from_bytes(&kept).ok_or_else(of_another_length)?;
        Ok(CodeCache { dir, key, most })
    }

    /// The code of the component file with that SHA-256.
    pub(in crate::kernel) fn find(&self, engine: &Engine, digest: &str) -> Found {
        let origin = Sealed::new(engine, digest);
        let name = origin.name();
        let entry = match self.dir.read(&name, MOST_ENTRY) {
            Ok(Some(entry)) => entry,
            Ok(None) => return Found::Nothing,
            Err(error) => return Found::Foreign(error.to_string()),
        };
        let code = match AuthenticCode::open(&self.key, &origin, &entry) {
            Ok(code) => code,
            Err(why) => return Found::Foreign(why.to_owned()),
        };
        match code.component(engine) {
            Ok(component) => {
                self.dir.used(&name);
                Found::Code(component)
            }
            Err(error) => Found::Foreign(error.to_string()),
        }
    }

    /// Keeps the code of the component file with that SHA-256, in place of what was not used for the longest. What cannot be
    /// kept is compiled again next time.
    pub(in crate::kernel) fn keep(&self, engine: &Engine, digest: &str, component: &Component) {
        if let Err(error) = self.try_keep(engine, digest, component) {
            tracing::warn!(component = digest, "its code was not kept: {error}");
        }
    }

    fn try_keep(&self, engine: &Engine, digest: &str, component: &Component) -> Result<(), String> {
        let origin = Sealed::new(engine, digest);
        let code = component.serialize().map_err(|error| error.to_string())?;
        let entry = sealed(&self.key, &origin, &code).ok_or("it could not be sealed")?;
        if entry.len() as u64 > self.most.min(MOST_ENTRY) {
            return Err(format!("it has {} bytes, more than the cache may have", entry.len()));
        }
        self.dir.put(&origin.name(), &entry).map_err(|error| error.to_string())?;
        self.make_room(&origin.name())
    }

    /// Removes what was not used for the longest until the rest is as small as it must be, but not that entry.
    fn make_room(&self, but: &str) -> Result<(), String> {
        let mut files = self.dir.files().map_err(|error| error.to_string())?;
        files.retain(|file| file.name != KEY);
        let mut held: u64 = files.iter().map(|file| file.bytes).sum();
        for file in files.iter().filter(|file| file.name != but) {
            if held <= self.most {
                break;
            }
            self.dir.remove(&file.name).map_err(|error| error.to_string())?;
            held = held.saturating_sub(file.bytes);
        }
        Ok(())
    }
}

impl std::fmt::Debug for CodeCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CodeCache").field("dir", &self.dir).finish_non_exhaustive()
    }
}
