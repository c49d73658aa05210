//! Identity: no changed byte passes, and what the verifier reads in a file is what a compiler would read.
//!
//! An input is one of three things: a list of changes to a file that is signed as it should be; the body of a file whose
//! signature is good whatever the body, as a hostile publisher could make it; or a file as it stands.

use crate::choices::Choices;
use airssys_wasm::identity::{
    IdentityError, MANIFEST_SECTION, Manifest, SIGNATURE_SECTION, SecretKey, Trust, claims, sign, verify,
};
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use ed25519_dalek::{Signer as _, SigningKey};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;
use wasmparser::{Parser, Payload};

/// Of no use but here: its secret is the numbers from 0 to 31.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n\
    -----END PRIVATE KEY-----\n";
const PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";
const MANIFEST: &str =
    "[component]\nname = \"thumb\"\npublisher = \"acme\"\nversion = \"1.4.0\"\nrelease = 7\n";

/// What is judged: who a file is, if anybody.
pub type Verifier = dyn Fn(Vec<u8>, &Trust, Timestamp) -> Result<Identity, IdentityError>;

/// What a verifier says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The signed hash.
    pub digest: String,
    /// The manifest that it read.
    pub manifest: Manifest,
    /// The bytes that go to the compiler.
    pub bytes: Vec<u8>,
}

/// The product's verifier.
///
/// # Errors
/// As [`verify`].
pub fn product(bytes: Vec<u8>, trust: &Trust, now: Timestamp) -> Result<Identity, IdentityError> {
    let component = verify(bytes, trust, now)?;
    let (digest, manifest) = (component.digest().to_owned(), component.manifest().clone());
    Ok(Identity { digest, manifest, bytes: component.bytes().to_vec() })
}

/// The oracle.
///
/// # Panics
/// When a changed file passes, or is read in two ways.
pub fn identity(data: &[u8]) {
    check(data, &product);
}

/// The same of any verifier.
///
/// # Panics
/// As [`identity`].
pub fn check(data: &[u8], verifier: &Verifier) {
    let mut choices = Choices::new(data);
    match choices.below(3) {
        0 => changed(choices, verifier),
        1 => hostile(choices.rest(), verifier),
        _ => as_it_stands(choices.rest(), verifier),
    }
}

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

struct World {
    signing: SigningKey,
    key: SecretKey,
    trust: Trust,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let key = SecretKey::from_pem_or_openssh(KEY).unwrap();
    let entry = "[[publisher]]\nname = \"acme\"\nnames = [\"*\"]\n[[publisher.key]]\nkey = ";
    let text = format!("{entry}\"{}\"\n", key.public_key().to_text());
    let trust = Trust::parse(&text, "trust.toml", &|_| panic!("no key file is named")).unwrap();
    World { signing: SigningKey::from_pkcs8_pem(KEY).unwrap(), key, trust }
});

/// Who signs here is trusted.
pub(crate) fn acme() -> Trust {
    WORLD.trust.clone()
}

/// A component of nothing but this note, signed as it should be.
pub(crate) fn signed(note: &[u8]) -> Vec<u8> {
    sign(&[PREAMBLE, &custom("note", note)].concat(), MANIFEST, &WORLD.key).unwrap()
}

