//! Identity from outside: each refusal with its own error, and agreement with wasmsign2.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use airssys_wasm::identity::{
    IdentityError as E, KeyError, MANIFEST_SECTION, MAX_COMPONENT_BYTES, PublicKey, SecretKey, Trust,
    VerifiedComponent, claims, dev_manifest, embed_manifest, sign, verify,
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

const PREAMBLE: &[u8; 8] = b"\0asm\x0d\0\x01\0";
const MANIFEST: &str =
    "[component]\nname = \"thumb\"\npublisher = \"acme\"\nversion = \"1.4.0\"\nrelease = 7\n";

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn key() -> SecretKey {
    SecretKey::generate().unwrap()
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn section(id: u8, payload: &[u8]) -> Vec<u8> {
    [&[id], varint(payload.len()).as_slice(), payload].concat()
}

fn custom(name: &str, data: &[u8]) -> Vec<u8> {
    section(0, &[varint(name.len()).as_slice(), name.as_bytes(), data].concat())
}

/// A component of two custom sections.
fn component() -> Vec<u8> {
    [PREAMBLE.as_slice(), &custom("note", b"payload"), &custom("more", b"")].concat()
}

fn entry(publisher: &str, key: &PublicKey, rest: &str) -> String {
    let key = key.to_text();
    format!(
        "[[publisher]]\nname = \"{publisher}\"\nnames = [\"*\"]\n[[publisher.key]]\nkey = \"{key}\"\n{rest}\n"
    )
}

fn trust(text: &str) -> Trust {
    Trust::parse(text, "trust.toml", &|_| panic!("no key file is named")).unwrap()
}

fn trusting(key: &SecretKey) -> Trust {
    trust(&entry("acme", &key.public_key(), ""))
}

fn check(bytes: &[u8], trust: &Trust) -> Result<VerifiedComponent, E> {
    verify(bytes.to_vec(), trust, now())
}

fn refusal(bytes: &[u8], trust: &Trust) -> E {
    let error = check(bytes, trust).unwrap_err();
    assert!(error.remedy().is_some_and(|remedy| !remedy.is_empty()), "{error} has no remedy");
    let said = error.to_string();
    assert!(!said.contains('\n') && !said.ends_with('.') && !said.starts_with(char::is_uppercase), "{said}");
    error
}

/// `body` behind a signature over exactly that body: what a hostile or careless signing tool could make.
fn signed_over(body: &[u8], key: &SecretKey) -> Vec<u8> {
    let module =
        wasmsign2::Module::deserialize(&mut [PREAMBLE.as_slice(), body].concat().as_slice()).unwrap();
    with_wasmsign2(module, key)
}

fn with_wasmsign2(module: wasmsign2::Module, key: &SecretKey) -> Vec<u8> {
    let secret = wasmsign2::SecretKey::from_pem(&key.to_pem()).unwrap();
    let public = theirs(&key.public_key()).attach_default_key_id();
    let mut out = Vec::new();
    secret.sign(module, public.key_id()).unwrap().serialize(&mut out).unwrap();
    out
}

fn theirs(key: &PublicKey) -> wasmsign2::PublicKey {
    wasmsign2::PublicKey::from_pem(&key.to_pem()).unwrap()
}

fn manifest_section() -> Vec<u8> {
    custom(MANIFEST_SECTION, MANIFEST.as_bytes())
}

// What the file is.

#[test]
fn what_is_not_a_wasm_binary_is_refused() {
    let trust = trusting(&key());
    for bytes in [
        b"".as_slice(),
        b"\0as",
        b"\0asm",
        b"\0asm\x0d\0\x01",
        b"(component)",
        b"#!/bin/sh\nexit 0\n",
        b"PK\x03\x04aaaa",
    ] {
        assert!(matches!(refusal(bytes, &trust), E::NotWasm), "{bytes:?}");
    }
}

#[test]
fn a_precompiled_file_is_refused() {
    let trust = trusting(&key());
    for bytes in [b"\x7fELF".as_slice(), b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"] {
        assert!(matches!(refusal(bytes, &trust), E::Precompiled));
    }
}

#[test]
fn a_core_module_is_refused_even_under_a_good_signature() {
    let key = key();
    let mut signed = sign(&component(), MANIFEST, &key).unwrap();
    // The preamble is not signed: wasmsign2 goes on accepting the file.
    signed[4..8].copy_from_slice(&[1, 0, 0, 0]);
    assert!(theirs(&key.public_key()).verify(&mut signed.as_slice(), None).is_ok());
    assert!(matches!(refusal(&signed, &trusting(&key)), E::CoreModule));
    assert!(matches!(sign(&signed, MANIFEST, &key).unwrap_err(), E::CoreModule));
}

#[test]
fn an_unknown_layer_is_refused() {
    let key = key();
    let mut signed = sign(&component(), MANIFEST, &key).unwrap();
    signed[4] = 0x0e;
    assert!(matches!(refusal(&signed, &trusting(&key)), E::UnknownLayer { .. }));
}

#[test]
fn a_file_beyond_the_bound_is_refused() {
    let mut bytes = vec![0; MAX_COMPONENT_BYTES + 1];
    bytes[..8].copy_from_slice(PREAMBLE);
    assert!(matches!(verify(bytes, &Trust::default(), now()).unwrap_err(), E::TooLarge { .. }));
}

// Whether it is signed, and whole.

#[test]
fn an_unsigned_component_is_refused() {
    let key = key();
    let manifest_only = embed_manifest(&component(), MANIFEST).unwrap();
    for bytes in [PREAMBLE.to_vec(), component(), manifest_only] {
        assert!(matches!(refusal(&bytes, &trusting(&key)), E::Unsigned));
    }
}

#[test]
fn a_signature_that_is_not_the_first_section_is_refused() {
    let key = key();
    let signed = sign(&component(), MANIFEST, &key).unwrap();
    let moved = [&signed[..8], &custom("note", b""), &signed[8..]].concat();
    assert!(matches!(refusal(&moved, &trusting(&key)), E::Unsigned));
}

#[test]
fn every_changed_byte_is_refused() {
    let key = key();
    let trust = trusting(&key);
    let signed = sign(&component(), MANIFEST, &key).unwrap();
    check(&signed, &trust).unwrap();
    for at in 0..signed.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = signed.clone();
            changed[at] ^= flip;
            assert!(check(&changed, &trust).is_err(), "byte {at} ^ {flip:#x}");
        }
    }
}

