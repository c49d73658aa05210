//! `airssys verify`: who signed a component, and that nothing changed since.

use super::console::{Console, facts, short, shortened};
use super::failure::Failure;
use super::inputs;
use crate::identity::{self, Manifest, VerifiedComponent};
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Check who signed a component, and that nothing changed since.
///
/// Nothing is compiled. Ends with 126 and one sentence when the component is not to be trusted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys verify thumb.signed.wasm --trust trust.toml
  airssys verify thumb.signed.wasm --trust trust.toml --json")]
pub(super) struct Verify {
    /// The signed component.
    component: PathBuf,
    /// The publishers you trust, and their keys.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
}

impl Verify {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let trust = inputs::trust(&self.trust)?.trust;
        let bytes = inputs::component(&self.component)?;
        let verified = identity::verify(bytes, &trust, Timestamp::now()).map_err(Failure::refused)?;
        console.answer(&facts(&verified_facts(&verified)), &verified_json(&verified))?;
        Ok(0)
    }
}

/// What a verified component is, for people.
pub(super) fn verified_facts(verified: &VerifiedComponent) -> Vec<(&'static str, String)> {
    let principal = verified.principal();
    let manifest = verified.manifest();
    let mut rows = vec![
        ("Component", short(&principal.name)),
        ("Publisher", short(&principal.publisher)),
        ("Version", format!("{}, release {}", manifest.component.version, principal.release)),
        ("Key id", verified.key_id().to_owned()),
        ("Digest", principal.digest.clone()),
        ("File", verified.file_digest().to_owned()),
        (
            "Valid until",
            verified.valid_until().map_or_else(|| "no end".to_owned(), |until| until.to_string()),
        ),
    ];
    if !principal.groups.is_empty() {
        rows.push(("Groups", principal.groups.join(", ")));
    }
    rows.extend(manifest_facts(manifest));
    rows
}

/// What a manifest asks for, for people.
pub(super) fn manifest_facts(manifest: &Manifest) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    for (action, resources) in &manifest.requests {
        rows.push(("Asks for", asked(action, resources)));
    }
    for (_, limit, unit) in manifest.limits.each() {
        rows.extend(limit.map(|limit| ("Needs at most", format!("{limit} {unit}"))));
    }
    rows
}

/// What a manifest asks for, of which it may name any number.
pub(super) fn asked(action: &str, resources: &[String]) -> String {
    let named: Vec<_> = resources.iter().map(|resource| short(resource)).collect();
    shortened(&format!("{} on {}", short(action), named.join(", ")), 1000)
}

/// What a verified component is, as JSON.
pub(super) fn verified_json(verified: &VerifiedComponent) -> Value {
    let principal = verified.principal();
    let mut value = manifest_json(verified.manifest());
    let facts = json!({
        "verified": true,
        "digest": principal.digest,
        "file_digest": verified.file_digest(),
        "key_ids": [verified.key_id()],
        "valid_until": verified.valid_until().map(|until| until.to_string()),
        "groups": principal.groups,
        "dev": principal.dev,
    });
    merge(&mut value, facts);
    value
}

/// What a manifest says, as JSON.
pub(super) fn manifest_json(manifest: &Manifest) -> Value {
    json!({
        "component": manifest.principal_name(),
        "publisher": manifest.component.publisher.as_str(),
        "version": manifest.component.version.to_string(),
        "release": manifest.component.release,
        "requests": manifest.requests,
        "limits": manifest.limits,
    })
}

/// Adds the members of one object to another.
pub(super) fn merge(value: &mut Value, more: Value) {
    if let (Value::Object(value), Value::Object(more)) = (value, more) {
        value.extend(more);
    }
}
