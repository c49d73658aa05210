//! What a runtime is made of. The default grants nothing.

use crate::audit::Log;
use crate::embed::Error;
use crate::embed::hardening::Held;
use crate::embed::recorder::{OnDenied, OnExceeded, Watched};
use crate::host::custom::{HostInterface, Offer};
use crate::identity::{self, Trust};
use crate::kernel::{Compiler, LimitExceeded, Limits};
use crate::policy::Source;
use airssys_osl::fs::MountSpec;
use airssys_osl::{Denied, Subject, host_files, stdio};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The longest policy, entity, trust or key file that is read, bytes.
const MAX_TEXT_BYTES: u64 = 16 << 20;

/// The configuration of a [`ComponentRuntime`](crate::embed::ComponentRuntime).
///
/// Starts closed: nobody is trusted, nothing is permitted, nothing is mounted, the environment is empty, the
/// standard streams lead nowhere.
///
/// ```
/// use airssys_wasm::embed::{ComponentRuntime, Config};
/// let runtime = ComponentRuntime::new(Config::new())?; // trusts nobody, so it loads nothing
/// # Ok::<(), airssys_wasm::embed::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Config {
    pub(crate) trust: Trust,
    pub(crate) policies: Vec<Source>,
    pub(crate) entities: Vec<Source>,
    pub(crate) audit: Option<Arc<Log>>,
    pub(crate) mounts: Vec<MountSpec>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) arguments: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) background_threads: Option<NonZeroUsize>,
    pub(crate) stdin: stdio::Source,
    pub(crate) stdout: stdio::Sink,
    pub(crate) stderr: stdio::Sink,
    pub(crate) on_denied: Option<OnDenied>,
    pub(crate) on_exceeded: Option<OnExceeded>,
    pub(crate) protected: Vec<PathBuf>,
    pub(crate) code_cache: Option<PathBuf>,
    pub(crate) compiler: Compiler,
    pub(crate) held: Option<Held>,
    pub(crate) interfaces: Vec<Arc<dyn Offer>>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) watched: Option<Watched>,
    pub(crate) own_limits: BTreeMap<String, identity::Limits>,
    pub(crate) operators: BTreeMap<u32, Vec<String>>,
}

impl Config {
    /// A configuration that grants nothing.
    pub fn new() -> Config {
        Config::default()
    }

