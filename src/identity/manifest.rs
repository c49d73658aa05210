//! The manifest, `plugin.toml`: what a component says about itself.
//!
//! Its bytes travel inside the component and are signed with it. It grants nothing: `[requests]` is shown to whoever
//! writes a policy, and `[limits]` can only lower what the host allows.

use super::IdentityError;
use super::file::{File, FileProblem, is_hidden, printable};
use super::layout::MAX_MANIFEST_BYTES;
use super::limits::Limits;
use super::moment;
use super::names::Name;
use airssys_osl::ActionId;
use airssys_osl::own::OwnAction;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use toml::{Spanned, Value};

const MAX_RESOURCE_BYTES: usize = 1024;

/// A parsed `plugin.toml`.
///
/// ```
/// use airssys_wasm::identity::Manifest;
/// let text = "[component]\nname = 'thumb'\npublisher = 'acme'\nversion = '1.4.0'\nrelease = 7\n";
/// let manifest = Manifest::parse(text, "plugin.toml").unwrap();
/// assert_eq!(manifest.principal_name(), "acme/thumb");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// Who the component says it is.
    pub component: ComponentTable,
    /// The actions it would like, each with the resources: shown, granted by nobody.
    pub requests: BTreeMap<String, Vec<String>>,
    /// The limits it asks to be held to.
    pub limits: Limits,
}

/// The table `[component]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComponentTable {
    /// The component's name within its publisher.
    pub name: Name,
    /// Who publishes it.
    pub publisher: Name,
    /// Its version.
    pub version: Version,
    /// A number that grows with every release.
    pub release: u64,
    /// From when on it must not be loaded.
    pub expires: Option<Timestamp>,
}

/// Three numbers: major, minor, patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Changes when callers must.
    pub major: u64,
    /// Changes when something is added.
    pub minor: u64,
    /// Changes when something is mended.
    pub patch: u64,
}

impl Manifest {
    /// Reads the text of a `plugin.toml`; `origin` is what errors call it.
    ///
    /// # Errors
    ///
    /// [`IdentityError::File`] with line and column: bad TOML, an unknown key, a value outside its grammar.
    pub fn parse(text: &str, origin: &str) -> Result<Manifest, IdentityError> {
        let file = File::new(text, origin, MAX_MANIFEST_BYTES)?;
        let raw: RawManifest = file.read()?;
        Ok(Manifest {
            component: raw.component.check(&file)?,
            requests: check_requests(&file, raw.requests)?,
            limits: raw.limits,
        })
    }

    /// The name that policies use: `publisher/name`.
    pub fn principal_name(&self) -> String {
        format!("{}/{}", self.component.publisher, self.component.name)
    }
}

