//! What is refused when mounts are loaded, and what of them is shown.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test builds its world by hand"
)]

mod common;

use airssys_osl::GuestPath;
use airssys_osl::fs::{MountError, MountOptions, MountSpec, Mounts, Resolver};
use common::{Log, READ, Script, both, refused};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn spec(host: impl Into<PathBuf>, guest: &str, read_only: bool) -> MountSpec {
    let guest = GuestPath::parse(guest).unwrap();
    MountSpec { host: host.into(), guest, read_only, options: MountOptions::default() }
}

fn dirs() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().canonicalize().unwrap();
    for name in ["a/inner", "b", "etc"] {
        std::fs::create_dir_all(real.join(name)).unwrap();
    }
    std::fs::write(real.join("a/policy.cedar"), "").unwrap();
    std::fs::write(real.join("etc/policy.cedar"), "").unwrap();
    (dir, real)
}

fn link(target: impl AsRef<Path>, at: impl AsRef<Path>) {
    std::os::unix::fs::symlink(target, at).unwrap();
}

#[track_caller]
fn error(specs: Vec<MountSpec>, protected: &[PathBuf]) -> MountError {
    Mounts::open_ambient(specs, protected).unwrap_err()
}

#[test]
fn mounts_that_overlap_in_the_guest_are_refused() {
    let (_dir, real) = dirs();
    for (first, second) in [("/m", "/m"), ("/m", "/m/n"), ("/m/n/o", "/m"), ("/", "/m")] {
        let specs = vec![spec(real.join("a"), first, false), spec(real.join("b"), second, false)];
        assert!(matches!(error(specs, &[]), MountError::GuestOverlap { .. }), "{first} {second}");
    }
    let specs = vec![spec(real.join("a"), "/m", false), spec(real.join("b"), "/mm", false)];
    assert!(Mounts::open_ambient(specs, &[]).is_ok());
}

#[test]
fn mounts_that_show_the_same_files_twice_are_refused() {
    let (_dir, real) = dirs();
    link("a", real.join("alias"));
    link("a/inner", real.join("alias-inner"));
    for (first, second) in [
        ("a", "a"),
        ("a", "a/inner"),
        ("a/inner", "a"),
        ("a", "alias"),
        ("a", "alias-inner"),
        ("a", "b/../a/./inner"),
    ] {
        let specs = vec![spec(real.join(first), "/m", true), spec(real.join(second), "/n", false)];
        assert!(matches!(error(specs, &[]), MountError::HostOverlap { .. }), "{first} {second}");
    }
}

#[test]
fn what_is_no_directory_is_refused_with_its_place_and_the_remedy() {
    let (_dir, real) = dirs();
    link("nowhere", real.join("dangling"));
    common::make_fifo(&real.join("pipe"));
    for name in ["none", "etc/policy.cedar", "dangling", "pipe"] {
        for resolver in [Resolver::Auto, Resolver::Portable] {
            let mut spec = spec(real.join(name), "/m", false);
            spec.options.resolver = resolver;
            let sentence = error(vec![spec], &[]).to_string();
            assert!(sentence.contains(name) && sentence.contains("/m"), "{sentence}");
            assert!(sentence.contains("name a host directory that exists"), "{sentence}");
        }
    }
}

#[test]
fn what_the_hosts_authority_rests_on_is_not_mounted_for_writing() {
    let (_dir, real) = dirs();
    link("../a/policy.cedar", real.join("etc/linked.cedar"));
    link("../a", real.join("etc/way"));
    link("../etc/policy.cedar", real.join("a/pointer.cedar"));
    link("../etc", real.join("a/way-out"));
    for protected in [
        "a/policy.cedar",
        "a/inner",
        "a",
        "a/not-yet.jsonl",
        "a/none/not-yet.jsonl",
        "b/../a/policy.cedar",
        // The file it leads to could be changed.
        "etc/linked.cedar",
        "etc/way/policy.cedar",
        "etc/way/new.jsonl",
        // The link itself could be changed, though it leads elsewhere.
        "a/pointer.cedar",
        "a/way-out/policy.cedar",
    ] {
        let refused = error(vec![spec(real.join("a"), "/m", false)], &[real.join(protected)]);
        let MountError::Protected { .. } = &refused else { panic!("{protected}: {refused}") };
        assert!(refused.to_string().contains(":ro"), "{refused}");
        let read_only = vec![spec(real.join("a"), "/m", true)];
        assert!(Mounts::open_ambient(read_only, &[real.join(protected)]).is_ok(), "{protected}");
    }
    // A policy can be added to a directory of policies.
    let refused = error(vec![spec(real.join("a/inner"), "/m", false)], &[real.join("a")]);
    assert!(matches!(refused, MountError::Protected { .. }), "{refused}");
    for protected in ["etc/policy.cedar", "b", "ab", "etc/linked-not"] {
        let specs = vec![spec(real.join("a"), "/m", false)];
        assert!(Mounts::open_ambient(specs, &[real.join(protected)]).is_ok(), "{protected}");
    }
}

