//! On what: canonical names of the things a component can ask for.

mod endpoint;
mod host;
mod path;
mod peer;
mod topic;

pub use endpoint::{Endpoint, EndpointError, Transport};
pub use host::{Host, HostError};
pub use path::{GuestPath, PathError};
pub use peer::{FunctionName, Peer, is_component};
pub use topic::Topic;

use crate::own::{OwnResource, OwnTarget};
use std::sync::Arc;

/// A resource as a value, for logs, memo and authorizer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A file or directory by its canonical guest path.
    Path(GuestPath),
    /// An environment variable.
    EnvVar(EnvName),
    /// A standard stream.
    Stdio(Stdio),
    /// A clock.
    Clock(Clock),
    /// A source of random numbers.
    Random(Random),
    /// The component's own process-like facts: its arguments.
    Process(ProcessSelf),
    /// A name that can be looked up.
    Host(Host),
    /// An address with its port and transport.
    Endpoint(Endpoint),
    /// A component, as the target of another's message, or of an operator.
    Component(Peer),
    /// A function that a component exports.
    Function(FunctionName),
    /// A topic of events.
    Topic(Topic),
    /// The served system itself.
    Runtime(RuntimeSelf),
    /// A thing of an interface that the embedder offers.
    Own(OwnResource),
}

impl Resource {
    /// The entity type in policies, such as `Path`.
    pub fn kind(&self) -> &'static str {
        match self {
            Resource::Path(_) => GuestPath::KIND,
            Resource::EnvVar(_) => EnvName::KIND,
            Resource::Stdio(_) => Stdio::KIND,
            Resource::Clock(_) => Clock::KIND,
            Resource::Random(_) => Random::KIND,
            Resource::Process(_) => ProcessSelf::KIND,
            Resource::Host(_) => Host::KIND,
            Resource::Endpoint(_) => Endpoint::KIND,
            Resource::Component(_) => Peer::KIND,
            Resource::Function(_) => FunctionName::KIND,
            Resource::Topic(_) => Topic::KIND,
            Resource::Runtime(_) => RuntimeSelf::KIND,
            Resource::Own(own) => own.kind(),
        }
    }

    /// The entity id in policies, such as `/data/in`.
    pub fn id(&self) -> &str {
        match self {
            Resource::Path(p) => p.as_str(),
            Resource::EnvVar(n) => n.as_str(),
            Resource::Stdio(s) => s.name(),
            Resource::Clock(c) => c.name(),
            Resource::Random(r) => r.name(),
            Resource::Process(p) => p.name(),
            Resource::Host(h) => h.as_str(),
            Resource::Endpoint(e) => e.as_str(),
            Resource::Component(p) => p.name(),
            Resource::Function(f) => f.as_str(),
            Resource::Topic(t) => t.as_str(),
            Resource::Runtime(r) => r.name(),
            Resource::Own(own) => own.id(),
        }
    }

    /// The resource of that entity type and id.
    ///
    /// An [`Endpoint`] comes without the hosts it was looked up as, a [`Peer`] without who has its name now: those are no
    /// part of the id.
    ///
    /// # Errors
    /// A sentence naming the type or id that is unknown or not canonical.
    pub fn parse(kind: &str, id: &str) -> Result<Resource, String> {
        let unknown = || format!("`{kind}::\"{id}\"` names no resource of this kernel");
        Ok(match kind {
            "Path" => Resource::Path(GuestPath::parse(id).map_err(|e| e.to_string())?),
            "EnvVar" => Resource::EnvVar(EnvName::parse(id).ok_or_else(unknown)?),
            "Stdio" => Resource::Stdio(Stdio::parse(id).ok_or_else(unknown)?),
            "Clock" => Resource::Clock(Clock::parse(id).ok_or_else(unknown)?),
            "Random" => Resource::Random(Random::parse(id).ok_or_else(unknown)?),
            "Process" => Resource::Process(ProcessSelf::parse(id).ok_or_else(unknown)?),
            "Host" => Resource::Host(Host::parse(id).map_err(|e| e.to_string())?),
            "Endpoint" => Resource::Endpoint(Endpoint::parse(id).map_err(|e| e.to_string())?),
            "Component" => Resource::Component(Peer::named(id).ok_or_else(unknown)?),
            "Function" => Resource::Function(FunctionName::parse(id).ok_or_else(unknown)?),
            "Topic" => Resource::Topic(Topic::parse(id).map_err(|e| e.to_string())?),
            "Runtime" => Resource::Runtime(RuntimeSelf::parse(id).ok_or_else(unknown)?),
            _ => Resource::Own(OwnResource::known(kind, id).map_err(|e| e.to_string())?),
        })
    }
}

