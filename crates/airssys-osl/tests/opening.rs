//! Every combination of flags asks what the table says, by both ways of looking up.
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
use airssys_osl::fs::{Advice, FsError, Kind, NewTimes, Node, OpenOptions, Resolver};
use common::{CREATE, IMPORT, LIST, LOOK, READ, WRITE, World, answer, both, refused, word};
use std::fmt::Write as _;

/// All combinations of the flags that ask for something.
fn combinations() -> impl Iterator<Item = OpenOptions> {
    (0..64_u8).map(|bits| OpenOptions {
        read: bits & 1 != 0,
        write: bits & 2 != 0,
        create: bits & 4 != 0,
        exclusive: bits & 8 != 0,
        truncate: bits & 16 != 0,
        directory: bits & 32 != 0,
        ..READ
    })
}

fn flags(how: &OpenOptions) -> String {
    let names = [
        (how.read, "READ"),
        (how.write, "WRITE"),
        (how.create, "CREATE"),
        (how.exclusive, "EXCLUSIVE"),
        (how.truncate, "TRUNCATE"),
        (how.directory, "DIRECTORY"),
    ];
    let set: Vec<_> = names.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
    if set.is_empty() { "-".to_owned() } else { set.join("|") }
}

/// Puts a part of a world onto the disk.
type Part = fn(&World);

/// What stands at `/m/x` in each world.
const WORLDS: [(&str, Part); 3] = [
    ("missing", |_| {}),
    ("file", |world| {
        world.file("x", "old");
    }),
    ("directory", |world| {
        world.dir("x");
    }),
];

/// The asks of one open, without the look that an error is told by, and its answer.
fn ask(resolver: Resolver, prepare: fn(&World), how: OpenOptions) -> (Vec<String>, &'static str) {
    let world = World::new(resolver, |_, _| true);
    prepare(&world);
    let answer = answer(world.open("x", how));
    (world.log.take(), answer)
}

/// The actions without which the answer is `access`: what the open asks for.
fn needed(resolver: Resolver, prepare: fn(&World), how: OpenOptions) -> Vec<&'static str> {
    let without = |action: ActionId| {
        let world = World::new(resolver, move |asked, _| asked != action);
        prepare(&world);
        answer(world.open("x", how))
    };
    let files = ActionId::ALL.iter().filter(|action| action.name().starts_with("fs:"));
    let asked = files.filter(|action| without(**action) == "access");
    asked.map(|action| action.name()).collect()
}

#[test]
fn every_combination_of_flags_asks_what_the_table_says() {
    both(|resolver| {
        let mut table = String::new();
        for (name, prepare) in WORLDS {
            for how in combinations() {
                let answer = ask(resolver, prepare, how).1;
                if how.directory && (how.create || how.exclusive || how.truncate) {
                    assert_eq!(answer, "invalid");
                    continue;
                }
                let needed = needed(resolver, prepare, how).join(" ");
                writeln!(table, "{name:<10} {:<36} {answer:<14} {needed}", flags(&how)).unwrap();
            }
        }
        let golden = include_str!("golden/opening.txt");
        if table != golden {
            std::fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/opening.txt"), &table).unwrap();
        }
        assert!(table == golden, "the table differs; it is in {}/opening.txt", env!("CARGO_TARGET_TMPDIR"));
    });
}

#[test]
fn one_flag_that_is_not_granted_denies_the_whole_open() {
    both(|resolver| {
        for (name, prepare) in WORLDS {
            for how in combinations() {
                let (asks, answer) = ask(resolver, prepare, how);
                // What only tells an error is not asked by opening.
                if answer != "ok" {
                    continue;
                }
                for line in &asks {
                    let action = ActionId::parse(line.split(' ').nth(1).unwrap()).unwrap();
                    let world = World::new(resolver, move |asked, _| asked != action);
                    prepare(&world);
                    refused(world.open("x", how), "access");
                    assert_eq!(world.log.take(), [format!("deny {action} /m/x")], "{name} {}", flags(&how));
                    match name {
                        "missing" => assert!(!world.exists("x")),
                        "file" => assert_eq!(world.on_disk("x"), "old"),
                        _ => assert!(world.exists("x")),
                    }
                }
            }
        }
    });
}

