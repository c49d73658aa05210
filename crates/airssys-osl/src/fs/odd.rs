//! Test: file systems that are not at hand.
//!
//! One that finds a file under several spellings: each name is looked for in the listing without regard to case, as
//! such a system does it. And one on which something happens between the look and the act, each time just then.
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test builds its directories by hand")]

use crate::fs::mount::Mount;
use crate::fs::sys::{self, Identity, Meta, Mode, RawEntries, System};
use crate::fs::types::{Kind, NewTimes, OpenOptions};
use crate::fs::{Directory, FsError, MountOptions, MountSpec};
use crate::gate::Lease;
use crate::handle::Handle;
use crate::testing::{Told, path, session};
use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

#[derive(Debug)]
struct Odd;

/// Where spellings are folded.
enum Folds {
    Nowhere,
    Everywhere,
    /// In this directory alone: what lies beneath is told apart, so that nothing but the flag can help.
    In(Identity),
}

thread_local! {
    static FOLDS: RefCell<Folds> = const { RefCell::new(Folds::Nowhere) };
    static OPENED: RefCell<Vec<Kind>> = const { RefCell::new(Vec::new()) };
    static LOOKS: Cell<usize> = const { Cell::new(0) };
    static ASKED: Cell<usize> = const { Cell::new(0) };
    static MEANWHILE: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
}

/// What happens just before something is opened, made or renamed.
fn meanwhile() {
    MEANWHILE.with_borrow_mut(|happens| {
        if let Some(happens) = happens {
            happens();
        }
    });
}

fn folds(dir: &Handle) -> bool {
    FOLDS.with_borrow(|folds| match folds {
        Folds::Nowhere => false,
        Folds::Everywhere => true,
        Folds::In(directory) => sys::native().stat_open(dir).unwrap().identity == *directory,
    })
}

/// The name on disk that a spelling finds; the spelling itself where there is none.
fn found(dir: &Handle, name: &str) -> String {
    if !folds(dir) {
        return name.to_owned();
    }
    let names = sys::native().entries(dir).unwrap().map(|entry| entry.unwrap().name.into_string().unwrap());
    let mut alike = names.filter(|on_disk| on_disk.to_lowercase() == name.to_lowercase());
    alike.next().unwrap_or_else(|| name.to_owned())
}

/// Notes of what kind the object is that was opened.
fn noted(opened: io::Result<Handle>) -> io::Result<Handle> {
    opened.inspect(|opened| {
        let kind = sys::native().stat_open(opened).unwrap().kind;
        OPENED.with_borrow_mut(|kinds| kinds.push(kind));
    })
}

impl Odd {
    /// The directory and name on disk of a path that may have several names.
    fn deep(dir: &Handle, path: &str) -> (Handle, String) {
        let mut at = dir.try_clone().unwrap();
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        for part in above.split('/').filter(|part| !part.is_empty()) {
            let Ok(next) = sys::native().open_dir(&at, &found(&at, part), false) else { break };
            at = next;
        }
        let name = found(&at, name);
        (at, name)
    }
}

