//! Host functions called as a guest calls them, on a mount whose calls may not be made in place and can be held up.
//!
//! The policies read the context, so each effect asks first; on the blocking pool the answer can be withheld, which is
//! how a file system that hangs looks from here.

#![allow(clippy::disallowed_methods, reason = "a test builds its world by hand")]

use super::filesystem::{Descriptor, convert};
use crate::host::bindings::filesystem::preopens;
use crate::host::bindings::filesystem::types::{
    self, DescriptorFlags, ErrorCode, HostDescriptor, OpenFlags, PathFlags,
};
use crate::host::bindings::io::poll::{self, HostPollable};
use crate::host::bindings::io::streams::{self, HostInputStream, HostOutputStream};
use crate::kernel::{Grants, Guarded, Holder, Limits, Mail, State, Tenure, guard};
use airssys_osl::environment::{Arguments, Environment};
use airssys_osl::fs::{MountOptions, MountSpec, Mounts};
use airssys_osl::{
    ActionId, Ask, Authorizer, Decision, Entry, Gate, GuestPath, Lease, Principal, Reasons, RecordError,
    Recorder, Subject, Verdict, stdio,
};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::ThreadId;
use std::time::Duration;
use tokio::time::timeout;
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(20);

/// Allows all but what is denied, and lets threads of the pool wait for it.
pub(super) struct Script {
    home: ThreadId,
    epoch: Arc<AtomicU64>,
    pub(super) denied: Mutex<Vec<ActionId>>,
    pool: Mutex<Waiting>,
    released: Condvar,
}

#[derive(Default)]
struct Waiting {
    held: bool,
    now: usize,
    most: usize,
}

impl Script {
    fn hold(&self, held: bool) {
        self.pool.lock().unwrap().held = held;
        self.released.notify_all();
    }

    /// How many threads waited at once, at most.
    fn most(&self) -> usize {
        self.pool.lock().unwrap().most
    }

    fn waiting(&self) -> usize {
        self.pool.lock().unwrap().now
    }
}

impl Authorizer for Script {
    fn decide(&self, ask: &Ask<'_>) -> Decision {
        // The making of a stream asks on the pool too, and is not what is held up.
        if std::thread::current().id() != self.home && !ask.import.ends_with("-via-stream") {
            let mut pool = self.pool.lock().unwrap();
            pool.now += 1;
            pool.most = pool.most.max(pool.now);
            while pool.held {
                pool = self.released.wait(pool).unwrap();
            }
            pool.now -= 1;
        }
        let denied = self.denied.lock().unwrap().contains(&ask.action);
        let reasons = Arc::new(Reasons::default());
        let verdict = if denied { Verdict::Deny(reasons) } else { Verdict::Allow(reasons) };
        Decision { verdict, epoch: 1, reusable: false }
    }

    fn epoch(&self) -> &Arc<AtomicU64> {
        &self.epoch
    }

    fn names_beneath(&self, _: &GuestPath) -> bool {
        false
    }

    fn visible(&self, _: &Subject, _: &GuestPath) -> bool {
        true
    }
}

impl Recorder for Script {
    fn decision(&self, _: &Entry<'_>) -> Result<(), RecordError> {
        Ok(())
    }

    fn note(&self, _: &Subject, _: &'static str, _: &str) -> Result<(), RecordError> {
        Ok(())
    }

    fn summary(&self, _: &Subject, _: &[(ActionId, u64)]) -> Result<(), RecordError> {
        Ok(())
    }
}

/// One store without a guest, over one directory that holds `file` with `contents`.
pub(super) struct World {
    pub(super) state: State,
    pub(super) script: Arc<Script>,
    pub(super) directory: tempfile::TempDir,
    _tenure: Tenure,
}