#[test]
fn an_open_that_cannot_be_recorded_has_no_effect() {
    both(|resolver| {
        for (name, prepare) in WORLDS {
            for how in combinations() {
                if ask(resolver, prepare, how).1 != "ok" {
                    continue;
                }
                let world = World::new(resolver, |_, _| true);
                prepare(&world);
                world.log.broken.store(true, std::sync::atomic::Ordering::SeqCst);
                refused(world.open("x", how), "access");
                match name {
                    "missing" => assert!(!world.exists("x")),
                    "file" => assert_eq!(world.on_disk("x"), "old"),
                    _ => assert!(world.exists("x")),
                }
            }
        }
    });
}

#[test]
fn flags_that_make_no_sense_together_are_refused_before_any_decision() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("x", "old").dir("d");
        for how in [
            OpenOptions { directory: true, ..CREATE },
            OpenOptions { directory: true, exclusive: true, ..READ },
            OpenOptions { directory: true, truncate: true, ..WRITE },
        ] {
            refused(world.open("x", how), "invalid");
        }
        refused(world.open("x", OpenOptions { synchronous: true, ..WRITE }), "unsupported");
        refused(world.open("d/", CREATE), "is-directory");
        refused(world.open("new/", CREATE), "is-directory");
        assert_eq!(world.log.take(), Vec::<String>::new());
        assert_eq!(world.on_disk("x"), "old");
    });
}

#[test]
fn the_wrong_kind_is_told_only_to_who_may_look() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("f", "f").dir("d").link("d", "l");
        let cases = [
            ("f/", READ, "not-directory"),
            ("f/x", READ, "not-directory"),
            ("f", LIST, "not-directory"),
            ("d", WRITE, "is-directory"),
            ("d", CREATE, "is-directory"),
            ("d", OpenOptions { truncate: true, ..READ }, "is-directory"),
            ("l", OpenOptions { follow: false, ..READ }, "loop"),
            ("l", OpenOptions { follow: false, ..LOOK }, "loop"),
            ("l", OpenOptions { follow: false, ..LIST }, "loop"),
            ("l", OpenOptions { exclusive: true, ..CREATE }, "exist"),
            ("f", OpenOptions { exclusive: true, ..CREATE }, "exist"),
            ("none", READ, "no-entry"),
            ("none/x", READ, "no-entry"),
            ("none/x", CREATE, "no-entry"),
        ];
        for (path, how, expected) in cases {
            refused(world.open(path, how), expected);
        }
        world.script.swap(|action, _| action != ActionId::FsStat);
        for (path, how, _) in cases {
            refused(world.open(path, how), "access");
        }
    });
}

