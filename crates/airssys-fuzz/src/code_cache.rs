//! The code cache: nothing reaches deserialisation but what this installation compiled, for this very file.
//!
//! An input makes an entry: from the right one, another component's, another installation's or none, changed in a few places.
//! Unless it is the right one byte for byte, it must be compiled anew for a reason that was found before any of its code was
//! read, and be put right for the next.

use crate::choices::Choices;
use crate::identity::{acme, signed};
use airssys_wasm::identity::{VerifiedComponent, verify};
use airssys_wasm::kernel::{CODE_CACHE_BYTES, CodeCache, Compiled, Engine, Limits, Origin};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::LazyLock;

/// Why an entry is not used, where that is found by its seal.
const BY_THE_SEAL: [&str; 3] = [
    "it is of no format that is known here",
    "it ends before its seal does",
    "its seal is not of this installation, component, engine and code",
];
/// Changes to one entry, at most.
const CHANGES: usize = 4;

/// What is judged: where the code of a component comes from, with this directory as cache, in a process that begins now.
pub type Load = dyn Fn(&Path, &VerifiedComponent) -> Origin;

/// The product's.
///
/// # Panics
/// When the component cannot be compiled.
pub fn product(cache: &Path, component: &VerifiedComponent) -> Origin {
    let engine = Engine::new(Limits::default().stack_kib, None).unwrap();
    let engine = engine.with_cache(CodeCache::open(cache, CODE_CACHE_BYTES).unwrap());
    Compiled::new(&engine, component, &Limits::default()).unwrap().origin().clone()
}

/// The oracle.
///
/// # Panics
/// When an entry is used that is not the right one, or the right one is not.
pub fn code_cache(data: &[u8]) {
    check(data, &product);
}

/// The same of any cache.
///
/// # Panics
/// As [`code_cache`].
pub fn check(data: &[u8], load: &Load) {
    let mut choices = Choices::new(data);
    let world = &*WORLD;
    let entry = entry(&mut choices, world);
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    filled(&cache, &world.ours, entry.as_deref());
    let found = load(&cache, &world.component);
    match (&entry, &found) {
        (None, Origin::Compiled) => {}
        (Some(entry), Origin::Cached) => assert_eq!(*entry, world.ours.entry, "another entry was used"),
        (Some(entry), Origin::CompiledAnew(why)) => {
            assert_ne!(*entry, world.ours.entry, "the right entry was not used: {why}");
            assert!(BY_THE_SEAL.contains(&why.as_str()), "its code was read: {why}");
        }
        _ => panic!("{found:?} with {:?} bytes", entry.map(|entry| entry.len())),
    }
    assert_eq!(load(&cache, &world.component), Origin::Cached, "it was not put right");
}

/// What an installation has in its cache.
struct Installation {
    key: Vec<u8>,
    name: String,
    entry: Vec<u8>,
    /// The entry of another component.
    other: Vec<u8>,
}

struct World {
    component: VerifiedComponent,
    ours: Installation,
    theirs: Installation,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let of = |note: &[u8]| verify(signed(note), &acme(), jiff::Timestamp::now()).unwrap();
    let (component, other) = (of(b"one"), of(b"other"));
    let (ours, theirs) = (installed(&component, &other), installed(&component, &other));
    World { component, ours, theirs }
});

/// A new installation that has compiled both.
fn installed(component: &VerifiedComponent, other: &VerifiedComponent) -> Installation {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(&cache).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "key").collect()
    };
    assert_eq!(product(&cache, component), Origin::Compiled);
    let name = names().pop().unwrap();
    assert_eq!(product(&cache, other), Origin::Compiled);
    let of_other = names().into_iter().find(|found| *found != name).unwrap();
    let read = |name: &str| std::fs::read(cache.join(name)).unwrap();
    Installation { key: read("key"), entry: read(&name), other: read(&of_other), name }
}

/// A private directory with the installation's key, and that entry under the component's name.
fn filled(cache: &Path, installation: &Installation, entry: Option<&[u8]>) {
    std::fs::DirBuilder::new().mode(0o700).create(cache).unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let mut file = std::fs::OpenOptions::new();
        let mut file = file.write(true).create_new(true).mode(0o600).open(cache.join(name)).unwrap();
        std::io::Write::write_all(&mut file, bytes).unwrap();
    };
    put("key", &installation.key);
    if let Some(entry) = entry {
        put(&installation.name, entry);
    }
}

/// What lies there, if anything.
fn entry(choices: &mut Choices<'_>, world: &World) -> Option<Vec<u8>> {
    let mut entry = match choices.below(8) {
        0..=3 => world.ours.entry.clone(),
        4 => world.ours.other.clone(),
        5 => world.theirs.entry.clone(),
        6 => choices.bytes(100).to_vec(),
        _ => return None,
    };
    for _ in 0..choices.below(CHANGES + 1) {
        change(&mut entry, choices, world);
    }
    Some(entry)
}

fn change(entry: &mut Vec<u8>, choices: &mut Choices<'_>, world: &World) {
    // Before the code as often as in it.
    let most = if choices.rarely(2) { entry.len() } else { entry.len().min(48) };
    let at = choices.below(most + 1);
    match choices.below(6) {
        0 if at < entry.len() => entry[at] ^= choices.byte(),
        1 => entry.truncate(at),
        2 => entry.insert(at, choices.byte()),
        3 if at < entry.len() => drop(entry.remove(at)),
        4 => entry.extend_from_slice(choices.bytes(16)),
        _ => {
            // Another's, from there on.
            let from = choices.one(&[&world.ours.entry, &world.ours.other, &world.theirs.entry]);
            entry.truncate(at);
            entry.extend_from_slice(from.get(at..).unwrap_or(&[]));
        }
    }
}