impl Version {
    /// The version in `text`, if it is three numbers that a policy can compare.
    pub fn parse(text: &str) -> Option<Version> {
        let mut numbers = text.split('.').map(number);
        let version = Version { major: numbers.next()??, minor: numbers.next()??, patch: numbers.next()?? };
        numbers.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A decimal number without sign or leading zero that fits the integers of policies.
fn number(digits: &str) -> Option<u64> {
    let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    let number = digits.parse().ok()?;
    (canonical && fits_policy(number)).then_some(number)
}

/// Cedar's integers are signed.
fn fits_policy(number: u64) -> bool {
    i64::try_from(number).is_ok()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    component: RawComponent,
    #[serde(default)]
    requests: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    #[serde(default)]
    limits: Limits,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawComponent {
    name: Spanned<String>,
    publisher: Spanned<String>,
    version: Spanned<String>,
    release: Spanned<u64>,
    expires: Option<Spanned<Value>>,
}

impl RawComponent {
    fn check(self, file: &File<'_>) -> Result<ComponentTable, IdentityError> {
        Ok(ComponentTable {
            name: check_name(file, &self.name)?,
            publisher: check_name(file, &self.publisher)?,
            version: check_version(file, &self.version)?,
            release: check_release(file, &self.release)?,
            expires: self.expires.map(|value| moment::read(file, &value)).transpose()?,
        })
    }
}

/// The name at a place of a file.
pub(super) fn check_name(file: &File<'_>, text: &Spanned<String>) -> Result<Name, IdentityError> {
    Name::parse(text.get_ref())
        .ok_or_else(|| file.at(text.span(), FileProblem::Name { text: printable(text.get_ref()) }))
}

fn check_version(file: &File<'_>, text: &Spanned<String>) -> Result<Version, IdentityError> {
    Version::parse(text.get_ref())
        .ok_or_else(|| file.at(text.span(), FileProblem::Version { text: printable(text.get_ref()) }))
}

fn check_release(file: &File<'_>, release: &Spanned<u64>) -> Result<u64, IdentityError> {
    let number = *release.get_ref();
    if fits_policy(number) {
        Ok(number)
    } else {
        Err(file.at(release.span(), FileProblem::Release { release: number }))
    }
}

fn check_requests(
    file: &File<'_>,
    raw: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
) -> Result<BTreeMap<String, Vec<String>>, IdentityError> {
    let mut requests = BTreeMap::new();
    for (action, resources) in raw {
        let resources =
            resources.into_iter().map(|text| check_resource(file, text)).collect::<Result<_, _>>()?;
        requests.insert(check_action(file, action)?, resources);
    }
    Ok(requests)
}

fn check_action(file: &File<'_>, action: Spanned<String>) -> Result<String, IdentityError> {
    // What an embedder's action is called is known to its host alone.
    if ActionId::parse(action.get_ref()).is_some() || OwnAction::is_well_formed(action.get_ref()) {
        return Ok(action.into_inner());
    }
    let known = ActionId::ALL.iter().map(|action| action.name()).collect::<Vec<_>>().join(", ");
    Err(file.at(action.span(), FileProblem::Action { text: printable(action.get_ref()), known }))
}

fn check_resource(file: &File<'_>, resource: Spanned<String>) -> Result<String, IdentityError> {
    let text = resource.get_ref();
    if !text.is_empty() && text.len() <= MAX_RESOURCE_BYTES && !text.chars().any(is_hidden) {
        return Ok(resource.into_inner());
    }
    let shown = printable(text).chars().take(64).collect();
    Err(file.at(resource.span(), FileProblem::Resource { text: shown, limit: MAX_RESOURCE_BYTES }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU64;

    const GOOD: &str = "[component]\nname = 'thumb'\npublisher = 'acme'\nversion = '1.4.0'\nrelease = 7\n";

    fn refused(text: &str) -> String {
        Manifest::parse(text, "plugin.toml").unwrap_err().to_string()
    }

    #[test]
    fn unknown_keys_are_refused_with_line_and_column() {
        let cases = [
            ("[component]\nnmae = 'x'", "plugin.toml:2:1: unknown field `nmae`"),
            (&format!("{GOOD}[request]\n"), "plugin.toml:6:2: unknown field `request`"),
            (&format!("{GOOD}[limits]\nfuel = 3"), "plugin.toml:7:1: unknown field `fuel`"),
            (&format!("grants = 1\n{GOOD}"), "plugin.toml:1:1: unknown field `grants`"),
        ];
        for (text, begin) in cases {
            let said = refused(text);
            assert!(said.starts_with(begin), "{said}");
        }
    }

    #[test]
    fn a_manifest_that_lacks_a_key_is_refused() {
        for line in 0..5 {
            let text: String = GOOD
                .lines()
                .enumerate()
                .filter(|(i, _)| *i != line)
                .fold(String::new(), |all, (_, l)| all + l + "\n");
            assert!(Manifest::parse(&text, "plugin.toml").is_err(), "{text}");
        }
    }

    #[test]
    fn values_outside_their_grammar_are_refused_where_they_stand() {
        let cases = [
            ("'thumb'", "'Thumb'", "plugin.toml:2:8: `Thumb` is not a name"),
            ("'acme'", "'acme/x'", "plugin.toml:3:13: `acme/x` is not a name"),
            ("'1.4.0'", "'1.4'", "plugin.toml:4:11: `1.4` is not a version"),
            ("release = 7", "release = 9223372036854775808", "plugin.toml:5:11: "),
            ("release = 7", "release = -1", "plugin.toml:5:11: "),
            ("release = 7", "release = 7.0", "plugin.toml:5:11: "),
            (
                "release = 7",
                "release = 7\nexpires = 2027-01-01",
                "plugin.toml:6:11: 2027-01-01 is not a moment",
            ),
            ("release = 7", "release = 7\nexpires = true", "plugin.toml:6:11: true is not a moment"),
        ];
        for (from, to, begin) in cases {
            let said = refused(&GOOD.replace(from, to));
            assert!(said.starts_with(begin), "{said}");
        }
    }

    #[test]
    fn versions_that_policies_could_not_compare_are_refused() {
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "01.2.3",
            "1.2.3-rc1",
            "1.2.+3",
            "1.2.-3",
            "1..3",
            "1.2.9223372036854775808",
            "1.2.3 ",
        ] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
        let largest = Version::parse("0.10.9223372036854775807").unwrap();
        assert_eq!(largest, Version { major: 0, minor: 10, patch: i64::MAX as u64 });
        assert_eq!(largest.to_string(), "0.10.9223372036854775807");
    }

    #[test]
    fn requests_for_unknown_actions_or_hidden_text_are_refused() {
        let said = refused(&format!("{GOOD}[requests]\n'fs:format' = ['/']"));
        assert!(said.starts_with("plugin.toml:7:1: `fs:format` is not an action"), "{said}");
        for resource in ["\"\"", "\"a\\u001b[2J\"", "\"/in/\\u202etxt\"", &format!("'{}'", "x".repeat(1025))]
        {
            let said = refused(&format!("{GOOD}[requests]\n'fs:read' = [{resource}]"));
            assert!(said.contains("cannot be a resource"), "{said}");
            assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}'), "{said}");
        }
    }

    #[test]
    fn an_overlong_manifest_is_refused() {
        let said = refused(&format!("{GOOD}#{}", "x".repeat(MAX_MANIFEST_BYTES)));
        assert!(said.contains("more than 65536"), "{said}");
    }

    #[test]
    fn hostile_text_does_not_reach_the_terminal() {
        use miette::Diagnostic;
        let error = Manifest::parse("\"\\u001b[31m\" = 1 # \u{202e}", "plu\u{1b}gin.toml").unwrap_err();
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
        let source = error.source_code().unwrap().read_span(&(0..18).into(), 0, 0).unwrap();
        let shown = String::from_utf8_lossy(source.data()).into_owned();
        assert!(!shown.contains('\u{202e}'), "{shown}");
    }

    #[test]
    fn a_full_manifest_is_read() {
        let text = format!(
            "{GOOD}expires = '2027-01-01T00:00:00Z'\n[requests]\n'fs:read' = ['/in', '/etc/x']\n[limits]\nmemory_mib = 64\ncpu_ms = 100\nwall_ms = 5000\n"
        );
        let manifest = Manifest::parse(&text, "plugin.toml").unwrap();
        assert_eq!(manifest.component.release, 7);
        assert_eq!(manifest.component.expires, Some("2027-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(manifest.requests["fs:read"], ["/in", "/etc/x"]);
        assert_eq!(manifest.limits.wall_ms, NonZeroU64::new(5000));
        assert_eq!(manifest.principal_name(), "acme/thumb");
    }
}
