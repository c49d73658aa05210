//! The ways out of a mount that are known to have worked somewhere, each with a canary that must stay untouched, and
//! each by both ways of looking up.
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

use airssys_osl::ActionId;
use airssys_osl::fs::{MountOptions, NewTime, NewTimes, OpenOptions};
use common::{CANARY, CREATE, IMPORT, LIST, LOOK, READ, WRITE, World, answer, both, refused};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

fn all(_: ActionId, _: &str) -> bool {
    true
}

/// Everything but what lies at or beneath `/m/denied`.
fn but_denied(_: ActionId, id: &str) -> bool {
    id != "/m/denied" && !id.starts_with("/m/denied/")
}

const TRUNCATE: OpenOptions = OpenOptions { truncate: true, ..WRITE };

/// Every function on one path; the words of its answers.
fn everything(world: &World, path: &str) -> Vec<&'static str> {
    let root = &world.root;
    let times = NewTimes { accessed: NewTime::Now, modified: NewTime::Now };
    vec![
        answer(world.open(path, READ)),
        answer(world.open(path, WRITE)),
        answer(world.open(path, TRUNCATE)),
        answer(world.open(path, CREATE)),
        answer(world.open(path, OpenOptions { exclusive: true, ..CREATE })),
        answer(world.open(path, LIST)),
        answer(world.open(path, LOOK)),
        answer(root.stat_at(path, true, IMPORT)),
        answer(root.metadata_hash_at(path, true, IMPORT)),
        answer(root.read_link_at(path, IMPORT)),
        answer(root.set_times_at(path, true, &times, IMPORT)),
        answer(root.create_directory_at(path, IMPORT)),
        answer(root.symlink_at("x", path, IMPORT)),
        answer(root.unlink_file_at(path, IMPORT)),
        answer(root.remove_directory_at(path, IMPORT)),
        answer(root.rename_at(path, root, "taken", IMPORT)),
        answer(root.rename_at("mine", root, path, IMPORT)),
        answer(root.link_at(path, false, root, "taken", IMPORT)),
        answer(root.link_at("mine", false, root, path, IMPORT)),
    ]
}

#[test]
fn dots_lead_no_way_out() {
    both(|resolver| {
        let world = World::new(resolver, all);
        world.dir("a/b").file("mine", "mine");
        for path in [
            "../outside/secret",
            "a/../../outside/secret",
            "a/b/../../../outside/secret",
            "./a/.././../outside/secret",
            "a/b/../b/../../../outside",
            "..",
            "../mount/mine",
        ] {
            for answer in everything(&world, path) {
                let lexical = ["not-permitted", "invalid", "is-directory"];
                assert!(lexical.contains(&answer), "{path}: {answer}");
            }
        }
        world.assert_outside_untouched();
        assert!(world.exists("mine") && !world.exists("taken"));
    });
}

#[test]
fn dots_lead_out_of_a_handle_only_within_its_mount() {
    both(|resolver| {
        let world = World::new(resolver, all);
        world.dir("a/b").file("mine", "mine");
        let node = world.open("a/b", LIST).unwrap();
        let inner = node.directory().unwrap();
        refused(inner.open_at("../../../outside/secret", &READ, IMPORT), "not-permitted");
        assert_eq!(answer(inner.open_at("../../mine", &READ, IMPORT)), "ok");
    });
}

#[test]
fn absolute_paths_lead_no_way_out() {
    both(|resolver| {
        let world = World::new(resolver, all);
        world.file("mine", "mine");
        let secret = world.outside.join("secret");
        for path in [secret.to_str().unwrap(), "/m/mine", "//m/mine", "/"] {
            assert!(everything(&world, path).iter().all(|answer| *answer == "not-permitted"), "{path}");
        }
        world.assert_outside_untouched();
    });
}

