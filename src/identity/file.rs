//! Files people write: `plugin.toml` and `trust.toml`, and what can be wrong in them, with line and column.
//!
//! The manifest of an untrusted component is shown on the terminal of whoever looks at it, so everything that an error
//! quotes from a file goes through [`printable`] first.

use super::IdentityError;
use super::keys::KeyError;
use miette::{Diagnostic, NamedSource, SourceSpan};
use std::ops::Range;
use thiserror::Error;

/// A mistake in a file that a person wrote, and where it stands.
#[derive(Debug, Error, Diagnostic)]
#[error("{origin}:{line}:{column}: {problem}")]
#[non_exhaustive]
pub struct FileError {
    /// The file as the caller named it.
    pub origin: String,
    /// Line of the mistake, from 1.
    pub line: usize,
    /// Column of the mistake in characters, from 1.
    pub column: usize,
    /// What is wrong; the sentence above already says it, so it is no further cause.
    pub problem: FileProblem,
    #[help]
    help: Option<String>,
    #[source_code]
    text: NamedSource<String>,
    #[label("here")]
    span: SourceSpan,
}

/// What can be wrong in `plugin.toml` or `trust.toml`.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum FileProblem {
    /// The file does not have the form that it must have: TOML syntax, an unknown or missing key, a wrong type.
    #[error("{message}")]
    #[diagnostic(help(
        "keys that this version does not know are errors; correct the spelling or remove the line"
    ))]
    Form {
        /// What the TOML reader said.
        message: String,
    },
    /// The file is larger than its bound.
    #[error("the file has {size} bytes, more than {limit}")]
    #[diagnostic(help("split or shorten it"))]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The largest size accepted.
        limit: usize,
    },
    /// A name breaks the grammar of names.
    #[error("`{text}` is not a name")]
    #[diagnostic(help("a name consists of a-z, 0-9 and `-`"))]
    Name {
        /// What stands there.
        text: String,
    },
    /// A pattern of names breaks its grammar.
    #[error("`{text}` is not a pattern of component names")]
    #[diagnostic(help("write a name, or the beginning of names followed by one `*`, such as `image-*`"))]
    Pattern {
        /// What stands there.
        text: String,
    },
    /// A version is not three numbers.
    #[error("`{text}` is not a version")]
    #[diagnostic(help("write three numbers without leading zeros, such as `1.4.0`"))]
    Version {
        /// What stands there.
        text: String,
    },
    /// A release number is out of range.
    #[error("release {release} is larger than {max}", max = i64::MAX)]
    #[diagnostic(help("count releases from 1"))]
    Release {
        /// What stands there.
        release: u64,
    },
    /// A timestamp is not one moment.
    #[error("{text} is not a moment")]
    #[diagnostic(help("write date, time and offset as in RFC 3339: 2027-01-31T12:00:00Z"))]
    Moment {
        /// What stands there.
        text: String,
    },
    /// A requested action does not exist.
    #[error("`{text}` is not an action")]
    #[diagnostic(help("the actions are {known}"))]
    Action {
        /// What stands there.
        text: String,
        /// The actions there are.
        known: String,
    },
    /// A requested resource is empty, overlong, or holds characters that would not show.
    #[error("`{text}` cannot be a resource")]
    #[diagnostic(help("write 1 to {limit} bytes without control characters"))]
    Resource {
        /// What stands there.
        text: String,
        /// The largest size accepted, in bytes.
        limit: usize,
    },
    /// A publisher appears twice in the trust file.
    #[error("publisher `{name}` appears twice")]
    #[diagnostic(help("put all its keys under one `[[publisher]]`"))]
    DuplicatePublisher {
        /// Its name.
        name: String,
    },
    /// A publisher has the reserved name.
    #[error("`local-dev` cannot be a publisher in a trust file")]
    #[diagnostic(help(
        "it is what `run --dev` calls its own components; choose another name and sign with `airssys sign`"
    ))]
    Reserved,
    /// A publisher without name patterns could publish nothing.
    #[error("publisher `{name}` may use no names")]
    #[diagnostic(help("add patterns to `names`, such as `names = [\"*\"]`, or remove the publisher"))]
    NoNames {
        /// Its name.
        name: String,
    },
    /// A publisher without keys could sign nothing.
    #[error("publisher `{name}` has no key")]
    #[diagnostic(help("add a `[[publisher.key]]` with `key` or `file`, or remove the publisher"))]
    NoKeys {
        /// Its name.
        name: String,
    },
    /// A key entry has not exactly one of `key` and `file`.
    #[error("a key needs either `key` or `file`")]
    #[diagnostic(help("write one of `key = \"ed25519:…\"` and `file = \"author.pub\"`"))]
    KeyOrFile,
    /// A key cannot be read.
    #[error("the key cannot be used: {source}")]
    Key {
        /// Why not.
        source: KeyError,
    },
    /// A key file cannot be read.
    #[error("key file `{path}` cannot be read: {source}")]
    #[diagnostic(help("the path is relative to the trust file; create the file or correct the path"))]
    KeyFile {
        /// The path as written.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key appears a second time.
    #[error("key {key_id} of `{name}` already belongs to `{owner}`")]
    #[diagnostic(help("a key stands for one publisher and appears once; remove one of the two"))]
    SharedKey {
        /// The key.
        key_id: String,
        /// The publisher it stands under here.
        name: String,
        /// The publisher it was found under before.
        owner: String,
    },
    /// The key ends before it begins.
    #[error("the key ends before it begins")]
    #[diagnostic(help("`valid-until` must be later than `valid-from`"))]
    EmptyValidity,
}