#[test]
fn a_handle_carries_what_was_asked_and_no_more() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("f", "0123456789").dir("d");
        let rights = |node: &Node| node.lease().actions().map(ActionId::name).collect::<Vec<_>>();

        let read = world.open("f", READ).unwrap();
        assert_eq!(rights(&read), ["fs:read"]);
        refused(read.file().unwrap().write_at(b"x", 0, IMPORT), "bad-descriptor");
        assert_eq!(read.file().unwrap().read_at(4, 3, IMPORT).unwrap(), b"3456");
        assert_eq!(read.file().unwrap().read_at(u64::MAX, 8, IMPORT).unwrap(), b"89");
        assert_eq!(read.file().unwrap().read_at(4, 10, IMPORT).unwrap(), b"");

        let write = world.open("f", WRITE).unwrap();
        assert_eq!(rights(&write), ["fs:write"]);
        refused(write.file().unwrap().read_at(1, 0, IMPORT), "bad-descriptor");
        refused(write.file().unwrap().advise(0, 0, Advice::Normal, IMPORT), "bad-descriptor");
        assert_eq!(write.file().unwrap().write_at(b"ab", 1, IMPORT).unwrap(), 2);
        assert_eq!(write.file().unwrap().append(b"!", IMPORT).unwrap(), 1);
        write.file().unwrap().set_size(4, IMPORT).unwrap();
        write.sync(true, IMPORT).unwrap();
        assert_eq!(world.on_disk("f"), "0ab3");

        let look = world.open("f", LOOK).unwrap();
        assert_eq!(rights(&look), ["fs:stat"]);
        refused(look.file().unwrap().read_at(1, 0, IMPORT), "bad-descriptor");
        assert_eq!(look.stat(IMPORT).unwrap().size, 4);

        let list = world.open("d", READ).unwrap();
        assert_eq!(rights(&list), ["fs:list"]);
        assert_eq!(list.kind(IMPORT).unwrap(), Kind::Directory);
        let walk = world.open("d", LOOK).unwrap();
        refused(walk.directory().unwrap().entries(IMPORT), "bad-descriptor");
        assert!(list.is_same_object(&walk, IMPORT).unwrap() && !list.is_same_object(&look, IMPORT).unwrap());
        refused(list.file().map(drop), "bad-descriptor");
        refused(look.directory().map(drop), "not-directory");
    });
}

#[test]
fn creating_makes_a_file_and_truncating_empties_it() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.dir("d").link("d/target", "dangling");
        let node = world.open("d/new", OpenOptions { read: true, ..CREATE }).unwrap();
        node.file().unwrap().write_at(b"text", 0, IMPORT).unwrap();
        assert_eq!(world.read("d/new").unwrap(), "text");
        world.open("d/new", OpenOptions { truncate: true, ..CREATE }).unwrap();
        assert_eq!(world.on_disk("d/new"), "");
        // A dangling link is filled by the name it leads to, and decided on that.
        world.log.take();
        let node = world.open("dangling", CREATE).unwrap();
        assert_eq!(node.path().as_str(), "/m/d/target");
        let asked = world.log.take();
        assert!(asked.contains(&"allow fs:create /m/d/target".to_owned()), "{asked:?}");
        assert!(asked.contains(&"allow fs:stat /m/dangling".to_owned()), "{asked:?}");
        assert!(world.open("only-look", OpenOptions { create: true, ..LOOK }).is_ok());
    });
}

#[test]
fn the_root_is_taken_and_no_entry_to_be_removed() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.dir("d");
        for path in [".", "./", "d/.."] {
            refused(world.root.create_directory_at(path, IMPORT), "exist");
            refused(world.root.symlink_at("x", path, IMPORT), "exist");
            refused(world.root.unlink_file_at(path, IMPORT), "is-directory");
            refused(world.root.remove_directory_at(path, IMPORT), "invalid");
            refused(world.open(path, WRITE), "is-directory");
        }
        assert_eq!(answer(world.root.create_directory_at("e/", IMPORT)), "ok");
        assert_eq!(answer(world.root.remove_directory_at("e/", IMPORT)), "ok");
        refused(world.root.remove_directory_at("d/e", IMPORT), "no-entry");
        assert_eq!(answer(world.root.remove_directory_at("d", IMPORT)), "ok");
    });
}

#[test]
fn a_link_to_nothing_is_not_filled_by_who_wants_a_new_name() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.link("target", "dangling");
        refused(world.open("dangling", OpenOptions { exclusive: true, ..CREATE }), "exist");
        assert!(!world.exists("target"));
    });
}

