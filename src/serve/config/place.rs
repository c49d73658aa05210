//! Mistakes in the configuration, and where they stand.

use crate::serve::config::raw::RawFile;
use crate::serve::text::printable;
use miette::{Diagnostic, NamedSource, SourceSpan};
use std::ops::Range;
use std::path::Path;
use thiserror::Error;

/// A mistake in the configuration, and where it stands.
#[derive(Debug, Error, Diagnostic)]
#[error("{origin}:{line}:{column}: {message}")]
pub struct ConfigError {
    origin: String,
    line: usize,
    column: usize,
    message: String,
    #[help]
    help: &'static str,
    #[source_code]
    text: NamedSource<String>,
    #[label("here")]
    span: SourceSpan,
}

/// The text of a configuration, where it stands, and what its paths are relative to.
pub(super) struct File<'a> {
    pub(super) text: &'a str,
    pub(super) path: &'a Path,
    pub(super) directory: &'a Path,
}

impl File<'_> {
    /// What stands in it, by its grammar alone.
    pub(super) fn read(&self) -> Result<RawFile, Box<ConfigError>> {
        toml::from_str(self.text)
            .map_err(|error| self.at(error.span().unwrap_or(0..0), error.message(), remedy(error.message())))
    }

    /// A mistake at that place.
    pub(super) fn at(&self, span: Range<usize>, message: &str, help: &'static str) -> Box<ConfigError> {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let origin = printable(&self.path.display().to_string());
        Box::new(ConfigError {
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or(before).chars().count() + 1,
            message: printable(&message.replace('\n', ", ")),
            help,
            text: NamedSource::new(&origin, self.text.to_owned()),
            span: span.into(),
            origin,
        })
    }
}

/// What to do about what the reader of TOML found.
fn remedy(message: &str) -> &'static str {
    const REMEDIES: &[(&str, &str)] = &[
        ("unknown variant", "write one of these"),
        ("missing field", "add the key"),
        ("invalid", "correct the value"),
    ];
    let found = REMEDIES.iter().find(|(begin, _)| message.starts_with(begin));
    found.map_or(
        "keys that this version does not know are errors; correct the spelling or remove the line",
        |(_, help)| help,
    )
}