#[test]
fn a_changed_byte_in_manifest_or_code_is_told_as_a_change() {
    let key = key();
    let trust = trusting(&key);
    let signed = sign(&component(), MANIFEST, &key).unwrap();
    for part in ["thumb", "acme", "payload", "1.4.0"] {
        let at = signed.windows(part.len()).position(|w| w == part.as_bytes()).unwrap();
        let mut changed = signed.clone();
        changed[at] ^= 1;
        assert!(matches!(refusal(&changed, &trust), E::Changed), "{part}");
    }
}

#[test]
fn every_truncated_file_is_refused() {
    let key = key();
    let trust = trusting(&key);
    let signed = sign(&component(), MANIFEST, &key).unwrap();
    for length in 0..signed.len() {
        assert!(check(&signed[..length], &trust).is_err(), "{length}");
    }
    // In the last section, and in the signature itself.
    assert!(matches!(refusal(&signed[..signed.len() - 1], &trust), E::Truncated { .. }));
    assert!(matches!(refusal(&signed[..60], &trust), E::Truncated { at: 8 }));
}

#[test]
fn an_appended_section_is_refused() {
    let key = key();
    let trust = trusting(&key);
    let signed = sign(&component(), MANIFEST, &key).unwrap();
    for addition in [custom("more", b"x"), section(7, &[0]), vec![0]] {
        let longer = [signed.as_slice(), &addition].concat();
        assert!(matches!(refusal(&longer, &trust), E::Appended { at } if at == signed.len()));
    }
}

