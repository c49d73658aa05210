//! The tree of supervisors: each component and each supervisor in exactly one place beneath the root.

use crate::identity::Name;
use crate::serve::ComponentName;
use crate::serve::config::place::{ConfigError, File};
use crate::serve::config::raw::{RawBackoff, RawSupervisor};
use crate::serve::config::{ComponentConfig, Strategy};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;

/// The name of the supervisor that is always there.
const ROOT: &str = "root";

/// Supervisors beneath each other, at most.
const MAX_DEPTH: usize = 16;

/// How often within how long children are started again, unless the configuration says otherwise.
const RESTARTS: u32 = 5;
const WITHIN: Duration = Duration::from_secs(10);

/// A supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupervisorConfig {
    /// Its name.
    pub name: Name,
    /// Whom it starts again.
    pub strategy: Strategy,
    /// How often it starts children again before it fails itself …
    pub restarts: u32,
    /// … within so long.
    pub within: Duration,
    /// How long it waits before it starts one again.
    pub backoff: Backoff,
    /// Its children, in the order in which they are started.
    pub children: Vec<Child>,
}

/// A child of a supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Child {
    /// A component of [`SystemConfig::components`](super::SystemConfig::components).
    Component(ComponentName),
    /// A component that no supervisor names: when it fails too often it is given up, and nobody else is concerned.
    Alone(ComponentName),
    /// Another supervisor.
    Supervisor(SupervisorConfig),
}

/// How long to wait before starting again: twice as long each time, with jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first time.
    pub first: Duration,
    /// At most.
    pub most: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { first: Duration::from_millis(100), most: Duration::from_secs(30) }
    }
}

type Parsed<T> = Result<T, Box<ConfigError>>;

/// A supervisor as it is written, with where that is.
struct Written {
    name: Name,
    span: Range<usize>,
    settings: Settings,
    children: Vec<Spanned<String>>,
}

#[derive(Clone, Copy, Default)]
struct Settings {
    strategy: Strategy,
    restarts: Option<u32>,
    within: Option<Duration>,
    backoff: Backoff,
}

/// Puts the tree together. What no supervisor names is the root's, after what the root names itself.
pub(super) fn grown(
    file: &File<'_>,
    components: &[ComponentConfig],
    raw: Vec<Spanned<RawSupervisor>>,
) -> Parsed<SupervisorConfig> {
    let written = written(file, raw)?;
    let components: Vec<&ComponentName> = components.iter().map(|component| &component.name).collect();
    let taken = taken(file, &written, &components)?;
    let root = Name::parse(ROOT);
    let named = written.iter().find(|one| Some(&one.name) == root.as_ref());
    let mut tree = Tree { file, written: &written, reached: BTreeSet::new() };
    // The grammar of names holds the word.
    let Some(name) = root.clone() else { return Err(file.at(0..0, "there is no root", "report this")) };
    tree.reached.insert(name.clone());
    let mut children = Vec::new();
    if let Some(named) = named {
        children = tree.children(named, 1)?;
    }
    for one in written.iter().filter(|one| one.name != name && !taken.contains(one.name.as_str())) {
        children.push(Child::Supervisor(tree.supervisor(one, 1)?));
    }
    let free = components.into_iter().filter(|name| !taken.contains(name.to_string().as_str()));
    children.extend(free.cloned().map(Child::Alone));
    tree.all_reached()?;
    Ok(made(name, named.map(|named| named.settings).unwrap_or_default(), children))
}

fn made(name: Name, settings: Settings, children: Vec<Child>) -> SupervisorConfig {
    let Settings { strategy, restarts, within, backoff } = settings;
    let (restarts, within) = (restarts.unwrap_or(RESTARTS), within.unwrap_or(WITHIN));
    SupervisorConfig { name, strategy, restarts, within, backoff, children }
}