impl World {
    /// `slow`: no call may be made in place.
    pub(super) fn new(slow: bool) -> World {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "contents").unwrap();
        let script = Arc::new(Script {
            home: std::thread::current().id(),
            epoch: Arc::new(AtomicU64::new(1)),
            denied: Mutex::default(),
            pool: Mutex::default(),
            released: Condvar::new(),
        });
        let options = MountOptions { cross_devices: slow, ..MountOptions::default() };
        let spec = MountSpec { options, ..MountSpec::new(directory.path(), GuestPath::root()) };
        let grants = Grants {
            mounts: Arc::new(Mounts::open_ambient(vec![spec], &[]).unwrap()),
            environment: Arc::new(Environment::new([]).unwrap()),
            arguments: Arc::new(Arguments::new([])),
            stdin: stdio::Source::Null,
            stdout: stdio::Sink::Null,
            stderr: stdio::Sink::Null,
            mail: Mail::default(),
        };
        let session = Gate::new(Arc::clone(&script) as _, Arc::clone(&script) as _).session(subject());
        let principal = Arc::clone(session.subject().component().unwrap());
        let tenure = Tenure::new(session, principal, None);
        let state = State::new(&tenure, grants, crate::kernel::meter(Limits::default()));
        World { state, script, directory, _tenure: tenure }
    }

    pub(super) fn guarded(&mut self) -> Guarded<'_> {
        guard(&mut self.state)
    }

    pub(super) fn root(&mut self) -> Resource<Descriptor> {
        preopens::Host::get_directories(&mut self.guarded()).unwrap().remove(0).0
    }

    pub(super) async fn open(
        &mut self,
        name: &str,
        how: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<Resource<Descriptor>, ErrorCode> {
        let root = self.root();
        let mut g = self.guarded();
        let opened = g.open_at(borrow(&root), PathFlags::empty(), name.to_owned(), how, flags).await;
        HostDescriptor::drop(&mut g, root).unwrap();
        opened.map_err(|error| convert(error).unwrap())
    }

    pub(super) async fn file(&mut self) -> Resource<Descriptor> {
        let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
        self.open("file", OpenFlags::empty(), flags).await.unwrap()
    }

    pub(super) fn lease<T: 'static>(&self, handle: &Resource<T>) -> Lease {
        match self.state.attribution.of(handle.rep()).unwrap() {
            Holder::Lease(lease) => lease.clone(),
            Holder::Instance => panic!("of the instance"),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The executor's end waits for its pool.
        self.script.hold(false);
    }
}

fn subject() -> Subject {
    let principal = Principal {
        name: "acme/x".to_owned(),
        publisher: "acme".to_owned(),
        digest: String::new(),
        version: (1, 0, 0),
        release: 1,
        dev: false,
        groups: Vec::new(),
    };
    Subject::new(principal, 1)
}

/// The handle once more, as a guest that keeps it passes it.
pub(super) fn borrow<T: 'static>(handle: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(handle.rep())
}