#[test]
fn a_dropped_or_reordered_section_is_refused() {
    let key = key();
    let trust = trusting(&key);
    let (note, more) = (custom("note", b"payload"), custom("more", b""));
    let signed = sign(&component(), MANIFEST, &key).unwrap();
    let head = &signed[..signed.len() - note.len() - more.len()];
    assert!(matches!(refusal(&[head, &note].concat(), &trust), E::Changed));
    assert!(matches!(refusal(&[head, &more, &note].concat(), &trust), E::Changed));
}

#[test]
fn a_signature_taken_to_another_body_is_refused() {
    let key = key();
    let signed = sign(&component(), MANIFEST, &key).unwrap();
    let end = signed.windows(16).position(|w| w == MANIFEST_SECTION.as_bytes()).unwrap() - 3;
    let evil = [&signed[..end], &manifest_section(), &custom("evil", b"other")].concat();
    // wasmsign2's verify_multi accepts this one.
    assert!(theirs(&key.public_key()).verify_multi(&mut evil.as_slice(), None, |_| true).is_ok());
    assert!(matches!(refusal(&evil, &trusting(&key)), E::Changed));
}

// The layout, under signatures that are good.

#[test]
fn a_signed_component_without_a_manifest_in_its_place_is_refused() {
    let key = key();
    let trust = trusting(&key);
    let late = [custom("note", b""), manifest_section()].concat();
    for body in [Vec::new(), custom("note", b""), late, section(7, &[0])] {
        assert!(matches!(refusal(&signed_over(&body, &key), &trust), E::NoManifest));
    }
}

#[test]
fn a_second_manifest_is_refused() {
    let key = key();
    let body = [manifest_section(), custom("note", b""), manifest_section()].concat();
    assert!(matches!(refusal(&signed_over(&body, &key), &trusting(&key)), E::SecondManifest { .. }));
}

#[test]
fn a_second_signature_is_refused() {
    let key = key();
    // wasmsign2 drops other signature sections when it signs, so this one is signed under another name first.
    let body = [manifest_section(), custom("signature", b"")].concat();
    let signed = [PREAMBLE.as_slice(), &own_signature(&body, &key, |_| {}), &body].concat();
    assert!(matches!(refusal(&signed, &trusting(&key)), E::SecondSignature { .. }));
    // A padded name is the same name.
    let padded = section(0, &[&[0x89, 0x00], b"signature".as_slice()].concat());
    let body = [manifest_section(), padded].concat();
    let signed = [PREAMBLE.as_slice(), &own_signature(&body, &key, |_| {}), &body].concat();
    assert!(matches!(refusal(&signed, &trusting(&key)), E::SecondSignature { .. }));
}

/// A good signature section over `body`, its content edited before it is framed.
fn own_signature(body: &[u8], key: &SecretKey, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut data = signature_content(body, &[key], |key| key.public_key().key_id());
    edit(&mut data);
    custom("signature", &data)
}

