//! Files that change beneath the system: what is written down is read anew, and a new version of a component that is put into
//! the watched directory takes its place.
//!
//! A version from the directory is asked about with itself as principal, and verified like any other.

use crate::embed::{ComponentRuntime, ComponentSource, Error};
use crate::identity::{self, MAX_COMPONENT_BYTES};
use crate::serve::config::SystemConfig;
use crate::serve::control::{Code, ControlError};
use crate::serve::run::System;
use crate::serve::system::written::blocking;
use crate::serve::system::{LiveSystem, Sources, told};
use crate::serve::text::printable;
use airssys_osl::host_files::{self, HostFileError};
use airssys_osl::host_watch::{HostWatch, WatchedFiles};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use tokio::sync::Mutex;

/// What came of a change.
type Outcome = Result<String, ControlError>;

/// What is watched, and which of it is written down.
pub(super) struct Watched {
    /// Had by whoever waits for a change.
    watch: Mutex<HostWatch>,
    files: WatchedFiles,
    written: RwLock<Vec<PathBuf>>,
}

impl Watched {
    /// Watches these files, and the directory of components if there is one. `path` is the configuration's own.
    pub(super) fn new(config: &SystemConfig, path: &Path, written: Vec<PathBuf>) -> Result<Watched, Error> {
        if let Some(directory) = config.serve.watch.as_ref().filter(|one| !host_files::is_dir_ambient(one)) {
            let shown = |path: &Path| printable(&path.display().to_string());
            return Err(Error::Config(format!(
                "`watch` under `[serve]` in `{}` names `{}`, and there is no such directory: make it, or remove the key",
                shown(path),
                shown(directory)
            )));
        }
        let paths: Vec<_> = written.iter().chain(&config.serve.watch).cloned().collect();
        let watch = HostWatch::new_ambient(&paths)?;
        Ok(Watched { files: watch.files(), watch: Mutex::new(watch), written: RwLock::new(written) })
    }

    /// Whether those are the files that are watched already. If not they are from now on, and what was read of them before may
    /// be older than that.
    pub(super) fn are(&self, written: &[PathBuf]) -> bool {
        let mut known = self.written.write().unwrap_or_else(PoisonError::into_inner);
        if *known == written {
            return true;
        }
        written.clone_into(&mut known);
        self.files.set_ambient(written.to_owned());
        false
    }

    fn is_written(&self, path: &PathBuf) -> bool {
        self.written.read().unwrap_or_else(PoisonError::into_inner).contains(path)
    }
}

impl LiveSystem {
    /// Waits for the next change, acts on it, and says what came of it.
    pub(super) async fn change(&self) -> Vec<Outcome> {
        let changed = self.watched.watch.lock().await.changed().await;
        let (written, others): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(|path| self.watched.is_written(path));
        let directory = self.config.serve.watch.as_deref();
        // What is neither was written down until a moment ago.
        let components = others.into_iter().filter(|path| directory.is_some() && path.parent() == directory);
        let mut outcomes = Vec::new();
        if !written.is_empty() {
            outcomes.push(self.reload_written().await);
        }
        for path in components {
            outcomes.extend(self.replace_by(path).await);
        }
        outcomes
    }

    /// Puts the component in that file in the place of the one of its name. None where there is nothing to do.
    async fn replace_by(&self, path: PathBuf) -> Option<Outcome> {
        let shown = printable(&path.display().to_string());
        let read = blocking(move || host_files::read_ambient(&path, MAX_COMPONENT_BYTES as u64)).await;
        let replaced = match read {
            Ok(Ok(bytes)) => self.replaced(bytes).await,
            // Who takes a file away takes nothing back.
            Ok(Err(HostFileError::Read { source, .. })) if source.kind() == std::io::ErrorKind::NotFound => {
                return None;
            }
            Ok(Err(error)) => return Some(Err(told::of(&error.into()))),
            Err(error) => return Some(Err(error)),
        };
        let refused = |error: Error| {
            let error = told::of(&error);
            ControlError::new(Code::Refused, format!("`{shown}`: {}", error.message), error.help)
        };
        replaced.map_err(refused).transpose()
    }

    async fn replaced(&self, bytes: Vec<u8>) -> Result<Option<String>, Error> {
        let claims = identity::claims(&bytes)?;
        let named = self.runtime.named(&claims.manifest.principal_name())?;
        if named.status().digest == claims.digest {
            return Ok(None);
        }
        let done = self.runtime.reload_asked(named.name(), ComponentSource::Bytes(bytes), None).await?;
        let ((_, from), (_, to)) = (done.from, done.to);
        Ok(Some(format!("`{}`: release {to} runs in place of {from}", named.name())))
    }
}

/// Of each component the file in the directory that holds what ran last under its name, where that is a later release than
/// the component's own file holds, and is trusted. What was refused here is not among them.
pub(super) fn installed(runtime: &ComponentRuntime, config: &SystemConfig) -> Result<Sources, Error> {
    let mut found = Sources::new();
    let Some(directory) = &config.serve.watch else { return Ok(found) };
    for path in host_files::list_ambient(directory)? {
        let Ok(bytes) = host_files::read_ambient(&path, MAX_COMPONENT_BYTES as u64) else { continue };
        let Ok(claims) = identity::claims(&bytes) else { continue };
        let (name, release) = (claims.manifest.principal_name(), claims.manifest.component.release);
        let component = config.components.iter().find(|component| component.name.to_string() == name);
        let later = component.is_some_and(|component| own_release(&component.file) < Some(release));
        if later && runtime.ran_last(&name, release) && runtime.is_trusted(bytes.clone()) {
            found.insert(name, ComponentSource::Bytes(bytes));
        }
    }
    Ok(found)
}

/// The release that a file claims to be; none where it is no component.
fn own_release(file: &Path) -> Option<u64> {
    let bytes = host_files::read_ambient(file, MAX_COMPONENT_BYTES as u64).ok()?;
    Some(identity::claims(&bytes).ok()?.manifest.component.release)
}