#[test]
fn what_is_denied_is_denied_before_it_is_told_that_the_way_there_is_missing() {
    both(|resolver| {
        let world = World::new(resolver, |action, _| action == ActionId::FsStat);
        world.file("f", "");
        for path in ["none/x", "none", "f/x"] {
            for how in [READ, WRITE, CREATE, LIST] {
                refused(world.open(path, how), "access");
            }
            let root = &world.root;
            refused(root.create_directory_at(path, IMPORT), "access");
            refused(root.symlink_at("x", path, IMPORT), "access");
            refused(root.unlink_file_at(path, IMPORT), "access");
            refused(root.remove_directory_at(path, IMPORT), "access");
            refused(root.set_times_at(path, true, &airssys_osl::fs::NewTimes::default(), IMPORT), "access");
            refused(root.rename_at(path, root, "n", IMPORT), "access");
            refused(root.link_at("f", false, root, path, IMPORT), "access");
            refused(
                root.stat_at(path, true, IMPORT),
                if path == "f/x" { "not-directory" } else { "no-entry" },
            );
        }
        world.log.take();
        refused(world.open("none/x", READ), "access");
        assert_eq!(world.log.take(), ["deny fs:read /m/none/x"]);
    });
}

#[test]
fn reading_needs_no_look_at_what_lies_above() {
    both(|resolver| {
        let world = World::new(resolver, |action, id| action == ActionId::FsRead && id == "/m/a/b/f");
        world.file("a/b/f", "mine").file("a/b/g", "other");
        assert_eq!(world.read("a/b/f").unwrap(), "mine");
        assert_eq!(world.log.take(), ["allow fs:read /m/a/b/f"]);
        refused(world.read("a/b/g"), "access");
        refused(world.read("a/b/../b/f"), "access");
        refused(world.open("a/b", READ), "access");
    });
}

#[test]
fn a_file_that_may_be_listed_but_not_read_stays_closed() {
    both(|resolver| {
        let world = World::new(resolver, |action, _| action == ActionId::FsList);
        world.file("f", "mine").dir("d");
        refused(world.open("f", READ), "access");
        assert_eq!(answer(world.open("d", READ)), "ok");
        world.script.swap(|action, _| action == ActionId::FsRead);
        refused(world.open("d", READ), "access");
        assert_eq!(answer(world.open("f", READ)), "ok");
    });
}

#[test]
fn a_listing_shows_each_child_once_and_stops_when_the_right_does() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("d/f", "").dir("d/sub").link("f", "d/l").fifo("d/p");
        use std::os::unix::ffi::OsStrExt;
        for strange in [&b"\xff"[..], "a\u{202e}b".as_bytes()] {
            std::fs::write(world.host.join("d").join(std::ffi::OsStr::from_bytes(strange)), "").unwrap();
        }
        let node = world.open("d", LIST).unwrap();
        let mut listing = node.directory().unwrap().entries(IMPORT).unwrap();
        let mut seen = Vec::new();
        while let Some(entry) = listing.next_entry(IMPORT).unwrap() {
            seen.push((entry.name, entry.kind));
        }
        seen.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [("f", Kind::File), ("l", Kind::Symlink), ("p", Kind::Fifo), ("sub", Kind::Directory)];
        assert_eq!(seen, expected.map(|(name, kind)| (name.to_owned(), kind)));
        assert_eq!(listing.left_out(), 2);

        let mut listing = node.directory().unwrap().entries(IMPORT).unwrap();
        listing.next_entry(IMPORT).unwrap();
        world.script.swap(|_, _| false);
        assert!(matches!(listing.next_entry(IMPORT).unwrap_err(), FsError::Denied(_)));
        refused(node.directory().unwrap().entries(IMPORT).map(drop), "access");
    });
}

