//! The development key: one a user, made when first needed, trusted by `--dev` alone.

use super::console::{Console, shown_path};
use super::failure::Failure;
use super::files::{
    HostFileError, Privacy, create_dir_all_ambient, data_directory_ambient, directory_of, exists_ambient,
    write_new_ambient,
};
use super::inputs::{self, Trusted};
use crate::identity::{self, SecretKey, Trust, dev_manifest};
use std::path::{Path, PathBuf};

/// A component signed for development.
pub(super) struct Signed {
    /// The signed component.
    pub(super) component: Vec<u8>,
    /// Trust in the development key alone.
    pub(super) trusted: Trusted,
}

/// Signs the component in memory with this user's development key.
pub(super) fn sign(console: Console, component: &Path, bytes: &[u8]) -> Result<Signed, Failure> {
    let key_file = key_path()?;
    let key = key(console, &key_file)?;
    let file_name = component.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let manifest = dev_manifest(&file_name);
    let signed = identity::sign(bytes, &manifest, &key).map_err(Failure::refused)?;
    let claims = identity::claims(&signed).map_err(Failure::refused)?;
    console.note(&format!(
        "development run: signed in memory as `{}` with your development key; publish with `airssys sign`",
        claims.manifest.principal_name(),
    ));
    let trusted = Trusted { trust: Trust::dev(key.public_key()), files: vec![key_file] };
    Ok(Signed { component: signed, trusted })
}

/// This user's development key.
fn key(console: Console, path: &Path) -> Result<SecretKey, Failure> {
    if !exists_ambient(path) {
        make(console, path)?;
    }
    inputs::secret_key(path)
}

fn make(console: Console, path: &Path) -> Result<(), Failure> {
    let unwritable = |error: HostFileError| Failure::file("development key", &error);
    let secret = SecretKey::generate().map_err(Failure::own)?;
    create_dir_all_ambient(directory_of(path)).map_err(unwritable)?;
    match write_new_ambient(path, secret.to_pem().as_bytes(), Privacy::Private) {
        Ok(()) => {
            console.note(&format!("made a development key: {}", shown_path(path)));
            Ok(())
        }
        // Another run was quicker; its key is as good.
        Err(HostFileError::Exists { .. }) => Ok(()),
        Err(error) => Err(unwritable(error)),
    }
}

fn key_path() -> Result<PathBuf, Failure> {
    let none = || {
        Failure::wrong(
            "there is no place for the development key",
            "set HOME or XDG_DATA_HOME to an absolute path",
        )
    };
    data_directory_ambient().map(|directory| directory.join("airssys").join("dev.key")).ok_or_else(none)
}