impl System for Odd {
    fn open_root_ambient(&self, host: &Path) -> io::Result<Handle> {
        sys::native().open_root_ambient(host)
    }
    fn open_beneath(&self, dir: &Handle, path: &str, mode: Mode) -> Option<io::Result<Handle>> {
        let (dir, name) = Odd::deep(dir, path);
        sys::native().open_beneath(&dir, &name, mode).map(noted)
    }
    fn walk_beneath(&self, dir: &Handle, path: &str, cross: bool) -> Option<io::Result<Handle>> {
        let (dir, name) = Odd::deep(dir, path);
        sys::native().walk_beneath(&dir, &name, cross)
    }
    fn open_dir(&self, dir: &Handle, name: &str, cross: bool) -> io::Result<Handle> {
        sys::native().open_dir(dir, &found(dir, name), cross)
    }
    fn open(&self, dir: &Handle, name: &str, kind: Kind, mode: Mode) -> io::Result<Handle> {
        meanwhile();
        noted(sys::native().open(dir, &found(dir, name), kind, mode))
    }
    fn reopen_dir(&self, dir: &Handle, read: bool) -> io::Result<Handle> {
        sys::native().reopen_dir(dir, read)
    }
    fn create_file(&self, dir: &Handle, name: &str, mode: Mode) -> io::Result<Handle> {
        meanwhile();
        sys::native().create_file(dir, &found(dir, name), mode)
    }
    fn stat(&self, dir: &Handle, name: &str) -> io::Result<Meta> {
        sys::native().stat(dir, &found(dir, name))
    }
    fn stat_open(&self, file: &Handle) -> io::Result<Meta> {
        LOOKS.set(LOOKS.get() + 1);
        sys::native().stat_open(file)
    }
    fn folds_case(&self, dir: &Handle) -> bool {
        ASKED.set(ASKED.get() + 1);
        folds(dir)
    }
    fn read_link(&self, dir: &Handle, name: &str) -> io::Result<OsString> {
        sys::native().read_link(dir, &found(dir, name))
    }
    fn entries(&self, dir: &Handle) -> io::Result<RawEntries> {
        sys::native().entries(dir)
    }
    fn create_dir(&self, dir: &Handle, name: &str) -> io::Result<()> {
        sys::native().create_dir(dir, &found(dir, name))
    }
    fn symlink(&self, target: &str, dir: &Handle, name: &str) -> io::Result<()> {
        sys::native().symlink(target, dir, &found(dir, name))
    }
    fn remove_file(&self, dir: &Handle, name: &str) -> io::Result<()> {
        sys::native().remove_file(dir, &found(dir, name))
    }
    fn remove_dir(&self, dir: &Handle, name: &str) -> io::Result<()> {
        sys::native().remove_dir(dir, &found(dir, name))
    }
    fn rename(&self, from: (&Handle, &str), to: (&Handle, &str), replace: bool) -> io::Result<()> {
        meanwhile();
        let (old, new) = (found(from.0, from.1), found(to.0, to.1));
        sys::native().rename((from.0, &old), (to.0, &new), replace)
    }
    fn hard_link(&self, from: (&Handle, &str), to: (&Handle, &str)) -> io::Result<()> {
        let (old, new) = (found(from.0, from.1), found(to.0, to.1));
        sys::native().hard_link((from.0, &old), (to.0, &new))
    }
    fn set_times_at(&self, dir: &Handle, name: &str, times: &NewTimes) -> io::Result<()> {
        sys::native().set_times_at(dir, &found(dir, name), times)
    }
    fn set_times_open(&self, file: &Handle, kind: Kind, times: &NewTimes) -> io::Result<()> {
        sys::native().set_times_open(file, kind, times)
    }
}

const READ: OpenOptions = OpenOptions {
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
const CREATE: OpenOptions = OpenOptions { write: true, create: true, ..READ };

/// A mount in which `/m/d/Fold` alone folds, each name is found on demand, and whatever is called `Secret` or lies in
/// `Sub` is denied under that spelling alone.
fn world_that_folds_below() -> (tempfile::TempDir, Arc<Told>, Directory) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("d/Fold/Sub")).unwrap();
    for file in ["d/Fold/Secret", "d/Fold/Sub/Deep", "d/Fold/Open", "d/plain"] {
        std::fs::write(dir.path().join(file), "canary").unwrap();
    }
    let spec = MountSpec::new(dir.path(), path("/m"));
    let mount = Arc::new(Mount::on_system(spec, &Odd));
    let fold = mount.walk_to(&path("/m/d/Fold")).unwrap();
    FOLDS.set(Folds::In(mount.sys.stat_open(&fold).unwrap().identity));
    mount.forget_paths();
    let (session, told) = session(|_, id| !id.ends_with("/Secret") && !id.contains("/Sub"));
    let root = Directory::root(mount, Lease::for_walking(session, path("/m").into()));
    (dir, told, root)
}

/// A mount in which `/m/Denied` and what lies beneath is denied under that spelling alone; names are read from the disk.
fn world() -> (tempfile::TempDir, Arc<Told>, Directory) {
    let dir = tempfile::tempdir().unwrap();
    for made in ["Denied", "ok"] {
        std::fs::create_dir(dir.path().join(made)).unwrap();
    }
    std::fs::write(dir.path().join("Denied/Secret"), "canary").unwrap();
    std::fs::write(dir.path().join("ok/File"), "mine").unwrap();
    std::os::unix::fs::symlink("../DENIED/SECRET", dir.path().join("ok/link")).unwrap();
    let options = MountOptions { names_from_disk: true, ..MountOptions::default() };
    let spec = MountSpec { host: dir.path().to_owned(), guest: path("/m"), read_only: false, options };
    let mount = Arc::new(Mount::on_system(spec, &Odd));
    let (session, told) = session(|_, id| id != "/m/Denied" && !id.starts_with("/m/Denied/"));
    let root = Directory::root(mount, Lease::for_walking(session, path("/m").into()));
    (dir, told, root)
}

