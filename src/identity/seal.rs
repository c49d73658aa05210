//! Seals: that something was made by this installation, for those who have put it aside and find it again.
//!
//! A seal is HMAC-SHA256 (RFC 2104, FIPS 198-1) under a key that never leaves the installation, over parts of which each is
//! preceded by its length, so that no two lists of parts are the same bytes.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a key, and of a seal.
pub(crate) const SEAL_BYTES: usize = 32;

/// The key of an installation.
pub(crate) struct SealKey(Zeroizing<[u8; SEAL_BYTES]>);

impl SealKey {
    /// A new one, from the system's randomness.
    ///
    /// # Errors
    /// When the system has none.
    pub(crate) fn generate() -> Result<SealKey, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; SEAL_BYTES]);
        getrandom::fill(&mut *bytes)?;
        Ok(SealKey(bytes))
    }

    /// The one that has these bytes; none for another length.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<SealKey> {
        bytes.try_into().ok().map(|bytes| SealKey(Zeroizing::new(bytes)))
    }

    /// Its bytes, for keeping them.
    pub(crate) fn bytes(&self) -> &[u8; SEAL_BYTES] {
        &self.0
    }

    /// The seal over these parts.
    pub(crate) fn seal(&self, parts: &[&[u8]]) -> Option<[u8; SEAL_BYTES]> {
        self.over(parts).map(|mac| mac.finalize().into_bytes().into())
    }

    /// Whether that is the seal over these parts. It takes as long for any seal.
    pub(crate) fn holds(&self, parts: &[&[u8]], seal: &[u8]) -> bool {
        self.over(parts).is_some_and(|mac| mac.verify_slice(seal).is_ok())
    }

    fn over(&self, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).ok()?;
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        Some(mac)
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SealKey {
        SealKey::from_bytes(&[7; SEAL_BYTES]).unwrap()
    }

    #[test]
    fn a_seal_holds_for_its_parts_alone_in_their_order_and_cut_as_they_are() {
        let seal = key().seal(&[b"ab", b"c"]).unwrap();
        let others: [&[&[u8]]; 6] =
            [&[b"a", b"bc"], &[b"abc"], &[b"c", b"ab"], &[b"ab", b"c", b""], &[b"ab"], &[]];
        assert!(others.iter().all(|other| !key().holds(other, &seal)));
        assert!(key().holds(&[b"ab", b"c"], &seal));
    }

    #[test]
    fn a_seal_of_another_key_or_length_does_not_hold() {
        let seal = key().seal(&[b"a"]).unwrap();
        assert!(!SealKey::generate().unwrap().holds(&[b"a"], &seal));
        for length in 0..SEAL_BYTES {
            assert!(!key().holds(&[b"a"], &seal[..length]));
        }
        assert!(!key().holds(&[b"a"], &[&seal[..], &[0]].concat()));
        assert!(SealKey::from_bytes(&[7; 31]).is_none() && SealKey::from_bytes(&[7; 33]).is_none());
    }

    #[test]
    fn it_is_hmac_sha256_with_lengths_before_the_parts() {
        // Made with another implementation: hmac.new(b"\x07" * 32, (1).to_bytes(8, "little") + b"a", "sha256").
        let known = "f600d72b88ceeeccea880a3b8f73333ea28c84a5a0a49bbccad9967d7da26494";
        assert_eq!(crate::identity::hex(&key().seal(&[b"a"]).unwrap()), known);
    }

    #[test]
    fn a_key_does_not_print_itself() {
        assert_eq!(format!("{:?}", key()), "SealKey");
    }
}
