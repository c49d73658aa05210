//! A move never widens.
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

use airssys_osl::fs::{Directory, MountOptions, MountSpec, Mounts, Resolver};
use airssys_osl::{ActionId, GuestPath};
use common::{CANARY, IMPORT, LIST, Log, READ, Script, World, answer, both, refused};
use std::sync::Arc;

fn rename(world: &World, old: &str, new: &str) -> Result<(), airssys_osl::fs::FsError> {
    world.root.rename_at(old, &world.root, new, IMPORT)
}

fn link(world: &World, old: &str, new: &str) -> Result<(), airssys_osl::fs::FsError> {
    world.root.link_at(old, false, &world.root, new, IMPORT)
}

fn beneath(id: &str, dir: &str) -> bool {
    id == dir || id.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
}

fn but_denied(_: ActionId, id: &str) -> bool {
    !beneath(id, "/m/denied")
}

#[test]
fn nothing_moves_out_of_or_into_what_is_denied() {
    both(|resolver| {
        let world = World::new(resolver, but_denied);
        world
            .file("denied/secret", CANARY)
            .file("denied/dir/secret", CANARY)
            .file("ok/f", "mine")
            .dir("ok/d");
        for (old, new) in [
            ("denied/secret", "ok/taken"),
            ("denied/dir", "ok/taken"),
            ("denied", "ok/taken"),
            ("ok/f", "denied/given"),
            ("ok/d", "denied/given"),
            ("ok/f", "denied/secret"),
            ("denied/secret", "denied/dir/secret"),
            ("ok/../denied/secret", "ok/taken"),
        ] {
            refused(rename(&world, old, new), "access");
            refused(link(&world, old, new), "access");
        }
        assert_eq!(world.on_disk("denied/secret"), CANARY);
        assert_eq!(world.on_disk("denied/dir/secret"), CANARY);
        assert_eq!(world.on_disk("ok/f"), "mine");
        assert!(!world.exists("ok/taken") && !world.exists("denied/given"));
    });
}

#[test]
fn each_single_right_of_a_rename_is_needed() {
    both(|resolver| {
        for (action, id) in
            [(ActionId::FsDelete, "/m/old"), (ActionId::FsRead, "/m/old"), (ActionId::FsCreate, "/m/new")]
        {
            let world = World::new(resolver, move |asked, on| !(asked == action && on == id));
            world.file("old", "mine");
            refused(rename(&world, "old", "new"), "access");
            assert_eq!(world.log.take(), [format!("deny {action} {id}")]);
            assert!(world.exists("old") && !world.exists("new"));
        }
        for (action, id) in [(ActionId::FsRead, "/m/old"), (ActionId::FsCreate, "/m/new")] {
            let world = World::new(resolver, move |asked, on| !(asked == action && on == id));
            world.file("old", "mine");
            refused(link(&world, "old", "new"), "access");
            assert_eq!(world.log.take(), [format!("deny {action} {id}")]);
            assert!(!world.exists("new"));
        }
        let world = World::new(resolver, |asked, _| asked != ActionId::FsDelete);
        world.file("old", "mine");
        assert_eq!(answer(link(&world, "old", "new")), "ok");
    });
}

#[test]
fn a_denied_end_is_denied_before_anything_is_told_of_the_other() {
    both(|resolver| {
        for (action, id) in
            [(ActionId::FsDelete, "/m/old"), (ActionId::FsRead, "/m/old"), (ActionId::FsCreate, "/m/new")]
        {
            let denied = [(action, id), (ActionId::FsWrite, "/m/new"), (ActionId::FsDelete, "/m/new")];
            let world = World::new(resolver, move |asked, on| !denied.contains(&(asked, on)));
            world.file("old", "mine").file("new", CANARY).dir("d");
            refused(rename(&world, "old", "new"), "access");
            if action != ActionId::FsDelete {
                refused(link(&world, "old", "new"), "access");
            }
            assert_eq!(world.on_disk("new"), CANARY);
            refused(rename(&world, "old", "new/"), "access");
            std::fs::remove_file(world.host.join("old")).unwrap();
            refused(rename(&world, "old", "new"), "access");
        }
    });
}

