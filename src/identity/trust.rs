//! Trust: which publishers are known, by which keys, for which names, in which groups.
//!
//! An empty trust file trusts nobody. A key stands for one publisher, so a signature can never be read as someone
//! else's; the development publisher cannot be written here at all, so a server cannot come to trust it by a file.

use super::IdentityError;
use super::file::{File, FileProblem, printable};
use super::keys::{KeyError, PublicKey};
use super::manifest::check_name;
use super::moment;
use super::names::{LOCAL_DEV, Name, Pattern};
use airssys_osl::Principal;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use toml::{Spanned, Value};

const MAX_TRUST_BYTES: usize = 1024 * 1024;

/// Reads the text of a key file that a trust file names.
type ReadKeyFile<'a> = &'a dyn Fn(&str) -> io::Result<String>;

/// The publishers that are trusted; by default none.
///
/// ```
/// use airssys_wasm::identity::Trust;
/// assert_eq!(Trust::default().publishers().count(), 0);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Trust {
    publishers: BTreeMap<Name, Publisher>,
    dev: bool,
}

/// A publisher: its keys, the names it may use, the groups it is in.
#[derive(Debug, Clone)]
pub struct Publisher {
    name: Name,
    names: Vec<Pattern>,
    groups: Vec<Name>,
    keys: Vec<TrustedKey>,
}

/// A key of a publisher and when it counts.
#[derive(Debug, Clone)]
pub struct TrustedKey {
    public: PublicKey,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    revoked: bool,
}

impl Trust {
    /// Reads the text of a `trust.toml`; `origin` is what errors call it, `read_key_file` gives the text of a `file`.
    ///
    /// # Errors
    ///
    /// [`IdentityError::File`] with line and column: bad TOML, an unknown key, a value outside its grammar, a
    /// publisher or key that appears twice, a key that cannot be read or is weak, the reserved publisher.
    pub fn parse(text: &str, origin: &str, read_key_file: ReadKeyFile<'_>) -> Result<Trust, IdentityError> {
        let file = File::new(text, origin, MAX_TRUST_BYTES)?;
        let raw: RawTrust = file.read()?;
        let mut loader = Loader { file, read_key_file, owners: BTreeMap::new() };
        let mut publishers = BTreeMap::new();
        for entry in raw.publisher {
            let span = entry.name.span();
            let publisher = loader.publisher(entry)?;
            let name = publisher.name.clone();
            if publishers.insert(name.clone(), publisher).is_some() {
                return Err(loader.file.at(span, FileProblem::DuplicatePublisher { name: name.to_string() }));
            }
        }
        Ok(Trust { publishers, dev: false })
    }

    /// Trust in one development key alone, as the publisher `local-dev` with any name and no group.
    pub fn dev(key: PublicKey) -> Trust {
        let Some(name) = Name::parse(LOCAL_DEV) else { return Trust::default() };
        let key = TrustedKey { public: key, valid_from: None, valid_until: None, revoked: false };
        let publisher = Publisher {
            name: name.clone(),
            names: vec![Pattern::any()],
            groups: Vec::new(),
            keys: vec![key],
        };
        Trust { publishers: BTreeMap::from([(name, publisher)]), dev: true }
    }

    /// Whether this is trust in a development key.
    pub fn is_dev(&self) -> bool {
        self.dev
    }

    /// The publishers, by name.
    pub fn publishers(&self) -> impl Iterator<Item = &Publisher> {
        self.publishers.values()
    }

    /// Revokes the key of that id (hexadecimal, as `airssys keygen` prints it): what it signed is refused from now on.
    /// False when there is no such key.
    pub fn revoke_key(&mut self, key_id: &str) -> bool {
        let keys = self.publishers.values_mut().flat_map(|publisher| &mut publisher.keys);
        let mut found = false;
        for key in keys.filter(|key| key.public.key_id() == key_id) {
            key.revoked = true;
            found = true;
        }
        found
    }

    /// Whether the key of that id is revoked.
    pub fn is_key_revoked(&self, key_id: &str) -> bool {
        let mut keys = self.publishers.values().flat_map(|publisher| &publisher.keys);
        keys.any(|key| key.revoked && key.public.key_id() == key_id)
    }

