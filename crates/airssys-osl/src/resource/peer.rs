//! Components and their functions as things that are asked about.

use crate::{Principal, Resource};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A component as somebody else's target: by its name, and by who has that name now.
///
/// What policies see of it follows from the live instance, so that instance is part of what is compared: a verdict about
/// one version is none about the next.
#[derive(Debug, Clone)]
pub struct Peer {
    name: Arc<str>,
    live: Option<(Arc<Principal>, u64)>,
}

impl Peer {
    /// The component of that name, of whom nothing else is known. None for what is no name.
    pub fn named(name: &str) -> Option<Peer> {
        is_component(name).then(|| Peer { name: name.into(), live: None })
    }

    /// The component with that identity, as it lives in that instance.
    pub fn live(principal: &Arc<Principal>, instance: u64) -> Peer {
        Peer { name: principal.name.as_str().into(), live: Some((Arc::clone(principal), instance)) }
    }

    /// `publisher/component`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The publisher, by the name.
    pub fn publisher(&self) -> &str {
        self.name.split_once('/').map_or("", |(publisher, _)| publisher)
    }

    /// Its identity, if somebody has that name.
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.live.as_ref().map(|(principal, _)| principal)
    }

    /// Which live instance, if there is one.
    pub fn instance(&self) -> Option<u64> {
        self.live.as_ref().map(|(_, instance)| *instance)
    }
}

impl PartialEq for Peer {
    fn eq(&self, other: &Peer) -> bool {
        self.name == other.name && self.live == other.live
    }
}

impl Eq for Peer {}

impl Hash for Peer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, self.instance()).hash(state);
    }
}

/// A function that a component exports.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FunctionName {
    peer: Peer,
    id: Arc<str>,
}

impl FunctionName {
    /// The longest name of a function within its component, bytes.
    pub const MAX_BYTES: usize = 1024;

    /// A function of a component: `shrink` at its root, or of an interface, whose version is no part of the name:
    /// `acme:images/resize.shrink`. None for what can be no function's name.
    pub fn new(peer: Peer, interface: Option<&str>, function: &str) -> Option<FunctionName> {
        let within = match interface {
            Some(interface) => {
                format!("{}.{function}", interface.split_once('@').map_or(interface, |(name, _)| name))
            }
            None => function.to_owned(),
        };
        let id = format!("{}#{within}", peer.name);
        is_function(&within).then(|| FunctionName { peer, id: id.into() })
    }

    /// The function of that id, `acme/resize#acme:images/resize.shrink`.
    pub fn parse(id: &str) -> Option<FunctionName> {
        let (name, within) = id.split_once('#')?;
        let peer = Peer::named(name)?;
        is_function(within).then(|| FunctionName { peer, id: id.into() })
    }

    /// The same function of that component.
    #[must_use]
    pub fn of(self, peer: Peer) -> FunctionName {
        FunctionName { peer, ..self }
    }

    /// Whose it is.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The entity id in policies.
    pub fn as_str(&self) -> &str {
        &self.id
    }
}

fn is_function(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-:/.[]".contains(c);
    !name.is_empty() && name.len() <= FunctionName::MAX_BYTES && name.chars().all(is_allowed)
}

/// True for `publisher/component`, each of a to z, 0 to 9 and `-`.
pub fn is_component(name: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    name.len() <= 256
        && name.split_once('/').is_some_and(|(publisher, own)| is_name(publisher) && is_name(own))
}

impl From<Peer> for Resource {
    fn from(peer: Peer) -> Resource {
        Resource::Component(peer)
    }
}

impl From<FunctionName> for Resource {
    fn from(function: FunctionName) -> Resource {
        Resource::Function(function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_of_a_component_or_a_function_is_refused() {
        for name in ["", "acme", "acme/", "/x", "acme/x/y", "Acme/x", "acme/x#f", "acme/\u{202e}x"] {
            assert!(Peer::named(name).is_none(), "{name}");
        }
        for id in ["acme/x", "acme/x#", "acme#f", "acme/x#f\n", "acme/x#f g"] {
            assert!(FunctionName::parse(id).is_none(), "{id}");
        }
    }

    #[test]
    fn a_function_is_named_without_its_interfaces_version() {
        let peer = Peer::named("acme/resize").unwrap();
        let shrink = FunctionName::new(peer.clone(), Some("acme:images/resize@1.2.0"), "shrink").unwrap();
        assert_eq!(shrink.as_str(), "acme/resize#acme:images/resize.shrink");
        assert_eq!(FunctionName::parse(shrink.as_str()), Some(shrink));
        assert_eq!(FunctionName::new(peer, None, "run").unwrap().as_str(), "acme/resize#run");
    }
}