#[test]
fn a_taken_name_is_replaced_only_by_who_may_delete_and_write_it() {
    both(|resolver| {
        for action in [ActionId::FsDelete, ActionId::FsWrite] {
            let world = World::new(resolver, move |asked, on| !(asked == action && on == "/m/new"));
            world.file("old", "mine").file("new", CANARY);
            refused(rename(&world, "old", "new"), "exist");
            // Who may not even look is not told that the name is taken.
            world
                .script
                .swap(move |asked, on| on != "/m/new" || !(asked == action || asked == ActionId::FsStat));
            refused(rename(&world, "old", "new"), "access");
            assert_eq!((world.on_disk("new").as_str(), world.on_disk("old").as_str()), (CANARY, "mine"));
        }
        let world = World::new(resolver, |_, _| true);
        world.file("old", "mine").file("new", "other");
        assert_eq!(answer(rename(&world, "old", "new")), "ok");
        assert_eq!(world.on_disk("new"), "mine");
        world.file("again", "x");
        refused(link(&world, "new", "again"), "exist");
    });
}

#[test]
fn what_a_new_name_allows_must_have_been_allowed_at_the_old() {
    const FILES: [ActionId; 8] = [
        ActionId::FsStat,
        ActionId::FsList,
        ActionId::FsRead,
        ActionId::FsWrite,
        ActionId::FsCreate,
        ActionId::FsDelete,
        ActionId::FsTimes,
        ActionId::FsSymlink,
    ];
    both(|resolver| {
        for action in FILES {
            let world = World::new(resolver, move |asked, on| !(asked == action && beneath(on, "/m/less")));
            world.file("less/f", CANARY).dir("more");
            refused(rename(&world, "less/f", "more/f"), "access");
            assert_eq!(world.log.denials(), 1, "{action}");
            refused(link(&world, "less/f", "more/f"), "access");
            assert!(world.exists("less/f") && !world.exists("more/f"), "{action}");
        }
        // The other way less is allowed afterwards, which is no widening.
        for action in [ActionId::FsWrite, ActionId::FsTimes, ActionId::FsRead, ActionId::FsStat] {
            let world = World::new(resolver, move |asked, on| !(asked == action && beneath(on, "/m/less")));
            world.file("more/f", "mine").dir("less");
            assert_eq!(answer(link(&world, "more/f", "less/g")), "ok", "{action}");
            assert_eq!(answer(rename(&world, "more/f", "less/f")), "ok", "{action}");
        }
    });
}

#[test]
fn a_directory_moves_only_where_no_policy_names_what_lies_beneath() {
    both(|resolver| {
        for named in ["/m/d/inner", "/m/e/inner", "/m/d/a/b/c"] {
            let world = World::new(resolver, |_, _| true);
            world.file("d/inner", CANARY);
            world.script.named.lock().unwrap().push(GuestPath::parse(named).unwrap());
            refused(rename(&world, "d", "e"), "access");
            assert_eq!(world.log.denials(), 1);
            assert!(world.exists("d/inner") && !world.exists("e"));
            // A file of the same name has nothing beneath it.
            world.file("f", "mine");
            assert_eq!(answer(rename(&world, "f", "g")), "ok");
        }
        let world = World::new(resolver, |_, _| true);
        world.file("d/inner", "mine");
        for named in ["/m/d", "/m/e", "/m/other/x", "/m/dd/x"] {
            world.script.named.lock().unwrap().push(GuestPath::parse(named).unwrap());
        }
        assert_eq!(answer(rename(&world, "d", "e")), "ok");
        assert_eq!(world.on_disk("e/inner"), "mine");
    });
}

#[test]
fn a_directory_gets_no_second_name() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.dir("d").file("f", "").link("d", "l");
        refused(link(&world, "d", "e"), "not-permitted");
        refused(world.root.link_at("l", true, &world.root, "e", IMPORT), "invalid");
        assert_eq!(answer(link(&world, "l", "m")), "ok");
        assert!(std::fs::symlink_metadata(world.host.join("m")).unwrap().is_symlink());
    });
}

