//! What a guest's path says by its text alone.
//!
//! *Invariant:* everything refused here is refused by the text, before any look at the disk and before any decision.

use crate::fs::FsError;
use crate::resource::{GuestPath, PathError};

/// The most components that a path, or what a link made of it, may have.
pub(in crate::fs) const MAX_STEPS: usize = 512;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fs) enum Step {
    /// Down to a name.
    Name(String),
    /// Up, out of the directory reached.
    Up,
}

/// A path taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fs) struct Steps {
    pub(in crate::fs) steps: Vec<Step>,
    /// Written with a slash, `.` or `..` at its end: only a directory will do.
    pub(in crate::fs) must_be_directory: bool,
    /// Ends in `.` or `..`: names a directory and not an entry of one.
    pub(in crate::fs) ends_in_dot: bool,
}

impl Steps {
    /// Takes apart a path, relative to a directory.
    pub(in crate::fs) fn parse(text: &str) -> Result<Steps, FsError> {
        if text.is_empty() {
            return Err(FsError::NoEntry);
        }
        if text.len() > GuestPath::MAX_BYTES {
            return Err(FsError::NameTooLong);
        }
        if text.starts_with('/') {
            return Err(FsError::NotPermitted);
        }
        let mut steps = Vec::new();
        for name in text.split('/') {
            match name {
                "" | "." => {}
                ".." => steps.push(Step::Up),
                name => steps.push(Step::Name(plain(name)?)),
            }
        }
        if steps.len() > MAX_STEPS {
            return Err(FsError::NameTooLong);
        }
        let last = text.rsplit('/').next().unwrap_or_default();
        let ends_in_dot = matches!(text.trim_end_matches('/').rsplit('/').next(), Some("." | ".."));
        Ok(Steps { steps, must_be_directory: last.is_empty() || ends_in_dot, ends_in_dot })
    }

    /// The canonical path these steps lead to from `base` if no link is on the way; none when they go up.
    pub(in crate::fs) fn beneath(&self, base: &GuestPath) -> Option<Result<GuestPath, FsError>> {
        extend(base, self.steps.iter())
    }
}

/// `base` and the names of `steps` after it; none when there is a step up.
pub(in crate::fs) fn extend<'a>(
    base: &GuestPath,
    steps: impl Iterator<Item = &'a Step>,
) -> Option<Result<GuestPath, FsError>> {
    let mut text = String::with_capacity(base.as_str().len() + 64);
    text.push_str(if base.is_root() { "" } else { base.as_str() });
    for step in steps {
        match step {
            Step::Name(name) => {
                text.push('/');
                text.push_str(name);
            }
            Step::Up => return None,
        }
    }
    if text.is_empty() {
        text.push('/');
    }
    Some(GuestPath::of_plain_names(&text).map_err(refusal))
}

/// One name beneath another.
pub(in crate::fs) fn child(parent: &GuestPath, name: &str) -> Result<GuestPath, FsError> {
    parent.join(name).map_err(refusal)
}

fn plain(name: &str) -> Result<String, FsError> {
    GuestPath::check_name(name).map_err(|error| match error {
        PathError::Forbidden(_) if name.contains('\0') => FsError::Invalid,
        error => refusal(error),
    })?;
    if cfg!(windows) && (name.contains(['\\', ':']) || name.ends_with(['.', ' '])) {
        return Err(FsError::Invalid);
    }
    Ok(name.to_owned())
}

fn refusal(error: PathError) -> FsError {
    match error {
        PathError::TooLong(_) => FsError::NameTooLong,
        PathError::Forbidden(_) => FsError::IllegalByteSequence,
        PathError::NotAbsolute(_) | PathError::NotCanonical(_) => FsError::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> FsError {
        Steps::parse(text).unwrap_err()
    }

    #[test]
    fn paths_that_are_none_are_refused_by_their_text() {
        assert!(matches!(error(""), FsError::NoEntry));
        assert!(matches!(error("/etc"), FsError::NotPermitted));
        assert!(matches!(error("a\0b"), FsError::Invalid));
        assert!(matches!(error("a/\u{202e}b"), FsError::IllegalByteSequence));
        assert!(matches!(error(&"x".repeat(256)), FsError::NameTooLong));
        assert!(matches!(error(&"x/".repeat(2049)), FsError::NameTooLong));
        assert!(matches!(error(&format!("x{}", "/".repeat(GuestPath::MAX_BYTES))), FsError::NameTooLong));
        assert!(matches!(error(&"x/".repeat(MAX_STEPS + 1)), FsError::NameTooLong));
    }

    #[test]
    fn dots_and_doubled_slashes_are_only_spelling() {
        let steps = Steps::parse("./a//b/./c").unwrap();
        let base = GuestPath::parse("/m").unwrap();
        assert_eq!(steps.beneath(&base).unwrap().unwrap().as_str(), "/m/a/b/c");
        assert!(!steps.must_be_directory);
        assert_eq!(Steps::parse(".").unwrap().beneath(&base).unwrap().unwrap(), base);
    }

    #[test]
    fn a_path_that_goes_up_has_no_meaning_by_its_text() {
        assert!(Steps::parse("a/../b").unwrap().beneath(&GuestPath::root()).is_none());
    }

    #[test]
    fn a_slash_or_dot_at_the_end_demands_a_directory() {
        for (text, directory, dot) in [
            ("a", false, false),
            ("a/", true, false),
            ("a/.", true, true),
            ("a/./", true, true),
            ("..", true, true),
            (".", true, true),
            ("a//", true, false),
            ("a.", false, false),
        ] {
            let steps = Steps::parse(text).unwrap();
            assert_eq!((steps.must_be_directory, steps.ends_in_dot), (directory, dot), "{text}");
        }
    }
}
