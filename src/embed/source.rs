//! Where a component comes from.

use crate::embed::Error;
use crate::identity::MAX_COMPONENT_BYTES;
use airssys_osl::host_files::{self, HostFileError};
use std::path::{Path, PathBuf};

/// A component's bytes, or the file that holds them.
#[derive(Clone)]
#[non_exhaustive]
pub enum ComponentSource {
    /// A file of the host.
    File(PathBuf),
    /// Bytes at hand.
    Bytes(Vec<u8>),
}

impl ComponentSource {
    /// The bytes; a file is read once, so that what is verified is what is compiled.
    pub(crate) fn read(self) -> Result<Vec<u8>, Error> {
        match self {
            ComponentSource::Bytes(bytes) => Ok(bytes),
            ComponentSource::File(path) => host_files::read_ambient(&path, MAX_COMPONENT_BYTES as u64)
                .map_err(|error| match error {
                    HostFileError::Read { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
                        Error::NotFound(path.display().to_string())
                    }
                    error => error.into(),
                }),
        }
    }
}

impl From<&str> for ComponentSource {
    fn from(path: &str) -> ComponentSource {
        ComponentSource::File(path.into())
    }
}

impl From<String> for ComponentSource {
    fn from(path: String) -> ComponentSource {
        ComponentSource::File(path.into())
    }
}

impl From<&Path> for ComponentSource {
    fn from(path: &Path) -> ComponentSource {
        ComponentSource::File(path.into())
    }
}

impl From<PathBuf> for ComponentSource {
    fn from(path: PathBuf) -> ComponentSource {
        ComponentSource::File(path)
    }
}

impl From<Vec<u8>> for ComponentSource {
    fn from(bytes: Vec<u8>) -> ComponentSource {
        ComponentSource::Bytes(bytes)
    }
}

impl std::fmt::Debug for ComponentSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ComponentSource::File(path) => write!(f, "component file {}", path.display()),
            ComponentSource::Bytes(bytes) => write!(f, "component of {} bytes", bytes.len()),
        }
    }
}
