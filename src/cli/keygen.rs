//! `airssys keygen`: a key to sign components with.

use super::console::{Console, shown_path};
use super::failure::Failure;
use super::files::{HostFileError, Privacy, exists_ambient, remove_file_ambient, write_new_ambient};
use crate::identity::SecretKey;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Make a key to sign components with.
///
/// Writes the secret key (PKCS#8 PEM, readable by you alone) and beside it the public key (SPKI PEM) under the same
/// name with `.pub`. Neither overwrites anything. Prints the lines with which others trust the key.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys keygen
  airssys keygen -o keys/acme.key")]
pub(super) struct Keygen {
    /// Where to write the secret key.
    #[arg(short, long, value_name = "FILE", default_value = "author.key")]
    output: PathBuf,
}

impl Keygen {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let public_path = public_path(&self.output)?;
        let secret = SecretKey::generate().map_err(Failure::own)?;
        let public = secret.public_key();
        write_pair(&self.output, secret.to_pem().as_bytes(), &public_path, public.to_pem().as_bytes())?;
        let (key, id) = (public.to_text(), public.key_id());
        let lines = trust_lines(&key);
        let text = format!(
            "Secret key: {}\nPublic key: {}\nKey id:     {id}\n\nWho trusts it adds to trust.toml:\n\n{lines}",
            shown_path(&self.output),
            shown_path(&public_path),
        );
        let value = json!({
            "secret_key": self.output.display().to_string(),
            "public_key": public_path.display().to_string(),
            "key_id": id,
            "key": key,
            "trust": lines,
        });
        console.answer(&text, &value)?;
        Ok(0)
    }
}

fn trust_lines(key: &str) -> String {
    format!("[[publisher]]\nname = \"your-name\"\nnames = [\"*\"]\n[[publisher.key]]\nkey = \"{key}\"\n")
}

fn public_path(secret: &Path) -> Result<PathBuf, Failure> {
    let public = secret.with_extension("pub");
    if secret.file_name().is_none() || public == secret {
        let message = format!("`{}` cannot name a secret key", shown_path(secret));
        return Err(Failure::wrong(message, "name a file that does not end in `.pub`, such as `author.key`"));
    }
    Ok(public)
}

/// Writes both files or neither.
fn write_pair(secret: &Path, secret_text: &[u8], public: &Path, public_text: &[u8]) -> Result<(), Failure> {
    if exists_ambient(public) {
        return Err(Failure::file("public key", &HostFileError::Exists { path: public.to_owned() }));
    }
    write_new_ambient(secret, secret_text, Privacy::Private)
        .map_err(|error| Failure::file("secret key", &error))?;
    write_new_ambient(public, public_text, Privacy::Public).map_err(|error| {
        // The key that was just made is of no use without its other half.
        let _ = remove_file_ambient(secret);
        Failure::file("public key", &error)
    })
}
