//! Hardening: what the host process needs of the system, as the configuration and the policies have it, and policies that would
//! need more.

use crate::embed::{Config, Error};
use crate::policy::{Policies, Reach};
use airssys_osl::GuestPath;
use airssys_osl::host_files::{create_dir_all_ambient, exists_ambient};
use airssys_osl::host_harden::{HostNeeds, code_ambient, surroundings_ambient};

/// What a process is held to, in the words of policies.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    reach: Reach,
    mounts: Vec<GuestPath>,
}

impl Held {
    /// Refuses policies that could grant what the process cannot do any more.
    ///
    /// # Errors
    /// [`Error::Config`], with what is more.
    pub(in crate::embed) fn allows(&self, policies: &Policies) -> Result<(), Error> {
        let (old, new) = (&self.reach, policies.reach());
        let more = |what: &str| {
            let why = "the process is held to what the policies could grant when it began";
            Err(Error::Config(format!("{why}, and these could grant {what}: start it anew with them")))
        };
        for mount in &self.mounts {
            if new.writes(mount) && !old.writes(mount) {
                return more(&format!("changes in `{mount}`"));
            }
            if new.reads(mount) && !old.reads(mount) {
                return more(&format!("reading in `{mount}`"));
            }
        }
        match () {
            () if !old.connect.cover(&new.connect) => more("connections to other ports"),
            () if !old.bind.cover(&new.bind) => more("other ports of its own"),
            () if new.datagrams && !old.datagrams => more("datagrams"),
            () if new.names && !old.names => more("looking names up"),
            () => Ok(()),
        }
    }
}

impl Config {
    /// What the process needs of the system for all that these policies could ever grant, and the same configuration, under
    /// which no policies come into force that would need more. The needs of whoever embeds it come on top.
    ///
    /// # Errors
    /// [`Error::Policy`]; [`Error::HostFile`] when a directory of the configuration cannot be made.
    pub fn hardened(mut self) -> Result<(Config, HostNeeds), Error> {
        let words = super::runtime::words(&self)?;
        let reach = Policies::load_over(&words, &self.policies, &self.entities)?.reach();
        let mut needs = HostNeeds {
            read: surroundings_ambient(reach.names),
            execute: code_ambient(),
            connect: reach.connect.clone(),
            bind: reach.bind.clone(),
            datagrams: reach.datagrams,
            names: reach.names,
            ..HostNeeds::default()
        };
        for mount in &self.mounts {
            if !mount.read_only && reach.writes(&mount.guest) {
                needs.write.insert(mount.host.clone());
            } else if reach.reads(&mount.guest) {
                needs.read.insert(mount.host.clone());
            }
        }
        needs.read.extend(self.protected.iter().filter(|path| exists_ambient(path)).cloned());
        for directory in self.state.iter().chain(&self.code_cache) {
            create_dir_all_ambient(directory)?;
            needs.write.insert(directory.clone());
        }
        needs.write.insert("/dev/null".into());
        let mounts = self.mounts.iter().map(|mount| mount.guest.clone()).collect();
        self.held = Some(Held { reach, mounts });
        Ok((self, needs))
    }
}
