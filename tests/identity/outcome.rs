//! What comes out of verifying and signing, and agreement with wasmsign2 and OpenSSH.

use crate::support::*;
use airssys_wasm::identity::{
    IdentityError as E, KeyError, PublicKey, SecretKey, Trust, claims, embed_manifest, sign,
};
use sha2::{Digest, Sha256};

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
const ENCRYPTED: &str = include_str!("encrypted_openssh_key");
/// `ssh-keygen -t rsa -b 1024 -N ''` and its public half.
const RSA: &str = include_str!("rsa_openssh_key");
const RSA_PUBLIC: &str = include_str!("rsa_openssh_key.pub");

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
