//! Who asks: the verified identity behind a component instance, or an operator of the host.

use std::fmt;
use std::sync::Arc;

/// The identity a component was verified to have.
///
/// Plain data: the identity layer fills it in after checking the signature, the policy layer turns it into an
/// entity. Holding one proves nothing; a [`Session`](crate::Session) is opened for it by the kernel alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// `publisher/component`, the name policies use.
    pub name: String,
    /// The publisher whose key signed the component.
    pub publisher: String,
    /// Lower-case hexadecimal SHA-256 that the signature covers.
    pub digest: String,
    /// Version as major, minor, patch.
    pub version: (u64, u64, u64),
    /// Monotonic release number.
    pub release: u64,
    /// True for a component signed in memory by a development key.
    pub dev: bool,
    /// Groups that the trust file grants to the publisher.
    pub groups: Vec<String>,
}

/// Somebody who operates a served system, by what the system's own kernel says of the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    uid: u32,
    groups: Vec<String>,
}

/// The id that stands for users who have none here; nobody's, so no operator's.
pub const OVERFLOW_UID: u32 = 65534;

impl Operator {
    /// The operator with that user id, in the groups that the host's configuration grants; none for the overflow id.
    ///
    /// ```
    /// use airssys_osl::Operator;
    /// assert!(Operator::new(65534, Vec::new()).is_none());
    /// ```
    pub fn new(uid: u32, groups: Vec<String>) -> Option<Operator> {
        (uid != OVERFLOW_UID).then_some(Operator { uid, groups })
    }

    /// The user id.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The groups the configuration grants.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }
}

/// Whoever may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// A component.
    Component(Arc<Principal>),
    /// An operator.
    Operator(Arc<Operator>),
}

impl Party {
    /// The entity in policies: its type and id.
    pub fn entity(&self) -> (&'static str, String) {
        match self {
            Party::Component(principal) => ("Component", principal.name.clone()),
            Party::Operator(operator) => ("Operator", operator.uid.to_string()),
        }
    }

    /// The component's identity, if it is one.
    pub fn component(&self) -> Option<&Arc<Principal>> {
        match self {
            Party::Component(principal) => Some(principal),
            Party::Operator(_) => None,
        }
    }

    /// The name in logs and sentences: `acme/thumb`, `operator:1000`. No component is called like an operator.
    pub fn name(&self) -> String {
        match self {
            Party::Component(principal) => principal.name.clone(),
            Party::Operator(operator) => format!("operator:{}", operator.uid),
        }
    }
}

impl From<Principal> for Party {
    fn from(principal: Principal) -> Party {
        Party::Component(Arc::new(principal))
    }
}

impl From<Arc<Principal>> for Party {
    fn from(principal: Arc<Principal>) -> Party {
        Party::Component(principal)
    }
}

impl From<Operator> for Party {
    fn from(operator: Operator) -> Party {
        Party::Operator(Arc::new(operator))
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, id) = self.entity();
        write!(f, "{kind}::\"{}\"", id.escape_debug())
    }
}
