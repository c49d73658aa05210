//! Signing: a component and its manifest become one signed file.
//!
//! What was signed before is signed anew: signature and manifest that stand at the top are replaced, everything else
//! keeps its bytes. For the same body and key the result is what wasmsign2 makes, byte for byte.

use super::IdentityError;
use super::frame::{PREAMBLE, Sections, after_preamble, put_custom};
use super::keys::SecretKey;
use super::layout::{MANIFEST_SECTION, SIGNATURE_SECTION, bounded, message, signature_data};
use super::manifest::Manifest;
use super::names::{LOCAL_DEV, MAX_BYTES, in_grammar};
use sha2::{Digest, Sha256};

/// Signs the component in `bytes` with `manifest_text` (a `plugin.toml`) inside.
///
/// # Errors
///
/// [`IdentityError`] when the bytes are not a component, or the manifest has a mistake.
pub fn sign(bytes: &[u8], manifest_text: &str, key: &SecretKey) -> Result<Vec<u8>, IdentityError> {
    let unsigned = embed_manifest(bytes, manifest_text)?;
    let (preamble, body) = unsigned.split_at_checked(PREAMBLE).ok_or(IdentityError::NotWasm)?;
    let hash = Sha256::digest(body).into();
    let data = signature_data(&hash, &key.public_key().key_id_bytes(), &key.sign(&message(&hash)));
    let mut signed = Vec::with_capacity(unsigned.len() + data.len() + 16);
    signed.extend_from_slice(preamble);
    put_custom(&mut signed, SIGNATURE_SECTION, &data);
    signed.extend_from_slice(body);
    bounded(&signed)?;
    Ok(signed)
}

/// The component in `bytes` with `manifest_text` as its first section and no signature: what another tool, such as
/// wasmsign2, has to sign.
///
/// # Errors
///
/// [`IdentityError`] when the bytes are not a component, or the manifest has a mistake.
pub fn embed_manifest(bytes: &[u8], manifest_text: &str) -> Result<Vec<u8>, IdentityError> {
    Manifest::parse(manifest_text, "plugin.toml")?;
    bounded(bytes)?;
    let sections_bytes = after_preamble(bytes)?;
    let mut out = Vec::with_capacity(bytes.len() + manifest_text.len() + 32);
    out.extend_from_slice(bytes.get(..PREAMBLE).unwrap_or_default());
    put_custom(&mut out, MANIFEST_SECTION, manifest_text.as_bytes());
    let mut sections = Sections::new(sections_bytes, PREAMBLE);
    while let Some(section) = sections.next()? {
        if section.named(SIGNATURE_SECTION).is_none() && section.named(MANIFEST_SECTION).is_none() {
            out.extend_from_slice(sections_bytes.get(section.start..section.end).unwrap_or_default());
        }
    }
    bounded(&out)?;
    Ok(out)
}

/// The manifest that `run --dev` gives a component: publisher `local-dev`, named after its file.
///
/// ```
/// use airssys_wasm::identity::{Manifest, dev_manifest};
/// let manifest = Manifest::parse(&dev_manifest("My Tool.wasm"), "dev").unwrap();
/// assert_eq!(manifest.principal_name(), "local-dev/my-tool");
/// ```
pub fn dev_manifest(file_name: &str) -> String {
    let stem = file_name.strip_suffix(".wasm").unwrap_or(file_name).to_ascii_lowercase();
    let fit = |c: char| u8::try_from(c).ok().filter(|byte| in_grammar(*byte)).map_or('-', char::from);
    let name: String = stem.chars().map(fit).collect();
    let name = name.trim_matches('-');
    let name = match name.get(..MAX_BYTES).unwrap_or(name) {
        "" => "component",
        name => name,
    };
    format!("[component]\nname = \"{name}\"\npublisher = \"{LOCAL_DEV}\"\nversion = \"0.0.0\"\nrelease = 0\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn development_names_always_keep_to_the_grammar() {
        for (file, name) in [
            ("hello.wasm", "hello"),
            ("Hello World.wasm", "hello-world"),
            ("a.b.wasm", "a-b"),
            ("../x\"\n[limits]", "x---limits"),
            (".wasm", "component"),
            ("дом.wasm", "component"),
            ("", "component"),
        ] {
            let manifest = Manifest::parse(&dev_manifest(file), "dev").unwrap();
            assert_eq!(manifest.component.name.as_str(), name, "{file}");
        }
    }
    #[test]
    fn a_file_name_longer_than_a_name_gives_one_all_the_same() {
        let long = format!("{}.wasm", "x".repeat(65));
        let manifest = Manifest::parse(&dev_manifest(&long), "dev").unwrap();
        assert_eq!(manifest.component.name.as_str(), "x".repeat(64));
    }
}
