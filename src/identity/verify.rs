//! Verification: the one way to a [`VerifiedComponent`].
//!
//! The order of the checks is the order of the sentences a person needs: first what the file is, then whether it is
//! whole, then who it says it is by, then whether that is so, then whether it still holds.

use super::IdentityError;
use super::keys::{PublicKey, hex};
use super::layout::{self, Layout, MANIFEST_SECTION, Signature, message};
use super::manifest::Manifest;
use super::names::LOCAL_DEV;
use super::trust::{Publisher, Trust, TrustedKey};
use airssys_osl::Principal;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::fmt;

/// A component whose author is known and trusted, with the very bytes that were verified.
///
/// *Invariant:* made by [`verify`] alone; nothing else may be compiled.
///
/// ```compile_fail
/// let forged = airssys_wasm::identity::VerifiedComponent { bytes: Vec::new() };
/// ```
pub struct VerifiedComponent {
    bytes: Vec<u8>,
    manifest: Manifest,
    principal: Principal,
    file_digest: String,
    key_id: String,
    valid_until: Option<Timestamp>,
}

impl VerifiedComponent {
    /// The whole signed file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the component says about itself, signed.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Who it is to the policies.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The signed hash in hexadecimal: the `digest` of policies.
    pub fn digest(&self) -> &str {
        &self.principal.digest
    }

    /// The SHA-256 of the whole file in hexadecimal: the key of caches, since the preamble and the signature are not
    /// covered by the signed hash.
    pub fn file_digest(&self) -> &str {
        &self.file_digest
    }

    /// The id of the key that signed it.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// When its identity ends: the earlier of the manifest's `expires` and the key's `valid-until`.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }
}

impl fmt::Debug for VerifiedComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = (&self.principal.name, &self.principal.digest, &self.key_id);
        f.debug_tuple("VerifiedComponent").field(&shown).finish()
    }
}

/// Checks that `bytes` are a component signed by a trusted publisher, at the time `now`.
///
/// # Errors
///
/// [`IdentityError`], one variant for each reason to refuse.
pub fn verify(bytes: Vec<u8>, trust: &Trust, now: Timestamp) -> Result<VerifiedComponent, IdentityError> {
    let layout = layout::open(&bytes)?;
    let manifest = Manifest::parse(layout.manifest, MANIFEST_SECTION)?;
    let publisher = publisher(trust, &manifest)?;
    let key = signer(&Case { trust, publisher, manifest: &manifest, layout: &layout, now })?;
    name_granted(publisher, &manifest)?;
    not_expired(&manifest, now)?;
    let valid_until = [manifest.component.expires, key.valid_until()].into_iter().flatten().min();
    let principal = principal(&manifest, publisher, &layout.hash, trust.is_dev());
    let (file_digest, key_id) = (hex(&Sha256::digest(&bytes)), key.public_key().key_id());
    Ok(VerifiedComponent { bytes, manifest, principal, file_digest, key_id, valid_until })
}

/// What a signed component says, with nothing said about whether it is true: for showing, never for running.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// The manifest inside.
    pub manifest: Manifest,
    /// The hash that its signature section names, in hexadecimal; the content has that hash.
    pub digest: String,
    /// The keys that its signatures name.
    pub key_ids: Vec<String>,
}

/// Reads what a signed component says about itself, without asking whether its signature is good or trusted.
///
/// # Errors
///
/// [`IdentityError`] when it is not a component, not signed, or not whole.
pub fn claims(bytes: &[u8]) -> Result<Claims, IdentityError> {
    let layout = layout::open(bytes)?;
    let manifest = Manifest::parse(layout.manifest, MANIFEST_SECTION)?;
    let key_ids =
        layout.signatures.iter().filter_map(|signature| signature.key_id).map(|id| hex(id)).collect();
    Ok(Claims { manifest, digest: hex(&layout.hash), key_ids })
}

fn publisher<'t>(trust: &'t Trust, manifest: &Manifest) -> Result<&'t Publisher, IdentityError> {
    let component = || manifest.principal_name();
    let publisher = &manifest.component.publisher;
    if publisher.as_str() == LOCAL_DEV && !trust.is_dev() {
        return Err(IdentityError::DevelopmentOnly { component: component() });
    }
    let untrusted =
        || IdentityError::UntrustedPublisher { component: component(), publisher: publisher.to_string() };
    trust.publisher(publisher).ok_or_else(untrusted)
}

/// Everything that the search for the signing key looks at.
struct Case<'a> {
    trust: &'a Trust,
    publisher: &'a Publisher,
    manifest: &'a Manifest,
    layout: &'a Layout<'a>,
    now: Timestamp,
}

