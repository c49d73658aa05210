//! A desk to run the built command on: an empty directory, an empty environment, a time limit.
#![allow(dead_code, reason = "each test file uses what it needs")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests prepare and look at real files"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use airssys_osl::{Clock, Gate, GuestPath, Principal, Subject, action};
use airssys_wasm::audit::{Head, Limits, Load, Log, PolicySet};
use airssys_wasm::policy::{CedarAuthorizer, Digests, Policies, Source};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// The smallest component: a preamble.
pub(crate) const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// A manifest that stands for nothing in particular.
pub(crate) const MANIFEST: &str =
    "[component]\nname = 'thumb'\npublisher = 'acme'\nversion = '1.2.3'\nrelease = 4\n";

pub(crate) struct Desk {
    directory: TempDir,
}

/// How a command ended and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The answer as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The one line on standard error as JSON.
    pub(crate) fn err_json(&self) -> Value {
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.err).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts that one line was said on standard error, and nothing else.
    pub(crate) fn is_one_sentence(&self, status: i32) -> &str {
        assert_eq!((self.status, self.out.as_str()), (status, ""), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        assert!(self.err.starts_with("airssys: "), "{self:?}");
        self.err.trim_end()
    }

    /// Asserts success.
    pub(crate) fn is_done(&self) -> &Said {
        assert_eq!(self.status, 0, "{self:?}");
        self
    }
}

impl Desk {
    pub(crate) fn new() -> Desk {
        Desk { directory: TempDir::new().unwrap() }
    }

    /// A desk with `author.key`, `author.pub`, `plugin.toml`, `thumb.wasm`, `signed.wasm` and `trust.toml`.
    pub(crate) fn with_signed(component: &[u8]) -> Desk {
        let desk = Desk::new();
        desk.run(&["keygen"]).is_done();
        desk.write("plugin.toml", MANIFEST);
        desk.write("thumb.wasm", component);
        desk.run(&[
            "sign",
            "thumb.wasm",
            "--manifest",
            "plugin.toml",
            "--key",
            "author.key",
            "-o",
            "signed.wasm",
        ])
        .is_done();
        desk.write(
            "trust.toml",
            "[[publisher]]\nname = 'acme'\nnames = ['*']\n[[publisher.key]]\nfile = 'author.pub'\n",
        );
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// The names in the directory, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn command(&self) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::cargo_bin("airssys").unwrap();
        command.current_dir(self.directory.path()).env_clear().env("HOME", self.directory.path());
        command.timeout(Duration::from_secs(60));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.said(self.command().args(arguments))
    }

    pub(crate) fn said(&self, command: &mut assert_cmd::Command) -> Said {
        let output = command.output().unwrap();
        let status = output.status.code().unwrap_or_else(|| panic!("no status: {output:?}"));
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { status, out: text(output.stdout), err: text(output.stderr) }
    }
}

/// A log of three questions by `acme/thumb` under `policy`: reading `/photos/a.jpg`, `/etc/passwd`, and the wall clock.
pub(crate) fn log(path: &Path, policy: &str) -> Head {
    let policies = Policies::load(&[Source::new("policy.cedar", policy)], &[]).unwrap();
    let Digests { policies: digest, entities, schema } = policies.digests().clone();
    let log = Arc::new(Log::open_file(path).unwrap());
    let gate = Gate::new(Arc::new(CedarAuthorizer::new(policies)), Arc::clone(&log) as _);
    let session = gate.session(Subject::new(principal(), 1));
    let limits = Limits::default();
    let policy_set = PolicySet { policies: digest, entities, schema };
    let load = Load { key_id: "00", file_digest: "00", policy_set: &policy_set, epoch: 1, limits };
    log.load(session.subject(), &load).unwrap();
    for path in ["/photos/a.jpg", "/etc/passwd"] {
        let path = GuestPath::parse(path).unwrap();
        let _ = session.authorize::<action::FsRead>(path, "wasi:filesystem/types#open-at");
    }
    let _ = session.authorize::<action::ClockRead>(Clock::Wall, "wasi:clocks/wall-clock#now");
    session.close().unwrap();
    log.close().unwrap();
    log.head().unwrap()
}

fn principal() -> Principal {
    Principal {
        name: "acme/thumb".into(),
        publisher: "acme".into(),
        digest: "0f".repeat(32),
        version: (1, 2, 3),
        release: 4,
        dev: false,
        groups: vec!["vetted".into()],
    }
}

/// Makes a FIFO that nobody writes to.
#[cfg(unix)]
pub(crate) fn fifo(path: &Path) {
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
}