#[test]
fn symbolic_links_lead_no_way_out() {
    both(|resolver| {
        let world = World::new(resolver, all);
        world.dir("sub").file("mine", "mine");
        world.link("../outside/secret", "relative").link(world.outside.join("secret"), "absolute");
        world.link("../outside", "dir").link(&world.outside, "absolute-dir");
        world.link("../../outside/secret", "sub/deeper").link("sub/deeper", "chained");
        world.link("sub/../../outside/secret", "winding").link("../outside/new", "dangling");
        for path in ["relative", "absolute", "chained", "winding", "sub/deeper", "dangling"] {
            for how in [READ, WRITE, TRUNCATE, CREATE, LOOK] {
                refused(world.open(path, how), "not-permitted");
            }
            refused(world.root.stat_at(path, true, IMPORT), "not-permitted");
            refused(world.root.set_times_at(path, true, &NewTimes::default(), IMPORT), "not-permitted");
        }
        for path in ["dir/secret", "absolute-dir/secret", "dir/new", "dir/secret/", "dir/../outside/secret"] {
            let answers = everything(&world, path);
            for answer in answers {
                assert!(["not-permitted", "is-directory"].contains(&answer), "{path}: {answer}");
            }
        }
        world.assert_outside_untouched();
    });
}

#[test]
fn a_link_is_no_way_from_an_allowed_to_a_denied_directory() {
    both(|resolver| {
        let world = World::new(resolver, but_denied);
        world.dir("ok").file("denied/secret", CANARY);
        world.link("../denied/secret", "ok/file").link("../denied", "ok/dir").link("denied", "dir");
        for path in
            ["ok/file", "ok/dir/secret", "dir/secret", "ok/dir/../denied/secret", "ok/dir/", "ok/dir/new"]
        {
            for how in [READ, WRITE, TRUNCATE, LOOK, LIST] {
                refused(world.open(path, how), "access");
            }
            refused(world.root.stat_at(path, true, IMPORT), "access");
        }
        for path in ["ok/file", "ok/dir/secret", "ok/dir/new"] {
            refused(world.open(path, CREATE), "access");
        }
        for path in ["ok/dir/secret", "dir/secret"] {
            refused(world.root.unlink_file_at(path, IMPORT), "access");
            refused(world.root.rename_at(path, &world.root, "ok/taken", IMPORT), "access");
            refused(world.root.link_at(path, false, &world.root, "ok/taken", IMPORT), "access");
        }
        assert_eq!(world.on_disk("denied/secret"), CANARY);
        assert!(!world.exists("denied/new") && !world.exists("ok/taken"));
        // The verdict was taken on what the link leads to.
        world.log.take();
        refused(world.open("ok/file", READ), "access");
        assert_eq!(world.log.take().last().unwrap(), "deny fs:read /m/denied/secret");
    });
}

#[test]
fn a_link_within_what_is_allowed_is_followed() {
    both(|resolver| {
        let world = World::new(resolver, but_denied);
        world.file("ok/file", "mine").link("ok", "link").link("../ok/./file", "ok/again");
        assert_eq!(world.read("link/file").unwrap(), "mine");
        assert_eq!(world.read("ok/again").unwrap(), "mine");
        assert_eq!(world.read("link/../ok/file").unwrap(), "mine");
    });
}

/// Swaps two names as fast as it can until it is dropped.
struct Swapper {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<u64>>,
}

impl Swapper {
    fn start(world: &World, one: &'static str, other: &'static str) -> Swapper {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        let stop = Arc::new(AtomicBool::new(false));
        let (one, other, seen) = (world.host.join(one), world.host.join(other), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut swaps = 0;
            while !seen.load(Ordering::Relaxed) {
                renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
                swaps += 1;
            }
            swaps
        });
        Swapper { stop, thread: Some(thread) }
    }

    fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

#[test]
fn a_link_swapped_in_during_the_open_is_never_followed_unjudged() {
    both(|resolver| {
        let world = World::new(resolver, but_denied);
        world.file("denied/secret", CANARY).file("ok/d/secret", "mine");
        world.link("../denied", "ok/inward").link("../../outside", "ok/outward");
        world.file("ok/f", "mine").link("../denied/secret", "ok/to-file");
        let (mut mine, mut refused) = (0, 0);
        for (one, other, path) in [
            ("ok/d", "ok/inward", "ok/d/secret"),
            ("ok/d", "ok/outward", "ok/d/secret"),
            ("ok/f", "ok/to-file", "ok/f"),
        ] {
            let swapper = Swapper::start(&world, one, other);
            for _ in 0..3_400 {
                match world.read(path) {
                    Ok(text) => {
                        assert_eq!(text, "mine");
                        mine += 1;
                    }
                    Err(_) => refused += 1,
                }
                // Nothing may be truncated or created through it either.
                if let Ok(node) = world.open(path, OpenOptions { create: true, ..WRITE }) {
                    node.file().unwrap().write_at(b"mine", 0, IMPORT).unwrap();
                }
            }
            assert!(swapper.stop() > 100);
            assert_eq!(world.on_disk("denied/secret"), CANARY);
            world.assert_outside_untouched();
        }
        assert!(mine + refused == 10_200 && mine > 0, "{mine} read, {refused} refused");
    });
}