#[test]
fn a_protected_file_with_another_name_is_not_left_to_a_mount_for_writing() {
    let (_dir, real) = dirs();
    let policy = real.join("etc/policy.cedar");
    link("policy.cedar", real.join("etc/current"));
    let writable = || vec![spec(real.join("a"), "/m", false)];
    assert!(Mounts::open_ambient(writable(), std::slice::from_ref(&policy)).is_ok());
    std::fs::hard_link(&policy, real.join("a/inner/second")).unwrap();
    for protected in [policy.clone(), real.join("etc/current")] {
        let refused = error(writable(), std::slice::from_ref(&protected));
        let MountError::Linked { .. } = &refused else { panic!("{refused}") };
        let sentence = refused.to_string();
        for told in [protected.to_str().unwrap(), real.join("a").to_str().unwrap(), "/m", ":ro", "a copy"] {
            assert!(sentence.contains(told), "{sentence}");
        }
        let read_only = vec![spec(real.join("a"), "/m", true)];
        assert!(Mounts::open_ambient(read_only, &[protected]).is_ok());
    }
    // A directory always has several names, and none of them is elsewhere.
    assert!(Mounts::open_ambient(writable(), &[real.join("etc")]).is_ok());
    // No name on this device is one on another.
    let elsewhere = common::scratch();
    let (other, here) = (elsewhere.path(), &real);
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| std::fs::metadata(path).unwrap().dev();
    let mut far = spec(other, "/m", false);
    let answer = Mounts::open_ambient(vec![far.clone()], std::slice::from_ref(&policy));
    assert_eq!(answer.is_ok(), device(other) != device(here));
    far.options.cross_devices = true;
    assert!(
        matches!(error(vec![far], &[policy]), MountError::Linked { .. }),
        "another device may lie within"
    );
}

#[test]
fn a_protected_name_that_cannot_be_told_is_an_error() {
    let (_dir, real) = dirs();
    link("loop", real.join("loop"));
    let refused = error(vec![spec(real.join("a"), "/m", false)], &[real.join("loop/policy.cedar")]);
    assert!(matches!(refused, MountError::Unknown { .. }), "{refused}");
}

#[test]
fn a_mount_that_no_policy_lets_near_is_not_shown() {
    let (_dir, real) = dirs();
    let mounts = Mounts::open_ambient(vec![spec(real.join("a"), "/m", false)], &[]).unwrap();
    let (script, log) = (Script::new(|_, _| true), Arc::new(Log::default()));
    let session = common::session(&script, &log);
    script.visible.store(false, Ordering::SeqCst);
    assert!(mounts.roots(&session).is_empty());
    script.visible.store(true, Ordering::SeqCst);
    let roots = mounts.roots(&session);
    assert_eq!(roots[0].1.as_str(), "/m");
    assert!(log.take().is_empty(), "no decision, no record");
    session.revoke();
    assert!(mounts.roots(&session).is_empty());
}

#[test]
fn a_mount_stays_what_it_was_when_its_name_on_the_host_goes_elsewhere() {
    both(|resolver| {
        let world = common::World::new(resolver, |_, _| true);
        world.file("f", "mine");
        std::fs::rename(&world.host, world.host.with_file_name("moved")).unwrap();
        std::os::unix::fs::symlink(&world.outside, &world.host).unwrap();
        assert_eq!(world.read("f").unwrap(), "mine");
        refused(world.open("secret", READ), "no-entry");
    });
}

#[test]
fn local_file_systems_are_served_in_place_and_one_lock_guards_one_directory() {
    let (_dir, real) = dirs();
    let mounts = Mounts::open_ambient(vec![spec(real.join("a"), "/m", false)], &[]).unwrap();
    assert!(mounts.in_place() && !mounts.is_empty());
    let mut across = spec(real.join("b"), "/n", false);
    across.options.cross_devices = true;
    assert!(!Mounts::open_ambient(vec![across], &[]).unwrap().in_place());
    assert!(Mounts::default().is_empty());
}
