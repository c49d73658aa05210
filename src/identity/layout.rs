//! Layout: where signature and manifest stand in a component, read strictly and written in the one accepted way.
//!
//! The signature section is the WebAssembly tool conventions' (the length prefixes that their tables leave out are
//! what wasmsign2 writes). Of all that the format permits, one spelling is accepted: one set, one hash, minimal
//! lengths, nothing behind; so no byte of the file can change without a refusal.

use super::IdentityError;
use super::frame::{Custom, PREAMBLE, Reader, Section, Sections, after_preamble, put_prefixed};
use super::keys::KEY_ID_BYTES;
use sha2::{Digest, Sha256};

/// The custom section with the signature, always first.
pub const SIGNATURE_SECTION: &str = "signature";
/// The custom section with the bytes of `plugin.toml`, straight after the signature.
pub const MANIFEST_SECTION: &str = "airssys:manifest";
/// The largest file that is looked at.
pub const MAX_COMPONENT_BYTES: usize = 256 * 1024 * 1024;
/// The largest manifest.
pub const MAX_MANIFEST_BYTES: usize = 64 * 1024;
/// The most signatures over one component.
pub const MAX_SIGNATURES: u32 = 8;

/// Specification version 1, content type WebAssembly, hash function SHA-256.
const HEADER: [u8; 3] = [1, 1, 1];
const DOMAIN: &[u8; 7] = b"wasmsig";
const ED25519: u8 = 1;
const SIGNATURE_BYTES: u8 = 64;

pub(super) type Hash = [u8; 32];

/// A component whose parts are where they belong and whose hash is the one in its signature section.
///
/// *Invariant:* made by [`open`] alone. That the hash was signed, and by whom, is not known yet.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    pub(super) hash: Hash,
    pub(super) signatures: Vec<Signature<'a>>,
    pub(super) manifest: &'a str,
}

/// One signature over the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signature<'a> {
    /// Which key its maker says it is by.
    pub(super) key_id: Option<&'a [u8; KEY_ID_BYTES]>,
    pub(super) bytes: &'a [u8; 64],
}

/// Takes a signed component apart.
pub(super) fn open(bytes: &[u8]) -> Result<Layout<'_>, IdentityError> {
    bounded(bytes)?;
    let rest = after_preamble(bytes)?;
    let mut sections = Sections::new(rest, PREAMBLE);
    let first = sections.next()?.ok_or(IdentityError::Unsigned)?;
    let signature = first.named(SIGNATURE_SECTION).ok_or(IdentityError::Unsigned)?;
    let (hash, signatures) = read_signature_section(signature)?;
    let (body, base) = (rest.get(first.end..).unwrap_or_default(), PREAMBLE + first.end);
    same_hash(body, base, &hash)?;
    Ok(Layout { hash, signatures, manifest: find_manifest(sections)? })
}

/// Refuses a file too large to look at.
pub(super) fn bounded(bytes: &[u8]) -> Result<(), IdentityError> {
    match bytes.len() {
        size if size > MAX_COMPONENT_BYTES => {
            Err(IdentityError::TooLarge { size, limit: MAX_COMPONENT_BYTES })
        }
        _ => Ok(()),
    }
}

/// The manifest in the first of the remaining sections; none of the others may be a second one.
fn find_manifest<'a>(mut sections: Sections<'a>) -> Result<&'a str, IdentityError> {
    let first = sections.next()?.ok_or(IdentityError::NoManifest)?;
    let manifest = first.named(MANIFEST_SECTION).ok_or(IdentityError::NoManifest)?;
    while let Some(section) = sections.next()? {
        only_one(&section)?;
    }
    read_manifest_section(manifest)
}

fn only_one(section: &Section<'_>) -> Result<(), IdentityError> {
    let at = PREAMBLE + section.start;
    if section.named(SIGNATURE_SECTION).is_some() {
        return Err(IdentityError::SecondSignature { at });
    }
    if section.named(MANIFEST_SECTION).is_some() {
        return Err(IdentityError::SecondManifest { at });
    }
    Ok(())
}

fn read_manifest_section(section: Custom<'_>) -> Result<&str, IdentityError> {
    if !section.minimal {
        return Err(IdentityError::MalformedManifest { why: "a length in its header is padded" });
    }
    if section.data.len() > MAX_MANIFEST_BYTES {
        return Err(IdentityError::ManifestTooLarge { size: section.data.len(), limit: MAX_MANIFEST_BYTES });
    }
    std::str::from_utf8(section.data)
        .map_err(|_| IdentityError::MalformedManifest { why: "it is not UTF-8 text" })
}