#[test]
fn another_spelling_is_no_way_into_what_is_denied() {
    FOLDS.set(Folds::Everywhere);
    let (dir, told, root) = world();
    for spelling in ["Denied/Secret", "denied/secret", "DENIED/Secret", "dENIED/sECRET", "ok/link", "OK/LINK"]
    {
        assert!(matches!(root.open_at(spelling, &READ, "t"), Err(FsError::Denied(_))), "{spelling}");
        assert_eq!(told.take().last().unwrap(), "deny fs:read /m/Denied/Secret", "{spelling}");
        assert!(matches!(root.open_at(spelling, &CREATE, "t"), Err(FsError::Denied(_))), "{spelling}");
        assert!(matches!(root.stat_at(spelling, true, "t"), Err(FsError::Denied(_))), "{spelling}");
    }
    for spelling in ["denied/secret", "DENIED/SECRET"] {
        assert!(matches!(root.unlink_file_at(spelling, "t"), Err(FsError::Denied(_))), "{spelling}");
        assert!(matches!(root.rename_at(spelling, &root, "ok/mine", "t"), Err(FsError::Denied(_))));
        assert!(matches!(root.rename_at("ok/file", &root, spelling, "t"), Err(FsError::Denied(_))));
        assert!(matches!(root.link_at(spelling, false, &root, "ok/mine", "t"), Err(FsError::Denied(_))));
    }
    assert!(matches!(root.open_at("denied/new", &CREATE, "t"), Err(FsError::Denied(_))));
    assert_eq!(std::fs::read_to_string(dir.path().join("Denied/Secret")).unwrap(), "canary");
    assert_eq!(std::fs::read_dir(dir.path().join("Denied")).unwrap().count(), 1);
}

#[test]
fn another_spelling_of_what_is_allowed_has_the_name_on_disk() {
    FOLDS.set(Folds::Everywhere);
    let (_dir, told, root) = world();
    let node = root.open_at("OK/fILE", &READ, "t").unwrap();
    assert_eq!(node.path().as_str(), "/m/ok/File");
    assert_eq!(told.take(), ["allow fs:read /m/ok/File"]);
    assert_eq!(node.file().unwrap().read_at(9, 0, "t").unwrap(), b"mine");
}

#[test]
fn another_spelling_below_a_directory_that_folds_is_no_way_into_what_is_denied() {
    let (dir, told, root) = world_that_folds_below();
    let fold = root.open_at("d/Fold", &OpenOptions { directory: true, ..READ }, "t").unwrap();
    let fold = fold.directory().unwrap();
    for (from, above) in [(&root, "d/Fold/"), (fold, "")] {
        for name in ["Secret", "secret", "SECRET", "Sub/Deep", "sub/Deep", "SUB/Deep"] {
            let spelling = format!("{above}{name}");
            assert!(matches!(from.open_at(&spelling, &READ, "t"), Err(FsError::Denied(_))), "{spelling}");
            let denied = told.take().pop().unwrap();
            assert!(denied.ends_with("Secret") || denied.ends_with("Sub/Deep"), "{spelling}: {denied}");
            assert!(matches!(from.open_at(&spelling, &CREATE, "t"), Err(FsError::Denied(_))), "{spelling}");
            assert!(matches!(from.stat_at(&spelling, true, "t"), Err(FsError::Denied(_))), "{spelling}");
            assert!(matches!(from.unlink_file_at(&spelling, "t"), Err(FsError::Denied(_))), "{spelling}");
            let moved = from.rename_at(&spelling, &root, "d/mine", "t");
            assert!(matches!(moved, Err(FsError::Denied(_))), "{spelling}");
            let linked = from.link_at(&spelling, false, &root, "d/mine", "t");
            assert!(matches!(linked, Err(FsError::Denied(_))), "{spelling}");
        }
    }
    let node = root.open_at("d/Fold/OPEN", &READ, "t").unwrap();
    assert_eq!(node.path().as_str(), "/m/d/Fold/Open");
    assert_eq!(node.file().unwrap().read_at(9, 0, "t").unwrap(), b"canary");
    assert!(root.open_at("d/Fold/Open", &READ, "t").is_ok());
    assert!(matches!(root.open_at("d/PLAIN", &READ, "t"), Err(FsError::NoEntry)));
    assert_eq!(std::fs::read_dir(dir.path().join("d")).unwrap().count(), 2);
}

