//! The code cache: what is kept is used when this installation made it, and nothing else is, whoever put it there.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod guests;
mod support;

use airssys_osl::GuestPath;
use airssys_osl::fs::MountSpec;
use airssys_wasm::embed::{ComponentRuntime, Config};
use airssys_wasm::identity::{VerifiedComponent, verify};
use airssys_wasm::kernel::{CODE_CACHE_BYTES, CodeCache, Compiled, Engine, Limits, Origin};
use std::num::NonZeroU64;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

fn verified(name: &str) -> VerifiedComponent {
    let signed = support::signed(name, &guests::text("tiny"));
    verify(signed, &support::trust(), jiff::Timestamp::now()).unwrap()
}

fn engine(cache: &Path, most: u64) -> Engine {
    let engine = Engine::new(Limits::default().stack_kib, None).unwrap();
    engine.with_cache(CodeCache::open(cache, most).unwrap())
}

/// Where its code comes from in a process that begins now.
fn origin(cache: &Path, verified: &VerifiedComponent) -> Origin {
    origin_within(cache, verified, CODE_CACHE_BYTES)
}

fn origin_within(cache: &Path, verified: &VerifiedComponent, most: u64) -> Origin {
    Compiled::new(&engine(cache, most), verified, &Limits::default()).unwrap().origin().clone()
}

/// A fresh cache with the code of one component, and the path of its entry.
fn filled(verified: &VerifiedComponent) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    assert_eq!(origin(&cache, verified), Origin::Compiled);
    let entry = entries(&cache).pop().unwrap();
    (directory, entry)
}

fn entries(cache: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| !path.ends_with("key")).collect()
}

