//! Where a file is, in the guest's eyes.

use std::sync::Arc;

/// A canonical absolute path in the guest's name space.
///
/// *Invariant:* starts with `/`; no empty, `.` or `..` component; no trailing slash but for the root; no NUL and no
/// bidirectional control character; at most [`GuestPath::MAX_BYTES`] bytes, each component at most
/// [`GuestPath::MAX_NAME_BYTES`].
///
/// ```
/// use airssys_osl::GuestPath;
/// let path = GuestPath::parse("/data/in")?;
/// assert!(path.is_within(&GuestPath::parse("/data")?));
/// assert!(!GuestPath::parse("/database")?.is_within(&GuestPath::parse("/data")?));
/// assert!(GuestPath::parse("/data/../etc").is_err());
/// # Ok::<(), airssys_osl::PathError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GuestPath(Arc<str>);

/// Why a text is no canonical guest path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The text does not start with `/`.
    #[error("path `{0}` is not absolute: start it with `/`")]
    NotAbsolute(String),
    /// An empty, `.` or `..` component, or a trailing slash.
    #[error("path `{0}` is not canonical: leave out `.`, `..`, doubled and trailing slashes")]
    NotCanonical(String),
    /// A NUL or bidirectional control character.
    #[error("path `{0}` holds a NUL or bidirectional control character: remove it")]
    Forbidden(String),
    /// Longer than a path or a name may be.
    #[error("path of {0} bytes is too long: at most 4096 bytes, 255 a name")]
    TooLong(usize),
}

impl GuestPath {
    /// The longest path in bytes, Linux's `PATH_MAX`.
    pub const MAX_BYTES: usize = 4096;
    /// The longest single name in bytes, Linux's `NAME_MAX`.
    pub const MAX_NAME_BYTES: usize = 255;

    /// The root directory.
    pub fn root() -> GuestPath {
        GuestPath("/".into())
    }

    /// Parses a text that is canonical already.
    ///
    /// # Errors
    /// [`PathError`] when it is not; nothing is normalised here, so that policies and kernel use one spelling.
    pub fn parse(text: &str) -> Result<GuestPath, PathError> {
        let shown = || text.escape_debug().to_string();
        let Some(rest) = text.strip_prefix('/') else { return Err(PathError::NotAbsolute(shown())) };
        if text.len() > Self::MAX_BYTES {
            return Err(PathError::TooLong(text.len()));
        }
        if rest.is_empty() {
            return Ok(GuestPath::root());
        }
        for name in rest.split('/') {
            check_name(name).map_err(|bad| bad.error(shown, name.len()))?;
        }
        Ok(GuestPath(text.into()))
    }

    /// The path of a child.
    ///
    /// # Errors
    /// [`PathError`] when `name` is not one plain component or the result is too long.
    pub fn join(&self, name: &str) -> Result<GuestPath, PathError> {
        let text = if self.is_root() { format!("/{name}") } else { format!("{}/{name}", self.0) };
        if name.contains('/') {
            return Err(PathError::NotCanonical(name.escape_debug().to_string()));
        }
        GuestPath::parse(&text)
    }

    /// The path of a text that is canonical but for its length.
    ///
    /// Only for a canonical path with names after it that were each found plain by [`GuestPath::check_name`].
    pub(crate) fn of_plain_names(text: &str) -> Result<GuestPath, PathError> {
        debug_assert!(text.len() > Self::MAX_BYTES || GuestPath::parse(text).is_ok());
        if text.len() > Self::MAX_BYTES {
            Err(PathError::TooLong(text.len()))
        } else {
            Ok(GuestPath(text.into()))
        }
    }

    /// Refuses what is not one plain name.
    pub(crate) fn check_name(name: &str) -> Result<(), PathError> {
        let shown = || name.escape_debug().to_string();
        if name.contains('/') {
            return Err(PathError::NotCanonical(shown()));
        }
        check_name(name).map_err(|bad| bad.error(shown, name.len()))
    }

    /// The directory this path lies in; none for the root.
    pub fn parent(&self) -> Option<GuestPath> {
        let (parent, name) = self.0.rsplit_once('/')?;
        match (parent, name) {
            ("", "") => None,
            ("", _) => Some(GuestPath::root()),
            (parent, _) => Some(GuestPath(parent.into())),
        }
    }

    /// The last component; none for the root.
    pub fn name(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(_, name)| name).filter(|name| !name.is_empty())
    }

    /// The components from the root down.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// True for `/`.
    pub fn is_root(&self) -> bool {
        &*self.0 == "/"
    }

    /// True when this path is `other` or lies beneath it, component by component.
    pub fn is_within(&self, other: &GuestPath) -> bool {
        other.is_root()
            || self.0.strip_prefix(&*other.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

enum BadName {
    Special,
    Forbidden,
    TooLong,
}

impl BadName {
    fn error(self, shown: impl FnOnce() -> String, length: usize) -> PathError {
        match self {
            BadName::Special => PathError::NotCanonical(shown()),
            BadName::Forbidden => PathError::Forbidden(shown()),
            BadName::TooLong => PathError::TooLong(length),
        }
    }
}

fn check_name(name: &str) -> Result<(), BadName> {
    if matches!(name, "" | "." | "..") {
        return Err(BadName::Special);
    }
    if name.contains(|c: char| matches!(c, '\0' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{061C}')) {
        return Err(BadName::Forbidden);
    }
    if name.len() > GuestPath::MAX_NAME_BYTES {
        return Err(BadName::TooLong);
    }
    Ok(())
}

impl std::fmt::Debug for GuestPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&*self.0, f)
    }
}

impl std::fmt::Display for GuestPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_not_canonical_are_refused() {
        for bad in ["", "a", "/a/", "//", "/a//b", "/./a", "/a/..", "/a\0b", "/\u{202e}gpj"] {
            assert!(GuestPath::parse(bad).is_err(), "{bad:?}");
        }
        assert!(GuestPath::parse(&format!("/{}", "x".repeat(256))).is_err());
        assert!(GuestPath::parse(&"/x".repeat(2049)).is_err());
        assert!(GuestPath::root().join("a/b").is_err());
        assert!(GuestPath::root().join("..").is_err());
    }

    #[test]
    fn containment_is_by_component_and_not_by_prefix() {
        let data = GuestPath::parse("/data").unwrap();
        assert!(!GuestPath::parse("/database").unwrap().is_within(&data));
        assert!(GuestPath::parse("/data/x").unwrap().is_within(&data));
        assert!(data.is_within(&data) && data.is_within(&GuestPath::root()));
        assert!(!GuestPath::root().is_within(&data));
    }

    #[test]
    fn parents_and_names_walk_up_to_the_root() {
        let path = GuestPath::root().join("a").unwrap().join("b").unwrap();
        assert_eq!((path.as_str(), path.name()), ("/a/b", Some("b")));
        assert_eq!(path.parent().unwrap().as_str(), "/a");
        assert_eq!(path.parent().unwrap().parent(), Some(GuestPath::root()));
        assert_eq!((GuestPath::root().parent(), GuestPath::root().name()), (None, None));
    }
}
