//! Keys: Ed25519, read from the forms people have and written in the ones other tools read.
//!
//! Public keys are read from SPKI PEM, an OpenSSH line, or `ed25519:` + base64 as it stands in `trust.toml`; secret
//! keys from PKCS#8 PEM or an unencrypted OpenSSH file. Public keys are written as SPKI PEM, secret keys as PKCS#8
//! version 1, which wasmsign2 reads too.
//!
//! *Invariant:* a [`PublicKey`] read from text is canonical and not of small order, so that one key has one identity
//! and no signature holds for every message.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use miette::Diagnostic;
use sha2::Sha256;
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// How the bytes of a public key begin in `trust.toml`.
const TEXT_PREFIX: &str = "ed25519:";
/// Bytes of a key id.
pub(super) const KEY_ID_BYTES: usize = 12;
const MAX_KEY_TEXT_BYTES: usize = 16 * 1024;

/// Why a key was not accepted, or could not be made.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is none of the public key forms.
    #[error("this is not a public key")]
    #[diagnostic(help(
        "give the `author.pub` of `airssys keygen`, an OpenSSH `ssh-ed25519` line, or `ed25519:` and base64"
    ))]
    NotPublic,
    /// The text is none of the secret key forms.
    #[error("this is not a secret key")]
    #[diagnostic(help(
        "give the `author.key` of `airssys keygen`, a PKCS#8 PEM, or an OpenSSH private key file"
    ))]
    NotSecret,
    /// A secret key stands where a public one belongs.
    #[error("this is a secret key where a public key belongs")]
    #[diagnostic(help("give the `.pub` file; if the secret key left your hands, replace it"))]
    SecretGiven,
    /// A public key stands where a secret one belongs.
    #[error("this is a public key where a secret key belongs")]
    #[diagnostic(help("give the file that `airssys keygen` wrote without `.pub`"))]
    PublicGiven,
    /// The secret key is protected by a passphrase.
    #[error("the secret key is encrypted with a passphrase")]
    #[diagnostic(help(
        "decrypt a copy with `ssh-keygen -p -N '' -f KEY` or `openssl pkcs8 -in KEY`, or make a key with `airssys keygen`"
    ))]
    Encrypted,
    /// The key is of another kind.
    #[error("the key is of type `{algorithm}`, not Ed25519")]
    #[diagnostic(help("only Ed25519 keys sign components; make one with `airssys keygen`"))]
    NotEd25519 {
        /// The type that the key has.
        algorithm: String,
    },
    /// The form is known and its content damaged.
    #[error("the key is damaged: {why}")]
    #[diagnostic(help("copy the key again from its owner"))]
    Damaged {
        /// What the reader said.
        why: String,
    },
    /// The key is of small order: signatures could be made without a secret.
    #[error("the key {key_id} is weak (of small order): anyone could sign for it")]
    #[diagnostic(help("remove it and ask the author for a key made by `airssys keygen`"))]
    Weak {
        /// The key.
        key_id: String,
    },
    /// The system gave no randomness.
    #[error("the system gave no random bytes: {why}")]
    #[diagnostic(help("check that this process may use the system's random source"))]
    NoEntropy {
        /// What the system said.
        why: String,
    },
}

