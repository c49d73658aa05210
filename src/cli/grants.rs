//! Grants: what a component is given, from flags and from the configuration they name.

use super::console::{Console, shown_path};
use super::denials::{self, When};
use super::failure::Failure;
use super::files::{compiler, directory_of};
use super::inputs::{self, Trusted};
use super::{dev, harden, values};
use crate::audit::Log;
use crate::embed::Config;
use crate::identity::Trust;
use crate::kernel::Limits;
use crate::serve::config::{Granted as File, MAX_CONFIG_BYTES};
use airssys_osl::fs::MountOptions;
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a component is given. Everything is denied unless a policy permits it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Grants")]
pub(super) struct Grants {
    /// The publishers you trust, and their keys.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Policy files; give it again for more.
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
    /// Entity files in Cedar's JSON, which put resources into sets.
    #[arg(long, value_name = "FILE")]
    entities: Vec<PathBuf>,
    /// A directory and where the component sees it: `HOST`, or `HOST::GUEST`, with `:ro` to keep it unchanged.
    #[arg(long, value_name = "HOST::GUEST[:ro]", value_parser = values::dir)]
    dir: Vec<values::Dir>,
    /// A variable for the component, named by letters, digits and `_`; none is taken over from here.
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::env)]
    env: Vec<(String, String)>,
    /// A log of every verdict, continued if it exists.
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// A private directory for compiled code, made if it is not there: what was compiled once is not compiled again.
    #[arg(long, value_name = "DIR")]
    code_cache: Option<PathBuf>,
    /// A configuration that says all this and limits; flags add to it, and replace trust and audit.
    #[arg(long, value_name = "AIRSSYS.TOML")]
    config: Option<PathBuf>,
    /// Have the system hold this process to what the policies could ever grant (Linux 6.7: Landlock, seccomp).
    #[arg(long)]
    harden: bool,
    /// Sign in memory with your development key and trust only that.
    #[arg(long, conflicts_with = "trust")]
    dev: bool,
    /// When to show denials on standard error: on a terminal (auto), always, never.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    denials: When,
}

/// Everything that a runtime needs, and the component for it.
pub(super) struct Given {
    /// The runtime's configuration.
    pub(super) config: Config,
    /// The component, signed.
    pub(super) component: Vec<u8>,
    /// The log, to be closed at the end.
    pub(super) log: Option<Arc<Log>>,
}

impl Grants {
    /// Reads everything that is named and puts it together.
    pub(super) fn read(self, console: Console, component: &Path) -> Result<Given, Failure> {
        let file = self.file()?;
        let (component, trusted) = self.identity(console, &file, component)?;
        let config = Config::new()
            .compiler(compiler()?)
            .limits(Limits::default().replaced_by(&file.limits))
            .inherit_stdio()
            .trust(trusted.trust);
        let config = trusted.files.iter().chain(&self.config).fold(config, Config::protect);
        let config = self.surroundings(&file, self.sources(&file, config)?);
        let config = match denials::teller(console, self.denials) {
            Some(tell) => config.on_denied(tell),
            None => config,
        };
        let config = match denials::limit_teller(console, self.denials) {
            Some(tell) => config.on_exceeded(tell),
            None => config,
        };
        let config = match self.code_cache.as_ref().or(file.code_cache.as_ref()) {
            Some(directory) => config.code_cache(directory),
            None => config,
        };
        let config = self.held(&file, config)?;
        let (config, log) = self.log(&file, config)?;
        Ok(Given { config, component, log })
    }

    /// The component's bytes, and whom to trust for them: nobody unless it was said.
    fn identity(
        &self,
        console: Console,
        file: &File,
        component: &Path,
    ) -> Result<(Vec<u8>, Trusted), Failure> {
        let bytes = inputs::component(component)?;
        if self.dev {
            if file.trust.is_some() {
                console.note("the trust file of the configuration is not used in a development run");
            }
            let signed = dev::sign(console, component, &bytes)?;
            return Ok((signed.component, signed.trusted));
        }
        let nobody = || Trusted { trust: Trust::default(), files: Vec::new() };
        let named = self.trust.as_ref().or(file.trust.as_ref());
        let trusted = named.map(|path| inputs::trust(path)).transpose()?.unwrap_or_else(nobody);
        Ok((bytes, trusted))
    }

    fn file(&self) -> Result<File, Failure> {
        self.config.as_deref().map_or_else(|| Ok(File::default()), configuration)
    }

    fn sources(&self, file: &File, mut config: Config) -> Result<Config, Failure> {
        for path in file.policies.iter().chain(&self.policies) {
            config = config.policy(shown_path(path), inputs::text("policy file", path)?).protect(path);
        }
        for path in file.entities.iter().chain(&self.entities) {
            config = config.entities(shown_path(path), inputs::text("entities file", path)?).protect(path);
        }
        Ok(config)
    }

    fn surroundings(&self, file: &File, mut config: Config) -> Config {
        for mount in &file.mounts {
            config = config.mount(mount.spec());
        }
        for dir in &self.dir {
            config = config.mount(dir.spec(MountOptions::default()));
        }
        for (name, value) in &file.env {
            config = config.env(name, value);
        }
        for (name, value) in &self.env {
            config = config.env(name, value);
        }
        config
    }

    /// Held to it, if it was said, before the first thread is made; the log makes one.
    fn held(&self, file: &File, config: Config) -> Result<Config, Failure> {
        if !self.harden {
            return Ok(config);
        }
        let (config, mut needs) = config.hardened()?;
        let log = self.audit.as_ref().or(file.audit.as_ref());
        needs.write.extend(log.map(|log| directory_of(log).to_path_buf()));
        harden::hold(&needs)?;
        Ok(config)
    }

    fn log(&self, file: &File, config: Config) -> Result<(Config, Option<Arc<Log>>), Failure> {
        let Some(path) = self.audit.as_ref().or(file.audit.as_ref()) else { return Ok((config, None)) };
        let log = Log::open_file(path).map(Arc::new).map_err(|error| inputs::bad_audit(&error))?;
        Ok((config.audit(Arc::clone(&log)).protect(path), Some(log)))
    }
}

/// The configuration of that name.
pub(super) fn configuration(path: &Path) -> Result<File, Failure> {
    let text = inputs::bounded_text("configuration", path, MAX_CONFIG_BYTES)?;
    File::parse(&text, path, directory_of(path)).map_err(|error| Failure::own(*error))
}
