//! What every component is given: the keys that a run and a served system share.

use crate::identity::Limits;
use crate::serve::config::place::{ConfigError, File};
use crate::serve::config::raw::{RawFile, RawMount};
use crate::serve::config::values::{Dir, env_name, guest_path};
use airssys_osl::fs::{MountOptions, MountSpec};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// A directory of the host, as the configuration gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredMount {
    /// What `--dir` can say too.
    pub dir: Dir,
    /// Whether the mount goes on where another file system begins.
    pub cross_devices: bool,
    /// Whether FIFOs, devices and sockets can be opened.
    pub special_files: bool,
}

impl ConfiguredMount {
    /// The mount.
    pub(crate) fn spec(&self) -> MountSpec {
        let (cross_devices, special_files) = (self.cross_devices, self.special_files);
        self.dir.spec(MountOptions { cross_devices, special_files, ..MountOptions::default() })
    }
}

/// What components are given, with paths resolved against the file's directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Granted {
    /// The most that components are given; a component's own manifest can only ask for less.
    pub limits: Limits,
    /// Directories.
    pub mounts: Vec<ConfiguredMount>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Policy files.
    pub policies: Vec<PathBuf>,
    /// Entity files.
    pub entities: Vec<PathBuf>,
    /// The trust file.
    pub trust: Option<PathBuf>,
    /// The log.
    pub audit: Option<PathBuf>,
    /// Where compiled code is kept.
    pub code_cache: Option<PathBuf>,
}

impl Granted {
    /// Reads the text of the configuration of a run, which describes no served system.
    ///
    /// # Errors
    /// [`ConfigError`], with the place.
    pub fn parse(text: &str, path: &Path, directory: &Path) -> Result<Granted, Box<ConfigError>> {
        let file = File { text, path, directory };
        let raw = file.read()?;
        if let Some((what, span)) = raw.of_a_system() {
            let help = "start it with `airssys serve --config`, or give the run a configuration without it";
            return Err(file.at(span, &format!("`{what}` describes a served system"), help));
        }
        file.granted(raw)
    }
}

impl File<'_> {
    /// The shared part of what was read.
    pub(super) fn granted(&self, raw: RawFile) -> Result<Granted, Box<ConfigError>> {
        let all = |paths: Vec<PathBuf>| paths.iter().map(|path| self.directory.join(path)).collect();
        Ok(Granted {
            limits: raw.limits,
            mounts: raw.mount.into_iter().map(|mount| self.mount(mount)).collect::<Result<_, _>>()?,
            env: raw.env.into_iter().map(|pair| self.variable(pair)).collect::<Result<_, _>>()?,
            policies: all(raw.policy),
            entities: all(raw.entities),
            trust: raw.trust.map(|path| self.directory.join(path)),
            audit: raw.audit.map(|path| self.directory.join(path)),
            code_cache: raw.code_cache.map(|path| self.directory.join(path)),
        })
    }

    fn mount(&self, raw: RawMount) -> Result<ConfiguredMount, Box<ConfigError>> {
        let help = "write a host directory, and for the component an absolute path such as `/data`";
        if raw.host.get_ref().as_os_str().is_empty() {
            return Err(self.at(raw.host.span(), "no host directory is named", help));
        }
        let guest =
            guest_path(raw.guest.get_ref()).map_err(|error| self.at(raw.guest.span(), &error, help))?;
        let dir = Dir { host: self.directory.join(raw.host.get_ref()), guest, read_only: raw.read_only };
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU64;

    fn parse(text: &str) -> Result<Granted, Box<ConfigError>> {
        Granted::parse(text, Path::new("conf/airssys.toml"), Path::new("conf"))
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
    fn a_run_does_not_pass_over_what_describes_a_served_system() {
        for (text, said) in [
            ("[serve]\nstate = 's'", "conf/airssys.toml:1:1: `[serve]` describes a served system"),
            ("[[component]]\nname = 'a/b'\nfile = 'f'", "conf/airssys.toml:1:1: `[[component]]` describes"),
            ("[[operator]]\nuid = 1", "conf/airssys.toml:1:1: `[[operator]]` describes"),
            (
                "[[supervisor]]\nname = 'a'\nchildren = []",
                "conf/airssys.toml:1:1: `[[supervisor]]` describes",
            ),
            (
                "[[links]]\nfrom = 'a/b'\nimport = 'a:b/c'\nto = 'a/c'",
                "conf/airssys.toml:1:1: `[[links]]` describes",
            ),
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
        assert_eq!(parse("").unwrap(), Granted::default());
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
