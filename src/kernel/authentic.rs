//! Authentic: machine code that this installation made, and the one place where such code is taken from bytes.
//!
//! *Invariant:* nothing is deserialised whose seal was not verified first, over the very buffer that is then deserialised.

#![allow(unsafe_code, reason = "taking machine code from bytes is unsafe whatever is known of the bytes")]

use crate::identity::{SEAL_BYTES, SealKey};
use crate::kernel::Engine;
use sha2::{Digest, Sha256};
use std::hash::Hash;
use std::num::NonZeroU64;
use wasmtime::component::Component;

/// What an entry begins with: its format.
const MAGIC: &[u8; 8] = b"airssys\x01";

/// Code with a seal that was verified. Made by [`AuthenticCode::open`] alone.
pub(in crate::kernel) struct AuthenticCode<'a> {
    code: &'a [u8],
}

/// Whose code it is, and for which machine and settings.
pub(in crate::kernel) struct Sealed {
    component: String,
    engine: [u8; 32],
}

impl Sealed {
    /// Of the component file with that SHA-256, compiled by an engine like this one.
    pub(in crate::kernel) fn new(engine: &Engine, component: &str) -> Sealed {
        Sealed::of(engine.fingerprint(), component)
    }

    /// The same, by the engine's fingerprint.
    pub(in crate::kernel) fn of(engine: [u8; 32], component: &str) -> Sealed {
        Sealed { component: component.to_owned(), engine }
    }

    /// The name of its entry.
    pub(in crate::kernel) fn name(&self) -> String {
        let mut hasher = Sha256::new();
        self.parts(&[]).iter().for_each(|part| hasher.update(part));
        crate::identity::hex(&hasher.finalize())
    }

    fn parts<'a>(&'a self, code: &'a [u8]) -> [&'a [u8]; 4] {
        [MAGIC, self.component.as_bytes(), &self.engine, code]
    }
}

/// The entry for code that was just compiled.
pub(in crate::kernel) fn sealed(key: &SealKey, origin: &Sealed, code: &[u8]) -> Option<Vec<u8>> {
    let seal = key.seal(&origin.parts(code))?;
    Some([MAGIC.as_slice(), &seal, code].concat())
}

impl<'a> AuthenticCode<'a> {
    /// The code of an entry, if it was sealed here, as that.
    ///
    /// # Errors
    /// What is wrong with the entry.
    pub(in crate::kernel) fn open(
        key: &SealKey,
        origin: &Sealed,
        entry: &'a [u8],
    ) -> Result<AuthenticCode<'a>, &'static str> {
        let rest = entry.strip_prefix(MAGIC.as_slice()).ok_or("it is of no format that is known here")?;
        let (seal, code) = rest.split_at_checked(SEAL_BYTES).ok_or("it ends before its seal does")?;
        if !key.holds(&origin.parts(code), seal) {
            return Err("its seal is not of this installation, component, engine and code");
        }
        Ok(AuthenticCode { code })
    }

    /// The component that it is the code of.
    ///
    /// # Errors
    /// The engine's own, such as of code for another version.
    pub(in crate::kernel) fn component(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes are what `Component::serialize` gave to a process of this installation: their seal was verified,
        // under a key that only this user can read, in the buffer that is used here, which nobody else can change.
        unsafe { Component::deserialize(engine.inner(), self.code) }
    }
}

/// What an engine's settings hash to: its version, its settings, and the processor's features that it compiles for.
pub(in crate::kernel) fn fingerprint_of(engine: &wasmtime::Engine, stack_kib: NonZeroU64) -> [u8; 32] {
    let mut hasher = Digesting(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.update(env!("CARGO_PKG_VERSION"));
    hasher.0.update(stack_kib.get().to_le_bytes());
    hasher.0.finalize().into()
}

/// Digests what is hashed.
struct Digesting(Sha256);

impl std::hash::Hasher for Digesting {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Limits;

    const DIGEST: &str = "5a";

    fn engine() -> Engine {
        Engine::new(Limits::default().stack_kib, None).unwrap()
    }

    fn key() -> SealKey {
        SealKey::from_bytes(&[7; SEAL_BYTES]).unwrap()
    }

    fn entry(engine: &Engine) -> Vec<u8> {
        let code = Component::from_binary(engine.inner(), b"\0asm\x0d\0\x01\0").unwrap().serialize().unwrap();
        sealed(&key(), &Sealed::new(engine, DIGEST), &code).unwrap()
    }

    fn is_refused(engine: &Engine, digest: &str, key: &SealKey, entry: &[u8]) -> bool {
        AuthenticCode::open(key, &Sealed::new(engine, digest), entry).is_err()
    }

    #[test]
    fn an_entry_with_any_bit_flipped_is_refused() {
        let engine = engine();
        let good = entry(&engine);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            assert!(is_refused(&engine, DIGEST, &key(), &bad), "{at}");
        }
        assert!(!is_refused(&engine, DIGEST, &key(), &good));
    }

    #[test]
    fn an_entry_that_is_cut_off_or_longer_is_refused() {
        let engine = engine();
        let good = entry(&engine);
        for length in 0..good.len() {
            assert!(is_refused(&engine, DIGEST, &key(), &good[..length]), "{length}");
        }
        assert!(is_refused(&engine, DIGEST, &key(), &[&good[..], &[0]].concat()));
    }

    #[test]
    fn an_entry_of_another_component_key_or_engine_is_refused() {
        let (engine, good) = (engine(), entry(&engine()));
        assert!(is_refused(&engine, "5b", &key(), &good));
        assert!(is_refused(&engine, DIGEST, &SealKey::generate().unwrap(), &good));
        let other = Engine::new(std::num::NonZeroU64::new(1024).unwrap(), None).unwrap();
        assert!(is_refused(&other, DIGEST, &key(), &good));
        assert_ne!(Sealed::new(&engine, DIGEST).name(), Sealed::new(&other, DIGEST).name());
        assert!(!is_refused(&engine, DIGEST, &key(), &good));
    }

    #[test]
    fn what_an_entry_holds_is_the_component() {
        let (engine, good) = (engine(), entry(&engine()));
        let code = AuthenticCode::open(&key(), &Sealed::new(&engine, DIGEST), &good).ok().unwrap();
        code.component(&engine).unwrap();
    }
}
