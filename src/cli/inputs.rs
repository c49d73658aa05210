//! Inputs: the files that commands share, read and parsed with their own words for what is wrong.

use super::console::shown_path;
use super::exit::Exit;
use super::failure::Failure;
use super::files::{HostFileError, directory_of, read_ambient, reader_ambient};
use crate::audit::AuditError;
use crate::identity::{IdentityError, MAX_COMPONENT_BYTES, SecretKey, Trust};
use crate::policy::{Policies, Source, Words};
use std::cell::RefCell;
use std::io::{self, BufRead, Seek};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The largest text file that is read: policies, trust, manifests, keys.
const MAX_TEXT_BYTES: u64 = 16 * 1024 * 1024;

/// Reads a component.
pub(super) fn component(path: &Path) -> Result<Vec<u8>, Failure> {
    read_ambient(path, MAX_COMPONENT_BYTES as u64).map_err(|error| match &error {
        HostFileError::Read { source, .. } if is_nowhere(source) => Failure::said(
            Exit::NotFound,
            format!("there is no component `{}`", shown_path(path)),
            "correct the path",
        ),
        error => Failure::file("component", error),
    })
}

fn is_nowhere(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Reads a text file: `what` it is, for errors.
pub(super) fn text(what: &str, path: &Path) -> Result<String, Failure> {
    bounded_text(what, path, MAX_TEXT_BYTES)
}

/// Reads a text file of at most `limit` bytes.
pub(super) fn bounded_text(what: &str, path: &Path, limit: u64) -> Result<String, Failure> {
    let bytes = read_ambient(path, limit).map_err(|error| Failure::file(what, &error))?;
    String::from_utf8(bytes).map_err(|error| not_text(what, path, error.utf8_error().valid_up_to()))
}

fn not_text(what: &str, path: &Path, at: usize) -> Failure {
    let message = format!("{what} `{}` is not text: byte {at} is not UTF-8", shown_path(path));
    Failure::wrong(message, "save the file as UTF-8")
}

/// Whom to trust, and the files which say so.
pub(super) struct Trusted {
    pub(super) trust: Trust,
    pub(super) files: Vec<PathBuf>,
}

/// Reads the trust file and the key files it names, which are relative to it.
pub(super) fn trust(path: &Path) -> Result<Trusted, Failure> {
    let text = text("trust file", path)?;
    let files = RefCell::new(vec![path.to_owned()]);
    let key_file = |name: &str| {
        let path = directory_of(path).join(name);
        let bytes = read_ambient(&path, MAX_TEXT_BYTES).map_err(io_error)?;
        files.borrow_mut().push(path);
        String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
    };
    let trust = Trust::parse(&text, &shown_path(path), &key_file).map_err(Failure::own)?;
    Ok(Trusted { trust, files: files.into_inner() })
}

/// What the reader of a trust file understands.
fn io_error(error: HostFileError) -> io::Error {
    match error {
        HostFileError::Read { source, .. } => source,
        HostFileError::NotRegular { .. } => io::Error::other("it is not a regular file"),
        HostFileError::TooLarge { .. } => io::ErrorKind::FileTooLarge.into(),
        other => io::Error::other(other),
    }
}

/// Reads a secret key, which does not stay in memory for longer than the parse.
pub(super) fn secret_key(path: &Path) -> Result<SecretKey, Failure> {
    let bytes = read_ambient(path, MAX_TEXT_BYTES).map(Zeroizing::new);
    let bytes = bytes.map_err(|error| Failure::file("key", &error))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| not_text("key", path, error.valid_up_to()))?;
    SecretKey::from_pem_or_openssh(text).map_err(|error| {
        let said = format!("key `{}`: {error}", shown_path(path));
        Failure::wrong(said, IdentityError::from(error).remedy().unwrap_or_default())
    })
}

/// Reads and validates policies and entities, over the built-in schema and what hosts add to it.
pub(super) fn policies(
    schemas: &[PathBuf],
    policies: &[PathBuf],
    entities: &[PathBuf],
) -> Result<Policies, Failure> {
    let words = Words::with(&sources("schema", schemas)?).map_err(Failure::own)?;
    let policies = sources("policy file", policies)?;
    let entities = sources("entities file", entities)?;
    Policies::load_over(&words, &policies, &entities).map_err(Failure::own)
}

/// Reads files that policies or entities stand in.
pub(super) fn sources(what: &str, paths: &[PathBuf]) -> Result<Vec<Source>, Failure> {
    let source = |path: &PathBuf| Ok(Source { name: shown_path(path), text: text(what, path)? });
    paths.iter().map(source).collect()
}

/// Opens a log for reading.
pub(super) fn log(path: &Path) -> Result<impl BufRead + Seek, Failure> {
    reader_ambient(path).map_err(|error| Failure::file("log", &error))
}

/// A log that cannot be read as one.
pub(super) fn bad_log(path: &Path, error: &AuditError) -> Failure {
    let (exit, help) = match error {
        AuditError::BadLine { .. } => (Exit::Refused, "`airssys audit verify` says what was altered"),
        AuditError::UnknownFormat { .. } => (Exit::Own, "read it with the version of airssys that wrote it"),
        _ => (Exit::Own, "name a log that `--audit` wrote"),
    };
    Failure::said(exit, format!("log `{}`: {error}", shown_path(path)), help)
}

/// A log that cannot be written.
pub(super) fn bad_audit(error: &AuditError) -> Failure {
    Failure::wrong(error.to_string(), "nothing runs without its record: name another file with `--audit`")
}