fn written(file: &File<'_>, raw: Vec<Spanned<RawSupervisor>>) -> Parsed<Vec<Written>> {
    let mut names = BTreeSet::new();
    let mut all = Vec::new();
    for supervisor in raw {
        let RawSupervisor { name: said, strategy, restarts, within_ms, backoff, children } =
            supervisor.into_inner();
        let name = file.name(&said, "supervisor")?;
        if !names.insert(name.clone()) {
            let message = format!("supervisor `{name}` is there already");
            return Err(file.at(said.span(), &message, "give each supervisor its own name"));
        }
        let within = within_ms.map(|ms| Duration::from_millis(ms.get()));
        let backoff = backoff.map_or_else(|| Ok(Backoff::default()), |backoff| waits(file, &backoff))?;
        let settings = Settings { strategy, restarts, within, backoff };
        all.push(Written { name, span: said.span(), settings, children });
    }
    Ok(all)
}

fn waits(file: &File<'_>, raw: &Spanned<RawBackoff>) -> Parsed<Backoff> {
    let RawBackoff { first_ms, most_ms } = raw.get_ref();
    if first_ms > most_ms {
        let help = "write a `most_ms` that is at least `first_ms`";
        return Err(file.at(raw.span(), "the first wait is longer than the longest", help));
    }
    let wait = |ms: &std::num::NonZeroU64| Duration::from_millis(ms.get());
    Ok(Backoff { first: wait(first_ms), most: wait(most_ms) })
}

/// The names that stand among some supervisor's children: each is known, and stands there once.
fn taken<'a>(
    file: &File<'_>,
    written: &'a [Written],
    components: &[&ComponentName],
) -> Parsed<BTreeSet<&'a str>> {
    let mut places: BTreeMap<&str, &Name> = BTreeMap::new();
    let known: BTreeSet<String> = components.iter().map(ToString::to_string).collect();
    for one in written {
        for child in &one.children {
            let said = child.get_ref().as_str();
            if said == ROOT {
                let help = "everything is beneath it: remove it from the children";
                return Err(file.at(child.span(), "`root` is nobody's child", help));
            }
            let is_known = known.contains(said) || written.iter().any(|other| other.name.as_str() == said);
            if !is_known {
                let help = "name a `[[component]]`, `publisher/name`, or a `[[supervisor]]`";
                return Err(file.at(
                    child.span(),
                    &format!("there is no component and no supervisor `{said}`"),
                    help,
                ));
            }
            if let Some(before) = places.insert(said, &one.name) {
                let message = format!("`{said}` is a child of `{before}` already");
                return Err(file.at(child.span(), &message, "name each in one place"));
            }
        }
    }
    Ok(places.into_keys().collect())
}

struct Tree<'a> {
    file: &'a File<'a>,
    written: &'a [Written],
    reached: BTreeSet<Name>,
}

impl Tree<'_> {
    fn supervisor(&mut self, one: &Written, depth: usize) -> Parsed<SupervisorConfig> {
        if depth > MAX_DEPTH {
            let message = format!("`{}` stands beneath more than {MAX_DEPTH} supervisors", one.name);
            return Err(self.file.at(one.span.clone(), &message, "make the tree flatter"));
        }
        self.reached.insert(one.name.clone());
        let children = self.children(one, depth + 1)?;
        Ok(made(one.name.clone(), one.settings, children))
    }

    fn children(&mut self, of: &Written, depth: usize) -> Parsed<Vec<Child>> {
        let written = self.written;
        let mut children = Vec::new();
        for child in &of.children {
            children.push(match written.iter().find(|one| one.name.as_str() == child.get_ref()) {
                Some(one) => Child::Supervisor(self.supervisor(one, depth)?),
                None => Child::Component(self.file.component_name(child)?),
            });
        }
        Ok(children)
    }

    /// A supervisor that is somebody's child and yet not beneath the root is beneath itself.
    fn all_reached(&self) -> Parsed<()> {
        match self.written.iter().find(|one| !self.reached.contains(&one.name)) {
            None => Ok(()),
            Some(one) => {
                let message = format!("supervisor `{}` is beneath itself", one.name);
                Err(self.file.at(
                    one.span.clone(),
                    &message,
                    "take it out of the children of those beneath it",
                ))
            }
        }
    }
}
