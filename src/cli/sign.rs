//! `airssys sign`: a component and its manifest become one signed file.

use super::console::{Console, facts, shown_path};
use super::failure::Failure;
use super::files::{Privacy, is_same_ambient, replace_ambient};
use super::inputs;
use crate::identity::{self, Manifest};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Sign a component with its manifest inside.
///
/// The manifest (name, publisher, version, release, requests, limits) and the component's own bytes are what is signed.
/// A signature and a manifest that the component carries already are replaced. The output is written whole or not at
/// all, and never over a file that was read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys sign thumb.wasm --manifest plugin.toml --key author.key -o thumb.signed.wasm

A manifest:
  [component]
  name = \"thumb\"
  publisher = \"acme\"
  version = \"1.0.0\"
  release = 1")]
pub(super) struct Sign {
    /// The component to sign.
    component: PathBuf,
    /// The manifest to put inside.
    #[arg(long, value_name = "FILE")]
    manifest: PathBuf,
    /// The secret key: of `airssys keygen`, other PKCS#8 PEM, or OpenSSH without passphrase.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where to write the signed component.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl Sign {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        self.keep_inputs()?;
        let bytes = inputs::component(&self.component)?;
        let manifest_text = inputs::text("manifest", &self.manifest)?;
        let manifest = Manifest::parse(&manifest_text, &shown_path(&self.manifest)).map_err(Failure::own)?;
        let key = inputs::secret_key(&self.key)?;
        let signed = identity::sign(&bytes, &manifest_text, &key).map_err(Failure::refused)?;
        replace_ambient(&self.output, &signed, Privacy::Public)
            .map_err(|error| Failure::file("signed component", &error))?;
        self.tell(console, &manifest, &key.public_key().key_id())
    }

    fn keep_inputs(&self) -> Result<(), Failure> {
        let read = [("component", &self.component), ("manifest", &self.manifest), ("key", &self.key)];
        let same = |path: &Path| path == self.output || is_same_ambient(path, &self.output);
        match read.into_iter().find(|(_, path)| same(path)) {
            Some((what, path)) => Err(Failure::wrong(
                format!("the output `{}` is the {what} itself", shown_path(path)),
                "choose another name with `-o`",
            )),
            None => Ok(()),
        }
    }

    fn tell(&self, console: Console, manifest: &Manifest, key_id: &str) -> Result<u8, Failure> {
        let name = manifest.principal_name();
        let (version, release) = (manifest.component.version.to_string(), manifest.component.release);
        let output = self.output.display().to_string();
        let text = facts(&[
            ("Signed", output.clone()),
            ("Component", name.clone()),
            ("Version", format!("{version}, release {release}")),
            ("Key id", key_id.to_owned()),
        ]);
        let value = json!({
            "output": output, "component": name, "version": version, "release": release, "key_id": key_id,
        });
        console.answer(&text, &value)?;
        Ok(0)
    }
}
