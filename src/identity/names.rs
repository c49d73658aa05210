//! Names: the one grammar of publishers, components and groups, and the patterns over it.
//!
//! A name stands in policies as part of an entity (`Component::"acme/thumb"`), in file names and on terminals; the
//! grammar `[a-z0-9-]{1,64}` means that none of them needs quoting and no two names look alike.

use std::fmt;
use std::sync::Arc;

/// The publisher of components signed by a development key; no trust file can name it.
pub const LOCAL_DEV: &str = "local-dev";

/// The longest name, so that a principal fits whole into every record.
pub(super) const MAX_BYTES: usize = 64;

/// The name of a publisher, a component or a group: 1 to 64 of `a`-`z`, `0`-`9` and `-`.
///
/// ```
/// use airssys_wasm::identity::Name;
/// assert!(Name::parse("acme-labs").is_some());
/// assert!(Name::parse("Acme").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The name in `text`, if it keeps to the grammar.
    pub fn parse(text: &str) -> Option<Name> {
        let fits = (1..=MAX_BYTES).contains(&text.len());
        (fits && text.bytes().all(in_grammar)).then(|| Name(text.into()))
    }

    /// The text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Which component names a publisher may use: an exact name, or the beginning of names followed by one `*`.
///
/// ```
/// use airssys_wasm::identity::{Name, Pattern};
/// let pattern = Pattern::parse("image-*").unwrap();
/// assert!(pattern.matches(&Name::parse("image-thumb").unwrap()));
/// assert!(!pattern.matches(&Name::parse("images").unwrap()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    stem: Arc<str>,
    open: bool,
}

impl Pattern {
    /// The pattern in `text`, if it is a name or ends in its only `*`.
    pub fn parse(text: &str) -> Option<Pattern> {
        let (stem, open) = match text.strip_suffix('*') {
            Some(stem) => (stem, true),
            None => (text, false),
        };
        let well_formed = (open || !stem.is_empty()) && stem.bytes().all(in_grammar);
        well_formed.then(|| Pattern { stem: stem.into(), open })
    }

    /// The pattern that every name matches.
    pub(super) fn any() -> Pattern {
        Pattern { stem: "".into(), open: true }
    }

    /// Whether the pattern covers `name`.
    pub fn matches(&self, name: &Name) -> bool {
        if self.open { name.0.starts_with(&*self.stem) } else { name.0 == self.stem }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.stem, if self.open { "*" } else { "" })
    }
}

/// Whether a byte may stand in a name.
pub(super) fn in_grammar(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_the_grammar_are_refused() {
        let long = "a".repeat(MAX_BYTES + 1);
        for text in ["", &long, "A", "a/b", "a b", "a_b", "a.b", "a*", "ä", "a\n", "a\0", "..", "\u{430}"] {
            assert_eq!(Name::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn names_of_the_grammar_are_kept_as_written() {
        let longest = "a".repeat(MAX_BYTES);
        for text in ["a", "0", "-", "acme", "acme-labs-2", &longest] {
            assert_eq!(Name::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn patterns_with_a_star_elsewhere_than_at_the_end_are_refused() {
        for text in ["", "**", "*a", "a*b", "a**", "acme/*", "A*", "?"] {
            assert_eq!(Pattern::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_exact_pattern_does_not_match_a_longer_name() {
        let pattern = Pattern::parse("data").unwrap();
        assert!(!pattern.matches(&Name::parse("database").unwrap()));
        assert!(!pattern.matches(&Name::parse("dat").unwrap()));
        assert!(pattern.matches(&Name::parse("data").unwrap()));
    }

    #[test]
    fn a_starred_pattern_matches_the_stem_and_what_follows_it() {
        let pattern = Pattern::parse("data-*").unwrap();
        assert!(!pattern.matches(&Name::parse("database").unwrap()));
        assert!(!pattern.matches(&Name::parse("data").unwrap()));
        assert!(pattern.matches(&Name::parse("data-").unwrap()));
        assert!(pattern.matches(&Name::parse("data-in").unwrap()));
        assert!(Pattern::parse("*").unwrap().matches(&Name::parse("x").unwrap()));
        assert_eq!(pattern.to_string(), "data-*");
    }
}
