//! Failures: what went wrong, with the status it ends in.

use super::exit::Exit;
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

    /// A file that could not be read: `what` it is for, as in `policy file`.
    pub(super) fn unreadable(what: &str, path: &Path, error: &io::Error) -> Failure {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "correct the path or create the file",
            io::ErrorKind::PermissionDenied => "make it readable for you",
            io::ErrorKind::FileTooLarge => "shorten it or split it",
            _ => "name a regular file",
        };
        Failure::wrong(format!("{what} `{}` cannot be read: {}", path.display(), cause(error)), help)
    }

    /// A file that could not be written.
    pub(super) fn unwritable(what: &str, path: &Path, error: &io::Error) -> Failure {
        let help = match error.kind() {
            io::ErrorKind::AlreadyExists => "nothing is overwritten: choose another name or move the file away",
            io::ErrorKind::NotFound => "create its directory first or correct the path",
            _ => "choose a place you may write to",
        };
        Failure::wrong(format!("{what} `{}` cannot be written: {}", path.display(), cause(error)), help)
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
        let error = io::Error::from(io::ErrorKind::NotFound);
        let said = Failure::unreadable("policy file", Path::new("p.cedar"), &error).sentence();
        assert_eq!(said, "policy file `p.cedar` cannot be read: entity not found; correct the path or create the file");
    }
}
