//! A directory mounted at `/data`, a policy, and a command that runs between them.

use airssys_osl::fs::MountSpec;
use airssys_osl::stdio::{Memory, Sink};
use airssys_osl::{Denied, GuestPath};
use airssys_wasm::embed::{ComponentRuntime, Config, Error};
use serde_json::Value;
use std::path::PathBuf;

/// What a command needs to say anything: its arguments and its output. Reading, clocks and random are left out.
pub(crate) const SPEAK: &str = "@id(\"args\") permit (principal, action == Action::\"process:args\", resource);\n\
    @id(\"out\") permit (principal, action == Action::\"stdio:write\", resource);\n";

/// Where a command runs.
pub(crate) struct Stage {
    directory: tempfile::TempDir,
    program: Vec<u8>,
    policy: String,
    change: Box<dyn Fn(Config) -> Config>,
}

/// How a run ended, and what of it could be seen.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: Result<u8, Error>,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) records: Vec<Value>,
}

impl Stage {
    /// With `in/a` and `private/b`; the second is the canary.
    pub(crate) fn new(program: Vec<u8>, policy: &str) -> Stage {
        let directory = tempfile::tempdir().unwrap();
        for (name, file, text) in [("in", "in/a", "allowed\n"), ("private", "private/b", "canary\n")] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
            std::fs::write(directory.path().join(file), text).unwrap();
        }
        Stage { directory, program, policy: policy.to_owned(), change: Box::new(|config| config) }
    }

    /// With more in the configuration.
    pub(crate) fn with(mut self, change: impl Fn(Config) -> Config + 'static) -> Stage {
        self.change = Box::new(change);
        self
    }

    /// A file of the host's.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Its text.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Nothing that is denied has changed.
    pub(crate) fn assert_canary(&self) {
        let names: Vec<_> =
            std::fs::read_dir(self.path("private")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["b"]);
        assert_eq!(self.read("private/b"), "canary\n");
    }

    /// A fresh runtime on this stage.
    pub(crate) fn runtime(&self, config: Config) -> ComponentRuntime {
        let mount = MountSpec::new(self.directory.path(), GuestPath::parse("/data").unwrap());
        ComponentRuntime::new((self.change)(config.mount(mount))).unwrap()
    }

    /// Runs the command with these arguments.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Said {
        let (config, log) = super::config(&self.policy);
        let (out, err) = (Memory::bounded(1 << 20), Memory::bounded(1 << 20));
        let config =
            config.args([&["probe"][..], arguments].concat()).env("SHOWN", "yes").env("HIDDEN", "secret");
        let config = config.stdout(Sink::Memory(out.clone())).stderr(Sink::Memory(err.clone()));
        let runtime = self.runtime(config);
        let status = match runtime.load_component(super::signed("probe", &self.program)).await {
            Ok(component) => component.run_command().await,
            Err(error) => Err(error),
        };
        let text = |memory: Memory| String::from_utf8(memory.contents()).unwrap();
        Said { status, out: text(out), err: text(err), records: super::records(&log) }
    }
}

impl Said {
    /// The verdicts on one action and one resource.
    pub(crate) fn verdicts(&self, action: &str, id: &str) -> Vec<&Value> {
        let asked =
            |r: &&Value| r["kind"] == "decision" && r["action"] == action && r["resource"]["id"] == id;
        self.records.iter().filter(asked).collect()
    }

    /// The denial that ended it.
    pub(crate) fn denied(&self) -> &Denied {
        match &self.status {
            Err(Error::Denied(denied)) => denied,
            _ => panic!("not ended by a denial: {self:?}"),
        }
    }
}
