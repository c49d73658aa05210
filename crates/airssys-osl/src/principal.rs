//! Who asks: the verified identity behind a component instance.

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