    /// Whether that key counts at `now`, is its publisher's, and may sign components of its name.
    pub(crate) fn vouches(&self, principal: &Principal, key_id: &str, now: Timestamp) -> bool {
        let name = principal.name.split_once('/').and_then(|(_, name)| Name::parse(name));
        let publisher = Name::parse(&principal.publisher).and_then(|name| self.publishers.get(&name));
        let Some((name, publisher)) = name.zip(publisher) else { return false };
        let counts = |key: &TrustedKey| {
            !key.revoked
                && key.public.key_id() == key_id
                && key.valid_from.is_none_or(|from| from <= now)
                && key.valid_until.is_none_or(|until| now < until)
        };
        publisher.names.iter().any(|pattern| pattern.matches(&name)) && publisher.keys.iter().any(counts)
    }

    /// The publisher of that name.
    pub fn publisher(&self, name: &Name) -> Option<&Publisher> {
        self.publishers.get(name)
    }
}

impl Publisher {
    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The names that its components may have.
    pub fn names(&self) -> &[Pattern] {
        &self.names
    }

    /// The groups that its components are in.
    pub fn groups(&self) -> &[Name] {
        &self.groups
    }

    /// Its keys, revoked ones too.
    pub fn keys(&self) -> &[TrustedKey] {
        &self.keys
    }
}

impl TrustedKey {
    /// The key itself.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// From when on it counts.
    pub fn valid_from(&self) -> Option<Timestamp> {
        self.valid_from
    }

