//! A served system, as its configuration describes it, with every name in it checked.

use crate::identity::{LOCAL_DEV, Limits, Name};
use crate::serve::config::place::{ConfigError, File};
use crate::serve::config::raw::{RawComponent, RawFile, RawLink, RawMailbox, RawOperator, RawServe};
use crate::serve::config::{Granted, Restart, SupervisorConfig, tree};
use crate::serve::{CONTROL, ComponentName};
use airssys_osl::host_sockets::OVERFLOW_UID;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

/// How long a system may take to end, unless the configuration says otherwise.
const SYSTEM_SHUTDOWN: Duration = Duration::from_secs(30);

/// How long a component may take to end, unless the configuration says otherwise.
const COMPONENT_SHUTDOWN: Duration = Duration::from_secs(5);

/// Messages in a mailbox, unless the configuration says otherwise, and at most.
const CAPACITY: u32 = 64;
const MAX_CAPACITY: u32 = 1_000_000;

/// Deliveries of a message of a durable mailbox before it is given up, unless the configuration says otherwise.
const DELIVERIES: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

/// A served system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemConfig {
    /// What every component is given.
    pub granted: Granted,
    /// The server itself.
    pub serve: ServeConfig,
    /// Who may speak to the control socket, beside whoever runs the server, and the groups of each.
    pub operators: Vec<OperatorConfig>,
    /// The components, in the order of the file.
    pub components: Vec<ComponentConfig>,
    /// The supervisor of all; each component stands in exactly one place beneath it.
    pub root: SupervisorConfig,
    /// Which import of which component is which other's export.
    pub links: Vec<LinkConfig>,
}

/// The server itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeConfig {
    /// The control socket.
    pub control: PathBuf,
    /// Where health and metrics are read.
    pub metrics: Option<SocketAddr>,
    /// Where is kept what outlives a restart.
    pub state: PathBuf,
    /// How long a graceful stop may take in all.
    pub shutdown: Duration,
    /// A directory of components which are reloaded when they change.
    pub watch: Option<PathBuf>,
    /// Who collects traces, `http://HOST:PORT`.
    pub traces: Option<String>,
}

/// Somebody who may speak to the control socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorConfig {
    /// The user.
    pub uid: u32,
    /// The groups that policies know the operator to be in.
    pub groups: Vec<Name>,
}

/// A component of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentConfig {
    /// Its name, which must be the one it is signed by.
    pub name: ComponentName,
    /// Its file.
    pub file: PathBuf,
    /// When it is started again.
    pub restart: Restart,
    /// Its mailbox.
    pub mailbox: MailboxConfig,
    /// How long it may take to end before it is stopped.
    pub shutdown: Duration,
    /// Its own limits, in place of those of all where they are said.
    pub limits: Limits,
}

/// A mailbox. A sender who finds it full is told so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailboxConfig {
    /// Messages it holds at most.
    pub capacity: NonZeroU32,
    /// Deliveries of a message before it is a dead letter, where messages outlive the process.
    pub durable: Option<NonZeroU32>,
}

/// An import that another component satisfies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkConfig {
    /// Who imports.
    pub from: ComponentName,
    /// The interface, `acme:text/shout@1.0.0`.
    pub import: String,
    /// Who exports it.
    pub to: ComponentName,
}

impl SystemConfig {
    /// Reads the text of the configuration that stands at `path`.
    ///
    /// # Errors
    /// [`ConfigError`], with the place.
    pub fn parse(text: &str, path: &Path, directory: &Path) -> Result<SystemConfig, Box<ConfigError>> {
        let file = File { text, path, directory };
        let mut raw = file.read()?;
        let serve = file.serve(&mut raw)?;
        let operators = file.operators(std::mem::take(&mut raw.operator))?;
        let (components, names) = file.components(std::mem::take(&mut raw.component))?;
        let root = tree::grown(&file, &components, std::mem::take(&mut raw.supervisor))?;
        let links = file.links(std::mem::take(&mut raw.links), &names)?;
        Ok(SystemConfig { granted: file.granted(raw)?, serve, operators, components, root, links })
    }

    /// Everything that no component may be able to write, beside the configuration itself and the files that the trust
    /// file names.
    pub fn protected(&self) -> Vec<PathBuf> {
        let granted = &self.granted;
        let texts =
            granted.policies.iter().chain(&granted.entities).chain(&granted.trust).chain(&granted.audit);
        let own = [&self.serve.control, &self.serve.state].into_iter().chain(&self.serve.watch);
        let files = self.components.iter().map(|component| &component.file);
        texts.chain(own).chain(files).cloned().collect()
    }
}

