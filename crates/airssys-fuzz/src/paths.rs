//! Paths: what is found is what Linux finds beneath the root (`openat2` with `RESOLVE_BENEATH`), whichever way is taken.
//!
//! An input makes a small tree of directories, files, symbolic and hard links, some of which lead out, and then asks for
//! paths in it. Each object has a time of its own, by which it is known, whatever its names.

use crate::choices::Choices;
use crate::scripted::{Lines, Rules, Scripted, session};
use airssys_osl::fs::{Directory, FsError, MountOptions, MountSpec, Mounts, OpenOptions, Resolver};
use airssys_osl::{Gate, GuestPath};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, Timespec, Timestamps, fstat, openat2, utimensat};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const IMPORT: &str = "test:fs/types#call";
/// Of the first object; each further one is a second younger.
const FIRST: u64 = 1_000_000;

/// What is judged: the object that a path leads to.
pub type Finder = dyn Fn(&Place<'_>, &str, bool) -> Result<Found, FsError>;

/// Where it looks.
pub struct Place<'a> {
    /// The guest's root.
    pub root: &'a Directory,
    /// The same on the host.
    pub host: &'a Path,
}

/// An object, by its time, and the path under which it was decided on, where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// When it was modified, in seconds.
    pub object: u64,
    /// Canonical, beneath the root, without a slash at its beginning.
    pub path: Option<String>,
}