#[test]
fn a_trailing_slash_does_not_slip_past_a_link() {
    both(|resolver| {
        let world = World::new(resolver, but_denied);
        world.file("denied/secret", CANARY).dir("ok/d");
        world.link("../denied", "ok/in").link("../../outside", "ok/out").link("d", "ok/fine");
        let look = OpenOptions { follow: false, ..LIST };
        for path in ["ok/in/", "ok/in//", "ok/in/."] {
            refused(world.open(path, look), "access");
            refused(world.root.stat_at(path, false, IMPORT), "access");
        }
        for path in ["ok/out/", "ok/out/."] {
            refused(world.open(path, look), "not-permitted");
            refused(world.root.stat_at(path, false, IMPORT), "not-permitted");
        }
        for path in ["ok/in/", "ok/out/"] {
            refused(world.root.unlink_file_at(path, IMPORT), "not-directory");
            refused(world.root.remove_directory_at(path, IMPORT), "not-directory");
            refused(world.root.rename_at(path, &world.root, "ok/moved", IMPORT), "not-directory");
            refused(world.root.link_at(path, false, &world.root, "ok/moved", IMPORT), "not-directory");
        }
        assert_eq!(world.open("ok/fine/", look).unwrap().path().as_str(), "/m/ok/d");
        world.assert_outside_untouched();
        assert_eq!(world.on_disk("denied/secret"), CANARY);
    });
}

#[test]
fn a_handle_whose_directory_was_moved_finds_nothing() {
    both(|resolver| {
        let world = World::new(resolver, but_denied);
        world.file("ok/d/f", "mine").dir("denied").file("ok/e/f", "other");
        let node = world.open("ok/d", LIST).unwrap();
        let handle = node.directory().unwrap();
        let mut listing = handle.entries(IMPORT).unwrap();
        assert_eq!(answer(handle.open_at("f", &READ, IMPORT)), "ok");
        std::fs::rename(world.host.join("ok/d"), world.host.join("denied/d")).unwrap();
        std::fs::write(world.host.join("denied/d/secret"), CANARY).unwrap();
        let gone = |what: &str| {
            refused(handle.open_at("f", &READ, IMPORT), "no-entry");
            refused(handle.open_at("secret", &READ, IMPORT), "no-entry");
            refused(handle.open_at(".", &LIST, IMPORT), "no-entry");
            refused(handle.open_at("new", &CREATE, IMPORT), "no-entry");
            refused(handle.stat_at("secret", true, IMPORT), "no-entry");
            refused(handle.unlink_file_at("secret", IMPORT), "no-entry");
            refused(handle.entries(IMPORT), "no-entry");
            refused(node.stat(IMPORT), "no-entry");
            refused(
                node.set_times(&NewTimes { modified: NewTime::Now, ..NewTimes::default() }, IMPORT),
                "no-entry",
            );
            assert_eq!(world.on_disk("denied/d/secret"), CANARY, "{what}");
        };
        gone("moved away");
        // What takes its place is another directory.
        std::fs::rename(world.host.join("ok/e"), world.host.join("ok/d")).unwrap();
        gone("another in its place");
        std::fs::rename(world.host.join("ok/d"), world.host.join("ok/e")).unwrap();
        std::os::unix::fs::symlink("../denied/d", world.host.join("ok/d")).unwrap();
        gone("a link in its place");
        drop(listing.next_entry(IMPORT));
    });
}