/// The key that an author's signatures are checked with.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads SPKI PEM, one OpenSSH `ssh-ed25519` line, or `ed25519:` and the base64 of 32 bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError`]: another form or kind of key, a damaged key, a weak key.
    pub fn parse(text: &str) -> Result<PublicKey, KeyError> {
        let text = bounded(text)?.ok_or(KeyError::NotPublic)?;
        if text.contains("PRIVATE KEY-----") {
            return Err(KeyError::SecretGiven);
        }
        if let Some(encoded) = text.strip_prefix(TEXT_PREFIX) {
            return PublicKey::from_bytes(&from_base64(encoded)?);
        }
        if text.starts_with("-----BEGIN PUBLIC KEY-----") {
            let key = VerifyingKey::from_public_key_pem(text).map_err(damaged)?;
            return PublicKey::from_bytes(key.as_bytes());
        }
        PublicKey::from_openssh(text)
    }

    fn from_openssh(line: &str) -> Result<PublicKey, KeyError> {
        if !(line.starts_with("ssh-") || line.starts_with("ecdsa-") || line.starts_with("sk-")) {
            return Err(KeyError::NotPublic);
        }
        if line.contains('\n') {
            return Err(KeyError::Damaged { why: "more than one line".to_owned() });
        }
        let key = ssh_key::PublicKey::from_openssh(line).map_err(damaged)?;
        match key.key_data().ed25519() {
            Some(data) => PublicKey::from_bytes(&data.0),
            None => Err(KeyError::NotEd25519 { algorithm: key.algorithm().to_string() }),
        }
    }

    fn from_bytes(bytes: &[u8; 32]) -> Result<PublicKey, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(damaged)?;
        if key.to_edwards().compress().as_bytes() != bytes {
            return Err(KeyError::Damaged { why: "it is not in its one canonical form".to_owned() });
        }
        let key = PublicKey(key);
        if key.is_weak() { Err(KeyError::Weak { key_id: key.key_id() }) } else { Ok(key) }
    }

    /// The key as SPKI PEM, what `author.pub` holds.
    pub fn to_pem(&self) -> String {
        // Encoding 32 bytes into a fixed frame has no way to fail; an empty string would be refused by every reader.
        self.0.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// The key as `trust.toml` has it: `ed25519:` and base64.
    pub fn to_text(&self) -> String {
        format!("{TEXT_PREFIX}{}", STANDARD.encode(self.0.as_bytes()))
    }

    /// The key's id in hexadecimal: for people and messages, never a ground for trust.
    pub fn key_id(&self) -> String {
        hex(&self.key_id_bytes())
    }

    /// The first 12 bytes of HMAC-SHA256 over "key_id" under the key, as wasmsign2 has it.
    pub(super) fn key_id_bytes(&self) -> [u8; KEY_ID_BYTES] {
        let mut id = [0; KEY_ID_BYTES];
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()) {
            mac.update(b"key_id");
            id.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
        }
        id
    }

    /// Whether this key made the signature over the message, by the strict rules.
    pub(super) fn made(&self, signature: &[u8; 64], message: &[u8]) -> bool {
        // INVARIANT: strict. `verify` accepts small-order points, with which one signature fits many messages.
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }

    /// Whether the key is of small order.
    pub(super) fn is_weak(&self) -> bool {
        self.0.is_weak()
    }

    /// A key that reading would have refused.
    #[cfg(test)]
    pub(super) fn unchecked(bytes: [u8; 32]) -> PublicKey {
        PublicKey(VerifyingKey::from_bytes(&bytes).unwrap())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.key_id())
    }
}

/// The key that an author signs with.
///
/// It is overwritten in memory when dropped, and shows nothing of itself when printed.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    ///
    /// [`KeyError::NoEntropy`] when the system gives none.
    pub fn generate() -> Result<SecretKey, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice())
            .map_err(|error| KeyError::NoEntropy { why: error.to_string() })?;
        Ok(SecretKey(SigningKey::from_bytes(&seed)))
    }

    /// Reads PKCS#8 PEM (version 1 or 2) or an unencrypted OpenSSH private key file.
    ///
    /// # Errors
    ///
    /// [`KeyError`]: another form or kind of key, an encrypted or damaged key.
    pub fn from_pem_or_openssh(text: &str) -> Result<SecretKey, KeyError> {
        let text = bounded(text)?.ok_or(KeyError::NotSecret)?;
        if text.starts_with("-----BEGIN PRIVATE KEY-----") {
            return SigningKey::from_pkcs8_pem(text).map(SecretKey).map_err(damaged);
        }
        if text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----") {
            return SecretKey::from_openssh(text);
        }
        if text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
            return Err(KeyError::Encrypted);
        }
        Err(if PublicKey::parse(text).is_ok() { KeyError::PublicGiven } else { KeyError::NotSecret })
    }

    fn from_openssh(text: &str) -> Result<SecretKey, KeyError> {
        let key = ssh_key::PrivateKey::from_openssh(text).map_err(damaged)?;
        if key.is_encrypted() {
            return Err(KeyError::Encrypted);
        }
        let Some(pair) = key.key_data().ed25519() else {
            return Err(KeyError::NotEd25519 { algorithm: key.algorithm().to_string() });
        };
        // That the file's public half belongs to it, ssh-key has checked.
        Ok(SecretKey(SigningKey::from_bytes(&Zeroizing::new(pair.private.to_bytes()))))
    }

    /// The key as PKCS#8 PEM of version 1, what `author.key` holds.
    pub fn to_pem(&self) -> Zeroizing<String> {
        // Version 1 has no public key inside; wasmsign2 cannot read version 2.
        let pair = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        pair.to_pkcs8_pem(LineEnding::LF).unwrap_or_default()
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The signature over the message.
    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey")
    }
}

