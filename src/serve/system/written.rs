//! What is written down: policies, entities and trust, read at the start and read anew when they have changed.

use crate::embed::{Config, Error};
use crate::serve::config::{ConfiguredMount, Granted};
use crate::serve::control::{Code, ControlError};
use crate::serve::system::{LiveSystem, told};
use airssys_osl::fs::Mounts;
use std::sync::Arc;

/// How often the files are read when each time others are named in them.
const ATTEMPTS: usize = 8;

/// The files that the configuration names, read.
pub(super) fn read(granted: &Granted) -> Result<Config, Error> {
    let mut config = Config::new();
    for path in &granted.policies {
        config = config.policy_file(path)?;
    }
    for path in &granted.entities {
        config = config.entities_file(path)?;
    }
    match &granted.trust {
        Some(path) => config.trust_file(path),
        None => Ok(config),
    }
}

/// The same where components run already: no mount may lead to a file that is read now, such as another key's.
fn read_checked(granted: &Granted) -> Result<Config, Error> {
    let config = read(granted)?;
    let mounts = granted.mounts.iter().map(ConfiguredMount::spec).collect();
    Mounts::open_ambient(mounts, &config.protected)?;
    Ok(config)
}

/// What became of trust.
pub(super) struct Trusted {
    pub(super) publishers: u64,
    pub(super) instances: u64,
}

impl LiveSystem {
    /// Reads everything anew and puts it in force: trust first, since what it takes back is taken back whether or not the
    /// rest can be recorded. All is read, and found to be right, before anything is changed.
    pub(super) async fn read_anew(&self) -> Result<String, ControlError> {
        let Config { policies, entities, trust, .. } = self.read_files().await?;
        let runtime = self.runtime.clone();
        let publishers = trust.publishers().count();
        let swapped = move || {
            let policies = runtime.read_policies(&policies, &entities).map_err(|error| told::of(&error))?;
            let instances = runtime.swap_trust(trust).map_err(|error| told::of(&error))?;
            let epoch = runtime.put_in_force(policies).map_err(|error| {
                let told = told::of(&error);
                let message = format!("the trust is the new one, the policies are not: {}", told.message);
                ControlError::new(told.code, message, told.help)
            })?;
            Ok::<_, ControlError>((instances, epoch))
        };
        let (instances, epoch) = blocking(swapped).await??;
        Ok(format!(
            "policies are those of epoch {epoch}; {publishers} publishers are trusted, {instances} instances lost their permissions"
        ))
    }

    /// Reads the trust file alone anew.
    pub(super) async fn read_trust_anew(&self) -> Result<Trusted, ControlError> {
        let trust = self.read_files().await?.trust;
        let (publishers, runtime) = (trust.publishers().count() as u64, self.runtime.clone());
        let instances = blocking(move || runtime.swap_trust(trust)).await?;
        let instances = instances.map_err(|error| told::of(&error))? as u64;
        Ok(Trusted { publishers, instances })
    }

    /// Reads them, and watches from before that whatever they name by now: a trust file may name other keys than before.
    async fn read_files(&self) -> Result<Config, ControlError> {
        for _ in 0..ATTEMPTS {
            let (granted, watched) = (self.config.granted.clone(), Arc::clone(&self.watched));
            let read = move || read_checked(&granted).map(|config| (watched.are(&config.protected), config));
            let (were_watched, config) = blocking(read).await?.map_err(|error| told::of(&error))?;
            if were_watched {
                return Ok(config);
            }
        }
        let message = "the trust file names other keys each time it is read";
        Err(ControlError::new(Code::Internal, message, "leave it as it is for a moment, and try again"))
    }
}

/// Does what waits for the effects under way, or for files, off the executor.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ControlError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| told::failed())
}