/// A type of resource by its name in policies.
pub(crate) trait Named {
    /// The entity type.
    const KIND: &'static str;
}

macro_rules! named {
    ($($type:ty = $kind:literal),* $(,)?) => {
        $(impl Named for $type {
            const KIND: &'static str = $kind;
        })*
    };
}

named!(
    GuestPath = "Path",
    EnvName = "EnvVar",
    Stdio = "Stdio",
    Clock = "Clock",
    Random = "Random",
    ProcessSelf = "Process",
    Host = "Host",
    Endpoint = "Endpoint",
    Peer = "Component",
    FunctionName = "Function",
    Topic = "Topic",
    RuntimeSelf = "Runtime",
);

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}::\"{}\"", self.kind(), self.id().escape_debug())
    }
}

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[$vdoc])* $variant),* }
        impl $type {
            /// The entity id in policies.
            pub const fn name(self) -> &'static str {
                match self { $($type::$variant => $text),* }
            }
            /// The value of that name.
            pub fn parse(name: &str) -> Option<$type> {
                match name { $($text => Some($type::$variant),)* _ => None }
            }
        }
        impl From<$type> for Resource {
            fn from(value: $type) -> Resource { names!(@wrap $type value) }
        }
    };
    (@wrap Stdio $v:ident) => { Resource::Stdio($v) };
    (@wrap Clock $v:ident) => { Resource::Clock($v) };
    (@wrap Random $v:ident) => { Resource::Random($v) };
    (@wrap ProcessSelf $v:ident) => { Resource::Process($v) };
    (@wrap RuntimeSelf $v:ident) => { Resource::Runtime($v) };
}

names! {
    /// A standard stream.
    Stdio {
        /// Standard input.
        Stdin = "stdin",
        /// Standard output.
        Stdout = "stdout",
        /// Standard error.
        Stderr = "stderr",
    }
}
names! {
    /// A clock.
    Clock {
        /// Time since an arbitrary start, never going back.
        Monotonic = "monotonic",
        /// Time of day.
        Wall = "wall",
    }
}
names! {
    /// A source of random numbers.
    Random {
        /// The operating system's cryptographic generator.
        Secure = "secure",
        /// The source behind `wasi:random/insecure`; here it draws from the same generator.
        Insecure = "insecure",
    }
}
names! {
    /// The component itself, as the thing that has arguments.
    ProcessSelf {
        /// The one there is.
        Itself = "self",
    }
}

names! {
    /// The served system, as what operators act on.
    RuntimeSelf {
        /// The one there is.
        Itself = "self",
    }
}

/// The name of an environment variable: not empty, no `=`, no NUL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EnvName(Arc<str>);

impl EnvName {
    /// Parses a variable's name.
    pub fn parse(name: &str) -> Option<EnvName> {
        (!name.is_empty() && !name.contains(['=', '\0'])).then(|| EnvName(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<EnvName> for Resource {
    fn from(name: EnvName) -> Resource {
        Resource::EnvVar(name)
    }
}

impl From<GuestPath> for Resource {
    fn from(path: GuestPath) -> Resource {
        Resource::Path(path)
    }
}

impl From<Host> for Resource {
    fn from(host: Host) -> Resource {
        Resource::Host(host)
    }
}

impl From<Endpoint> for Resource {
    fn from(endpoint: Endpoint) -> Resource {
        Resource::Endpoint(endpoint)
    }
}

impl From<OwnTarget> for Resource {
    fn from(target: OwnTarget) -> Resource {
        Resource::Own(target.resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_of_unknown_type_or_name_is_refused_and_each_known_one_leads_back() {
        assert!(Resource::parse("Clock", "atomic").is_err());
        assert!(Resource::parse("Tape", "x").is_err());
        for (kind, id) in [
            ("Path", "/a"),
            ("EnvVar", "HOME"),
            ("Stdio", "stdin"),
            ("Clock", "wall"),
            ("Random", "secure"),
            ("Process", "self"),
            ("Host", "api.example.com"),
            ("Endpoint", "192.0.2.1:443/tcp"),
            ("Component", "acme/thumb"),
            ("Function", "acme/thumb#acme:images/resize.shrink"),
            ("Topic", "/orders/new"),
            ("Runtime", "self"),
        ] {
            let resource = Resource::parse(kind, id).unwrap();
            assert_eq!((resource.kind(), resource.id()), (kind, id));
        }
    }
}
