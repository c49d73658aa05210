//! Reach: what policies could ever grant to anybody, whatever is asked and whatever their conditions say.
//!
//! *Invariant:* it is never less than what is decided of a component. Forbids and conditions are left out, a scope that is not a path or an
//! endpoint counts as all of them, and so does one that an entity file may put others into.

use super::load::{Loaded, Policies};
use super::rule::{Effect, Rule, Scope};
use airssys_osl::host_harden::Ports;
use airssys_osl::{ActionId, Endpoint, GuestPath};
use std::collections::BTreeSet;

/// What could be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    read: Places,
    write: Places,
    /// Ports of others.
    pub connect: Ports,
    /// Ports of the host's own.
    pub bind: Ports,
    /// Datagrams, to or from anybody.
    pub datagrams: bool,
    /// Looking names up.
    pub names: bool,
}

/// Paths that a scope names, and whether what is beneath them is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Places {
    All,
    These(BTreeSet<GuestPath>),
}

const WRITES: [ActionId; 5] =
    [ActionId::FsWrite, ActionId::FsCreate, ActionId::FsDelete, ActionId::FsTimes, ActionId::FsSymlink];
const READS: [ActionId; 3] = [ActionId::FsStat, ActionId::FsList, ActionId::FsRead];

impl Policies {
    /// What they could ever grant.
    pub fn reach(&self) -> Reach {
        let loaded = &*self.0;
        let ports = |actions: &[ActionId]| ports(loaded, actions);
        let any = |actions: &[ActionId], kind| permits(loaded, actions, kind).next().is_some();
        Reach {
            read: places(loaded, &READS),
            write: places(loaded, &WRITES),
            connect: ports(&[ActionId::NetConnect]),
            bind: ports(&[ActionId::NetBind, ActionId::NetListen]),
            datagrams: any(&[ActionId::NetSend, ActionId::NetReceive], "Endpoint"),
            names: any(&[ActionId::NetResolve], "Host"),
        }
    }
}

impl Reach {
    /// Whether something in that mount could be read or looked at.
    pub fn reads(&self, mount: &GuestPath) -> bool {
        self.read.touch(mount) || self.writes(mount)
    }

    /// Whether something in that mount could be changed.
    pub fn writes(&self, mount: &GuestPath) -> bool {
        self.write.touch(mount)
    }
}

impl Places {
    fn touch(&self, mount: &GuestPath) -> bool {
        match self {
            Places::All => true,
            Places::These(places) => {
                places.iter().any(|place| is_within(mount, place) || is_within(place, mount))
            }
        }
    }
}

/// Whether `path` is `directory`, or beneath it.
fn is_within(path: &GuestPath, directory: &GuestPath) -> bool {
    let (path, directory) = (path.as_str(), directory.as_str());
    let beneath = |rest: &str| rest.is_empty() || rest.starts_with('/') || directory == "/";
    path.strip_prefix(directory).is_some_and(beneath)
}

/// The permits that could speak of one of these actions on something of that type.
fn permits<'a>(
    loaded: &'a Loaded,
    actions: &'a [ActionId],
    kind: &'static str,
) -> impl Iterator<Item = &'a Rule> {
    let covers = |rule: &Rule| {
        let known = |action: &ActionId| loaded.words.action(*action);
        actions.iter().filter_map(known).any(|action| rule.actions.cover(action))
    };
    let speaks = move |rule: &&Rule| {
        let (who, what) = (could_be(&rule.principal, "Component"), could_be(&rule.resource, kind));
        rule.effect == Effect::Permit && who && what && covers(rule)
    };
    loaded.rules.iter().filter(speaks)
}

/// Whether a scope could mean something of that type: as principals only components count, since operators use no files and
/// no sockets.
fn could_be(scope: &Scope, kind: &str) -> bool {
    let is = |said: &dyn std::fmt::Display| said.to_string() == kind;
    match scope {
        Scope::Is(kind) | Scope::IsIn(kind, _) => is(kind),
        Scope::Equals(uid) => is(uid.entity_type()),
        Scope::Any | Scope::In(_) => true,
    }
}

fn places(loaded: &Loaded, actions: &[ActionId]) -> Places {
    let of = |rule: &Rule| {
        let uid = named(loaded, &rule.resource, "Path")?;
        GuestPath::parse(&uid).ok()
    };
    permits(loaded, actions, "Path").map(of).collect::<Option<_>>().map_or(Places::All, Places::These)
}

fn ports(loaded: &Loaded, actions: &[ActionId]) -> Ports {
    let of = |rule: &Rule| {
        let uid = named(loaded, &rule.resource, "Endpoint")?;
        Endpoint::parse(&uid).ok().map(|endpoint| endpoint.port())
    };
    permits(loaded, actions, "Endpoint").map(of).collect::<Option<_>>().map_or(Ports::All, Ports::These)
}

/// The id of the one resource of that type that a scope names; none where it could be any.
fn named(loaded: &Loaded, scope: &Scope, kind: &str) -> Option<String> {
    let uid = match scope {
        Scope::Any | Scope::Is(_) => return None,
        Scope::Equals(uid) => uid,
        // An entity file may put others into it.
        Scope::In(uid) | Scope::IsIn(_, uid) if loaded.known.is_plain() => uid,
        Scope::In(_) | Scope::IsIn(..) => return None,
    };
    (uid.entity_type().to_string() == kind).then(|| super::vocabulary::id_of(uid).to_owned())
}