#[test]
fn a_directory_that_folds_is_found_out_wherever_it_is_moved_to() {
    let (_dir, _told, root) = world_that_folds_below();
    root.create_directory_at("d/New", "t").unwrap();
    assert!(matches!(root.open_at("d/New/secret", &READ, "t"), Err(FsError::NoEntry)));
    root.remove_directory_at("d/New", "t").unwrap();
    root.rename_at("d/Fold", &root, "d/New", "t").unwrap();
    for spelling in ["d/New/Secret", "d/New/secret"] {
        assert!(matches!(root.open_at(spelling, &READ, "t"), Err(FsError::Denied(_))), "{spelling}");
    }
}

#[test]
fn a_handle_does_not_follow_its_directory_to_another_spelling() {
    let (dir, _told, root) = world_that_folds_below();
    root.create_directory_at("d/Fold/own", "t").unwrap();
    let own = root.open_at("d/Fold/own", &OpenOptions { directory: true, ..READ }, "t").unwrap();
    let own = own.directory().unwrap();
    std::fs::write(dir.path().join("d/Fold/own/f"), "mine").unwrap();
    assert!(own.open_at("f", &READ, "t").is_ok());
    std::fs::rename(dir.path().join("d/Fold/own"), dir.path().join("d/Fold/OWN")).unwrap();
    assert!(matches!(own.open_at("f", &READ, "t"), Err(FsError::NoEntry)));
    assert!(matches!(own.stat_at("f", true, "t"), Err(FsError::NoEntry)));
    assert!(matches!(own.entries("t"), Err(FsError::NoEntry)));
}

#[test]
fn each_directory_is_asked_once_and_a_mount_where_one_folds_is_no_longer_served_in_place() {
    let (_dir, _told, root) = world_that_folds_below();
    let asked = || ASKED.replace(0);
    asked();
    for _ in 0..10 {
        assert!(root.open_at("d/plain", &READ, "t").is_ok());
        assert!(root.stat_at("d/plain", true, "t").is_ok());
    }
    assert_eq!(asked(), 1);
    assert!(root.in_place());
    for _ in 0..10 {
        assert!(root.open_at("d/Fold/Open", &READ, "t").is_ok());
    }
    assert_eq!(asked(), 1);
    assert!(!root.in_place());
}

fn make_pipe(at: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, at, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

/// A mount that takes the fast way, with a pipe in it.
fn world_with_a_pipe() -> (tempfile::TempDir, Directory) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("d")).unwrap();
    std::fs::write(dir.path().join("d/file"), "mine").unwrap();
    make_pipe(&dir.path().join("d/pipe"));
    let mount = Arc::new(Mount::on_system(MountSpec::new(dir.path(), path("/m")), &Odd));
    let root = Directory::root(mount, Lease::for_walking(session(|_, _| true).0, path("/m").into()));
    (dir, root)
}

#[test]
fn what_is_no_file_is_not_even_opened() {
    let (_dir, root) = world_with_a_pipe();
    let refuses = |name: &str| {
        OPENED.take();
        for how in [READ, CREATE, OpenOptions { directory: true, ..READ }] {
            assert!(root.open_at(name, &how, "t").is_err(), "{name} {how:?}");
        }
        assert_eq!(OPENED.take(), [], "{name}");
    };
    refuses("d/pipe");
    for _ in 0..2 {
        assert!(root.open_at("d/file", &READ, "t").is_ok());
    }
    root.unlink_file_at("d/file", "t").unwrap();
    root.link_at("d/pipe", false, &root, "d/file", "t").unwrap();
    refuses("d/file");
    root.open_at("d/new", &CREATE, "t").unwrap();
    root.rename_at("d/pipe", &root, "d/new", "t").unwrap();
    refuses("d/new");
    root.open_at("d", &READ, "t").unwrap();
    root.rename_at("d/new", &root, "pipe", "t").unwrap();
    root.rename_at("d", &root, "e", "t").unwrap();
    root.rename_at("pipe", &root, "d", "t").unwrap();
    refuses("d");
}