    /// Until when it counts; at that moment it no longer does.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// Whether it never counts again.
    pub fn is_revoked(&self) -> bool {
        self.revoked
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTrust {
    #[serde(default)]
    publisher: Vec<RawPublisher>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPublisher {
    name: Spanned<String>,
    names: Vec<Spanned<String>>,
    #[serde(default)]
    groups: Vec<Spanned<String>>,
    #[serde(default)]
    key: Vec<Spanned<RawKey>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    key: Option<Spanned<String>>,
    file: Option<Spanned<String>>,
    #[serde(rename = "valid-from", alias = "valid_from")]
    valid_from: Option<Spanned<Value>>,
    #[serde(rename = "valid-until", alias = "valid_until")]
    valid_until: Option<Spanned<Value>>,
    #[serde(default)]
    revoked: bool,
}

/// Turns entries into publishers and remembers whose each key is.
struct Loader<'a> {
    file: File<'a>,
    read_key_file: ReadKeyFile<'a>,
    owners: BTreeMap<String, Name>,
}

impl Loader<'_> {
    fn publisher(&mut self, raw: RawPublisher) -> Result<Publisher, IdentityError> {
        let name = check_name(&self.file, &raw.name)?;
        let empty = |problem| Err(self.file.at(raw.name.span(), problem));
        if name.as_str() == LOCAL_DEV {
            return empty(FileProblem::Reserved);
        }
        if raw.names.is_empty() {
            return empty(FileProblem::NoNames { name: name.to_string() });
        }
        if raw.key.is_empty() {
            return empty(FileProblem::NoKeys { name: name.to_string() });
        }
        let names = raw.names.iter().map(|text| self.pattern(text)).collect::<Result<_, _>>()?;
        let groups = raw.groups.iter().map(|text| check_name(&self.file, text)).collect::<Result<_, _>>()?;
        let keys = raw.key.into_iter().map(|key| self.key(&name, key)).collect::<Result<_, _>>()?;
        Ok(Publisher { name, names, groups, keys })
    }

    fn pattern(&self, text: &Spanned<String>) -> Result<Pattern, IdentityError> {
        let problem = || FileProblem::Pattern { text: printable(text.get_ref()) };
        Pattern::parse(text.get_ref()).ok_or_else(|| self.file.at(text.span(), problem()))
    }

    fn key(&mut self, name: &Name, raw: Spanned<RawKey>) -> Result<TrustedKey, IdentityError> {
        let span = raw.span();
        let raw = raw.into_inner();
        let (public, span) = match (&raw.key, &raw.file) {
            (Some(text), None) => (self.inline_key(text)?, text.span()),
            (None, Some(path)) => (self.key_file(path)?, path.span()),
            (None, None) | (Some(_), Some(_)) => return Err(self.file.at(span, FileProblem::KeyOrFile)),
        };
        if let Some(owner) = self.owners.insert(public.to_text(), name.clone()) {
            let (name, owner, key_id) = (name.to_string(), owner.to_string(), public.key_id());
            return Err(self.file.at(span, FileProblem::SharedKey { key_id, name, owner }));
        }
        let moment =
            |value: Option<Spanned<Value>>| value.map(|value| moment::read(&self.file, &value)).transpose();
        let (valid_from, valid_until) = (moment(raw.valid_from)?, moment(raw.valid_until)?);
        if valid_from.zip(valid_until).is_some_and(|(from, until)| until <= from) {
            return Err(self.file.at(span, FileProblem::EmptyValidity));
        }
        Ok(TrustedKey { public, valid_from, valid_until, revoked: raw.revoked })
    }

    fn inline_key(&self, text: &Spanned<String>) -> Result<PublicKey, IdentityError> {
        PublicKey::parse(text.get_ref()).map_err(|source| self.bad_key(text, source))
    }

    fn key_file(&self, path: &Spanned<String>) -> Result<PublicKey, IdentityError> {
        let unreadable = |source| FileProblem::KeyFile { path: printable(path.get_ref()), source };
        let text =
            (self.read_key_file)(path.get_ref()).map_err(|e| self.file.at(path.span(), unreadable(e)))?;
        PublicKey::parse(&text).map_err(|source| self.bad_key(path, source))
    }

    fn bad_key(&self, place: &Spanned<String>, source: KeyError) -> IdentityError {
        self.file.at(place.span(), FileProblem::Key { source })
    }
}

#[cfg(test)]
impl Trust {
    /// Trust in a key that reading would have refused.
    pub(super) fn unchecked(publisher: &str, key: PublicKey) -> Trust {
        let mut trust = Trust::dev(key);
        trust.dev = false;
        let name = Name::parse(publisher).unwrap();
        let mut entry = trust.publishers.pop_first().unwrap().1;
        entry.name = name.clone();
        trust.publishers.insert(name, entry);
        trust
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::SecretKey;

    fn key() -> PublicKey {
        SecretKey::generate().unwrap().public_key()
    }

    fn parse(text: &str) -> Result<Trust, IdentityError> {
        Trust::parse(text, "trust.toml", &|_| Err(io::Error::from(io::ErrorKind::NotFound)))
    }

    fn refused(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    fn entry(name: &str, key: &PublicKey) -> String {
        format!(
            "[[publisher]]\nname = '{name}'\nnames = ['*']\n[[publisher.key]]\nkey = '{}'\n",
            key.to_text()
        )
    }

    #[test]
    fn an_empty_file_trusts_nobody() {
        let trust = parse("").unwrap();
        assert_eq!(trust.publishers().count(), 0);
        assert!(!trust.is_dev());
    }

    #[test]
    fn unknown_keys_are_refused_with_line_and_column() {
        let key = key();
        for (text, begin) in [
            ("trusted = true".to_owned(), "trust.toml:1:1: unknown field `trusted`"),
            (entry("acme", &key).replace("names", "nmaes"), "trust.toml:3:1: unknown field `nmaes`"),
            (entry("acme", &key) + "expires = 1\n", "trust.toml:6:1: unknown field `expires`"),
        ] {
            let said = refused(&text);
            assert!(said.starts_with(begin), "{said}");
        }
    }

    #[test]
    fn a_publisher_twice_is_refused() {
        let said = refused(&(entry("acme", &key()) + &entry("acme", &key())));
        assert!(said.starts_with("trust.toml:7:8: publisher `acme` appears twice"), "{said}");
    }

    #[test]
    fn a_key_under_two_publishers_is_refused_in_whichever_form() {
        let key = key();
        let said = refused(&(entry("acme", &key) + &entry("bolt", &key)));
        assert!(said.starts_with("trust.toml:10:7: key "), "{said}");
        assert!(said.ends_with("of `bolt` already belongs to `acme`"), "{said}");
        let by_file = "[[publisher]]\nname = 'bolt'\nnames = ['*']\n[[publisher.key]]\nfile = 'bolt.pub'\n";
        let text = entry("acme", &key) + by_file;
        let error = Trust::parse(&text, "trust.toml", &|_| Ok(key.to_pem())).unwrap_err();
        assert!(error.to_string().contains("already belongs to `acme`"), "{error}");
        let twice =
            entry("acme", &key) + &format!("[[publisher.key]]\nkey = '{}'\nrevoked = true\n", key.to_text());
        assert!(refused(&twice).contains("already belongs to `acme`"));
    }

    #[test]
    fn the_development_publisher_cannot_be_written() {
        let said = refused(&entry("local-dev", &key()));
        assert!(said.starts_with("trust.toml:2:8: `local-dev` cannot be a publisher"), "{said}");
    }

    #[test]
    fn names_patterns_and_groups_outside_their_grammar_are_refused() {
        let good = entry("acme", &key());
        assert!(refused(&good.replace("'acme'", "'Acme'")).contains("`Acme` is not a name"));
        assert!(refused(&good.replace("['*']", "['a*b']")).contains("`a*b` is not a pattern"));
        assert!(refused(&good.replace("['*']", "['acme/*']")).contains("`acme/*` is not a pattern"));
        assert!(refused(&good.replace("['*']", "['*']\ngroups = ['G']")).contains("`G` is not a name"));
    }

    #[test]
    fn publishers_that_could_publish_nothing_are_refused() {
        assert!(refused(&entry("acme", &key()).replace("['*']", "[]")).contains("may use no names"));
        assert!(refused("[[publisher]]\nname = 'acme'\nnames = ['*']\n").contains("has no key"));
    }

    #[test]
    fn weak_and_damaged_keys_are_refused() {
        let weak = format!("ed25519:AQ{}=", "A".repeat(41));
        let good = entry("acme", &key());
        let with =
            |text: &str| good.lines().take(4).collect::<Vec<_>>().join("\n") + &format!("\nkey = '{text}'\n");
        let said = refused(&with(&weak));
        assert!(said.starts_with("trust.toml:5:7: ") && said.contains("is weak"), "{said}");
        assert!(refused(&with("ed25519:AAAA")).contains("3 bytes where 32 belong"));
        let file = good.lines().take(4).collect::<Vec<_>>().join("\n") + "\nfile = 'author.pub'\n";
        let error = Trust::parse(&file, "trust.toml", &|_| Ok(weak.clone())).unwrap_err();
        assert!(error.to_string().contains("is weak"), "{error}");
    }

    #[test]
    fn a_key_entry_needs_exactly_one_key() {
        let good = entry("acme", &key());
        assert!(refused(&(good.clone() + "file = 'author.pub'\n")).contains("either `key` or `file`"));
        let none = good.lines().take(4).collect::<Vec<_>>().join("\n");
        let said = refused(&none);
        assert!(said.starts_with("trust.toml:4:") && said.contains("either `key` or `file`"), "{said}");
    }

    #[test]
    fn a_key_file_that_cannot_be_read_is_refused() {
        let text = "[[publisher]]\nname = 'acme'\nnames = ['*']\n[[publisher.key]]\nfile = 'author.pub'\n";
        let said = refused(text);
        assert!(said.starts_with("trust.toml:5:8: key file `author.pub` cannot be read"), "{said}");
    }

    #[test]
    fn validity_is_checked_and_read_in_both_spellings() {
        let good = entry("acme", &key());
        let (from, until) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
        assert!(
            refused(&format!("{good}valid-from = {until}\nvalid-until = {from}\n")).contains("ends before")
        );
        assert!(
            refused(&format!("{good}valid-from = {from}\nvalid-until = {from}\n")).contains("ends before")
        );
        assert!(refused(&format!("{good}valid-until = 2027-01-01\n")).contains("is not a moment"));
        assert!(
            refused(&format!("{good}valid-until = {from}\nvalid_until = {until}\n")).contains("duplicate")
        );
        for (a, b) in [("valid-from", "valid-until"), ("valid_from", "valid_until")] {
            let trust = parse(&format!("{good}{a} = {from}\n{b} = '{until}'\nrevoked = true\n")).unwrap();
            let key = &trust.publishers().next().unwrap().keys()[0];
            assert_eq!(key.valid_from(), Some(from.parse().unwrap()));
            assert_eq!(key.valid_until(), Some(until.parse().unwrap()));
            assert!(key.is_revoked());
        }
    }

    #[test]
    fn an_overlong_trust_file_is_refused() {
        assert!(refused(&"#".repeat(MAX_TRUST_BYTES + 1)).contains("more than 1048576"));
    }

    #[test]
    fn remedies_come_with_the_mistakes() {
        let error = parse(&entry("acme", &key()).replace("ed25519:", "rsa:")).unwrap_err();
        assert!(error.remedy().unwrap().contains("author.pub"), "{error:?}");
    }
}