#[test]
fn ends_that_are_no_entries_do_not_move() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("f", "mine").dir("d").dir("full/x");
        for path in [".", "d/.", "d/..", "./"] {
            refused(rename(&world, path, "n"), "invalid");
            refused(rename(&world, "d", path), "invalid");
        }
        refused(rename(&world, "f/", "n"), "not-directory");
        refused(rename(&world, "f", "n/"), "not-directory");
        refused(rename(&world, "f", "d"), "is-directory");
        refused(rename(&world, "d", "f"), "not-directory");
        refused(rename(&world, "d", "full"), "not-empty");
        refused(rename(&world, "full", "full/x/y"), "invalid");
        refused(rename(&world, "none", "n"), "no-entry");
        refused(rename(&world, "f", "none/n"), "no-entry");
        refused(link(&world, "f", "n/"), "no-entry");
        refused(link(&world, "f", "."), "exist");
        refused(link(&world, "none", "n"), "no-entry");
        assert_eq!(answer(rename(&world, "d/", "n/")), "ok");
        assert_eq!(answer(rename(&world, "n", "f")), "not-directory");
        assert_eq!(answer(rename(&world, "f", "f")), "ok");
    });
}

fn two_mounts(resolver: Resolver) -> (tempfile::TempDir, Arc<Log>, Vec<Directory>) {
    let dir = tempfile::tempdir().unwrap();
    let spec = |name: &str, read_only| {
        let host = dir.path().join(name);
        std::fs::create_dir(&host).unwrap();
        let guest = GuestPath::parse(&format!("/{name}")).unwrap();
        MountSpec { host, guest, read_only, options: MountOptions { resolver, ..MountOptions::default() } }
    };
    let mounts =
        Mounts::open_ambient(vec![spec("a", false), spec("b", false), spec("c", true)], &[]).unwrap();
    let log = Arc::new(Log::default());
    let session = common::session(&Script::new(|_, id| id != "/b/denied"), &log);
    let roots =
        mounts.roots(&session).into_iter().map(|(node, _)| node.directory().unwrap().clone()).collect();
    (dir, log, roots)
}

#[test]
fn nothing_moves_between_mounts_and_a_denial_comes_before_that_is_told() {
    both(|resolver| {
        let (dir, _log, roots) = two_mounts(resolver);
        let [a, b, c] = &roots[..] else { panic!("three mounts") };
        std::fs::write(dir.path().join("a/f"), "mine").unwrap();
        refused(a.rename_at("f", b, "denied", IMPORT), "access");
        refused(a.rename_at("f", b, "g", IMPORT), "cross-device");
        refused(a.link_at("f", false, b, "g", IMPORT), "cross-device");
        refused(a.rename_at("f", c, "g", IMPORT), "read-only");
        refused(c.rename_at("f", a, "g", IMPORT), "read-only");
        assert!(dir.path().join("a/f").exists() && !dir.path().join("b/g").exists());
    });
}

#[test]
fn handles_of_two_sessions_do_not_meet() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        let other = World::new(resolver, |_, _| true);
        world.file("f", "mine");
        for (from, to) in [(&world.root, &other.root), (&other.root, &world.root)] {
            refused(from.rename_at("f", to, "g", IMPORT), "bad-descriptor");
            refused(from.link_at("f", false, to, "g", IMPORT), "bad-descriptor");
        }
        assert!(world.exists("f"));
    });
}

#[test]
fn an_open_handle_goes_on_after_its_file_was_moved() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("d/f", "mine");
        let file = world.open("d/f", READ).unwrap();
        let dir = world.open("d", LIST).unwrap();
        assert_eq!(answer(rename(&world, "d", "e")), "ok");
        assert_eq!(file.file().unwrap().read_at(9, 0, IMPORT).unwrap(), b"mine");
        refused(dir.directory().unwrap().open_at("f", &READ, IMPORT), "no-entry");
    });
}

#[test]
fn one_answer_that_says_no_leaves_one_record() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| false);
        world.file("f", "mine").dir("d");
        for (old, new) in [("f", "n"), ("none", "n"), ("d", "n"), ("d/none", "none/n"), ("d/../f", "n")] {
            world.log.take();
            refused(rename(&world, old, new), "access");
            assert_eq!(world.log.denials(), 1, "rename {old} {new}");
            world.log.take();
            refused(link(&world, old, new), "access");
            assert_eq!(world.log.denials(), 1, "link {old} {new}");
        }
    });
}