#[test]
fn two_handles_are_compared_without_a_look_at_the_disk() {
    let (_dir, _told, root) = world();
    let one = root.open_at("ok/File", &READ, "t").unwrap();
    let other = root.open_at("ok/File", &OpenOptions { read: false, ..READ }, "t").unwrap();
    let directory = root.open_at("ok", &READ, "t").unwrap();
    LOOKS.set(0);
    assert!(one.is_same_object(&other, "t").unwrap());
    assert!(!one.is_same_object(&directory, "t").unwrap());
    assert_eq!(LOOKS.get(), 0);
}

/// Lets something happen at each act from now on in this thread.
fn each_time(happens: impl FnMut() + 'static) {
    MEANWHILE.set(Some(Box::new(happens)));
}

/// Lets something happen at the next act alone.
fn once(happens: impl FnOnce() + 'static) {
    let mut happens = Some(happens);
    each_time(move || {
        if let Some(happens) = happens.take() {
            happens();
        }
    });
}

#[test]
fn what_is_put_in_the_place_of_a_file_just_before_it_is_opened_is_found_and_decided_on() {
    let (dir, told, root) = world();
    let file = dir.path().join("ok/File");
    let place = file.clone();
    once(move || {
        std::fs::remove_file(&place).unwrap();
        std::os::unix::fs::symlink("../Denied/Secret", &place).unwrap();
    });
    assert!(matches!(root.open_at("ok/File", &READ, "t"), Err(FsError::Denied(_))));
    assert_eq!(told.take().last().unwrap(), "deny fs:read /m/Denied/Secret");

    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "mine").unwrap();
    let place = file.clone();
    once(move || {
        std::fs::remove_file(&place).unwrap();
        make_pipe(&place);
    });
    assert!(matches!(root.open_at("ok/File", &READ, "t"), Err(FsError::NotPermitted)));
}

#[test]
fn what_is_another_file_each_time_it_is_opened_is_denied() {
    let (dir, told, root) = world();
    let (file, mut number) = (dir.path().join("ok/File"), 0);
    each_time(move || {
        // Kept under another name, so that its number on the disk is not given to the next.
        number += 1;
        std::fs::rename(&file, file.with_extension(number.to_string())).unwrap();
        std::fs::write(&file, "another").unwrap();
    });
    let Err(FsError::Denied(denied)) = root.open_at("ok/File", &READ, "t") else { panic!("opened") };
    assert_eq!(denied.why, crate::Why::Unstable);
    assert_eq!(told.take().last().unwrap(), "deny fs:read /m/ok/File");
}

#[test]
fn a_name_that_is_taken_just_before_it_is_made_is_opened_as_it_is() {
    let (dir, told, root) = world();
    let new = dir.path().join("ok/new");
    let place = new.clone();
    once(move || std::fs::write(&place, "theirs").unwrap());
    let node = root.open_at("ok/new", &CREATE, "t").unwrap();
    assert_eq!(node.path().as_str(), "/m/ok/new");
    assert_eq!(std::fs::read_to_string(&new).unwrap(), "theirs");

    std::fs::remove_file(&new).unwrap();
    let place = new.clone();
    once(move || std::os::unix::fs::symlink("../Denied/new", &place).unwrap());
    told.take();
    assert!(matches!(root.open_at("ok/new", &CREATE, "t"), Err(FsError::Denied(_))));
    assert!(!dir.path().join("Denied/new").exists());
}

#[test]
fn a_name_that_is_taken_just_before_a_rename_is_not_replaced() {
    let (dir, _told, root) = world();
    let new = dir.path().join("ok/new");
    let place = new.clone();
    once(move || std::fs::write(&place, "theirs").unwrap());
    assert!(matches!(root.rename_at("ok/File", &root, "ok/new", "t"), Err(FsError::Exist)));
    assert_eq!(std::fs::read_to_string(&new).unwrap(), "theirs");
}
