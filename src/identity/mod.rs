//! Identity: from bytes to a component whose author is known.
//!
//! Nothing is compiled, and no policy is asked, before [`verify`] has returned a [`VerifiedComponent`]. That type has
//! no other constructor, so whoever holds one holds the proof: the bytes in it are a component (not a core module, not
//! machine code), they are signed by a key which the trust file gives to the publisher named in the signed manifest,
//! and key, manifest and name were good at the time of the check.
//!
//! ```text
//! bytes ── layout ──▶ hash ──▶ manifest ──▶ publisher ──▶ key ──▶ signature ──▶ dates, name ──▶ VerifiedComponent
//! ```
//!
//! A signed component is one file:
//!
//! ```text
//! preamble | custom "signature" | custom "airssys:manifest" | the component's own sections
//!                               └────────────── SHA-256, signed with Ed25519 ─────────────┘
//! ```
//!
//! *Invariant:* hash, manifest and signature are read from one buffer, and that same buffer is what
//! [`VerifiedComponent::bytes`] hands to the compiler.
//!
//! No file is opened here: text and bytes come in as arguments.
//!
//! ```
//! use airssys_wasm::identity::{SecretKey, Trust, sign, verify};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let manifest = "[component]\nname = 'thumb'\npublisher = 'acme'\nversion = '1.0.0'\nrelease = 1\n";
//! let key = SecretKey::generate()?;
//! let signed = sign(b"\0asm\x0d\0\x01\0", manifest, &key)?;
//!
//! let trust = format!(
//!     "[[publisher]]\nname = 'acme'\nnames = ['*']\n[[publisher.key]]\nkey = '{}'\n",
//!     key.public_key().to_text()
//! );
//! let trust = Trust::parse(&trust, "trust.toml", &|_| unreachable!("no key file is named"))?;
//! let component = verify(signed, &trust, jiff::Timestamp::now())?;
//! assert_eq!(component.principal().name, "acme/thumb");
//! # Ok(())
//! # }
//! ```

mod error;
mod file;
mod frame;
mod keys;
mod layout;
mod limits;
mod manifest;
mod moment;
mod names;
mod seal;
mod sign;
mod standing;
mod trust;
mod verify;

pub(crate) use keys::hex;
pub(crate) use limits::limit_keys;
pub(crate) use seal::{SEAL_BYTES, SealKey};
pub(crate) use standing::Standing;

pub use error::IdentityError;
pub use file::{FileError, FileProblem};
pub use keys::{KeyError, PublicKey, SecretKey};
pub use layout::{
    MANIFEST_SECTION, MAX_COMPONENT_BYTES, MAX_MANIFEST_BYTES, MAX_SIGNATURES, SIGNATURE_SECTION,
};
pub use limits::Limits;
pub use manifest::{ComponentTable, Manifest, Version};
pub use names::{LOCAL_DEV, Name, Pattern};
pub use sign::{dev_manifest, embed_manifest, sign};
pub use trust::{Publisher, Trust, TrustedKey};
pub use verify::{Claims, VerifiedComponent, claims, verify};