    /// Trusts whom `trust` names, and nobody else.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Config {
        self.trust = trust;
        self
    }

    /// Trusts whom a trust file names; key files in it are relative to its directory.
    ///
    /// # Errors
    /// [`Error::HostFile`] or [`Error::Identity`] with the place.
    pub fn trust_file(self, path: impl AsRef<Path>) -> Result<Config, Error> {
        let path = path.as_ref();
        let text = read_text(path)?;
        let beside = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let read = std::cell::RefCell::new(vec![path.to_path_buf()]);
        let read_key = |name: &str| {
            let key = beside.join(name);
            read.borrow_mut().push(key.clone());
            host_files::read_to_string_ambient(&key, MAX_TEXT_BYTES).map_err(std::io::Error::other)
        };
        let trust = Trust::parse(&text, &path.display().to_string(), &read_key)?;
        Ok(read.into_inner().into_iter().fold(self.trust(trust), Config::protect))
    }

    /// Adds policies by name and text.
    #[must_use]
    pub fn policy(mut self, name: impl Into<String>, text: impl Into<String>) -> Config {
        self.policies.push(Source::new(name, text));
        self
    }

    /// Adds a policy file.
    ///
    /// # Errors
    /// [`Error::HostFile`]. What is wrong inside it is told by [`ComponentRuntime::new`](crate::embed::ComponentRuntime::new).
    pub fn policy_file(self, path: impl AsRef<Path>) -> Result<Config, Error> {
        let path = path.as_ref();
        let text = read_text(path)?;
        Ok(self.policy(path.display().to_string(), text).protect(path.to_path_buf()))
    }

    /// Adds resource entities by name and JSON text.
    #[must_use]
    pub fn entities(mut self, name: impl Into<String>, text: impl Into<String>) -> Config {
        self.entities.push(Source::new(name, text));
        self
    }

    /// Adds a file of resource entities in JSON.
    ///
    /// # Errors
    /// [`Error::HostFile`].
    pub fn entities_file(self, path: impl AsRef<Path>) -> Result<Config, Error> {
        let path = path.as_ref();
        let text = read_text(path)?;
        Ok(self.entities(path.display().to_string(), text).protect(path.to_path_buf()))
    }

    /// Offers an interface of the host's own to the components.
    #[must_use]
    pub fn host_interface<S: Send + Sync + 'static>(mut self, interface: HostInterface<S>) -> Config {
        self.interfaces.push(Arc::new(interface));
        self
    }

    /// Records into `log`. Without one, records go to `tracing` alone.
    #[must_use]
    pub fn audit(mut self, log: Arc<Log>) -> Config {
        self.audit = Some(log);
        self
    }

    /// Records into a file, continuing its chain; the file is locked.
    ///
    /// # Errors
    /// [`Error::Audit`] when it is in use, damaged or not writable.
    pub fn audit_file(self, path: impl AsRef<Path>) -> Result<Config, Error> {
        let path = path.as_ref();
        let log = Log::open_file(path)?;
        Ok(self.audit(Arc::new(log)).protect(path.to_path_buf()))
    }

    /// Puts a directory of the host before the components; each access is still decided.
    #[must_use]
    pub fn mount(mut self, mount: MountSpec) -> Config {
        self.mounts.push(mount);
        self
    }

    /// Sets an environment variable; each reading is still decided.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Config {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Sets the arguments, the program's name first.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Config {
        self.arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// Grants limits; a manifest can only ask for less.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Config {
        self.limits = limits;
        self
    }

    /// At most so many threads for calls that have used up a tick of 10 ms of processor time; as many as there are
    /// cores but one, and at least one, unless this is said. All components of the runtime share them.
    #[must_use]
    pub fn background_threads(mut self, threads: NonZeroUsize) -> Config {
        self.background_threads = Some(threads);
        self
    }

    /// Where standard input comes from.
    #[must_use]
    pub fn stdin(mut self, source: stdio::Source) -> Config {
        self.stdin = source;
        self
    }

    /// Where standard output goes.
    #[must_use]
    pub fn stdout(mut self, sink: stdio::Sink) -> Config {
        self.stdout = sink;
        self
    }

    /// Where standard error goes.
    #[must_use]
    pub fn stderr(mut self, sink: stdio::Sink) -> Config {
        self.stderr = sink;
        self
    }

    /// Hands the process's own standard streams to the components; each is still decided.
    #[must_use]
    pub fn inherit_stdio(self) -> Config {
        self.stdin(stdio::Source::Inherit).stdout(stdio::Sink::Inherit).stderr(stdio::Sink::Inherit)
    }

    /// Is told of every denial, after it was recorded and before the guest is.
    #[must_use]
    pub fn on_denied(mut self, tell: impl Fn(&Denied) + Send + Sync + 'static) -> Config {
        self.on_denied = Some(Arc::new(tell));
        self
    }

    /// Is told of a limit when an instance exceeds it for the first time, after it was recorded: also of one that the
    /// guest hears of by its interface's own error, and lives on.
    #[must_use]
    pub fn on_exceeded(mut self, tell: impl Fn(&Subject, &LimitExceeded) + Send + Sync + 'static) -> Config {
        self.on_exceeded = Some(Arc::new(tell));
        self
    }

    /// Keeps in a directory what must outlive a restart: the highest release that ran under each name, which no older one
    /// follows, the keys that were revoked, and the latest time of day, before which none is believed. It is made if it is not
    /// there; one process has it at a time.
    #[must_use]
    pub fn state_dir(mut self, directory: impl Into<PathBuf>) -> Config {
        let directory = directory.into();
        self.state = Some(directory.clone());
        self.protect(directory)
    }

    /// Who compiles components: this process, if nothing is said, which has as much time and memory for it as the component makes
    /// it take; or a process for each, with limits.
    #[must_use]
    pub fn compiler(mut self, compiler: Compiler) -> Config {
        self.compiler = compiler;
        self
    }

    /// Keeps compiled code in a directory, which is made, private, if it is not there, so that a component that was compiled once
    /// is not compiled at every start: 1 GiB of it, of which what was not used for the longest goes first. Code is used only if a
    /// key that lies there says that it was compiled here, from the very file that was verified and by the same engine; what is
    /// not is compiled anew, and recorded.
    #[must_use]
    pub fn code_cache(mut self, directory: impl Into<PathBuf>) -> Config {
        let directory = directory.into();
        self.code_cache = Some(directory.clone());
        self.protect(directory)
    }

    /// Grants one component limits of its own, by its name `publisher/component`: in place of those of all where they are
    /// said. Its manifest can only ask for less.
    #[must_use]
    pub fn limits_of(mut self, component: impl Into<String>, limits: identity::Limits) -> Config {
        self.own_limits.insert(component.into(), limits);
        self
    }

    /// Grants groups to the operator with that user id: what it sent to a durable mailbox is decided on with them after a
    /// restart.
    #[must_use]
    pub(crate) fn operator(mut self, uid: u32, groups: Vec<String>) -> Config {
        self.operators.insert(uid, groups);
        self
    }

    /// Has decisions and records watched.
    #[must_use]
    pub(crate) fn watched(mut self, watched: Watched) -> Config {
        self.watched = Some(watched);
        self
    }

    /// A file of the host's that no guest may be able to write: a writable mount that reaches it is refused. Files
    /// read through this configuration are protected already.
    #[must_use]
    pub fn protect(mut self, path: impl Into<PathBuf>) -> Config {
        self.protected.push(path.into());
        self
    }
}

impl Config {
    /// Checks that what is granted can be kept, to each component.
    pub(in crate::embed) fn check_limits(&self) -> Result<(), Error> {
        self.limits.check().map_err(|error| Error::Config(error.to_string()))?;
        self.own_limits.iter().try_for_each(|(name, own)| {
            let wrong =
                |error: String| Error::Config(format!("limits of `{}`: {error}", name.escape_debug()));
            self.limits.replaced_by(own).check().map_err(|error| wrong(error.to_string()))?;
            match own.stack_kib.is_some_and(|own| own != self.limits.stack_kib) {
                true => Err(wrong("`stack_kib` is one for all components of a runtime".to_owned())),
                false => Ok(()),
            }
        })
    }
}

fn read_text(path: &Path) -> Result<String, Error> {
    Ok(host_files::read_to_string_ambient(path, MAX_TEXT_BYTES)?)
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values of the environment may be secrets; their names are not shown either, being the host's affair.
        f.debug_struct("Config")
            .field("mounts", &self.mounts.len())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