/// Compares the body with the hash that its signature section names, and on a difference says which kind it is.
fn same_hash(body: &[u8], base: usize, signed: &Hash) -> Result<(), IdentityError> {
    if Sha256::digest(body)[..] == signed[..] {
        return Ok(());
    }
    let mut sections = Sections::new(body, base);
    let mut hasher = Sha256::new();
    loop {
        match sections.next() {
            Ok(Some(section)) => hasher.update(body.get(section.start..section.end).unwrap_or_default()),
            Err(truncated @ IdentityError::Truncated { .. }) => return Err(truncated),
            Ok(None) | Err(_) => return Err(IdentityError::Changed),
        }
        if hasher.clone().finalize()[..] == signed[..] {
            return Err(IdentityError::Appended { at: base + sections.offset() });
        }
    }
}

fn read_signature_section(section: Custom<'_>) -> Result<(Hash, Vec<Signature<'_>>), IdentityError> {
    let malformed = |why| IdentityError::MalformedSignature { why };
    if !section.minimal {
        return Err(malformed("a length in its header is padded"));
    }
    parse_signature_data(section.data).map_err(malformed)
}

fn parse_signature_data(data: &[u8]) -> Result<(Hash, Vec<Signature<'_>>), &'static str> {
    let mut data = Reader(data);
    if data.array() != Some(&HEADER) {
        return Err("it is not version 1, WebAssembly, SHA-256");
    }
    if count(&mut data)? != 1 {
        return Err("it has not exactly one set of hashes");
    }
    let mut set = Reader(prefixed(&mut data)?);
    end(&data)?;
    if count(&mut set)? != 1 {
        return Err("it has not exactly one hash");
    }
    let hash = *set.array().ok_or("it ends too early")?;
    let number = count(&mut set)?;
    if !(1..=MAX_SIGNATURES).contains(&number) {
        return Err("it has not 1 to 8 signatures");
    }
    let signatures = (0..number).map(|_| signature(prefixed(&mut set)?)).collect::<Result<_, _>>()?;
    end(&set)?;
    Ok((hash, signatures))
}

fn signature(record: &[u8]) -> Result<Signature<'_>, &'static str> {
    let mut record = Reader(record);
    let key_id = match prefixed(&mut record)? {
        [] => None,
        id => Some(id.first_chunk().filter(|_| id.len() == KEY_ID_BYTES).ok_or("a key id has not 12 bytes")?),
    };
    if record.array() != Some(&[ED25519, SIGNATURE_BYTES]) {
        return Err("a signature is not Ed25519 of 64 bytes");
    }
    let bytes = record.array().ok_or("it ends too early")?;
    end(&record)?;
    Ok(Signature { key_id, bytes })
}

fn count(reader: &mut Reader<'_>) -> Result<u32, &'static str> {
    match reader.varint() {
        Ok((value, true)) => Ok(value),
        Ok((_, false)) => Err("a number is padded"),
        Err(_) => Err("a number cannot be read"),
    }
}

fn prefixed<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], &'static str> {
    let length = count(reader)?;
    reader.take(length as usize).ok_or("it ends too early")
}