/// The text of a file and what to call it.
pub(super) struct File<'a> {
    text: &'a str,
    origin: &'a str,
}

impl<'a> File<'a> {
    /// A file of bounded size.
    pub(super) fn new(text: &'a str, origin: &'a str, limit: usize) -> Result<Self, IdentityError> {
        if text.len() > limit {
            let problem = FileProblem::TooLarge { size: text.len(), limit };
            return Err(File { text: "", origin }.at(0..0, problem));
        }
        Ok(File { text, origin })
    }

    /// The tables of the file.
    pub(super) fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, IdentityError> {
        toml::from_str(self.text).map_err(|error| {
            let message = printable(error.message());
            self.at(error.span().unwrap_or(0..0), FileProblem::Form { message })
        })
    }

    /// An error about the text at `span`.
    pub(super) fn at(&self, span: Range<usize>, problem: FileProblem) -> IdentityError {
        let (line, column) = position(self.text, span.start);
        let help = match &problem {
            FileProblem::Key { source } => source.help(),
            other => other.help(),
        };
        let help = help.map(|help| help.to_string());
        let origin = printable(self.origin);
        let text = NamedSource::new(&origin, displayable(self.text));
        IdentityError::File(Box::new(FileError {
            line,
            column,
            problem,
            help,
            text,
            span: span.into(),
            origin,
        }))
    }
}

/// Line and column, from 1, of a byte offset.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    (line, column)
}

/// Whether a character would not show as itself: controls, and the marks that reorder text.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text with what would not show written as an escape.
pub(super) fn printable(text: &str) -> String {
    let escape = |c: char| if is_hidden(c) { c.escape_unicode().collect::<String>() } else { c.to_string() };
    text.chars().map(escape).collect()
}

/// The text with what would not show replaced, offsets kept, so that spans still fit.
fn displayable(text: &str) -> String {
    let stand_in = |c: char| match c {
        '\n' | '\t' => c,
        hidden if is_hidden(hidden) => match hidden.len_utf8() {
            1 => '?',
            2 => '\u{bf}',
            _ => '\u{fffd}',
        },
        plain => plain,
    };
    text.chars().map(stand_in).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_not_show_is_escaped_or_replaced() {
        let hostile = "a\u{1b}[31m\u{202e}b\u{9b}\r\n\t";
        assert_eq!(printable(hostile), "a\\u{1b}[31m\\u{202e}b\\u{9b}\\u{d}\\u{a}\\u{9}");
        let shown = displayable(hostile);
        assert_eq!(shown, "a?[31m\u{fffd}b\u{bf}?\n\t");
        assert_eq!(shown.len(), hostile.len());
    }

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        assert_eq!(position("", 0), (1, 1));
        assert_eq!(position("ab\ncd", 3), (2, 1));
        assert_eq!(position("ä=1", 3), (1, 3));
        assert_eq!(position("ab", 99), (1, 3));
    }

    #[test]
    fn an_overlong_file_is_refused_before_it_is_read() {
        let error = File::new("[component]", "plugin.toml", 10).err().unwrap();
        assert_eq!(error.to_string(), "plugin.toml:1:1: the file has 11 bytes, more than 10");
    }
}