#[test]
fn a_grant_to_read_does_not_truncate() {
    both(|resolver| {
        let reads = |action: ActionId, _: &str| matches!(action, ActionId::FsRead | ActionId::FsStat);
        let world = World::new(resolver, reads);
        world.file("f", CANARY).link("f", "link");
        for path in ["f", "link"] {
            for how in [
                OpenOptions { truncate: true, ..READ },
                OpenOptions { truncate: true, ..LOOK },
                OpenOptions { truncate: true, create: true, ..READ },
                OpenOptions { create: true, ..READ },
                TRUNCATE,
            ] {
                refused(world.open(path, how), "access");
            }
        }
        let node = world.open("f", READ).unwrap();
        let file = node.file().unwrap();
        refused(file.set_size(0, IMPORT), "bad-descriptor");
        refused(file.write_at(b"x", 0, IMPORT), "bad-descriptor");
        refused(file.append(b"x", IMPORT), "bad-descriptor");
        refused(node.sync(false, IMPORT), "access");
        assert_eq!(world.on_disk("f"), CANARY);
    });
}

#[test]
fn a_read_only_mount_changes_nothing_whatever_is_permitted() {
    both(|resolver| {
        let options = MountOptions { resolver, ..MountOptions::default() };
        let world = World::with(options, true, all);
        world.file("f", CANARY).dir("d");
        for how in [WRITE, CREATE, TRUNCATE, OpenOptions { truncate: true, ..READ }] {
            refused(world.open("f", how), "read-only");
        }
        let (root, now) = (&world.root, NewTimes { modified: NewTime::Now, ..NewTimes::default() });
        let before = std::fs::metadata(world.host.join("f")).unwrap().modified().unwrap();
        refused(root.set_times_at("f", true, &now, IMPORT), "read-only");
        refused(root.create_directory_at("n", IMPORT), "read-only");
        refused(root.symlink_at("f", "n", IMPORT), "read-only");
        refused(root.unlink_file_at("f", IMPORT), "read-only");
        refused(root.remove_directory_at("d", IMPORT), "read-only");
        refused(root.rename_at("f", root, "n", IMPORT), "read-only");
        refused(root.link_at("f", false, root, "n", IMPORT), "read-only");
        let node = world.open("f", READ).unwrap();
        refused(node.set_times(&now, IMPORT), "read-only");
        refused(node.file().unwrap().set_size(0, IMPORT), "bad-descriptor");
        assert_eq!(world.on_disk("f"), CANARY);
        assert_eq!(std::fs::metadata(world.host.join("f")).unwrap().modified().unwrap(), before);
        assert!(world.exists("d") && !world.exists("n"));
    });
}

