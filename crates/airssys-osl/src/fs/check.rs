//! What is refused when mounts are loaded.

use crate::fs::MountError;
use crate::fs::mount::Mount;
use crate::fs::sys::Identity;
use std::collections::VecDeque;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// As many links as a look-up follows.
const MAX_LINKS: usize = 40;

/// The canonical host path of a directory that exists.
#[expect(clippy::disallowed_methods, reason = "loading mounts looks at the host on the operator's behalf")]
pub(in crate::fs) fn real_path_ambient(host: &Path) -> io::Result<PathBuf> {
    std::fs::canonicalize(host)
}

/// Refuses mounts that show one file under two names.
pub(in crate::fs) fn overlaps(mounts: &[Arc<Mount>]) -> Result<(), MountError> {
    for (n, first) in mounts.iter().enumerate() {
        for second in mounts.iter().skip(n + 1) {
            overlap(first, second)?;
        }
    }
    Ok(())
}

fn overlap(one: &Mount, other: &Mount) -> Result<(), MountError> {
    let (first, second) = (one.guest.clone(), other.guest.clone());
    if first.is_within(&second) || second.is_within(&first) {
        return Err(MountError::GuestOverlap { first, second });
    }
    let inner = if lies_in(&one.host, other) {
        &one.host
    } else if lies_in(&other.host, one) {
        &other.host
    } else {
        return Ok(());
    };
    Err(MountError::HostOverlap { first, second, host: inner.clone() })
}

/// True when a canonical host path is the mount's directory or lies in it: by name, or because one of the directories
/// above it *is* that directory under another spelling.
fn lies_in(place: &Path, mount: &Mount) -> bool {
    place.starts_with(&mount.host)
        || place.ancestors().any(|dir| identity_ambient(mount, dir) == Some(mount.identity))
}

fn identity_ambient(mount: &Mount, dir: &Path) -> Option<Identity> {
    let opened = mount.sys.open_root_ambient(dir).ok()?;
    Some(mount.sys.stat_open(&opened).ok()?.identity)
}

/// Refuses to mount for writing what the host's own authority rests on.
pub(in crate::fs) fn protected_ambient(
    mounts: &[Arc<Mount>],
    protected: &[PathBuf],
) -> Result<(), MountError> {
    for path in protected {
        let places =
            places_ambient(path).map_err(|source| MountError::Unknown { protected: path.clone(), source })?;
        for mount in mounts.iter().filter(|mount| !mount.read_only) {
            let within = places.names.iter().any(|place| lies_in(place, mount));
            // A guest that may add to a directory of policies could add a policy.
            let around = places.is_directory && places.end().is_some_and(|end| mount.host.starts_with(end));
            if within || around {
                let (host, guest) = (mount.host.clone(), mount.guest.clone());
                return Err(MountError::Protected { protected: path.clone(), host, guest });
            }
            // Where the other names lie is not searched for: it could take as long as the file system is large.
            let device = mount.identity.device;
            if places.linked_on.is_some_and(|on| on == device || mount.options.cross_devices) {
                let (host, guest) = (mount.host.clone(), mount.guest.clone());
                return Err(MountError::Linked { protected: path.clone(), host, guest });
            }
        }
    }
    Ok(())
}

/// Every place that a look-up of one path passes, each by its canonical name: whoever can change one of them can
/// change what the path means.
#[derive(Debug, Default)]
struct Places {
    names: Vec<PathBuf>,
    is_directory: bool,
    /// The device of the regular file at the end, if it has further names.
    linked_on: Option<u64>,
}

impl Places {
    fn end(&self) -> Option<&PathBuf> {
        self.names.last()
    }
}

#[expect(clippy::disallowed_methods, reason = "loading mounts looks at the host on the operator's behalf")]
fn places_ambient(path: &Path) -> io::Result<Places> {
    let absolute = std::path::absolute(path)?;
    let mut ahead: VecDeque<PathBuf> = parts(&absolute);
    let mut at = PathBuf::new();
    let mut places = Places::default();
    let mut links = 0;
    while let Some(part) = ahead.pop_front() {
        if !is_name(&part) {
            // Up for `..`; a root or prefix begins anew.
            match part.components().next() {
                Some(Component::ParentDir) => drop(at.pop()),
                _ => at.push(part),
            }
            continue;
        }
        let place = at.join(&part);
        let found = found_ambient(&place)?;
        places.names.push(place.clone());
        places.is_directory = found.as_ref().is_some_and(std::fs::Metadata::is_dir);
        places.linked_on = found.as_ref().and_then(linked_on);
        if !found.is_some_and(|found| found.is_symlink()) {
            at = place;
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(io::Error::other("too many symbolic links"));
        }
        let mut target = parts(&std::fs::read_link(&place)?);
        target.append(&mut ahead);
        ahead = target;
    }
    Ok(places)
}

/// What lies at a name, links not followed. Nothing is there yet where a log is going to be written: then its name is what
/// counts.
#[expect(clippy::disallowed_methods, reason = "loading mounts looks at the host on the operator's behalf")]
fn found_ambient(place: &Path) -> io::Result<Option<std::fs::Metadata>> {
    match std::fs::symlink_metadata(place) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn linked_on(found: &std::fs::Metadata) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    (found.is_file() && found.nlink() > 1).then(|| found.dev())
}

#[cfg(not(unix))]
fn linked_on(_: &std::fs::Metadata) -> Option<u64> {
    None
}

fn is_name(part: &Path) -> bool {
    matches!(part.components().next(), Some(Component::Normal(_)))
}

fn parts(path: &Path) -> VecDeque<PathBuf> {
    path.components().map(|part| PathBuf::from(part.as_os_str())).collect()
}