/// The product's way.
///
/// # Errors
/// As the guest would be told.
pub fn product(place: &Place<'_>, path: &str, follow: bool) -> Result<Found, FsError> {
    let stat = place.root.stat_at(path, follow, IMPORT)?;
    let object = seconds(stat.modified.unwrap());
    let how = OpenOptions { follow, ..OpenOptions::default() };
    let path = match place.root.open_at(path, &how, IMPORT) {
        Ok(node) => {
            assert_eq!(seconds(node.stat(IMPORT)?.modified.unwrap()), object, "two objects for `{path}`");
            Some(node.path().as_str().trim_start_matches("/m").trim_start_matches('/').to_owned())
        }
        // A link cannot be opened.
        Err(_) => None,
    };
    Ok(Found { object, path })
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The oracle.
///
/// # Panics
/// When a path leads elsewhere than it does beneath the root.
pub fn paths(data: &[u8]) {
    check(data, &product);
}

/// The same of any way to find an object.
///
/// # Panics
/// As [`paths`].
pub fn check(data: &[u8], finder: &Finder) {
    let mut choices = Choices::new(data);
    let tree = Tree::new(&mut choices);
    let roots = [Resolver::Auto, Resolver::Portable].map(|resolver| tree.mounted(resolver));
    for _ in 0..=choices.below(12) {
        let (path, follow) = (path(&mut choices, &tree), choices.below(2) == 0);
        let told = roots.each_ref().map(|root| finder(&Place { root, host: &tree.host }, &path, follow));
        let words = told.each_ref().map(|told| told.as_ref().map_err(ToString::to_string));
        assert_eq!(words[0], words[1], "two ways with `{path}`, followed: {follow}\n{}", tree.told);
        compare(&tree, &path, follow, &told[0]);
    }
}

fn compare(tree: &Tree, path: &str, follow: bool, told: &Result<Found, FsError>) {
    let beneath = tree.beneath(path, follow, ResolveFlags::BENEATH);
    let shown = format!("`{path}`, followed: {follow}, {told:?}, {beneath:?}\n{}", tree.told);
    match (told, beneath) {
        (Ok(found), Ok(object)) => {
            assert_eq!(found.object, object, "another object: {shown}");
            // What was decided on is that object's own path, without a link on the way.
            let Some(path) = &found.path else { return };
            let path = if path.is_empty() { "." } else { path };
            let canonical = tree.beneath(path, false, ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS);
            assert_eq!(canonical, Ok(object), "not its path: {shown}");
        }
        (Err(_), Err(_)) => {}
        _ => panic!("one of two finds it: {shown}"),
    }
}

/// A tree on disk, in memory where the platform has such a place.
struct Tree {
    host: PathBuf,
    outside: String,
    /// How it was made, for people.
    told: String,
    _dir: tempfile::TempDir,
}

impl Tree {
    fn new(choices: &mut Choices<'_>) -> Tree {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (host, outside) = (dir.path().join("mount"), dir.path().join("out"));
        std::fs::create_dir(&host).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("a"), "canary").unwrap();
        let outside = outside.to_str().unwrap().to_owned();
        let mut tree = Tree { host, outside, told: String::new(), _dir: dir };
        let mut made: Vec<PathBuf> = vec![tree.host.clone()];
        for _ in 0..=choices.below(12) {
            made.extend(tree.made(choices, &made));
        }
        made.push(tree.outside.clone().into());
        made.push(Path::new(&tree.outside).join("a"));
        for (path, second) in made.iter().zip(FIRST as i64..) {
            let at = Timespec { tv_sec: second, tv_nsec: 0 };
            let times = Timestamps { last_access: at, last_modification: at };
            utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
        }
        tree
    }

    /// One more object, if its name is free and its directory one.
    fn made(&mut self, choices: &mut Choices<'_>, made: &[PathBuf]) -> Option<PathBuf> {
        let directories: Vec<_> = made.iter().filter(|path| path.is_dir() && !path.is_symlink()).collect();
        let directory = directories[choices.below(directories.len())];
        let path = directory.join(choices.one(&NAMES));
        let (done, what) = match choices.weighted(&[3, 4, 2, 1]) {
            0 => (std::fs::create_dir(&path), "directory".to_owned()),
            1 => {
                let target = self::path(choices, self);
                (std::os::unix::fs::symlink(&target, &path), format!("-> {target}"))
            }
            2 => (std::fs::File::create_new(&path).map(drop), "file".to_owned()),
            _ => {
                let target = &made[choices.below(made.len())];
                (std::fs::hard_link(target, &path), format!("= {}", target.display()))
            }
        };
        done.ok()?;
        self.told += &format!("{} {what}\n", path.display());
        Some(path)
    }

    fn mounted(&self, resolver: Resolver) -> Directory {
        let options = MountOptions { resolver, ..MountOptions::default() };
        let guest = GuestPath::parse("/m").unwrap();
        let spec = MountSpec { host: self.host.clone(), guest, read_only: false, options };
        let mounts = Mounts::open_ambient(vec![spec], &[]).unwrap();
        // Where a path leads is the question, not whether it may.
        let gate = Gate::new(Scripted::new(Rules::Everything), Arc::new(Lines::default()));
        mounts.roots(&session(&gate, 1)).remove(0).0.directory().unwrap().clone()
    }

    /// The object that Linux finds.
    fn beneath(&self, path: &str, follow: bool, how: ResolveFlags) -> Result<u64, rustix::io::Errno> {
        let root = rustix::fs::open(&self.host, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let last = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        let file = openat2(&root, path, OFlags::PATH | OFlags::CLOEXEC | last, Mode::empty(), how)?;
        Ok(fstat(&file)?.st_mtime as u64)
    }
}

const NAMES: [&str; 4] = ["a", "b", "c", "ä"];

/// A path of a few names, some of which lead up or out.
fn path(choices: &mut Choices<'_>, tree: &Tree) -> String {
    let mut path = match choices.weighted(&[12, 1, 1, 1]) {
        0 => String::new(),
        1 => "/".to_owned(),
        2 => format!("{}/", tree.outside),
        _ => format!("{}/", tree.host.display()),
    };
    let count = choices.below(6);
    for at in 0..count {
        path += match choices.weighted(&[8, 3, 1, 1]) {
            0 => choices.one(&NAMES),
            1 => "..",
            2 => ".",
            _ => "",
        };
        path += if at + 1 < count || choices.rarely(5) { "/" } else { "" };
    }
    path
}