#[test]
fn the_root_is_for_walking_and_each_use_decides() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| false);
        let root = Node::Directory(world.root.clone());
        assert_eq!(root.kind(IMPORT).unwrap(), Kind::Directory);
        assert!(root.flags(IMPORT).unwrap().read);
        assert_eq!(world.log.take(), Vec::<String>::new());
        let times = airssys_osl::fs::NewTimes::default();
        for answer in [
            word(&root.stat(IMPORT).unwrap_err()),
            word(&root.metadata_hash(IMPORT).unwrap_err()),
            word(&root.is_same_object(&root, IMPORT).unwrap_err()),
            word(&root.set_times(&times, IMPORT).unwrap_err()),
            word(&root.sync(false, IMPORT).unwrap_err()),
            word(&world.root.entries(IMPORT).unwrap_err()),
            word(&world.root.stat_at(".", true, IMPORT).unwrap_err()),
        ] {
            assert_eq!(answer, "access");
        }
        assert_eq!(
            world.log.take(),
            ["stat", "stat", "stat", "times", "write", "list", "stat"].map(|a| format!("deny fs:{a} /m"))
        );
        world.script.swap(|_, _| true);
        assert!(root.is_same_object(&world.open(".", LIST).unwrap(), IMPORT).unwrap());
        assert_eq!(
            root.metadata_hash(IMPORT).unwrap(),
            world.root.metadata_hash_at(".", true, IMPORT).unwrap()
        );
        root.sync(false, IMPORT).unwrap();
        world.file("seen", "");
        let entry = world.root.entries(IMPORT).unwrap().next_entry(IMPORT).unwrap();
        assert_eq!(entry.unwrap().name, "seen");
    });
}

#[test]
fn a_revoked_reader_is_neither_synced_nor_compared() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("f", "mine").dir("d");
        let dir = world.open("d", LIST).unwrap();
        let reading = world.open("f", READ).unwrap();
        assert_eq!(answer(reading.sync(false, IMPORT)), "ok");
        reading.lease().revoke();
        refused(reading.sync(false, IMPORT), "access");
        refused(world.open("f", LOOK).unwrap().is_same_object(&reading, IMPORT), "access");
        refused(reading.is_same_object(&dir, IMPORT), "access");
    });
}

#[test]
fn a_revoked_handle_does_nothing_more() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("f", "mine").dir("d");
        let file = world.open("f", OpenOptions { write: true, ..READ }).unwrap();
        let dir = world.open("d", LIST).unwrap();
        file.lease().revoke();
        dir.lease().revoke();
        let handle = dir.directory().unwrap();
        for answer in [
            answer(file.file().unwrap().read_at(1, 0, IMPORT)),
            answer(file.file().unwrap().write_at(b"x", 0, IMPORT)),
            answer(file.file().unwrap().set_size(0, IMPORT)),
            answer(file.stat(IMPORT)),
            answer(file.kind(IMPORT)),
            answer(file.flags(IMPORT)),
            answer(file.sync(false, IMPORT)),
            answer(file.set_times(&NewTimes::default(), IMPORT)),
            answer(dir.stat(IMPORT)),
            answer(dir.sync(false, IMPORT)),
            answer(handle.entries(IMPORT)),
            answer(handle.open_at(".", &LIST, IMPORT)),
            answer(handle.stat_at(".", true, IMPORT)),
            answer(handle.create_directory_at("n", IMPORT)),
            answer(handle.rename_at("n", handle, "o", IMPORT)),
            answer(handle.link_at("n", false, handle, "o", IMPORT)),
        ] {
            assert_eq!(answer, "access");
        }
        world.session.revoke();
        let root = Node::Directory(world.root.clone());
        refused(root.kind(IMPORT), "access");
        refused(world.open("f", READ), "access");
        assert_eq!(world.on_disk("f"), "mine");
    });
}

#[test]
fn numbers_for_objects_are_equal_for_the_same_and_tell_no_inode() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("f", "").file("g", "").link("f", "l");
        let hash = |path: &str, follow| world.root.metadata_hash_at(path, follow, IMPORT).unwrap();
        assert_eq!(hash("f", true), hash("l", true));
        assert_ne!(hash("f", true), hash("l", false));
        assert_ne!(hash("f", true), hash("g", true));
        let other = World::new(resolver, |_, _| true);
        let (f, inode) = (hash("f", true), {
            use std::os::unix::fs::MetadataExt;
            std::fs::metadata(world.host.join("f")).unwrap().ino()
        });
        assert!(f.lower != inode && f.upper != inode && f.lower != f.upper);
        std::fs::hard_link(world.host.join("f"), other.host.join("f")).unwrap();
        assert_ne!(f, other.root.metadata_hash_at("f", true, IMPORT).unwrap(), "another mount, another key");
    });
}
