//! Failures: what went wrong, with the status it ends in.

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
        Failure { exit, report: Box::new(report) }
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

    /// What we were given is not let through.
    pub(super) fn refused(report: impl Diagnostic + Send + Sync + 'static) -> Failure {
        Failure::new(Exit::Refused, report)
    }

    /// A file of the host that could not be used: `what` it is for, as in `policy file`.
    pub(super) fn file(what: &str, error: &HostFileError) -> Failure {
        let failure =
            |path: &Path, why: &str, help| Failure::wrong(format!("{what} `{}` {why}", path.display()), help);
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
        match self.report.help() {
            Some(help) => format!("{message}; {}", one_line(help)),
            None => message,
        }
    }
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
