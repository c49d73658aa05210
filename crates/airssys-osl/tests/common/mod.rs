//! A scripted authorizer, a recorder in memory, and a small world on disk.
#![allow(dead_code, reason = "each test uses its own part")]

use airssys_osl::fs::{Directory, FsError, MountOptions, MountSpec, Mounts, Node, OpenOptions, Resolver};
use airssys_osl::{
    ActionId, Allowance, Ask, Authorizer, Decision, Entry, Gate, GuestPath, Principal, Reasons, RecordError,
    Recorder, Session, Subject, Verdict,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

pub(crate) const IMPORT: &str = "test:fs/types#call";

type Rule = Box<dyn Fn(ActionId, &str) -> bool + Send + Sync>;

/// Decides by a closure.
pub(crate) struct Script {
    rule: RwLock<Rule>,
    /// Paths that some policy names.
    pub(crate) named: Mutex<Vec<GuestPath>>,
    pub(crate) visible: AtomicBool,
    pub(crate) reusable: AtomicBool,
    pub(crate) panics: AtomicBool,
    pub(crate) faults: AtomicBool,
    pub(crate) asked: AtomicU64,
    epoch: Arc<AtomicU64>,
}

impl Script {
    pub(crate) fn new(rule: impl Fn(ActionId, &str) -> bool + Send + Sync + 'static) -> Arc<Script> {
        Arc::new(Script {
            rule: RwLock::new(Box::new(rule)),
            named: Mutex::default(),
            visible: AtomicBool::new(true),
            reusable: AtomicBool::new(true),
            panics: AtomicBool::new(false),
            faults: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            epoch: Arc::new(AtomicU64::new(1)),
        })
    }

    /// Changes the policies, as a swap does.
    pub(crate) fn swap(&self, rule: impl Fn(ActionId, &str) -> bool + Send + Sync + 'static) {
        *self.rule.write().unwrap() = Box::new(rule);
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }
}

impl Authorizer for Script {
    fn decide(&self, ask: &Ask<'_>) -> Decision {
        self.asked.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics.load(Ordering::SeqCst), "as told");
        let reasons = Arc::new(Reasons::default());
        let verdict = if self.faults.load(Ordering::SeqCst) {
            Verdict::fault("as told")
        } else if (self.rule.read().unwrap())(ask.action, ask.resource.id()) {
            Verdict::Allow(reasons)
        } else {
            Verdict::Deny(reasons)
        };
        let epoch = self.epoch.load(Ordering::SeqCst);
        Decision { verdict, epoch, reusable: self.reusable.load(Ordering::SeqCst) }
    }

    fn epoch(&self) -> &Arc<AtomicU64> {
        &self.epoch
    }

    fn names_beneath(&self, path: &GuestPath) -> bool {
        self.named.lock().unwrap().iter().any(|named| named != path && named.is_within(path))
    }

    fn visible(&self, _: &Subject, _: &GuestPath) -> bool {
        self.visible.load(Ordering::SeqCst)
    }
}

/// Keeps every record as one line.
#[derive(Default)]
pub(crate) struct Log {
    lines: Mutex<Vec<String>>,
    pub(crate) notes: Mutex<Vec<String>>,
    pub(crate) reused: Mutex<Vec<(ActionId, u64)>>,
    pub(crate) broken: AtomicBool,
    /// Done once, right after a verdict on that action was written.
    pub(crate) then: Mutex<Option<(ActionId, Meddling)>>,
}

/// What somebody else does in between.
pub(crate) type Meddling = Box<dyn FnOnce() + Send>;

impl Log {
    /// The records since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap())
    }

    pub(crate) fn denials(&self) -> usize {
        self.lines.lock().unwrap().iter().filter(|line| !line.starts_with("allow")).count()
    }

    fn check(&self) -> Result<(), RecordError> {
        match self.broken.load(Ordering::SeqCst) {
            true => Err(RecordError("as told".to_owned())),
            false => Ok(()),
        }
    }
}