/// The text without surrounding space, `None` when it is empty.
fn bounded(text: &str) -> Result<Option<&str>, KeyError> {
    if text.len() > MAX_KEY_TEXT_BYTES {
        return Err(KeyError::Damaged { why: format!("more than {MAX_KEY_TEXT_BYTES} bytes") });
    }
    let text = text.trim();
    Ok((!text.is_empty()).then_some(text))
}

fn from_base64(encoded: &str) -> Result<[u8; 32], KeyError> {
    let bytes = STANDARD.decode(encoded).map_err(damaged)?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| KeyError::Damaged { why: format!("{length} bytes where 32 belong") })
}

fn damaged(why: impl fmt::Display) -> KeyError {
    KeyError::Damaged { why: super::file::printable(&why.to_string()) }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The neutral element: of order 1.
    const NEUTRAL: [u8; 32] = {
        let mut bytes = [0; 32];
        bytes[0] = 1;
        bytes
    };

    fn text(bytes: &[u8; 32]) -> String {
        format!("ed25519:{}", STANDARD.encode(bytes))
    }

    fn secret() -> SecretKey {
        SecretKey(SigningKey::from_bytes(&[7; 32]))
    }

    #[test]
    fn small_order_keys_are_refused_when_read() {
        let order_two = {
            let mut bytes = [0xff; 32];
            bytes[0] = 0xec;
            bytes[31] = 0x7f;
            bytes
        };
        let order_four = [0; 32];
        let order_eight = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
        let order_eight: Vec<u8> =
            (0..32).map(|i| u8::from_str_radix(&order_eight[2 * i..2 * i + 2], 16).unwrap()).collect();
        for weak in [NEUTRAL, order_two, order_four, order_eight.try_into().unwrap()] {
            assert!(matches!(PublicKey::parse(&text(&weak)), Err(KeyError::Weak { .. })), "{weak:x?}");
        }
    }

    #[test]
    fn a_signature_that_fits_every_message_is_not_accepted() {
        // R neutral, S zero: plain verification under the neutral key takes it for any message.
        let mut signature = [0; 64];
        signature[0] = 1;
        let key = PublicKey::unchecked(NEUTRAL);
        assert!(ed25519_dalek::Verifier::verify(&key.0, b"any", &Signature::from_bytes(&signature)).is_ok());
        assert!(!key.made(&signature, b"any"));
    }

    #[test]
    fn a_second_spelling_of_a_key_is_refused() {
        // y + p for small y: decompresses to the point of y.
        let mut seen = 0;
        for low in 0xed..=0xff_u8 {
            let mut bytes = [0xff; 32];
            bytes[0] = low;
            bytes[31] = 0x7f;
            if VerifyingKey::from_bytes(&bytes).is_ok_and(|key| !key.is_weak()) {
                seen += 1;
                assert!(matches!(PublicKey::parse(&text(&bytes)), Err(KeyError::Damaged { .. })));
            }
        }
        assert!(seen > 0);
    }

    #[test]
    fn texts_that_are_not_exactly_one_key_are_refused() {
        let good = secret().public_key().to_text();
        let openssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs a@b";
        assert_eq!(PublicKey::parse(openssh).unwrap(), secret().public_key());
        for bad in [
            "",
            "ed25519:",
            "hello",
            &good[..good.len() - 1],
            &good.replace('=', ""),
            &format!("{good}="),
            &good.replace("ed25519:", ""),
            &good.replace("ed25519:", "ed25519: "),
            &format!("{openssh}\n{openssh}"),
            &format!("command=\"x\" {openssh}"),
        ] {
            assert!(PublicKey::parse(bad).is_err(), "{bad}");
        }
        // The last digit before the padding carries two bits beyond the 32 bytes: they must be zero.
        assert!(good.ends_with("LA=") || good.ends_with('='));
        let mut sloppy = good.clone();
        let last = sloppy.remove(sloppy.len() - 2);
        let next = char::from(last as u8 + 1);
        sloppy.insert(sloppy.len() - 1, next);
        assert!(PublicKey::parse(&sloppy).is_err(), "{sloppy}");
    }

    #[test]
    fn an_overlong_text_is_refused_before_it_is_read() {
        let padded = secret().public_key().to_text() + &" ".repeat(MAX_KEY_TEXT_BYTES);
        assert!(matches!(PublicKey::parse(&padded), Err(KeyError::Damaged { .. })));
        let padded = secret().to_pem().to_string() + &" ".repeat(MAX_KEY_TEXT_BYTES);
        assert!(matches!(SecretKey::from_pem_or_openssh(&padded), Err(KeyError::Damaged { .. })));
    }

    #[test]
    fn an_openssh_key_whose_halves_differ_is_refused() {
        use ssh_key::private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData};
        let public =
            ssh_key::public::Ed25519PublicKey(*SigningKey::from_bytes(&[8; 32]).verifying_key().as_bytes());
        let crossed = Ed25519Keypair { public, private: Ed25519PrivateKey::from_bytes(&[7; 32]) };
        let key = ssh_key::PrivateKey::new(KeypairData::Ed25519(crossed), "").unwrap();
        let text = key.to_openssh(ssh_key::LineEnding::LF).unwrap();
        assert!(matches!(SecretKey::from_pem_or_openssh(&text), Err(KeyError::Damaged { .. })));
    }

    #[test]
    fn keys_of_the_wrong_half_are_refused_by_name() {
        let (secret, public) = (secret().to_pem(), secret().public_key());
        assert!(matches!(PublicKey::parse(&secret), Err(KeyError::SecretGiven)));
        assert!(matches!(SecretKey::from_pem_or_openssh(&public.to_pem()), Err(KeyError::PublicGiven)));
        assert!(matches!(SecretKey::from_pem_or_openssh(&public.to_text()), Err(KeyError::PublicGiven)));
        assert!(matches!(SecretKey::from_pem_or_openssh("hello"), Err(KeyError::NotSecret)));
        assert!(matches!(SecretKey::from_pem_or_openssh(" "), Err(KeyError::NotSecret)));
    }

    #[test]
    fn printing_a_secret_key_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", secret()), "SecretKey");
    }

    #[test]
    fn two_generated_keys_differ() {
        assert_ne!(SecretKey::generate().unwrap().public_key(), SecretKey::generate().unwrap().public_key());
    }

    #[test]
    fn keys_survive_writing_and_reading() {
        let key = secret();
        let again = SecretKey::from_pem_or_openssh(&key.to_pem()).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        let public = key.public_key();
        assert_eq!(PublicKey::parse(&public.to_pem()).unwrap(), public);
        assert_eq!(PublicKey::parse(&format!("  {}\n", public.to_text())).unwrap(), public);
        assert_eq!(public.key_id().len(), 24);
    }

    #[test]
    fn a_version_2_key_whose_halves_differ_is_refused() {
        let public =
            ed25519_dalek::pkcs8::PublicKeyBytes(SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes());
        let crossed = KeypairBytes { secret_key: [7; 32], public_key: Some(public) };
        let pem = crossed.to_pkcs8_pem(LineEnding::LF).unwrap();
        assert!(matches!(SecretKey::from_pem_or_openssh(&pem), Err(KeyError::Damaged { .. })));
        let pem = SigningKey::from_bytes(&[7; 32]).to_pkcs8_pem(LineEnding::LF).unwrap();
        assert_eq!(SecretKey::from_pem_or_openssh(&pem).unwrap().public_key(), secret().public_key());
    }
}