fn leb(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn custom(name: &str, data: &[u8]) -> Vec<u8> {
    let payload = [&leb(name.len()), name.as_bytes(), data].concat();
    [&[0], leb(payload.len()).as_slice(), &payload].concat()
}

/// A file that is signed as it should be, changed.
fn changed(mut choices: Choices<'_>, verifier: &Verifier) {
    let note = custom("note", choices.bytes(8));
    let good = sign(&[PREAMBLE, &note, &custom("more", b"")].concat(), MANIFEST, &WORLD.key).unwrap();
    let whole = verifier(good.clone(), &WORLD.trust, now()).unwrap();
    let (mut bytes, mut changes) = (good.clone(), 0);
    while changes == 0 || (!choices.is_empty() && changes < 4) {
        change(&mut bytes, &mut choices);
        changes += 1;
    }
    let Ok(passed) = verifier(bytes.clone(), &WORLD.trust, now()) else { return };
    assert!(bytes.len() != good.len() || bytes == good || changes > 1, "a changed byte passed: {bytes:?}");
    // A further signature takes nothing away from the one that is good; what was signed must be what it was.
    assert_eq!((passed.digest, passed.manifest), (whole.digest, whole.manifest), "another content passed");
    let signed = |bytes: &[u8]| behind_signature(bytes).map(<[u8]>::to_vec);
    assert_eq!(signed(&passed.bytes), signed(&good), "other bytes passed: {bytes:?}");
}

fn change(bytes: &mut Vec<u8>, choices: &mut Choices<'_>) {
    let at = choices.below(bytes.len().max(1)).min(bytes.len());
    match choices.below(6) {
        0 if at < bytes.len() => bytes[at] ^= choices.byte().max(1),
        1 => bytes.truncate(at),
        2 => bytes.insert(at, choices.byte()),
        3 if at < bytes.len() => drop(bytes.remove(at)),
        4 => bytes.extend_from_slice(choices.bytes(16)),
        _ => {
            let copied = bytes[at..(at + choices.below(40)).min(bytes.len())].to_vec();
            let to = choices.below(bytes.len() + 1);
            bytes.splice(to..to, copied);
        }
    }
}

/// What stands behind the first section, by the tool chain's own reader.
fn behind_signature(bytes: &[u8]) -> Option<&[u8]> {
    let sections = Parser::new(0).parse_all(bytes).filter_map(Result::ok);
    let first = sections.filter_map(|payload| match payload {
        Payload::CustomSection(section) => Some(section.range().end),
        _ => None,
    });
    bytes.get(first.into_iter().next()?..)
}

/// A file whose signature is good whatever its body.
fn hostile(body: &[u8], verifier: &Verifier) {
    let with_manifest = [custom(MANIFEST_SECTION, MANIFEST.as_bytes()).as_slice(), body].concat();
    for body in [with_manifest.as_slice(), body] {
        let bytes = [PREAMBLE, &signature(body), body].concat();
        as_it_stands(&bytes, verifier);
    }
}

fn signature(body: &[u8]) -> Vec<u8> {
    let hash = Sha256::digest(body);
    let message = [b"wasmsig\x01\x01\x01".as_slice(), &hash].concat();
    let key_id = WORLD.key.public_key().key_id();
    let key_id: Vec<u8> =
        (0..key_id.len()).step_by(2).map(|at| u8::from_str_radix(&key_id[at..at + 2], 16).unwrap()).collect();
    let signed = WORLD.signing.sign(&message).to_bytes();
    let record = [leb(key_id.len()).as_slice(), &key_id, &[1, 64], &signed].concat();
    let set = [[1].as_slice(), &hash, &[1], &leb(record.len()), &record].concat();
    custom(SIGNATURE_SECTION, &[[1, 1, 1, 1].as_slice(), &leb(set.len()), &set].concat())
}

/// Whoever passes was read as the compiler reads it.
fn as_it_stands(bytes: &[u8], verifier: &Verifier) {
    let claimed = claims(bytes);
    let passed = match verifier(bytes.to_vec(), &WORLD.trust, now()) {
        Ok(passed) => passed,
        Err(error) => {
            let said = error.to_string();
            let is_clean = !said.is_empty() && !said.chars().any(char::is_control);
            assert!(is_clean && error.remedy().is_some(), "{said:?}");
            return;
        }
    };
    let claimed = claimed.expect("what passes says what it is");
    assert_eq!((&claimed.digest, &claimed.manifest), (&passed.digest, &passed.manifest), "two readings");
    assert_eq!(passed.bytes, bytes, "other bytes go to the compiler");
    let Ok((signatures, manifests)) = read_by_the_tool_chain(bytes) else { return };
    assert_eq!((signatures, manifests.len()), (1, 1), "the compiler sees other sections");
    let read = Manifest::parse(std::str::from_utf8(&manifests[0]).unwrap(), "seen").unwrap();
    assert_eq!(read, passed.manifest, "the compiler sees another manifest");
}

/// How many signatures stand at the top, and the manifests there.
fn read_by_the_tool_chain(bytes: &[u8]) -> Result<(usize, Vec<Vec<u8>>), wasmparser::BinaryReaderError> {
    let (mut signatures, mut manifests, mut depth) = (0, Vec::new(), 0_u32);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 0 => match section.name() {
                SIGNATURE_SECTION => signatures += 1,
                MANIFEST_SECTION => manifests.push(section.data().to_vec()),
                _ => {}
            },
            _ => {}
        }
    }
    Ok((signatures, manifests))
}
