//! Who signed it, whether that still holds, and for this name.

use crate::support::*;
use airssys_wasm::identity::{
    IdentityError as E, KeyError, MANIFEST_SECTION, PublicKey, Trust, dev_manifest, sign,
};

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
