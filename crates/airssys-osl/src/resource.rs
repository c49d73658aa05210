//! On what: canonical names of the things a component can ask for.

mod endpoint;
mod host;
mod path;

pub use endpoint::{Endpoint, EndpointError, Transport};
pub use host::{Host, HostError};
pub use path::{GuestPath, PathError};

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
    /// A thing of an interface that the embedder offers.
    Own(OwnResource),
}

impl Resource {
    /// The entity type in policies, such as `Path`.
    pub fn kind(&self) -> &'static str {
        match self {
            Resource::Path(_) => "Path",
            Resource::EnvVar(_) => "EnvVar",
            Resource::Stdio(_) => "Stdio",
            Resource::Clock(_) => "Clock",
            Resource::Random(_) => "Random",
            Resource::Process(_) => "Process",
            Resource::Host(_) => "Host",
            Resource::Endpoint(_) => "Endpoint",
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
            Resource::Own(own) => own.id(),
        }
    }

    /// The resource of that entity type and id.
    ///
    /// An [`Endpoint`] comes without the hosts it was looked up as: those are no part of its id.
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
            _ => Resource::Own(OwnResource::known(kind, id).map_err(|e| e.to_string())?),
        })
    }
}

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
        ] {
            let resource = Resource::parse(kind, id).unwrap();
            assert_eq!((resource.kind(), resource.id()), (kind, id));
        }
    }
}