/// The publisher's key that made a signature and counts now.
fn signer<'a>(case: &Case<'a>) -> Result<&'a TrustedKey, IdentityError> {
    let message = message(&case.layout.hash);
    let mut refused = None;
    for key in case.publisher.keys() {
        if let Some(signature) = case.made_by(key.public_key(), &message)? {
            match case.counts(key, signature) {
                Ok(()) => return Ok(key),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
    }
    Err(match refused {
        Some(error) => error,
        None => case.nobody(&message),
    })
}

impl<'a> Case<'a> {
    /// The signature that the key made, if it made one.
    fn made_by(&self, key: &PublicKey, message: &[u8]) -> Result<Option<&'a Signature<'a>>, IdentityError> {
        if key.is_weak() {
            return Err(IdentityError::WeakKey {
                publisher: self.publisher.name().to_string(),
                key_id: key.key_id(),
            });
        }
        Ok(self.layout.signatures.iter().find(|signature| key.made(signature.bytes, message)))
    }

    /// Whether a key that made a signature is one to go by.
    fn counts(&self, key: &TrustedKey, signature: &Signature<'_>) -> Result<(), IdentityError> {
        let (component, publisher) = (self.manifest.principal_name(), self.publisher.name().to_string());
        let key_id = key.public_key().key_id();
        // The key id is not signed: were any accepted, one signed file could be spelled in many ways.
        if signature.key_id.is_some_and(|id| *id != key.public_key().key_id_bytes()) {
            return Err(IdentityError::KeyIdMismatch { component, key_id });
        }
        if key.is_revoked() {
            return Err(IdentityError::RevokedKey { component, publisher, key_id });
        }
        if let Some(from) = key.valid_from()
            && self.now < from
        {
            return Err(IdentityError::KeyNotYetValid { component, publisher, key_id, from });
        }
        if let Some(until) = key.valid_until()
            && until <= self.now
        {
            return Err(IdentityError::KeyExpired { component, publisher, key_id, until });
        }
        Ok(())
    }

    /// Why none of the publisher's keys made a signature.
    fn nobody(&self, message: &[u8]) -> IdentityError {
        let (component, publisher) = (self.manifest.principal_name(), self.publisher.name().to_string());
        for other in self.trust.publishers() {
            for key in other.keys().iter().map(TrustedKey::public_key) {
                if matches!(self.made_by(key, message), Ok(Some(_))) {
                    let (key_id, owner) = (key.key_id(), other.name().to_string());
                    return IdentityError::ForeignKey { component, publisher, key_id, owner };
                }
            }
        }
        let mut named = self.layout.signatures.iter().filter_map(|signature| signature.key_id);
        let own =
            |id: &[u8; 12]| self.publisher.keys().iter().any(|key| key.public_key().key_id_bytes() == *id);
        match named.clone().find(|id| own(id)) {
            Some(id) => IdentityError::BadSignature { component, publisher, key_id: hex(id) },
            None => {
                let key_id = named.next().map_or_else(|| "unnamed".to_owned(), |id| hex(id));
                IdentityError::UnknownKey { component, publisher, key_id }
            }
        }
    }
}

fn name_granted(publisher: &Publisher, manifest: &Manifest) -> Result<(), IdentityError> {
    let name = &manifest.component.name;
    if publisher.names().iter().any(|pattern| pattern.matches(name)) {
        return Ok(());
    }
    let patterns = publisher.names().iter().map(|p| format!("`{p}`")).collect::<Vec<_>>().join(", ");
    let (publisher, name) = (publisher.name().to_string(), name.to_string());
    Err(IdentityError::NameNotGranted { publisher, name, patterns })
}

fn not_expired(manifest: &Manifest, now: Timestamp) -> Result<(), IdentityError> {
    match manifest.component.expires {
        Some(expires) if expires <= now => {
            Err(IdentityError::Expired { component: manifest.principal_name(), expires })
        }
        Some(_) | None => Ok(()),
    }
}

fn principal(manifest: &Manifest, publisher: &Publisher, hash: &layout::Hash, dev: bool) -> Principal {
    let version = manifest.component.version;
    Principal {
        name: manifest.principal_name(),
        publisher: publisher.name().to_string(),
        digest: hex(hash),
        version: (version.major, version.minor, version.patch),
        release: manifest.component.release,
        dev,
        groups: publisher.groups().iter().map(|group| group.to_string()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{IdentityError, SecretKey, sign};

    #[test]
    fn a_weak_key_that_slipped_into_the_trust_is_refused_at_verification() {
        let manifest = "[component]\nname = 'x'\npublisher = 'acme'\nversion = '1.0.0'\nrelease = 1\n";
        let signed = sign(b"\0asm\x0d\0\x01\0", manifest, &SecretKey::generate().unwrap()).unwrap();
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let trust = Trust::unchecked("acme", PublicKey::unchecked(neutral));
        let error = verify(signed, &trust, Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(matches!(error, IdentityError::WeakKey { .. }), "{error}");
    }
}