impl Recorder for Log {
    fn decision(&self, entry: &Entry<'_>) -> Result<(), RecordError> {
        self.check()?;
        let (ask, outcome) = (entry.ask, entry.verdict.outcome().name());
        self.lines.lock().unwrap().push(format!("{outcome} {} {}", ask.action, ask.resource.id()));
        let then = self.then.lock().unwrap().take_if(|(action, _)| *action == ask.action);
        then.into_iter().for_each(|(_, meddle)| meddle());
        Ok(())
    }
    fn note(&self, _: &Subject, _: &'static str, text: &str) -> Result<(), RecordError> {
        self.notes.lock().unwrap().push(text.to_owned());
        self.check()
    }
    fn summary(&self, _: &Subject, reused: &[(ActionId, u64)]) -> Result<(), RecordError> {
        self.reused.lock().unwrap().extend_from_slice(reused);
        self.check()
    }
}

pub(crate) fn principal() -> Principal {
    Principal {
        name: "acme/thumb".to_owned(),
        publisher: "acme".to_owned(),
        digest: "00".repeat(32),
        version: (1, 0, 0),
        release: 1,
        dev: false,
        groups: Vec::new(),
    }
}

pub(crate) fn session(script: &Arc<Script>, log: &Arc<Log>) -> Arc<Session> {
    session_within(script, log, Allowance::default())
}

pub(crate) fn session_within(script: &Arc<Script>, log: &Arc<Log>, allowance: Allowance) -> Arc<Session> {
    let (authorizer, recorder) = (Arc::clone(script), Arc::clone(log));
    Gate::new(authorizer, recorder).session_within(Subject::new(principal(), 1), allowance)
}

/// A mount at `/m` of a fresh directory, with another directory outside of it that holds a canary.
pub(crate) struct World {
    pub(crate) script: Arc<Script>,
    pub(crate) log: Arc<Log>,
    pub(crate) session: Arc<Session>,
    pub(crate) root: Directory,
    pub(crate) host: PathBuf,
    pub(crate) outside: PathBuf,
    made: std::time::SystemTime,
    _dir: tempfile::TempDir,
}

pub(crate) const CANARY: &str = "canary";

/// A directory of its own, in memory where the platform has such a place: some tests make thousands.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Both ways of looking up, for every test that touches a path.
pub(crate) fn both(test: impl Fn(Resolver)) {
    test(Resolver::Auto);
    test(Resolver::Portable);
}

impl World {
    pub(crate) fn new(
        resolver: Resolver,
        rule: impl Fn(ActionId, &str) -> bool + Send + Sync + 'static,
    ) -> World {
        World::with(MountOptions { resolver, ..MountOptions::default() }, false, rule)
    }

    pub(crate) fn with(
        options: MountOptions,
        read_only: bool,
        rule: impl Fn(ActionId, &str) -> bool + Send + Sync + 'static,
    ) -> World {
        World::made(options, read_only, Allowance::default(), rule)
    }

    /// Everything is allowed, and so many bytes.
    pub(crate) fn within(allowance: Allowance) -> World {
        World::made(MountOptions::default(), false, allowance, |_, _| true)
    }

