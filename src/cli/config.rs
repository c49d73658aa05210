//! `airssys.toml`: what a component is given, written down.
//!
//! It is read only when `--config` names it. Unknown keys are errors with file, line and column, paths are relative to
//! the file's own directory, and a limit that is not enforced has no key.

use super::console::printable;
use super::values::{Dir, env_name, guest_path};
use crate::identity::Limits;
use miette::{Diagnostic, NamedSource, SourceSpan};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use thiserror::Error;
use toml::Spanned;

/// The largest configuration that is read, in bytes.
pub(super) const MAX_CONFIG_BYTES: u64 = 1024 * 1024;

/// A mistake in the configuration, and where it stands.
#[derive(Debug, Error, Diagnostic)]
#[error("{origin}:{line}:{column}: {message}")]
pub(super) struct ConfigError {
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

/// A directory of the host, as the configuration gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfiguredMount {
    /// What `--dir` can say too.
    pub(super) dir: Dir,
    /// Whether the mount goes on where another file system begins.
    pub(super) cross_devices: bool,
    /// Whether FIFOs, devices and sockets can be opened.
    pub(super) special_files: bool,
}

/// The configuration, with paths resolved against its directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Config {
    /// The most that components are given; a component's own manifest can only ask for less.
    pub(super) limits: Limits,
    pub(super) mounts: Vec<ConfiguredMount>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) policies: Vec<PathBuf>,
    pub(super) entities: Vec<PathBuf>,
    pub(super) trust: Option<PathBuf>,
    pub(super) audit: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    mount: Vec<RawMount>,
    #[serde(default)]
    env: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    policy: Vec<PathBuf>,
    #[serde(default)]
    entities: Vec<PathBuf>,
    trust: Option<PathBuf>,
    audit: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawMount {
    host: Spanned<PathBuf>,
    guest: Spanned<String>,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    cross_devices: bool,
    #[serde(default)]
    special_files: bool,
}

impl Config {
    /// Reads the text of the configuration that stands at `path`.
    pub(super) fn parse(text: &str, path: &Path, directory: &Path) -> Result<Config, Box<ConfigError>> {
        let file = File { text, path };
        let raw: RawConfig = toml::from_str(text).map_err(|error| {
            let help =
                "keys that this version does not know are errors; correct the spelling or remove the line";
            file.at(error.span().unwrap_or(0..0), error.message(), help)
        })?;
        let all = |paths: Vec<PathBuf>| paths.into_iter().map(|path| directory.join(path)).collect();
        Ok(Config {
            limits: raw.limits,
            mounts: raw
                .mount
                .into_iter()
                .map(|mount| file.mount(mount, directory))
                .collect::<Result<_, _>>()?,
            env: raw.env.into_iter().map(|pair| file.variable(pair)).collect::<Result<_, _>>()?,
            policies: all(raw.policy),
            entities: all(raw.entities),
            trust: raw.trust.map(|path| directory.join(path)),
            audit: raw.audit.map(|path| directory.join(path)),
        })
    }
}

struct File<'a> {
    text: &'a str,
    path: &'a Path,
}

