//! What the file is, whether it is signed and whole, and where its parts stand.

use crate::support::*;
use airssys_wasm::identity::{
    IdentityError as E, MANIFEST_SECTION, MAX_COMPONENT_BYTES, Trust, embed_manifest, sign, verify,
};

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
