//! Files that people write: no text ends the program, a mistake has its place, and what is printed is read as it was.
//!
//! The first byte says which file it is; the rest is its text, unchanged, so that a fuzzer's dictionary of words helps.

use airssys_wasm::identity::{
    IdentityError, Manifest, Name, Pattern, PublicKey, SecretKey, Trust, Version, dev_manifest,
};
use airssys_wasm::policy::{Policies, PolicyError, Source, Words};
use airssys_wasm::serve::config::{Granted, SystemConfig};
use std::fmt::{Debug, Display};
use std::path::Path;
use std::sync::LazyLock;

/// What is judged: how each kind of file is read, as what it says or what is wrong.
pub struct Readers {
    /// A file that names its mistakes with `NAME:LINE:COLUMN: ` at the beginning.
    pub placed: fn(Kind, &str) -> Result<(), String>,
    /// A policy file: how many rules it has, and its digest.
    pub policies: fn(&str) -> Result<(usize, String), PolicyError>,
    /// A public key, printed in both ways.
    pub key: fn(&str) -> Option<[String; 2]>,
}

/// Files whose errors begin with their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A component's manifest.
    Manifest,
    /// Who is trusted.
    Trust,
    /// The configuration of a run.
    Run,
    /// The configuration of a served system.
    System,
}

/// The name under which every text is read.
const NAME: &str = "the-file";

/// The product's readers.
pub const PRODUCT: Readers = Readers { placed: product, policies, key };

/// The oracle.
///
/// # Panics
/// When a reader does, when a mistake has no place, or when something is read otherwise than it was printed.
pub fn files(data: &[u8]) {
    check(data, &PRODUCT);
}

/// The same of any readers.
///
/// # Panics
/// As [`files`].
pub fn check(data: &[u8], readers: &Readers) {
    let Some((kind, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    match kind % 9 {
        0 => placed(Kind::Manifest, &text, readers),
        1 => placed(Kind::Trust, &text, readers),
        2 => placed(Kind::Run, &text, readers),
        3 => placed(Kind::System, &text, readers),
        4 => policy_file(&text, readers),
        5 => in_place(Policies::load_over(&WORDS, &[], &[Source::new(NAME, &*text)]).err(), &text),
        6 => in_place(Words::with(&[Source::new(NAME, &*text)]).err(), &text),
        7 => keys(&text, readers),
        _ => words(&text),
    }
}

static WORDS: LazyLock<Words> = LazyLock::new(|| Words::built_in().unwrap());

fn identity(error: IdentityError) -> String {
    assert!(error.remedy().is_none_or(|remedy| !remedy.is_empty()), "{error}");
    error.to_string()
}

fn product(kind: Kind, text: &str) -> Result<(), String> {
    let (path, here) = (Path::new(NAME), Path::new("/here"));
    match kind {
        Kind::Manifest => Manifest::parse(text, NAME).map(drop).map_err(identity),
        Kind::Trust => Trust::parse(text, NAME, &|_| Ok("no key".to_owned())).map(drop).map_err(identity),
        Kind::Run => Granted::parse(text, path, here).map(drop).map_err(|e| e.to_string()),
        Kind::System => SystemConfig::parse(text, path, here).map(drop).map_err(|e| e.to_string()),
    }
}

fn placed(kind: Kind, text: &str, readers: &Readers) {
    let Err(said) = (readers.placed)(kind, text) else { return };
    assert!(!said.chars().any(char::is_control), "what would not show: {said:?}");
    let numbers = said.strip_prefix(NAME).and_then(|rest| rest.strip_prefix(':'));
    let mut numbers = numbers.unwrap_or_else(|| panic!("no place: {said}")).splitn(3, ':');
    let mut number =
        || numbers.next().unwrap().parse::<usize>().unwrap_or_else(|_| panic!("no place: {said}"));
    within(text, number(), number(), &said);
}

/// A place is in the text, or right behind it.
fn within(text: &str, line: usize, column: usize, said: &dyn Display) {
    let there = text.split('\n').nth(line.wrapping_sub(1));
    let length = there.unwrap_or_else(|| panic!("line {line} is not there: {said}")).chars().count();
    assert!((1..=length + 1).contains(&column), "column {column} of {length} is not there: {said}");
}

fn in_place(error: Option<PolicyError>, text: &str) {
    let Some(error) = error else { return };
    assert!(!error.problems().is_empty(), "{error}");
    for problem in error.problems() {
        assert_eq!(&*problem.place.file, NAME, "{problem}");
        within(text, problem.place.line, problem.place.column, problem);
    }
}

fn policies(text: &str) -> Result<(usize, String), PolicyError> {
    let loaded = Policies::load_over(&WORDS, &[Source::new(NAME, text)], &[])?;
    Ok((loaded.rules().count(), loaded.digests().policies.clone()))
}

fn policy_file(text: &str, readers: &Readers) {
    match (readers.policies)(text) {
        Err(error) => in_place(Some(error), text),
        // A comment behind it takes no rule away and adds none, and is another file all the same.
        Ok((rules, digest)) => {
            let (again, other) = (readers.policies)(&format!("{text}\n// A word.\n")).unwrap();
            assert_eq!(rules, again, "{text}");
            assert_ne!(digest, other, "{text}");
        }
    }
}

fn key(text: &str) -> Option<[String; 2]> {
    PublicKey::parse(text).ok().map(|key| [key.to_text(), key.to_pem()])
}

fn keys(text: &str, readers: &Readers) {
    if let Some(printed) = (readers.key)(text) {
        for each in &printed {
            assert_eq!((readers.key)(each).as_ref(), Some(&printed), "{text:?}");
        }
    }
    if let Ok(secret) = SecretKey::from_pem_or_openssh(text) {
        let again = SecretKey::from_pem_or_openssh(&secret.to_pem()).unwrap();
        assert_eq!(again.public_key().to_text(), secret.public_key().to_text());
    }
}

fn same<T: PartialEq + Debug>(read: Option<T>, printed: impl Fn(&T) -> String, parse: fn(&str) -> Option<T>) {
    if let Some(read) = read {
        assert_eq!(parse(&printed(&read)).as_ref(), Some(&read));
    }
}

fn words(text: &str) {
    same(Name::parse(text), |name| name.as_str().to_owned(), Name::parse);
    same(Pattern::parse(text), ToString::to_string, Pattern::parse);
    same(Version::parse(text), ToString::to_string, Version::parse);
    // A file's name may be anything, and a name comes of it all the same.
    Manifest::parse(&dev_manifest(text), NAME).unwrap_or_else(|e| panic!("{text:?}: {e}"));
}
