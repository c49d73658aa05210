//! What is written down: policies, entities and trust, read at the start and read anew when they have changed.

use crate::embed::{Config, Error};
use crate::serve::config::{ConfiguredMount, Granted};
use crate::serve::control::ControlError;
use crate::serve::system::{LiveSystem, told};
use airssys_osl::fs::Mounts;

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
    /// Reads everything anew and puts it in force: trust first, since what it takes back is taken back in any case. Both are
    /// read before either is changed.
    pub(super) async fn read_anew(&self) -> Result<String, ControlError> {
        let config = self.read_files().await?;
        let Config { policies, entities, trust, .. } = config;
        let runtime = self.runtime.clone();
        let (publishers, swapped) = (trust.publishers().count() as u64, move || {
            // Refused policies must not keep the trust from changing, nor the other way round.
            let instances = runtime.swap_trust(trust);
            let epoch = runtime.swap_policy(&policies, &entities);
            (instances, epoch)
        });
        let (instances, epoch) = blocking(swapped).await?;
        let instances = instances.map_err(|error| told::of(&error))?;
        let epoch = epoch.map_err(|error| told::of(&error))?;
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

    async fn read_files(&self) -> Result<Config, ControlError> {
        let granted = self.config.granted.clone();
        blocking(move || read_checked(&granted)).await?.map_err(|error| told::of(&error))
    }
}

/// Does what waits for the effects under way, or for files, off the executor.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ControlError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| told::failed())
}