impl File<'_> {
    fn mount(&self, raw: RawMount, directory: &Path) -> Result<ConfiguredMount, Box<ConfigError>> {
        let help = "write a host directory, and for the component an absolute path such as `/data`";
        if raw.host.get_ref().as_os_str().is_empty() {
            return Err(self.at(raw.host.span(), "no host directory is named", help));
        }
        let guest =
            guest_path(raw.guest.get_ref()).map_err(|error| self.at(raw.guest.span(), &error, help))?;
        let dir = Dir { host: directory.join(raw.host.get_ref()), guest, read_only: raw.read_only };
        Ok(ConfiguredMount { dir, cross_devices: raw.cross_devices, special_files: raw.special_files })
    }

    fn variable(
        &self,
        (name, value): (Spanned<String>, Spanned<String>),
    ) -> Result<(String, String), Box<ConfigError>> {
        let help = "give each variable as `NAME = \"value\"`";
        env_name(name.get_ref()).map_err(|error| self.at(name.span(), &error, help))?;
        match value.get_ref().contains('\0') {
            true => Err(self.at(value.span(), "the value holds a NUL", help)),
            false => Ok((name.into_inner(), value.into_inner())),
        }
    }

    fn at(&self, span: Range<usize>, message: &str, help: &'static str) -> Box<ConfigError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU64;

    fn parse(text: &str) -> Result<Config, Box<ConfigError>> {
        Config::parse(text, Path::new("conf/airssys.toml"), Path::new("conf"))
    }

    #[test]
    fn unknown_keys_are_refused_with_file_line_and_column() {
        for (text, said) in [
            ("polices = []", "conf/airssys.toml:1:1: unknown field `polices`"),
            ("[limits]\nfuel = 3", "conf/airssys.toml:2:1: unknown field `fuel`"),
            (
                "[[mount]]\nhost = 'a'\nguest = '/a'\nreadonly = true",
                "conf/airssys.toml:4:1: unknown field `readonly`",
            ),
            ("[network]", "conf/airssys.toml:1:2: unknown field `network`"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }

    #[test]
    fn values_outside_their_grammar_are_refused_where_they_stand() {
        for (text, said) in [
            ("[limits]\nmemory_mib = 0", "conf/airssys.toml:2:14: "),
            ("[limits]\ncpu_ms = -1", "conf/airssys.toml:2:10: "),
            ("[[mount]]\nhost = 'a'\nguest = 'a'", "conf/airssys.toml:3:9: guest path `a` is not absolute"),
            ("[[mount]]\nhost = ''\nguest = '/a'", "conf/airssys.toml:2:8: no host directory"),
            ("[[mount]]\nhost = 'a'", "conf/airssys.toml:1:1: missing field `guest`"),
            ("[env]\n'A=B' = 'x'", "conf/airssys.toml:2:1: `A=B` cannot name a variable"),
            ("[env]\n'A B' = 'x'", "conf/airssys.toml:2:1: `A B` cannot name a variable"),
            (
                "[[mount]]\nhost = 'a'\nguest = \"/a\\u0007\"",
                "conf/airssys.toml:3:9: guest path `/a\\u{7}` holds",
            ),
            ("[env]\nA = \"\\u0000\"", "conf/airssys.toml:2:5: the value holds a NUL"),
            ("[env]\nA = 3", "conf/airssys.toml:2:5: "),
            ("policy = 'p.cedar'", "conf/airssys.toml:1:10: "),
            ("a = = b", "conf/airssys.toml:1:5: "),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }

    #[test]
    fn an_empty_configuration_gives_nothing() {
        assert_eq!(parse("").unwrap(), Config::default());
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = parse(
            "policy = ['p.cedar', '/q.cedar']\nentities = ['e.json']\ntrust = '../trust.toml'\naudit = 'log'\n\
             [[mount]]\nhost = 'in'\nguest = '/in'\nread-only = true\ncross-devices = true\n\
             [env]\nA = 'b'\n[limits]\nwall_ms = 5\n",
        )
        .unwrap();
        assert_eq!(config.policies, [Path::new("conf/p.cedar"), Path::new("/q.cedar")]);
        assert_eq!(config.entities, [Path::new("conf/e.json")]);
        assert_eq!(config.trust.as_deref(), Some(Path::new("conf/../trust.toml")));
        assert_eq!(config.audit.as_deref(), Some(Path::new("conf/log")));
        let mount = &config.mounts[0];
        assert_eq!(mount.dir.host, Path::new("conf/in"));
        assert!(mount.dir.read_only && mount.cross_devices && !mount.special_files);
        assert_eq!(config.env["A"], "b");
        assert_eq!(config.limits.wall_ms, NonZeroU64::new(5));
    }
}