type Parsed<T> = Result<T, Box<ConfigError>>;

impl File<'_> {
    fn serve(&self, raw: &mut RawFile) -> Parsed<ServeConfig> {
        let Some(serve) = raw.serve.take() else {
            let help = "add `[serve]` with at least `state = \"DIRECTORY\"`";
            return Err(self.at(0..0, "there is no `[serve]`: this describes no served system", help));
        };
        let RawServe { control, metrics, state, shutdown_ms, watch, traces } = serve.into_inner();
        Ok(ServeConfig {
            control: control.map_or_else(|| Ok(PathBuf::from(CONTROL)), |path| self.path_of(path))?,
            metrics: metrics.map(|metrics| self.address(&metrics)).transpose()?,
            state: self.path_of(state)?,
            shutdown: shutdown_ms.map_or(SYSTEM_SHUTDOWN, |ms| Duration::from_millis(ms.get())),
            watch: watch.map(|path| self.path_of(path)).transpose()?,
            traces,
        })
    }

    fn path_of(&self, path: Spanned<PathBuf>) -> Parsed<PathBuf> {
        match path.get_ref().as_os_str().is_empty() {
            true => Err(self.at(path.span(), "the path is empty", "write a path, or leave the key out")),
            false => Ok(self.directory.join(path.get_ref())),
        }
    }

    /// An address with its port, or a port at loopback.
    fn address(&self, text: &Spanned<String>) -> Parsed<SocketAddr> {
        let said = text.get_ref();
        let loopback =
            || said.parse().ok().map(|port: u16| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        said.parse().ok().or_else(loopback).ok_or_else(|| {
            let help = "write `ADDRESS:PORT`, such as `127.0.0.1:9000`, or a port for loopback alone";
            self.at(text.span(), &format!("`{said}` is no address to listen at"), help)
        })
    }

    fn operators(&self, raw: Vec<Spanned<RawOperator>>) -> Parsed<Vec<OperatorConfig>> {
        let mut seen = BTreeSet::new();
        let mut operators = Vec::new();
        for operator in raw {
            let RawOperator { uid, groups } = operator.into_inner();
            let number = *uid.get_ref();
            if number == OVERFLOW_UID {
                let help = "name the user by a number of their own";
                let message =
                    format!("{OVERFLOW_UID} stands for all users without a number here and is no operator");
                return Err(self.at(uid.span(), &message, help));
            }
            if !seen.insert(number) {
                let message = format!("user {number} is an operator already");
                return Err(self.at(uid.span(), &message, "put all groups into one `[[operator]]`"));
            }
            let groups = groups.iter().map(|group| self.name(group, "group")).collect::<Result<_, _>>()?;
            operators.push(OperatorConfig { uid: number, groups });
        }
        Ok(operators)
    }

    /// A name by the one grammar: `what` it names, for messages.
    pub(super) fn name(&self, text: &Spanned<String>, what: &str) -> Parsed<Name> {
        let wrong = || {
            let message = format!("`{}` names no {what}", text.get_ref());
            self.at(text.span(), &message, "write 1 to 64 of `a`-`z`, `0`-`9` and `-`")
        };
        Name::parse(text.get_ref()).ok_or_else(wrong)
    }

    /// A component's name; not that of one signed by a development key, which nobody serves.
    pub(super) fn component_name(&self, text: &Spanned<String>) -> Parsed<ComponentName> {
        let wrong = |_| {
            let message = format!("`{}` names no component", text.get_ref());
            self.at(text.span(), &message, "write `publisher/name`, each of `a`-`z`, `0`-`9` and `-`")
        };
        let name: ComponentName = text.get_ref().parse().map_err(wrong)?;
        if name.publisher().as_str() == LOCAL_DEV {
            let message = format!("`{LOCAL_DEV}` is reserved for development runs");
            return Err(self.at(text.span(), &message, "sign the component with a publisher's key"));
        }
        Ok(name)
    }

    fn components(
        &self,
        raw: Vec<Spanned<RawComponent>>,
    ) -> Parsed<(Vec<ComponentConfig>, BTreeSet<ComponentName>)> {
        let (mut components, mut names) = (Vec::new(), BTreeSet::new());
        for component in raw {
            let RawComponent { name: said, file, restart, mailbox, shutdown_ms, limits } =
                component.into_inner();
            let name = self.component_name(&said)?;
            if !names.insert(name.clone()) {
                let message = format!("component `{name}` is there already");
                return Err(self.at(
                    said.span(),
                    &message,
                    "a name has one component: remove one of the two",
                ));
            }
            components.push(ComponentConfig {
                name,
                file: self.path_of(file)?,
                restart,
                mailbox: self.mailbox(mailbox)?,
                shutdown: shutdown_ms.map_or(COMPONENT_SHUTDOWN, |ms| Duration::from_millis(ms.get())),
                limits,
            });
        }
        Ok((components, names))
    }

    fn mailbox(&self, raw: RawMailbox) -> Parsed<MailboxConfig> {
        let capacity = match &raw.capacity {
            None => NonZeroU32::new(CAPACITY),
            Some(said) => NonZeroU32::new(*said.get_ref()).filter(|said| said.get() <= MAX_CAPACITY),
        };
        let span = raw.capacity.map_or(0..0, |said| said.span());
        let outside = || {
            let message = format!("a mailbox holds from 1 to {MAX_CAPACITY} messages");
            self.at(span, &message, "write such a number, or leave the key out")
        };
        let capacity = capacity.ok_or_else(outside)?;
        if let (false, Some(said)) = (raw.durable, &raw.max_deliveries) {
            let help = "add `durable = true`, or remove the key";
            return Err(self.at(
                said.span(),
                "messages of a mailbox that is not durable are delivered once",
                help,
            ));
        }
        let deliveries = raw.max_deliveries.map_or(DELIVERIES, Spanned::into_inner);
        Ok(MailboxConfig { capacity, durable: raw.durable.then_some(deliveries) })
    }

    fn links(&self, raw: Vec<Spanned<RawLink>>, known: &BTreeSet<ComponentName>) -> Parsed<Vec<LinkConfig>> {
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for link in raw {
            let RawLink { from, import, to } = link.into_inner();
            let (of, to_name) = (self.linked(&from, known)?, self.linked(&to, known)?);
            if of == to_name {
                return Err(self.at(
                    to.span(),
                    "a component is not linked to itself",
                    "name another component",
                ));
            }
            self.interface(&import)?;
            if !seen.insert((of.clone(), import.get_ref().clone())) {
                let message = format!("`{}` of `{of}` is linked already", import.get_ref());
                return Err(self.at(
                    import.span(),
                    &message,
                    "an import has one answer: remove one of the two",
                ));
            }
            all.push(LinkConfig { from: of, import: import.into_inner(), to: to_name });
        }
        Ok(all)
    }

    fn linked(&self, text: &Spanned<String>, known: &BTreeSet<ComponentName>) -> Parsed<ComponentName> {
        let name = self.component_name(text)?;
        let wrong = || {
            let help = "add a `[[component]]` of that name, or correct the spelling";
            self.at(text.span(), &format!("there is no component `{name}`"), help)
        };
        known.contains(&name).then_some(&name).ok_or_else(wrong)?;
        Ok(name)
    }

    /// `namespace:package/interface`, with a version or without, that is not one of the kernel's own.
    fn interface(&self, text: &Spanned<String>) -> Parsed<()> {
        let said = text.get_ref();
        let (path, version) =
            said.split_once('@').map_or((said.as_str(), None), |(path, version)| (path, Some(version)));
        let word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_alphabetic())
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let parts = path.split_once(':').and_then(|(space, rest)| Some((space, rest.split_once('/')?)));
        let formed = parts.is_some_and(|(space, (package, name))| word(space) && word(package) && word(name))
            && version.is_none_or(|v| {
                v.starts_with(|c: char| c.is_ascii_digit()) && v.bytes().all(|b| b.is_ascii_graphic())
            });
        if !formed {
            let help = "write it as the component imports it, such as `acme:text/shout@1.0.0`";
            return Err(self.at(text.span(), &format!("`{said}` is no interface"), help));
        }
        if path.starts_with("wasi:") || path.starts_with("airssys:") {
            let help = "link an interface of a component's own";
            return Err(self.at(text.span(), &format!("`{said}` is the kernel's own to answer"), help));
        }
        Ok(())
    }
}
