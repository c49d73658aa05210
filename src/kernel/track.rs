//! Interfaces by the versions that link against each other.

use std::fmt;
use wasmparser::names::{ComponentName, ComponentNameKind};

/// The kernel's own packages, and the versions of them that are offered.
const OFFERED: [(&str, &str); 2] = [("wasi:", "0.2"), ("airssys:", "0.1")];

/// The namespace of this runtime's own packages.
const RESERVED: &str = "airssys:";

/// An interface on one track of versions: `1.0.0` and `1.4.2` link against each other, `0.2.0` and `0.2.9` do, `0.0.1`
/// and a pre-release link against nothing but themselves. This is the linker's own rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Track {
    interface: String,
    versions: String,
}

impl Track {
    /// Where an import with its version stands; none when it is no interface with a version.
    pub(crate) fn of(import: &str) -> Option<Track> {
        let name = ComponentName::new(import, 0).ok()?;
        let ComponentNameKind::Interface(interface) = name.kind() else { return None };
        let version = interface.version(None).ok()??;
        if !version.build.is_empty() {
            return None;
        }
        let versions = match (version.major, version.minor, version.patch) {
            _ if !version.pre.is_empty() => version.to_string(),
            (0, 0, _) => version.to_string(),
            (0, minor, _) => format!("0.{minor}"),
            (major, _, _) => major.to_string(),
        };
        Some(Track { interface: import.split_once('@')?.0.to_owned(), versions })
    }

    /// Where an interface of the kernel's own packages stands that is offered.
    pub(crate) fn offered(interface: &str) -> Track {
        let known = OFFERED.iter().find(|(namespace, _)| interface.starts_with(namespace));
        let versions = known.map_or("", |(_, versions)| versions).to_owned();
        Track { interface: interface.to_owned(), versions }
    }

    /// The interface without its version.
    pub(crate) fn interface(&self) -> &str {
        &self.interface
    }

    /// True in the namespace of this runtime's own packages, where nobody else offers anything.
    pub(crate) fn is_reserved(&self) -> bool {
        self.interface.starts_with(RESERVED)
    }

    /// True when nobody else may offer `other` beside this: it is the same, or this is of the kernel's own packages and
    /// `other` in one of them.
    pub(crate) fn excludes(&self, other: &Track) -> bool {
        let package = |track: &Track| track.interface.split('/').next().map(str::to_owned);
        let is_own = OFFERED.iter().any(|(namespace, _)| self.interface.starts_with(namespace));
        let same_package = is_own && package(self) == package(other);
        self.versions == other.versions && (self.interface == other.interface || same_package)
    }
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.interface, self.versions)
    }
}

#[cfg(test)]
mod tests {
    use super::Track;

    #[test]
    fn versions_off_the_track_are_no_interface_of_ours() {
        let ours = Track::offered("wasi:io/poll");
        for import in [
            "wasi:io/poll",
            "wasi:io/poll@0.3.0",
            "wasi:io/poll@1.2.0",
            "wasi:io/poll@0.2.0-rc-2023-11-10",
            "wasi:io/poll@0.2",
            "wasi:io/poll@0.2.",
            "wasi:io/poll@0.2.0+ours",
        ] {
            assert_ne!(Track::of(import), Some(ours.clone()), "{import}");
        }
        for import in ["wasi:io/poll@0.2.0", "wasi:io/poll@0.2.12", "wasi:io/poll@0.2.99"] {
            assert_eq!(Track::of(import), Some(ours.clone()), "{import}");
        }
    }

    #[test]
    fn tracks_are_those_of_the_linker() {
        let track = |import: &str| Track::of(import).unwrap().to_string();
        assert_eq!(track("acme:crm/contacts@1.2.3"), "acme:crm/contacts@1");
        assert_eq!(track("acme:crm/contacts@0.4.3"), "acme:crm/contacts@0.4");
        assert_eq!(track("acme:crm/contacts@0.0.3"), "acme:crm/contacts@0.0.3");
        assert_eq!(track("acme:crm/contacts@1.0.0-rc.1"), "acme:crm/contacts@1.0.0-rc.1");
        for no in ["contacts@1.0.0", "acme:crm@1.0.0", "Acme:crm/contacts@1.0.0", "acme:crm/contacts@1", ""] {
            assert_eq!(Track::of(no), None, "{no}");
        }
    }

    #[test]
    fn no_interface_stands_beside_one_of_the_kernels_packages() {
        let (ours, other) = (Track::offered("wasi:clocks/wall-clock"), |name: &str| Track::of(name).unwrap());
        assert!(ours.excludes(&other("wasi:clocks/wall-clock@0.2.99")));
        assert!(ours.excludes(&other("wasi:clocks/timezone@0.2.0")));
        assert!(!ours.excludes(&other("wasi:clocks/wall-clock@0.3.0")));
        assert!(!ours.excludes(&other("wasi:keyvalue/store@0.2.0")));
        let lends = Track::offered("airssys:runtime/delegation");
        assert!(lends.excludes(&other("airssys:runtime/anything@0.1.7")));
        let theirs = other("acme:crm/contacts@1.0.0");
        assert!(theirs.excludes(&other("acme:crm/contacts@1.9.0")));
        assert!(
            !theirs.excludes(&other("acme:crm/contacts@2.0.0"))
                && !theirs.excludes(&other("acme:crm/notes@1.0.0"))
        );
    }
}
