//! Components, trust files and signatures made by hand.

use airssys_wasm::identity::{
    IdentityError as E, MANIFEST_SECTION, PublicKey, SecretKey, Trust, VerifiedComponent, verify,
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

pub(crate) const PREAMBLE: &[u8; 8] = b"\0asm\x0d\0\x01\0";
pub(crate) const MANIFEST: &str =
    "[component]\nname = \"thumb\"\npublisher = \"acme\"\nversion = \"1.4.0\"\nrelease = 7\n";

pub(crate) fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub(crate) fn key() -> SecretKey {
    SecretKey::generate().unwrap()
}

pub(crate) fn varint(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

pub(crate) fn section(id: u8, payload: &[u8]) -> Vec<u8> {
    [&[id], varint(payload.len()).as_slice(), payload].concat()
}

pub(crate) fn custom(name: &str, data: &[u8]) -> Vec<u8> {
    section(0, &[varint(name.len()).as_slice(), name.as_bytes(), data].concat())
}

/// A component of two custom sections.
pub(crate) fn component() -> Vec<u8> {
    [PREAMBLE.as_slice(), &custom("note", b"payload"), &custom("more", b"")].concat()
}

pub(crate) fn entry(publisher: &str, key: &PublicKey, rest: &str) -> String {
    let key = key.to_text();
    format!(
        "[[publisher]]\nname = \"{publisher}\"\nnames = [\"*\"]\n[[publisher.key]]\nkey = \"{key}\"\n{rest}\n"
    )
}

pub(crate) fn trust(text: &str) -> Trust {
    Trust::parse(text, "trust.toml", &|_| panic!("no key file is named")).unwrap()
}

pub(crate) fn trusting(key: &SecretKey) -> Trust {
    trust(&entry("acme", &key.public_key(), ""))
}

pub(crate) fn check(bytes: &[u8], trust: &Trust) -> Result<VerifiedComponent, E> {
    verify(bytes.to_vec(), trust, now())
}

pub(crate) fn refusal(bytes: &[u8], trust: &Trust) -> E {
    let error = check(bytes, trust).unwrap_err();
    assert!(error.remedy().is_some_and(|remedy| !remedy.is_empty()), "{error} has no remedy");
    let said = error.to_string();
    assert!(!said.contains('\n') && !said.ends_with('.') && !said.starts_with(char::is_uppercase), "{said}");
    error
}

/// `body` behind a signature over exactly that body: what a hostile or careless signing tool could make.
pub(crate) fn signed_over(body: &[u8], key: &SecretKey) -> Vec<u8> {
    let module =
        wasmsign2::Module::deserialize(&mut [PREAMBLE.as_slice(), body].concat().as_slice()).unwrap();
    with_wasmsign2(module, key)
}

pub(crate) fn with_wasmsign2(module: wasmsign2::Module, key: &SecretKey) -> Vec<u8> {
    let secret = wasmsign2::SecretKey::from_pem(&key.to_pem()).unwrap();
    let public = theirs(&key.public_key()).attach_default_key_id();
    let mut out = Vec::new();
    secret.sign(module, public.key_id()).unwrap().serialize(&mut out).unwrap();
    out
}

pub(crate) fn theirs(key: &PublicKey) -> wasmsign2::PublicKey {
    wasmsign2::PublicKey::from_pem(&key.to_pem()).unwrap()
}

pub(crate) fn manifest_section() -> Vec<u8> {
    custom(MANIFEST_SECTION, MANIFEST.as_bytes())
}

/// A good signature section over `body`, its content edited before it is framed.
pub(crate) fn own_signature(body: &[u8], key: &SecretKey, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut data = signature_content(body, &[key], |key| key.public_key().key_id());
    edit(&mut data);
    custom("signature", &data)
}

pub(crate) fn signature_content(
    body: &[u8],
    keys: &[&SecretKey],
    key_id: impl Fn(&SecretKey) -> String,
) -> Vec<u8> {
    let hash = Sha256::digest(body);
    let message = [b"wasmsig\x01\x01\x01".as_slice(), &hash].concat();
    let mut set = [[1].as_slice(), &hash, &[keys.len() as u8]].concat();
    for key in keys {
        let key_id = unhex(&key_id(key));
        let record =
            [varint(key_id.len()).as_slice(), &key_id, &[1, 64], &raw_signature(key, &message)].concat();
        set.extend(varint(record.len()));
        set.extend(record);
    }
    [[1, 1, 1, 1].as_slice(), &varint(set.len()), &set].concat()
}

pub(crate) fn raw_signature(key: &SecretKey, message: &[u8]) -> [u8; 64] {
    use ed25519_dalek::pkcs8::DecodePrivateKey;
    use ed25519_dalek::{Signer, SigningKey};
    SigningKey::from_pkcs8_pem(&key.to_pem()).unwrap().sign(message).to_bytes()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

pub(crate) fn body() -> Vec<u8> {
    [manifest_section(), custom("note", b"payload")].concat()
}

pub(crate) fn framed(signature: &[u8], body: &[u8]) -> Vec<u8> {
    [PREAMBLE.as_slice(), signature, body].concat()
}