fn signature_content(body: &[u8], keys: &[&SecretKey], key_id: impl Fn(&SecretKey) -> String) -> Vec<u8> {
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

fn raw_signature(key: &SecretKey, message: &[u8]) -> [u8; 64] {
    use ed25519_dalek::pkcs8::DecodePrivateKey;
    use ed25519_dalek::{Signer, SigningKey};
    SigningKey::from_pkcs8_pem(&key.to_pem()).unwrap().sign(message).to_bytes()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn body() -> Vec<u8> {
    [manifest_section(), custom("note", b"payload")].concat()
}

fn framed(signature: &[u8], body: &[u8]) -> Vec<u8> {
    [PREAMBLE.as_slice(), signature, body].concat()
}

#[test]
fn a_signature_section_in_another_form_is_refused() {
    let key = key();
    let trust = trusting(&key);
    check(&framed(&own_signature(&body(), &key, |_| {}), &body()), &trust).unwrap();
    let edits: [fn(&mut Vec<u8>); 5] = [
        |data| data.push(0),
        |data| data[0] = 2,
        |data| data[3] = 2,
        |data| data.truncate(20),
        |data| data.clear(),
    ];
    for edit in edits {
        let bytes = framed(&own_signature(&body(), &key, edit), &body());
        assert!(matches!(refusal(&bytes, &trust), E::MalformedSignature { .. }));
    }
}

#[test]
fn padded_lengths_in_the_headers_are_refused() {
    let key = key();
    let trust = trusting(&key);
    let good = own_signature(&body(), &key, |_| {});
    // id, two bytes of length, then the name's length.
    let mut padded_size = good.clone();
    padded_size[2] |= 0x80;
    padded_size.insert(3, 0);
    assert!(matches!(refusal(&framed(&padded_size, &body()), &trust), E::MalformedSignature { .. }));
    let payload = &good[3..];
    let padded_name = section(0, &[&[payload[0] | 0x80, 0], &payload[1..]].concat());
    assert!(matches!(refusal(&framed(&padded_name, &body()), &trust), E::MalformedSignature { .. }));

    let name = [&[0x90, 0x00], MANIFEST_SECTION.as_bytes()].concat();
    let padded = section(0, &[name.as_slice(), MANIFEST.as_bytes()].concat());
    let bytes = framed(&own_signature(&padded, &key, |_| {}), &padded);
    assert!(matches!(refusal(&bytes, &trust), E::MalformedManifest { .. }));
}

#[test]
fn a_malformed_section_behind_the_manifest_is_refused() {
    let key = key();
    let endless = [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    for (rest, truncated) in
        [(endless.as_slice(), false), (&[0, 1, 9], false), (&[1, 5, 0], true), (&[1], true)]
    {
        let body = [manifest_section().as_slice(), rest].concat();
        let error = refusal(&framed(&own_signature(&body, &key, |_| {}), &body), &trusting(&key));
        assert_eq!(matches!(error, E::Truncated { .. }), truncated, "{error}");
        assert_eq!(matches!(error, E::Malformed { .. }), !truncated, "{error}");
    }
}

#[test]
fn a_manifest_that_is_overlong_or_not_text_is_refused() {
    let key = key();
    let trust = trusting(&key);
    let long = custom(MANIFEST_SECTION, &[MANIFEST.as_bytes(), &vec![b'#'; 65_536]].concat());
    assert!(matches!(refusal(&signed_over(&long, &key), &trust), E::ManifestTooLarge { .. }));
    let garbled = custom(MANIFEST_SECTION, b"\xff\xfe");
    assert!(matches!(refusal(&signed_over(&garbled, &key), &trust), E::MalformedManifest { .. }));
    let mistaken = custom(MANIFEST_SECTION, format!("{MANIFEST}[grants]\n").as_bytes());
    let error = refusal(&signed_over(&mistaken, &key), &trust);
    assert!(error.to_string().starts_with("airssys:manifest:6:2: unknown field `grants`"), "{error}");
}

#[test]
fn a_manifest_inside_an_inner_component_counts_for_nothing() {
    let key = key();
    let inner = [PREAMBLE.as_slice(), &custom(MANIFEST_SECTION, b"not even toml"), &custom("signature", b"")]
        .concat();
    let outer = [PREAMBLE.as_slice(), &section(4, &inner)].concat();
    let signed = sign(&outer, MANIFEST, &key).unwrap();
    assert_eq!(check(&signed, &trusting(&key)).unwrap().principal().name, "acme/thumb");
}

// Who signed it.

#[test]
fn no_trust_trusts_nobody() {
    let signed = sign(&component(), MANIFEST, &key()).unwrap();
    for trust in [Trust::default(), trust("")] {
        assert!(
            matches!(refusal(&signed, &trust), E::UntrustedPublisher { publisher, .. } if publisher == "acme")
        );
    }
}

#[test]
fn a_publisher_that_is_not_in_the_trust_file_is_refused() {
    let key = key();
    let signed = sign(&component(), MANIFEST, &key).unwrap();
    let trust = trust(&entry("bolt", &key.public_key(), ""));
    assert!(matches!(refusal(&signed, &trust), E::UntrustedPublisher { .. }));
}

#[test]
fn a_signature_by_an_unknown_key_is_refused() {
    let signed = sign(&component(), MANIFEST, &key()).unwrap();
    assert!(matches!(refusal(&signed, &trusting(&key())), E::UnknownKey { .. }));
}

#[test]
fn a_wrong_signature_by_a_known_key_is_refused() {
    let (mine, other) = (key(), key());
    // Made by another key and named after the trusted one.
    let data = signature_content(&body(), &[&other], |_| mine.public_key().key_id());
    let bytes = framed(&custom("signature", &data), &body());
    assert!(matches!(refusal(&bytes, &trusting(&mine)), E::BadSignature { .. }));
    let mut bytes = sign(&component(), MANIFEST, &mine).unwrap();
    let end = bytes.windows(16).position(|w| w == MANIFEST_SECTION.as_bytes()).unwrap() - 3;
    bytes[end - 40] ^= 1;
    assert!(matches!(refusal(&bytes, &trusting(&mine)), E::BadSignature { .. }));
}

#[test]
fn a_signature_by_another_publishers_key_is_refused() {
    let (acme, bolt) = (key(), key());
    let signed = sign(&component(), MANIFEST, &bolt).unwrap();
    let trust = trust(&(entry("acme", &acme.public_key(), "") + &entry("bolt", &bolt.public_key(), "")));
    assert!(matches!(refusal(&signed, &trust), E::ForeignKey { owner, .. } if owner == "bolt"));
}

#[test]
fn a_good_signature_under_another_key_id_is_refused() {
    let (mine, other) = (key(), key());
    let data = signature_content(&body(), &[&mine], |_| other.public_key().key_id());
    let bytes = framed(&custom("signature", &data), &body());
    assert!(matches!(refusal(&bytes, &trusting(&mine)), E::KeyIdMismatch { .. }));
}

#[test]
fn a_good_signature_counts_without_a_key_id_and_among_others() {
    let (mine, other) = (key(), key());
    let unnamed = signature_content(&body(), &[&mine], |_| String::new());
    check(&framed(&custom("signature", &unnamed), &body()), &trusting(&mine)).unwrap();
    let both = signature_content(&body(), &[&other, &mine], |key| key.public_key().key_id());
    let bytes = framed(&custom("signature", &both), &body());
    assert_eq!(check(&bytes, &trusting(&mine)).unwrap().key_id(), mine.public_key().key_id());
    let nine = vec![&mine; 9];
    let many = signature_content(&body(), &nine, |_| String::new());
    let error = refusal(&framed(&custom("signature", &many), &body()), &trusting(&mine));
    assert!(matches!(error, E::MalformedSignature { .. }));
}

#[test]
fn a_weak_key_is_refused_when_the_trust_is_read() {
    let weak = format!("ed25519:AQ{}=", "A".repeat(41));
    assert!(matches!(PublicKey::parse(&weak), Err(KeyError::Weak { .. })));
    let text = format!("[[publisher]]\nname = 'acme'\nnames = ['*']\n[[publisher.key]]\nkey = '{weak}'\n");
    let error = Trust::parse(&text, "trust.toml", &|_| unreachable!()).unwrap_err();
    assert!(error.to_string().starts_with("trust.toml:5:7: "), "{error}");
    assert!(error.remedy().is_some());
}

// Whether it still holds, and for this name.

#[test]
fn a_revoked_key_is_refused() {
    let key = key();
    let signed = sign(&component(), MANIFEST, &key).unwrap();
    let trust = trust(&entry("acme", &key.public_key(), "revoked = true"));
    assert!(matches!(refusal(&signed, &trust), E::RevokedKey { .. }));
}

#[test]
fn a_key_outside_its_validity_is_refused() {
    let key = key();
    let signed = sign(&component(), MANIFEST, &key).unwrap();
    let with = |rest: &str| trust(&entry("acme", &key.public_key(), rest));
    let early = with("valid-from = 2026-11-22T12:00:00.000000001Z");
    assert!(matches!(refusal(&signed, &early), E::KeyNotYetValid { .. }));
    let late = with("valid-until = 2026-11-22T12:00:00Z");
    assert!(matches!(refusal(&signed, &late), E::KeyExpired { .. }));
    let inside = with("valid-from = 2026-11-22T12:00:00Z\nvalid-until = '2026-11-22T12:00:01Z'");
    assert_eq!(check(&signed, &inside).unwrap().valid_until(), Some("2026-11-22T12:00:01Z".parse().unwrap()));
}

#[test]
fn a_key_that_no_longer_counts_does_not_spoil_one_that_does() {
    let (old, new) = (key(), key());
    let both = signature_content(&body(), &[&old, &new], |key| key.public_key().key_id());
    let bytes = framed(&custom("signature", &both), &body());
    let next = format!("[[publisher.key]]\nkey = \"{}\"", new.public_key().to_text());
    let trust = trust(&entry("acme", &old.public_key(), &format!("revoked = true\n{next}")));
    assert_eq!(check(&bytes, &trust).unwrap().key_id(), new.public_key().key_id());
}

#[test]
fn an_expired_manifest_is_refused() {
    let key = key();
    let until = |moment: &str| sign(&component(), &format!("{MANIFEST}expires = {moment}\n"), &key).unwrap();
    let trust = trusting(&key);
    assert!(matches!(refusal(&until("2026-11-22T12:00:00Z"), &trust), E::Expired { .. }));
    assert!(matches!(refusal(&until("'2026-11-22T12:00:00Z'"), &trust), E::Expired { .. }));
    let good = check(&until("2026-11-22T12:00:01Z"), &trust).unwrap();
    assert_eq!(good.valid_until(), Some("2026-11-22T12:00:01Z".parse().unwrap()));
}

#[test]
fn the_identity_ends_with_the_earlier_of_manifest_and_key() {
    let key = key();
    let signed = sign(&component(), &format!("{MANIFEST}expires = 2027-02-01T00:00:00Z\n"), &key).unwrap();
    let with = |rest: &str| trust(&entry("acme", &key.public_key(), rest));
    for (rest, ends) in [
        ("", "2027-02-01T00:00:00Z"),
        ("valid-until = 2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("valid-until = 2027-03-01T00:00:00Z", "2027-02-01T00:00:00Z"),
    ] {
        assert_eq!(check(&signed, &with(rest)).unwrap().valid_until(), Some(ends.parse().unwrap()), "{rest}");
    }
    assert_eq!(check(&sign(&component(), MANIFEST, &key).unwrap(), &with("")).unwrap().valid_until(), None);
}

#[test]
fn a_name_outside_the_publishers_patterns_is_refused() {
    let key = key();
    let signed = sign(&component(), MANIFEST, &key).unwrap();
    for (names, good) in [
        ("[\"other\"]", false),
        ("[\"thum\", \"thumbs\", \"x*\"]", false),
        ("[\"thumb-*\"]", false),
        ("[\"other\", \"th*\"]", true),
        ("[\"thumb\"]", true),
    ] {
        let trust = trust(&entry("acme", &key.public_key(), "").replace("[\"*\"]", names));
        match check(&signed, &trust) {
            Ok(_) => assert!(good, "{names}"),
            Err(error) => assert!(!good && matches!(error, E::NameNotGranted { .. }), "{names}: {error}"),
        }
    }
}

// The development loop.

#[test]
fn a_development_component_is_refused_outside_development() {
    let key = key();
    let signed = sign(&component(), &dev_manifest("hello.wasm"), &key).unwrap();
    assert!(matches!(refusal(&signed, &trusting(&key)), E::DevelopmentOnly { .. }));
    assert!(matches!(refusal(&signed, &Trust::default()), E::DevelopmentOnly { .. }));
}

#[test]
fn development_trust_covers_its_own_key_and_publisher_alone() {
    let (mine, other) = (key(), key());
    let trust = Trust::dev(mine.public_key());
    let by_other = sign(&component(), &dev_manifest("hello.wasm"), &other).unwrap();
    assert!(matches!(refusal(&by_other, &trust), E::UnknownKey { .. }));
    let as_acme = sign(&component(), MANIFEST, &mine).unwrap();
    assert!(matches!(refusal(&as_acme, &trust), E::UntrustedPublisher { .. }));
    let good = sign(&component(), &dev_manifest("hello.wasm"), &mine).unwrap();
    let principal = check(&good, &trust).unwrap().principal().clone();
    assert!(principal.dev && principal.groups.is_empty());
    assert_eq!((principal.name.as_str(), principal.publisher.as_str()), ("local-dev/hello", "local-dev"));
}

// What comes out.

#[test]
fn the_principal_is_what_manifest_trust_and_signature_say() {
    let key = key();
    let signed = sign(&component(), MANIFEST, &key).unwrap();
    let groups = entry("acme", &key.public_key(), "")
        .replace("[\"*\"]\n", "[\"*\"]\ngroups = [\"inner-network\", \"b\"]\n");
    let verified = check(&signed, &trust(&groups)).unwrap();
    let principal = verified.principal();
    assert_eq!(principal.name, "acme/thumb");
    assert_eq!(principal.publisher, "acme");
    assert_eq!(principal.version, (1, 4, 0));
    assert_eq!(principal.release, 7);
    assert_eq!(principal.groups, ["inner-network", "b"]);
    assert!(!principal.dev);
    let hex =
        |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let body = &embed_manifest(&component(), MANIFEST).unwrap()[8..];
    assert_eq!(verified.digest(), hex(body));
    assert_eq!(principal.digest, verified.digest());
    assert_eq!(verified.file_digest(), hex(&signed));
    assert_eq!(verified.bytes(), signed);
    assert_eq!(verified.key_id(), key.public_key().key_id());
    assert!(!format!("{verified:?}").contains("payload"));
}

#[test]
fn claims_are_read_without_trust_and_refused_when_changed() {
    let key = key();
    let mut signed = sign(&component(), MANIFEST, &key).unwrap();
    let said = claims(&signed).unwrap();
    assert_eq!(said.manifest.principal_name(), "acme/thumb");
    assert_eq!(said.key_ids, [key.public_key().key_id()]);
    *signed.last_mut().unwrap() ^= 1;
    assert!(claims(&signed).is_err());
    assert!(matches!(claims(&component()).unwrap_err(), E::Unsigned));
}

#[test]
fn signing_again_replaces_signature_and_manifest_and_keeps_the_rest() {
    let (first, second) = (key(), key());
    let once = sign(&component(), &MANIFEST.replace("thumb", "other"), &first).unwrap();
    let again = sign(&once, MANIFEST, &second).unwrap();
    assert_eq!(again, sign(&component(), MANIFEST, &second).unwrap());
    check(&again, &trusting(&second)).unwrap();
}

#[test]
fn signing_refuses_what_could_not_be_verified() {
    let key = key();
    assert!(matches!(sign(b"\x7fELF", MANIFEST, &key).unwrap_err(), E::Precompiled));
    assert!(matches!(
        sign(&[PREAMBLE.as_slice(), &[1, 5]].concat(), MANIFEST, &key).unwrap_err(),
        E::Truncated { .. }
    ));
    let error = sign(&component(), &MANIFEST.replace("acme", "ACME"), &key).unwrap_err();
    assert!(error.to_string().starts_with("plugin.toml:3:13: "), "{error}");
}

// wasmsign2.

#[test]
fn wasmsign2_verifies_what_we_sign_and_makes_the_same_bytes() {
    let key = key();
    let signed = sign(&component(), MANIFEST, &key).unwrap();
    theirs(&key.public_key()).verify(&mut signed.as_slice(), None).unwrap();
    let prepared = embed_manifest(&component(), MANIFEST).unwrap();
    let module = wasmsign2::Module::deserialize(&mut prepared.as_slice()).unwrap();
    assert_eq!(with_wasmsign2(module, &key), signed);
}

#[test]
fn we_verify_what_wasmsign2_signs() {
    let real = wat::parse_str(
        r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
            (func (export "f") (canon lift (core func $i "f"))))"#,
    )
    .unwrap();
    let key = key();
    let prepared = embed_manifest(&real, MANIFEST).unwrap();
    let module = wasmsign2::Module::deserialize(&mut prepared.as_slice()).unwrap();
    let secret = wasmsign2::SecretKey::from_pem(&key.to_pem()).unwrap();
    let mut unnamed = Vec::new();
    secret.sign(module.clone(), None).unwrap().serialize(&mut unnamed).unwrap();
    check(&unnamed, &trusting(&key)).unwrap();
    check(&with_wasmsign2(module, &key), &trusting(&key)).unwrap();
}

#[test]
fn keys_go_both_ways_between_wasmsign2_and_us() {
    let pair = wasmsign2::KeyPair::generate();
    let ours = SecretKey::from_pem_or_openssh(&pair.sk.to_pem()).unwrap();
    assert_eq!(PublicKey::parse(&pair.pk.to_pem()).unwrap(), ours.public_key());
    assert_eq!(wasmsign2::SecretKey::from_pem(&ours.to_pem()).unwrap(), pair.sk);
    let id = pair.pk.attach_default_key_id().key_id().unwrap().clone();
    assert_eq!(unhex(&ours.public_key().key_id()), id);
}

// OpenSSH.

fn openssh(seed: u8) -> ssh_key::PrivateKey {
    let pair = ssh_key::private::Ed25519Keypair::from_seed(&[seed; 32]);
    ssh_key::PrivateKey::new(ssh_key::private::KeypairData::Ed25519(pair), "author@example").unwrap()
}

#[test]
fn openssh_keys_sign_and_are_trusted_from_a_file() {
    let private = openssh(3);
    let key = SecretKey::from_pem_or_openssh(&private.to_openssh(ssh_key::LineEnding::LF).unwrap()).unwrap();
    let line = private.public_key().to_openssh().unwrap() + "\n";
    assert_eq!(PublicKey::parse(&line).unwrap(), key.public_key());
    let text = "[[publisher]]\nname = 'acme'\nnames = ['*']\n[[publisher.key]]\nfile = 'keys/author.pub'\n";
    let trust = Trust::parse(text, "trust.toml", &|path| {
        assert_eq!(path, "keys/author.pub");
        Ok(line.clone())
    })
    .unwrap();
    check(&sign(&component(), MANIFEST, &key).unwrap(), &trust).unwrap();
}

/// `ssh-keygen -t ed25519 -N secret`.
const ENCRYPTED: &str = include_str!("identity/encrypted_openssh_key");
/// `ssh-keygen -t rsa -b 1024 -N ''` and its public half.
const RSA: &str = include_str!("identity/rsa_openssh_key");
const RSA_PUBLIC: &str = include_str!("identity/rsa_openssh_key.pub");

#[test]
fn encrypted_keys_are_refused_by_name() {
    assert!(matches!(SecretKey::from_pem_or_openssh(ENCRYPTED), Err(KeyError::Encrypted)));
    let pkcs8 = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert!(matches!(SecretKey::from_pem_or_openssh(pkcs8), Err(KeyError::Encrypted)));
}

#[test]
fn keys_of_another_kind_are_refused_by_name() {
    assert!(
        matches!(PublicKey::parse(RSA_PUBLIC), Err(KeyError::NotEd25519 { algorithm }) if algorithm == "ssh-rsa")
    );
    assert!(
        matches!(SecretKey::from_pem_or_openssh(RSA), Err(KeyError::NotEd25519 { algorithm }) if algorithm == "ssh-rsa")
    );
}