/// Gives threads of the pool the time to come as far as they can.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn streams_that_are_dropped_do_not_pile_up_reads_on_the_pool() {
    let mut world = World::new(true);
    let file = world.file().await;
    world.script.hold(true);
    for _ in 0..20 {
        // Once every place is taken, making one waits as well.
        let mut view = world.guarded();
        let making = timeout(SHORT, view.read_via_stream(borrow(&file), 0)).await;
        let Ok(stream) = making.map(Result::unwrap) else { continue };
        let pollable = HostInputStream::subscribe(&mut world.guarded(), borrow(&stream)).unwrap();
        assert!(!world.guarded().ready(borrow(&pollable)).await.unwrap());
        HostPollable::drop(&mut world.guarded(), pollable).unwrap();
        // Given up as the limit on wall time does.
        let _ = timeout(SHORT, HostInputStream::drop(&mut world.guarded(), stream)).await;
    }
    settle().await;
    let most = world.script.most();
    world.script.hold(false);
    assert!((1..=4).contains(&most), "{most} at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn streams_that_are_dropped_do_not_pile_up_writes_on_the_pool() {
    let mut world = World::new(true);
    let file = world.file().await;
    world.script.hold(true);
    for _ in 0..20 {
        // Once every place is taken, making one waits as well.
        let mut view = world.guarded();
        let making = timeout(SHORT, view.write_via_stream(borrow(&file), 0)).await;
        let Ok(stream) = making.map(Result::unwrap) else { continue };
        HostOutputStream::write(&mut world.guarded(), borrow(&stream), vec![b'x']).unwrap();
        let _ = timeout(SHORT, HostOutputStream::drop(&mut world.guarded(), stream)).await;
    }
    settle().await;
    let most = world.script.most();
    world.script.hold(false);
    assert!((1..=4).contains(&most), "{most} at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn calls_that_are_given_up_do_not_pile_up_on_the_pool() {
    let mut world = World::new(true);
    let file = world.file().await;
    world.script.hold(true);
    for _ in 0..20 {
        assert!(
            timeout(SHORT, HostDescriptor::read(&mut world.guarded(), borrow(&file), 1, 0)).await.is_err()
        );
    }
    settle().await;
    let most = world.script.most();
    world.script.hold(false);
    assert!((1..=4).contains(&most), "{most} at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn dropping_a_stream_waits_for_its_running_piece() {
    let mut world = World::new(true);
    let file = world.file().await;
    world.script.hold(true);
    let stream = world.guarded().read_via_stream(borrow(&file), 0).await.unwrap();
    let pollable = HostInputStream::subscribe(&mut world.guarded(), borrow(&stream)).unwrap();
    assert!(!world.guarded().ready(borrow(&pollable)).await.unwrap());
    HostPollable::drop(&mut world.guarded(), pollable).unwrap();
    settle().await;
    let script = Arc::clone(&world.script);
    assert_eq!(script.waiting(), 1);
    let mut view = world.guarded();
    let mut dropping = Box::pin(HostInputStream::drop(&mut view, stream));
    assert!(timeout(SHORT, &mut dropping).await.is_err(), "gone before its piece");
    script.hold(false);
    timeout(LONG, dropping).await.unwrap().unwrap();
    assert_eq!(script.waiting(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_stream_took_is_written_although_it_is_dropped_at_once() {
    let mut world = World::new(true);
    let file = world.file().await;
    let mut streams = Vec::new();
    for at in 0..8 {
        let stream = world.guarded().write_via_stream(borrow(&file), at).await.unwrap();
        HostOutputStream::write(&mut world.guarded(), borrow(&stream), vec![b'x']).unwrap();
        streams.push(stream);
    }
    for stream in streams {
        timeout(LONG, HostOutputStream::drop(&mut world.guarded(), stream)).await.unwrap().unwrap();
    }
    assert_eq!(std::fs::read(world.directory.path().join("file")).unwrap(), b"xxxxxxxx");
}

/// Waits for ever, and does not look at its lease.
struct Never;

#[async_trait::async_trait]
impl Pollable for Never {
    async fn ready(&mut self) {
        std::future::pending().await
    }
}

fn never(world: &mut World, holder: Holder) -> Resource<DynPollable> {
    let mut g = world.guarded();
    let entry = g.state.table.push(Never).unwrap();
    let pollable = subscribe(&mut g.state.table, entry).unwrap();
    g.attribute(&pollable, holder);
    pollable
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nobody_waits_for_what_was_revoked() {
    let mut world = World::new(true);
    let file = world.file().await;
    let lease = world.lease(&file);
    let revoked = never(&mut world, Holder::Lease(lease.clone()));
    let other = never(&mut world, Holder::Instance);
    assert!(!world.guarded().ready(borrow(&revoked)).await.unwrap());
    lease.revoke();
    assert!(world.guarded().ready(borrow(&revoked)).await.unwrap());
    assert!(!world.guarded().ready(borrow(&other)).await.unwrap());
    timeout(LONG, world.guarded().block(borrow(&revoked))).await.expect("blocks for ever").unwrap();
    let list = vec![borrow(&other), borrow(&revoked), borrow(&other)];
    let ready = timeout(LONG, poll::Host::poll(&mut world.guarded(), list)).await.expect("polls for ever");
    assert_eq!(ready.unwrap(), [1]);
    assert!(timeout(SHORT, world.guarded().block(borrow(&other))).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_revoked_stream_is_ready_at_once_and_then_fails() {
    let mut world = World::new(true);
    let file = world.file().await;
    let input = world.guarded().read_via_stream(borrow(&file), 0).await.unwrap();
    let output = world.guarded().write_via_stream(borrow(&file), 0).await.unwrap();
    world.script.hold(true);
    let early = HostInputStream::subscribe(&mut world.guarded(), borrow(&input)).unwrap();
    assert!(!world.guarded().ready(borrow(&early)).await.unwrap());
    world.lease(&file).revoke();
    let late = HostOutputStream::subscribe(&mut world.guarded(), borrow(&output)).unwrap();
    for pollable in [&early, &late] {
        timeout(LONG, world.guarded().block(borrow(pollable))).await.expect("blocks for ever").unwrap();
    }
    let mut g = world.guarded();
    let read = timeout(LONG, HostInputStream::blocking_read(&mut g, borrow(&input), 1)).await;
    assert!(read.expect("reads for ever").is_err());
    let write = HostOutputStream::blocking_write_and_flush(&mut g, borrow(&output), vec![b'x']);
    assert!(timeout(LONG, write).await.expect("writes for ever").is_err());
    world.script.hold(false);
    assert_eq!(std::fs::read(world.directory.path().join("file")).unwrap(), b"contents");
}

/// Nothing of an open that is refused for want of room has happened.
async fn assert_opens_nothing(world: &mut World) {
    for (name, how) in [("file", OpenFlags::CREATE | OpenFlags::TRUNCATE), ("new", OpenFlags::CREATE)] {
        let refused = world.open(name, how, DescriptorFlags::WRITE).await.unwrap_err();
        assert!(matches!(refused, ErrorCode::InsufficientMemory), "{name}: {refused:?}");
    }
    assert_eq!(std::fs::read(world.directory.path().join("file")).unwrap(), b"contents");
    assert!(!world.directory.path().join("new").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn one_open_file_too_many_is_refused_before_anything_is_changed() {
    for slow in [false, true] {
        let mut world = World::new(slow);
        let mut open = Vec::new();
        let refused = loop {
            match world.open("file", OpenFlags::empty(), DescriptorFlags::READ).await {
                Ok(file) if open.len() < 1000 => open.push(file),
                Ok(_) => panic!("no bound"),
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, ErrorCode::InsufficientMemory), "{refused:?}");
        assert_eq!(open.len(), 256);
        assert_opens_nothing(&mut world).await;
        // A stream keeps its file open, although the descriptor is gone.
        let (last, other) = (open.pop().unwrap(), open.pop().unwrap());
        let stream = world.guarded().read_via_stream(borrow(&last), 0).await.unwrap();
        HostDescriptor::drop(&mut world.guarded(), last).unwrap();
        settle().await;
        assert_opens_nothing(&mut world).await;
        HostInputStream::drop(&mut world.guarded(), stream).await.unwrap();
        HostDescriptor::drop(&mut world.guarded(), other).unwrap();
        HostDescriptor::drop(&mut world.guarded(), open.pop().unwrap()).unwrap();
        settle().await;
        open.push(world.open("file", OpenFlags::empty(), DescriptorFlags::READ).await.unwrap());
        let root = world.root();
        let listing = world.guarded().read_directory(borrow(&root)).await.unwrap();
        assert!(
            world.guarded().read_directory(root).await.is_err(),
            "a listing and its directory are open too"
        );
        types::HostDirectoryEntryStream::drop(&mut world.guarded(), listing).unwrap();
    }
}

#[tokio::test]
async fn a_full_table_refuses_an_open_before_anything_is_changed() {
    let mut world = World::new(false);
    let root = world.root();
    while world.state.table.push(()).is_ok() {}
    let failed = super::file_streams::failed(airssys_osl::fs::FsError::Access);
    let told = streams::Host::convert_stream_error(&mut world.guarded(), failed).unwrap();
    assert!(matches!(told, streams::StreamError::Closed));
    let (flags, how) = (DescriptorFlags::WRITE, OpenFlags::CREATE | OpenFlags::TRUNCATE);
    for name in ["file", "new"] {
        let mut g = world.guarded();
        let opened = g.open_at(borrow(&root), PathFlags::empty(), name.to_owned(), how, flags).await;
        let refused = convert(opened.unwrap_err()).unwrap();
        assert!(matches!(refused, ErrorCode::InsufficientMemory), "{refused:?}");
    }
    assert_eq!(std::fs::read(world.directory.path().join("file")).unwrap(), b"contents");
    assert!(!world.directory.path().join("new").exists());
}

#[tokio::test]
async fn a_denial_and_the_systems_own_refusal_have_one_code() {
    let mut world = World::new(false);
    let file = world.file().await;
    let stream = world.guarded().read_via_stream(borrow(&file), 0).await.unwrap();
    let told = |world: &mut World, error| {
        let mut g = world.guarded();
        let streams::StreamError::LastOperationFailed(error) =
            streams::Host::convert_stream_error(&mut g, error).unwrap()
        else {
            panic!("closed")
        };
        types::Host::filesystem_error_code(&mut g, error).unwrap()
    };
    let system = super::file_streams::failed(airssys_osl::fs::FsError::Access);
    assert!(matches!(told(&mut world, system), Some(ErrorCode::Access)));
    world.script.denied.lock().unwrap().push(ActionId::FsRead);
    let denied = HostInputStream::read(&mut world.guarded(), stream, 1).unwrap_err();
    assert!(matches!(told(&mut world, denied), Some(ErrorCode::Access)));
    // Only the denial that stops the guest is none for it.
    let path = GuestPath::parse("/file").unwrap();
    let session = Arc::clone(&world.state.session);
    let mut fatal = session.authorize::<airssys_osl::action::FsRead>(path, "test").unwrap_err();
    fatal.why = airssys_osl::gate::Why::Flood;
    let fatal = super::file_streams::failed(airssys_osl::fs::FsError::Denied(fatal));
    let stopped = streams::Host::convert_stream_error(&mut world.guarded(), fatal).unwrap_err();
    assert!(stopped.downcast_ref::<airssys_osl::Denied>().is_some_and(|denied| denied.is_fatal()));
}

#[test]
fn each_row_knows_its_place() {
    assert!(super::TABLE.iter().enumerate().all(|(place, row)| row.index == place));
}