    fn made(
        options: MountOptions,
        read_only: bool,
        allowance: Allowance,
        rule: impl Fn(ActionId, &str) -> bool + Send + Sync + 'static,
    ) -> World {
        let dir = scratch();
        let (host, outside) = (dir.path().join("mount"), dir.path().join("outside"));
        std::fs::create_dir(&host).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("secret"), CANARY).unwrap();
        let guest = GuestPath::parse("/m").unwrap();
        let spec = MountSpec { host: host.clone(), guest, read_only, options };
        let mounts = Mounts::open_ambient(vec![spec], &[]).unwrap();
        let (script, log) = (Script::new(rule), Arc::new(Log::default()));
        let session = session_within(&script, &log, allowance);
        let root = mounts.roots(&session).remove(0).0.directory().unwrap().clone();
        let made = std::fs::metadata(outside.join("secret")).unwrap().modified().unwrap();
        World { script, log, session, root, host, outside, made, _dir: dir }
    }

    pub(crate) fn file(&self, path: &str, contents: &str) -> &World {
        let path = self.host.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
        self
    }

    pub(crate) fn dir(&self, path: &str) -> &World {
        std::fs::create_dir_all(self.host.join(path)).unwrap();
        self
    }

    pub(crate) fn link(&self, target: impl AsRef<Path>, path: &str) -> &World {
        std::os::unix::fs::symlink(target, self.host.join(path)).unwrap();
        self
    }

    pub(crate) fn fifo(&self, path: &str) -> &World {
        make_fifo(&self.host.join(path));
        self
    }

    /// What lies in the file on the host.
    pub(crate) fn on_disk(&self, path: &str) -> String {
        std::fs::read_to_string(self.host.join(path)).unwrap()
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        std::fs::symlink_metadata(self.host.join(path)).is_ok()
    }

    /// Fails unless everything outside is as it was made.
    pub(crate) fn assert_outside_untouched(&self) {
        let secret = self.outside.join("secret");
        assert_eq!(std::fs::read_to_string(&secret).unwrap(), CANARY);
        assert_eq!(std::fs::read_dir(&self.outside).unwrap().count(), 1);
        assert_eq!(std::fs::metadata(&secret).unwrap().modified().unwrap(), self.made);
    }

    pub(crate) fn open(&self, path: &str, how: OpenOptions) -> Result<Node, FsError> {
        self.root.open_at(path, &how, IMPORT)
    }

    pub(crate) fn read(&self, path: &str) -> Result<String, FsError> {
        let node = self.open(path, READ)?;
        let bytes = node.file()?.read_at(1 << 16, 0, IMPORT)?;
        Ok(String::from_utf8(bytes).unwrap())
    }
}

/// Opening for reading, links followed.
pub(crate) const READ: OpenOptions = OpenOptions {
    read: true,
    write: false,
    create: false,
    exclusive: false,
    truncate: false,
    directory: false,
    follow: true,
    mutate_directory: false,
    synchronous: false,
};
pub(crate) const WRITE: OpenOptions = OpenOptions { read: false, write: true, ..READ };
pub(crate) const CREATE: OpenOptions = OpenOptions { create: true, ..WRITE };
pub(crate) const LOOK: OpenOptions = OpenOptions { read: false, ..READ };
pub(crate) const LIST: OpenOptions = OpenOptions { directory: true, ..READ };

pub(crate) fn make_fifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o666), 0).unwrap();
}

/// One word for an error, in which a denial and the system's refusal look alike, as to a guest.
pub(crate) fn word(error: &FsError) -> &'static str {
    match error {
        FsError::Denied(_) | FsError::Access => "access",
        FsError::NoEntry => "no-entry",
        FsError::Exist => "exist",
        FsError::NotDirectory => "not-directory",
        FsError::IsDirectory => "is-directory",
        FsError::NotEmpty => "not-empty",
        FsError::Loop => "loop",
        FsError::NotPermitted => "not-permitted",
        FsError::ReadOnly => "read-only",
        FsError::BadDescriptor => "bad-descriptor",
        FsError::Invalid => "invalid",
        FsError::NameTooLong => "name-too-long",
        FsError::IllegalByteSequence => "illegal-byte-sequence",
        FsError::CrossDevice => "cross-device",
        FsError::Busy => "busy",
        FsError::Unsupported => "unsupported",
        other => panic!("unexpected: {other:?}"),
    }
}

/// `ok`, or the word for the error.
pub(crate) fn answer<T>(result: Result<T, FsError>) -> &'static str {
    result.map_or_else(|error| word(&error), |_| "ok")
}

/// Fails unless the answer is this word.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, FsError>, expected: &str) {
    assert_eq!(word(&result.unwrap_err()), expected);
}
