//! Failures: what went wrong, with the status it ends in.

use super::console::{short, shortened, shown_path};
use super::exit::Exit;
use super::files::HostFileError;
use miette::Diagnostic;
use std::fmt::Display;
use std::io;
use std::path::Path;
use thiserror::Error;

/// An error on its way to the person at the terminal.
#[derive(Debug)]
pub(super) struct Failure {
    /// The status to end with.
    pub(super) exit: Exit,
    /// What is said, with help and, where a file is at fault, the place in it.
    pub(super) report: Box<dyn Diagnostic + Send + Sync>,
    /// Whether names in it are a component's own, which may have any length.
    theirs: bool,
}

/// A failure that is one sentence and its remedy.
#[derive(Debug, Error, Diagnostic)]
#[error("{message}")]
struct Sentence {
    message: String,
    #[help]
    help: Option<String>,
}

impl Failure {
    /// Any failure.
    pub(super) fn new(exit: Exit, report: impl Diagnostic + Send + Sync + 'static) -> Failure {
        Failure { exit, report: Box::new(report), theirs: false }
    }

    /// A failure in words of its own.
    pub(super) fn said(exit: Exit, message: impl Into<String>, help: impl Into<String>) -> Failure {
        Failure::new(exit, Sentence { message: message.into(), help: Some(help.into()) })
    }

    /// What we were given is wrong.
    pub(super) fn own(report: impl Diagnostic + Send + Sync + 'static) -> Failure {
        Failure::new(Exit::Own, report)
    }

    /// What we were given is wrong, in words of its own.
    pub(super) fn wrong(message: impl Into<String>, help: impl Into<String>) -> Failure {
        Failure::said(Exit::Own, message, help)
    }

    /// A component is not let through.
    pub(super) fn refused(report: impl Diagnostic + Send + Sync + 'static) -> Failure {
        Failure::new(Exit::Refused, report).with_their_names()
    }

    /// The same failure, whose names are a component's own.
    pub(super) fn with_their_names(self) -> Failure {
        Failure { theirs: true, ..self }
    }

    /// A file of the host that could not be used: `what` it is for, as in `policy file`.
    pub(super) fn file(what: &str, error: &HostFileError) -> Failure {
        let failure = |path: &Path, why: &str, help| {
            Failure::wrong(format!("{what} `{}` {why}", shown_path(path)), help)
        };
        match error {
            HostFileError::Read { path, source } => {
                let help = match source.kind() {
                    io::ErrorKind::NotFound => "correct the path or create the file",
                    io::ErrorKind::PermissionDenied => "make it readable for you",
                    _ => "name a regular file",
                };
                failure(path, &format!("cannot be read: {}", cause(source)), help)
            }
            HostFileError::Write { path, source } => {
                let help = match source.kind() {
                    io::ErrorKind::NotFound => "create its directory first or correct the path",
                    _ => "choose a place you may write to",
                };
                failure(path, &format!("cannot be written: {}", cause(source)), help)
            }
            HostFileError::TooLarge { path, max_bytes } => {
                failure(path, &format!("has more than {max_bytes} bytes"), "shorten it or split it")
            }
            HostFileError::NotText { path } => failure(path, "is not UTF-8 text", "save the file as UTF-8"),
            HostFileError::Exists { path } => {
                failure(path, "exists", "nothing is overwritten: choose another name or move the file away")
            }
            HostFileError::NotRegular { path } => failure(path, "is not a regular file", "name one"),
            other => Failure::wrong(format!("{what}: {other}"), "choose another file"),
        }
    }

    /// The failure on one line: what and why, then the remedy.
    pub(super) fn sentence(&self) -> String {
        let message = one_line(&self.report);
        let message = if self.theirs { short_names(&message) } else { message };
        match self.report.help() {
            Some(help) => format!("{message}; {}", one_line(help)),
            None => message,
        }
    }
}

/// The longest sentence about a component, in characters, whatever it calls itself.
const LONGEST: usize = 1000;

/// The sentence with what stands between backticks shortened.
fn short_names(message: &str) -> String {
    let parts = message.split('`').enumerate();
    let parts = parts.map(|(at, part)| if at % 2 == 1 { short(part) } else { part.to_owned() });
    shortened(&parts.collect::<Vec<_>>().join("`"), LONGEST)
}

/// What the system said, without its number, which helps nobody.
fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((said, _)) => said.to_lowercase(),
        None => text,
    }
}

fn one_line(text: impl Display) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_several_lines_is_told_on_one() {
        let failure = Failure::wrong("a\n  b", "c\nd");
        assert_eq!(failure.sentence(), "a b; c d");
    }

    #[test]
    fn names_of_any_length_in_a_refusal_do_not_fill_the_screen() {
        let refused = |message: String| Failure::refused(Sentence { message, help: None }).sentence();
        let said = refused(format!("it imports `{}`, which is not offered", "x".repeat(5000)));
        assert!(said.len() < 200 && said.ends_with("(5000 characters)`, which is not offered"), "{said}");
        let ticks = refused(format!("it imports `{}`", "`x".repeat(5000)));
        assert!(ticks.len() < 1100, "{}", ticks.len());
        let path = Failure::said(Exit::Refused, format!("log `{}` was altered", "p".repeat(200)), "");
        assert!(path.sentence().contains(&"p".repeat(200)), "a path is the caller's own");
    }

    #[test]
    fn a_path_cannot_pass_for_two_words_or_two_lines() {
        let error = HostFileError::NotText { path: "a\nb\u{202e}".into() };
        let said = Failure::file("policy file", &error).sentence();
        assert!(said.starts_with("policy file `a\\u{a}b\\u{202e}` is not"), "{said}");
    }

    #[test]
    fn a_missing_file_is_named_with_the_remedy() {
        let error = HostFileError::Read { path: "p.cedar".into(), source: io::Error::from_raw_os_error(2) };
        let said = Failure::file("policy file", &error).sentence();
        assert!(said.starts_with("policy file `p.cedar` cannot be read: "), "{said}");
        assert!(
            !said.contains("os error") && said.ends_with("; correct the path or create the file"),
            "{said}"
        );
    }
}
