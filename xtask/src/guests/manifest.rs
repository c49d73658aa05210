//! Manifest: which guest was built from what.
//!
//! *Invariant:* uses nothing but std, serde, toml and sha2, because a test of the root package compiles this
//! file as well: the check among the tests and `cargo xtask guests --check` cannot differ.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where the manifest lies in the work tree.
pub(crate) const PATH: &str = "tests/guests/manifest.toml";

const HEADER: &str = "\
# What each committed guest component was built from. A new guest needs its name, directory and kind here;
# `cargo xtask guests` writes the rest.
";

/// The whole file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// What built the components.
    pub(crate) tools: Tools,
    /// One row for each guest.
    pub(crate) guest: Vec<Guest>,
}

/// What built the components.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tools {
    /// The compiler's own line.
    pub(crate) rustc: String,
    /// The target it compiled for.
    pub(crate) target: String,
    /// What made components of core modules, where the compiler did not.
    pub(crate) wrapped_by: String,
}

/// One guest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Guest {
    /// The component's file name, and its package unless that is named.
    pub(crate) name: String,
    /// Where its sources and its component lie.
    pub(crate) directory: String,
    /// Whether it has a `main` or only exports.
    pub(crate) kind: Kind,
    /// Its package, where one package makes several components.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) package: Option<String>,
    /// The features of the package that this component is built with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) features: Vec<String>,
    /// Digest of all its sources.
    #[serde(default)]
    pub(crate) source: String,
    /// Digest of the component.
    #[serde(default)]
    pub(crate) component: String,
    /// Size of the component.
    #[serde(default)]
    pub(crate) bytes: usize,
}

/// The two shapes of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// It has a `main`, exported as `wasi:cli/run`.
    Command,
    /// It has exports of its own.
    Library,
}

impl Manifest {
    /// Reads the manifest of the work tree `root`.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let text = read_text(&root.join(PATH))?;
        toml::from_str(&text).map_err(|error| io::Error::other(format!("`{PATH}`: {error}")))
    }

    /// One sentence for each guest whose source or component is not what the manifest says.
    pub(crate) fn stale(&self, root: &Path) -> io::Result<Vec<String>> {
        let mut stale = Vec::new();
        for guest in &self.guest {
            if guest.source != source_digest(root, &guest.directory)? {
                stale.push(format!("guest `{}`: its source is newer than its component", guest.name));
            }
            let path = guest.component_path();
            match fs::read(root.join(&path)) {
                Ok(bytes) if digest(&bytes) == guest.component => {}
                Ok(_) => stale
                    .push(format!("guest `{}`: `{path}` is not the component that was built", guest.name)),
                Err(error) => stale.push(format!("guest `{}`: `{path}`: {error}", guest.name)),
            }
        }
        Ok(stale)
    }
}

#[allow(dead_code, reason = "the tests only read")]
impl Manifest {
    /// Writes the manifest of the work tree `root`.
    pub(crate) fn write(&self, root: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        fs::write(root.join(PATH), format!("{HEADER}\n{text}"))
    }
}

impl Guest {
    /// Where the component lies in the work tree.
    pub(crate) fn component_path(&self) -> String {
        format!("{}/{}.wasm", self.directory, self.name)
    }

    /// The package that it is built from.
    #[allow(dead_code, reason = "the tests build nothing")]
    pub(crate) fn package(&self) -> &str {
        self.package.as_deref().unwrap_or(&self.name)
    }

    /// Puts down what `component` was built from.
    #[allow(dead_code, reason = "the tests only read")]
    pub(crate) fn fill(&mut self, root: &Path, component: &[u8]) -> io::Result<()> {
        self.source = source_digest(root, &self.directory)?;
        self.component = digest(component);
        self.bytes = component.len();
        Ok(())
    }
}

/// SHA-256 as hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing into a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The digest of everything a guest is built from: its package, and the workspace above it where there is one.
pub(crate) fn source_digest(root: &Path, directory: &str) -> io::Result<String> {
    let mut files = vec![format!("{directory}/Cargo.toml")];
    for shared in [
        format!("{directory}/Cargo.lock"),
        parent_file(directory, "Cargo.toml"),
        parent_file(directory, "Cargo.lock"),
    ] {
        if root.join(&shared).is_file() {
            files.push(shared);
        }
    }
    for part in ["src", "wit"] {
        collect(root, &format!("{directory}/{part}"), &mut files)?;
    }
    files.sort();
    let mut whole = String::new();
    for file in &files {
        // Each file by its own digest, so that nothing moves unseen from one file into the next.
        let text = read_text(&root.join(file))?;
        let _ = writeln!(whole, "{} {file}", digest(text.as_bytes()));
    }
    Ok(digest(whole.as_bytes()))
}

fn parent_file(directory: &str, name: &str) -> String {
    let parent = directory.rsplit_once('/').map_or("", |(parent, _)| parent);
    format!("{parent}/{name}")
}

fn collect(root: &Path, directory: &str, files: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(root.join(directory)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = format!("{directory}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// A text as it is in the repository, whatever line ends the checkout made.
fn read_text(path: &Path) -> io::Result<String> {
    let text = fs::read_to_string(path);
    let text =
        text.map_err(|error| io::Error::new(error.kind(), format!("`{}`: {error}", path.display())))?;
    Ok(text.replace("\r\n", "\n"))
}