fn is_foreign(origin: &Origin) -> bool {
    matches!(origin, Origin::CompiledAnew(_))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn an_entry_that_was_changed_anywhere_is_compiled_anew_and_replaced() {
    let tiny = verified("tiny");
    let (directory, entry) = filled(&tiny);
    let cache = directory.path().join("cache");
    let good = std::fs::read(&entry).unwrap();
    // Each byte before the code, and many of it; that each bit counts is shown where entries are opened.
    let sample = (0..64).chain((64..good.len()).step_by(good.len() / 60)).chain([good.len() - 1]);
    for at in sample {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        std::fs::write(&entry, &bad).unwrap();
        assert!(is_foreign(&origin(&cache, &tiny)), "byte {at}");
        assert_eq!(origin(&cache, &tiny), Origin::Cached, "it was not replaced, byte {at}");
    }
    for bad in [&good[..0], &good[..7], &good[..40], &good[..good.len() - 1], &[&good[..], &[0]].concat()] {
        std::fs::write(&entry, bad).unwrap();
        assert!(is_foreign(&origin(&cache, &tiny)), "{} of {} bytes", bad.len(), good.len());
    }
}

#[test]
fn code_of_another_component_installation_or_engine_is_not_used() {
    let (tiny, other) = (verified("tiny"), verified("other"));
    let (directory, entry) = filled(&tiny);
    let cache = directory.path().join("cache");
    // Another component's entry under this one's name: the machine code would be taken.
    let (elsewhere, of_other) = filled(&other);
    assert_eq!(origin(&cache, &other), Origin::Compiled);
    let other_entry = entries(&cache).into_iter().find(|path| *path != entry).unwrap();
    std::fs::copy(&other_entry, &entry).unwrap();
    assert!(is_foreign(&origin(&cache, &tiny)));
    // Another installation's, of the right component.
    let (theirs, their_entry) = filled(&tiny);
    assert_eq!(their_entry.file_name(), entry.file_name());
    std::fs::copy(&their_entry, &entry).unwrap();
    assert!(is_foreign(&origin(&cache, &tiny)));
    // Another engine looks for another entry.
    let wider = Engine::new(NonZeroU64::new(1024).unwrap(), None).unwrap();
    let wider = wider.with_cache(CodeCache::open(&cache, CODE_CACHE_BYTES).unwrap());
    let compiled = Compiled::new(&wider, &tiny, &Limits::default()).unwrap();
    assert_eq!(*compiled.origin(), Origin::Compiled);
    assert_eq!(origin(&cache, &tiny), Origin::Cached);
    drop((elsewhere, of_other, theirs));
}

#[test]
fn what_is_no_plain_file_of_this_user_alone_is_not_used() {
    let tiny = verified("tiny");
    let (directory, entry) = filled(&tiny);
    let cache = directory.path().join("cache");
    let aside = directory.path().join("aside");
    std::fs::copy(&entry, &aside).unwrap();
    let replace: [(&str, &dyn Fn()); 4] = [
        ("a link", &|| symlink(&aside, &entry).unwrap()),
        ("a directory", &|| std::fs::create_dir(&entry).unwrap()),
        ("a pipe", &|| {
            let made = std::process::Command::new("mkfifo").arg(&entry).status().unwrap();
            assert!(made.success());
        }),
        ("a file that others may write", &|| {
            std::fs::copy(&aside, &entry).unwrap();
            set_mode(&entry, 0o620);
        }),
    ];
    for (what, put) in replace {
        std::fs::remove_file(&entry).unwrap();
        put();
        assert!(is_foreign(&origin(&cache, &tiny)), "{what}");
        assert_eq!(origin(&cache, &tiny), Origin::Cached, "{what} was not replaced");
    }
}

#[test]
fn a_directory_or_key_that_is_not_this_users_alone_is_refused_with_the_remedy() {
    let tiny = verified("tiny");
    let (directory, _) = filled(&tiny);
    let cache = directory.path().join("cache");
    let refused = |wanted: &[&str]| {
        let error = CodeCache::open(&cache, CODE_CACHE_BYTES).unwrap_err().to_string();
        assert!(wanted.iter().all(|wanted| error.contains(wanted)), "{error}");
    };
    set_mode(&cache, 0o750);
    refused(&["mode 0750", "chmod 700"]);
    set_mode(&cache, 0o700);
    let key = cache.join("key");
    set_mode(&key, 0o640);
    refused(&["key", "0600"]);
    set_mode(&key, 0o600);
    let kept = std::fs::read(&key).unwrap();
    for wrong in [&kept[..31], &[]] {
        std::fs::write(&key, wrong).unwrap();
        refused(&["is no key", "remove it"]);
    }
    std::fs::write(&key, [&kept[..], &[0]].concat()).unwrap();
    refused(&["key"]);
    std::fs::write(&key, &kept).unwrap();
    assert_eq!(origin(&cache, &tiny), Origin::Cached);
    let real = directory.path().join("real");
    std::fs::rename(&cache, &real).unwrap();
    symlink(&real, &cache).unwrap();
    refused(&["a link"]);
    std::fs::remove_file(&cache).unwrap();
    std::fs::write(&cache, "").unwrap();
    assert!(CodeCache::open(&cache, CODE_CACHE_BYTES).is_err());
}

#[test]
fn a_new_key_makes_all_that_was_kept_foreign() {
    let tiny = verified("tiny");
    let (directory, _) = filled(&tiny);
    let cache = directory.path().join("cache");
    std::fs::remove_file(cache.join("key")).unwrap();
    assert!(is_foreign(&origin(&cache, &tiny)));
    assert_eq!(origin(&cache, &tiny), Origin::Cached);
}

#[test]
fn what_was_compiled_once_is_found_and_nobody_else_can_read_it() {
    let tiny = verified("tiny");
    let (directory, entry) = filled(&tiny);
    let cache = directory.path().join("cache");
    assert_eq!(origin(&cache, &tiny), Origin::Cached);
    assert_eq!((mode(&cache), mode(&cache.join("key")), mode(&entry)), (0o700, 0o600, 0o600));
    let engine = engine(&cache, CODE_CACHE_BYTES);
    let again = || Compiled::new(&engine, &tiny, &Limits::default()).unwrap().origin().clone();
    assert_eq!((again(), again()), (Origin::Cached, Origin::Recent));
}

#[test]
fn what_was_not_used_for_the_longest_goes_when_there_is_no_room() {
    let (tiny, other, third) = (verified("tiny"), verified("other"), verified("third"));
    let (directory, entry) = filled(&tiny);
    let cache = directory.path().join("cache");
    let two = std::fs::metadata(&entry).unwrap().len() * 5 / 2;
    assert_eq!(origin_within(&cache, &other, two), Origin::Compiled);
    // As it is between uses: the clock of files has its own steps.
    std::thread::sleep(std::time::Duration::from_millis(30));
    assert_eq!(origin_within(&cache, &tiny, two), Origin::Cached);
    assert_eq!(origin_within(&cache, &third, two), Origin::Compiled);
    assert_eq!(entries(&cache).len(), 2);
    assert_eq!(origin_within(&cache, &tiny, two), Origin::Cached);
    assert_eq!(origin_within(&cache, &other, two), Origin::Compiled);
    // What is larger than all that may be there is not put there.
    assert_eq!(origin_within(&cache, &verified("fourth"), 100), Origin::Compiled);
    assert_eq!(entries(&cache).len(), 2);
}

#[test]
fn a_cache_that_cannot_be_written_keeps_nothing_and_nothing_fails() {
    let tiny = verified("tiny");
    let (directory, entry) = filled(&tiny);
    let cache = directory.path().join("cache");
    let engine = engine(&cache, CODE_CACHE_BYTES);
    std::fs::remove_dir_all(&cache).unwrap();
    let compiled = Compiled::new(&engine, &tiny, &Limits::default()).unwrap();
    assert_eq!(*compiled.origin(), Origin::Compiled);
    assert!(!entry.exists());
}

fn config(cache: &Path) -> (Config, airssys_wasm::audit::Memory) {
    let (config, memory) = support::config(support::ALLOW_ALL);
    (config.code_cache(cache), memory)
}

#[tokio::test]
async fn code_that_was_not_used_is_in_the_log_and_the_component_runs() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    for (round, noted) in [0, 1, 0].into_iter().enumerate() {
        let (config, memory) = config(&cache);
        let runtime = ComponentRuntime::new(config).unwrap();
        let signed = support::signed("tiny", &guests::text("tiny"));
        let component = runtime.load_component(signed).await.unwrap();
        let () = component.call("run-empty", &()).await.unwrap();
        let notes = support::of_kind(&memory, "note");
        assert_eq!(notes.len(), noted, "round {round}: {notes:?}");
        for note in notes {
            assert_eq!(note["subject"], "acme/tiny");
            assert!(note["text"].as_str().unwrap().contains("its seal is not"), "{note}");
        }
        if round == 0 {
            let entry = entries(&cache).pop().unwrap();
            let mut bytes = std::fs::read(&entry).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(&entry, bytes).unwrap();
        }
    }
}

#[test]
fn a_guest_cannot_be_given_the_cache_to_write() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let (config, _) = config(&cache);
    let config = config.mount(MountSpec::new(directory.path(), GuestPath::root()));
    let error = ComponentRuntime::new(config).unwrap_err().to_string();
    assert!(error.contains("cache"), "{error}");
}