fn end(reader: &Reader<'_>) -> Result<(), &'static str> {
    if reader.0.is_empty() { Ok(()) } else { Err("bytes are left over") }
}

/// What is signed for a hash.
pub(super) fn message(hash: &Hash) -> Vec<u8> {
    [DOMAIN.as_slice(), &HEADER, hash].concat()
}

/// The content of a signature section with one signature.
pub(super) fn signature_data(hash: &Hash, key_id: &[u8; KEY_ID_BYTES], signature: &[u8; 64]) -> Vec<u8> {
    let mut record = Vec::new();
    put_prefixed(&mut record, key_id);
    record.extend([ED25519, SIGNATURE_BYTES]);
    record.extend(signature);
    let mut set = vec![1];
    set.extend(hash);
    set.push(1);
    put_prefixed(&mut set, &record);
    let mut data = HEADER.to_vec();
    data.push(1);
    put_prefixed(&mut data, &set);
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: Hash = [5; 32];

    fn data() -> Vec<u8> {
        signature_data(&HASH, &[9; KEY_ID_BYTES], &[7; 64])
    }

    /// header, sets, set length, hashes, hash, signatures, record length, key id length, key id, algorithm, length
    const SETS: usize = 3;
    const SET_LENGTH: usize = 4;
    const HASHES: usize = 5;
    const SIGNATURES: usize = HASHES + 33;
    const RECORD_LENGTH: usize = SIGNATURES + 1;
    const ID_LENGTH: usize = RECORD_LENGTH + 1;
    const ALGORITHM: usize = ID_LENGTH + 13;

    #[test]
    fn a_number_that_is_not_what_it_must_be_is_refused() {
        let good = data();
        for (at, value) in [
            (0, 2),
            (1, 2),
            (2, 2),
            (SETS, 0),
            (SETS, 2),
            (HASHES, 0),
            (HASHES, 2),
            (SIGNATURES, 0),
            (SIGNATURES, 2),
            (SIGNATURES, 9),
            (RECORD_LENGTH, 0),
            (RECORD_LENGTH, 0x7f),
            (ID_LENGTH, 0),
            (ID_LENGTH, 11),
            (ID_LENGTH, 13),
            (ALGORITHM, 0),
            (ALGORITHM, 2),
            (ALGORITHM + 1, 63),
            (ALGORITHM + 1, 65),
        ] {
            let mut bad = good.clone();
            assert_ne!(bad[at], value);
            bad[at] = value;
            assert!(parse_signature_data(&bad).is_err(), "{at} {value}");
        }
    }

    #[test]
    fn every_shortened_signature_section_is_refused() {
        let good = data();
        for length in 0..good.len() {
            assert!(parse_signature_data(&good[..length]).is_err(), "{length}");
        }
    }

    /// `data` rebuilt by hand, with a byte appended at one of the three levels.
    fn with_rest(level: usize) -> Vec<u8> {
        let rest = |here: usize| if here == level { &[0_u8][..] } else { &[] };
        let mut record = vec![12];
        record.extend([9; 12]);
        record.extend([ED25519, SIGNATURE_BYTES]);
        record.extend([7; 64]);
        record.extend(rest(2));
        let mut set = vec![1];
        set.extend(HASH);
        set.push(1);
        put_prefixed(&mut set, &record);
        set.extend(rest(1));
        let mut all = vec![1, 1, 1, 1];
        put_prefixed(&mut all, &set);
        all.extend(rest(0));
        all
    }

    #[test]
    fn bytes_left_over_at_any_level_are_refused() {
        assert_eq!(with_rest(3), data());
        for level in 0..3 {
            assert_eq!(
                parse_signature_data(&with_rest(level)).unwrap_err(),
                "bytes are left over",
                "{level}"
            );
        }
    }

    #[test]
    fn a_padded_number_is_refused() {
        let good = data();
        for at in [SETS, SET_LENGTH] {
            let mut bad = good.clone();
            bad[at] |= 0x80;
            bad.insert(at + 1, 0);
            assert_eq!(parse_signature_data(&bad).unwrap_err(), "a number is padded", "{at}");
        }
    }

    fn many(number: u8, key_id: &[u8]) -> Vec<u8> {
        let mut set = vec![1];
        set.extend(HASH);
        set.push(number);
        for _ in 0..number {
            let mut record = Vec::new();
            put_prefixed(&mut record, key_id);
            record.extend([ED25519, SIGNATURE_BYTES]);
            record.extend([7; 64]);
            put_prefixed(&mut set, &record);
        }
        let mut all = vec![1, 1, 1, 1];
        put_prefixed(&mut all, &set);
        all
    }

    #[test]
    fn more_signatures_than_the_bound_are_refused() {
        assert_eq!(parse_signature_data(&many(9, &[])).unwrap_err(), "it has not 1 to 8 signatures");
        assert_eq!(parse_signature_data(&many(0, &[])).unwrap_err(), "it has not 1 to 8 signatures");
        assert_eq!(parse_signature_data(&many(8, &[])).unwrap().1.len(), 8);
    }

    #[test]
    fn a_key_id_of_another_length_is_refused() {
        for length in [1, 11, 13, 24] {
            assert_eq!(
                parse_signature_data(&many(1, &vec![1; length])).unwrap_err(),
                "a key id has not 12 bytes"
            );
        }
        assert_eq!(parse_signature_data(&many(1, &[])).unwrap().1[0].key_id, None);
        assert_eq!(parse_signature_data(&many(1, &[1; 12])).unwrap().1[0].key_id, Some(&[1; 12]));
    }
}