#[test]
fn a_denied_file_is_neither_looked_at_nor_redated() {
    both(|resolver| {
        let world = World::new(resolver, but_denied);
        world.file("denied/secret", CANARY).dir("ok").link("../denied/secret", "ok/link");
        let before = std::fs::metadata(world.host.join("denied/secret")).unwrap();
        let long_ago = NewTime::At(SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        let times = NewTimes { accessed: long_ago, modified: long_ago };
        for path in ["denied/secret", "ok/link", "ok/../denied/secret", "denied"] {
            refused(world.root.set_times_at(path, true, &times, IMPORT), "access");
            refused(world.root.stat_at(path, true, IMPORT), "access");
            refused(world.root.metadata_hash_at(path, true, IMPORT), "access");
        }
        let after = std::fs::metadata(world.host.join("denied/secret")).unwrap();
        assert_eq!(before.modified().unwrap(), after.modified().unwrap());
        assert_eq!(before.accessed().unwrap(), after.accessed().unwrap());
    });
}

#[test]
fn times_are_set_by_their_own_right_alone() {
    both(|resolver| {
        let world = World::new(resolver, |action, _| action != ActionId::FsTimes);
        world.file("f", "f").dir("d");
        let times = NewTimes { modified: NewTime::Now, ..NewTimes::default() };
        for (path, how) in [("f", OpenOptions { write: true, ..READ }), ("d", LIST)] {
            refused(world.open(path, how).unwrap().set_times(&times, IMPORT), "access");
        }
        world.script.swap(all);
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let times = NewTimes { accessed: NewTime::Keep, modified: NewTime::At(then) };
        for (path, how) in [("f", READ), ("f", LOOK), ("d", LIST), ("d", LOOK)] {
            world.open(path, how).unwrap().set_times(&times, IMPORT).unwrap();
            assert_eq!(std::fs::metadata(world.host.join(path)).unwrap().modified().unwrap(), then, "{path}");
        }
        world
            .root
            .set_times_at("f", true, &NewTimes { accessed: NewTime::At(then), ..times }, IMPORT)
            .unwrap();
        assert_eq!(world.root.stat_at("f", true, IMPORT).unwrap().accessed, Some(then));
        world.root.set_times_at(".", true, &times, IMPORT).unwrap();
    });
}

#[test]
fn names_that_are_twins_overlong_or_no_text_are_refused_by_their_text() {
    both(|resolver| {
        let world = World::new(resolver, but_denied);
        world.file("denied/secret", CANARY).file("mine", "mine");
        let long = "x".repeat(256);
        let deep = "x/".repeat(2100);
        for (path, expected) in [
            ("", "no-entry"),
            ("a\0b", "invalid"),
            ("mine\0", "invalid"),
            ("a/\u{202e}b", "illegal-byte-sequence"),
            (long.as_str(), "name-too-long"),
            (deep.as_str(), "name-too-long"),
        ] {
            assert!(everything(&world, path).iter().all(|answer| *answer == expected), "{path:?}");
        }
        assert_eq!(world.log.take(), Vec::<String>::new(), "no decision was needed");
        for path in ["denied/./secret", "./denied//secret", "denied//secret", ".//./denied/secret"] {
            refused(world.open(path, READ), "access");
        }
        assert_eq!(world.read(".//mine").unwrap(), "mine");
    });
}

#[test]
fn a_link_with_a_twisted_target_is_judged_like_a_path() {
    both(|resolver| {
        let world = World::new(resolver, but_denied);
        world.file("denied/secret", CANARY).dir("ok");
        world.link(".//../denied/./secret", "ok/twisted").link("self", "self");
        world.link("a\u{202e}b", "bidi").link("loop-b", "loop-a").link("loop-a", "loop-b");
        use std::os::unix::ffi::OsStrExt;
        world.link(std::ffi::OsStr::from_bytes(b"\xff"), "bytes");
        refused(world.open("ok/twisted", READ), "access");
        refused(world.open("self", READ), "loop");
        refused(world.open("loop-a/x", READ), "loop");
        refused(world.open("bidi", READ), "illegal-byte-sequence");
        refused(world.open("bytes", READ), "illegal-byte-sequence");
        refused(world.root.read_link_at("bytes", IMPORT), "illegal-byte-sequence");
    });
}

#[test]
fn more_links_than_the_system_would_follow_are_not_followed() {
    both(|resolver| {
        let world = World::new(resolver, all);
        world.file("l0", "mine");
        for n in 1..=41 {
            world.link(format!("l{}", n - 1), &format!("l{n}"));
        }
        assert_eq!(world.read("l40").unwrap(), "mine");
        refused(world.open("l41", READ), "loop");
    });
}

#[test]
fn an_absolute_link_tells_nothing_of_the_host() {
    both(|resolver| {
        let world = World::new(resolver, all);
        world.link(&world.outside, "absolute").link("elsewhere", "relative");
        refused(world.root.read_link_at("absolute", IMPORT), "not-permitted");
        assert_eq!(world.root.read_link_at("relative", IMPORT).unwrap(), "elsewhere");
        refused(world.root.symlink_at("/etc/passwd", "new", IMPORT), "not-permitted");
        assert!(!world.exists("new"));
    });
}

#[test]
fn on_a_file_system_that_folds_case_the_name_on_disk_is_decided_on() {
    // Forced on a file system that keeps spellings apart, the way must give the same answers.
    both(|resolver| {
        let options = MountOptions { resolver, names_from_disk: true, ..MountOptions::default() };
        let world = World::with(options, false, but_denied);
        world.file("denied/secret", CANARY).file("ok/f", "mine").link("../denied/secret", "ok/link");
        refused(world.open("denied/secret", READ), "access");
        refused(world.open("ok/link", READ), "access");
        assert_eq!(world.read("ok/f").unwrap(), "mine");
        assert_eq!(answer(world.open("ok/new", CREATE)), "ok");
        assert_eq!(answer(world.open("ok", LIST)), "ok");
        assert_eq!(world.open("ok/../ok/f", READ).unwrap().path().as_str(), "/m/ok/f");
        // Two names of one file that differ in case alone are two names here.
        std::fs::hard_link(world.host.join("ok/f"), world.host.join("ok/F")).unwrap();
        for name in ["ok/f", "ok/F"] {
            assert_eq!(world.open(name, READ).unwrap().path().as_str(), format!("/m/{name}"));
        }
    });
}
