//! Values that stand in the configuration and on the command line alike.

use crate::serve::text::{hides, printable};
use airssys_osl::GuestPath;
use airssys_osl::fs::{MountOptions, MountSpec};
use std::path::PathBuf;

/// A directory of the host and where the component sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dir {
    /// The directory on the host.
    pub host: PathBuf,
    /// Where the component sees it.
    pub guest: GuestPath,
    /// Whether nothing beneath it can be changed.
    pub read_only: bool,
}

impl Dir {
    /// The mount, with these options.
    pub(crate) fn spec(&self, options: MountOptions) -> MountSpec {
        MountSpec { host: self.host.clone(), guest: self.guest.clone(), read_only: self.read_only, options }
    }
}

/// Reads the path at which a component sees a directory.
pub(crate) fn guest_path(text: &str) -> Result<GuestPath, String> {
    if let Some((path, mode)) = text.rsplit_once(':').filter(|(_, mode)| !mode.contains('/')) {
        let (path, mode) = (printable(path), printable(mode));
        return Err(format!("`:{mode}` is not a way to mount; write `{path}` or `{path}:ro`"));
    }
    // A guest may find such names on the disk; nobody mounts at one on purpose.
    if hides(text) {
        let path = printable(text);
        return Err(format!("guest path `{path}` holds a character that does not show; leave it out"));
    }
    GuestPath::parse(text).map_err(|error| format!("guest {error}"))
}

/// Checks the name of a variable. Narrower than what the interface lets pass: what no shell could have set is a slip.
pub(crate) fn env_name(name: &str) -> Result<(), String> {
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let wrong = || {
        format!(
            "`{}` cannot name a variable; use the letters a to z and A to Z, digits and `_`",
            printable(name)
        )
    };
    plain.then_some(()).ok_or_else(wrong)
}
