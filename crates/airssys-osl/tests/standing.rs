//! What an open handle may still do after its object was moved, and how much one call does.
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
use airssys_osl::fs::{Advice, MAX_READ_BYTES, MAX_WRITE_BYTES, NewTimes, Node, OpenOptions, Resolver};
use common::{CREATE, IMPORT, LIST, READ, World, answer, both, refused};

const BOTH: OpenOptions = OpenOptions { write: true, ..READ };

/// The answers of everything that uses an open file by its lease.
fn uses(node: &Node) -> Vec<&'static str> {
    let file = node.file().unwrap();
    vec![
        answer(file.read_at(9, 0, IMPORT)),
        answer(file.read_into(&mut [0; 9], 0, IMPORT)),
        answer(file.advise(0, 0, Advice::Normal, IMPORT)),
        answer(file.enter_reading(IMPORT)),
        answer(file.enter_writing(IMPORT)),
        answer(file.write_at(b"M", 0, IMPORT)),
        answer(file.append(b"", IMPORT)),
        answer(file.set_size(4, IMPORT)),
        answer(node.stat(IMPORT)),
        answer(node.kind(IMPORT)),
        answer(node.flags(IMPORT)),
        answer(node.metadata_hash(IMPORT)),
        answer(node.is_same_object(node, IMPORT)),
        answer(node.sync(false, IMPORT)),
    ]
}

/// Everything that can happen to the name of `/m/d/f`.
fn moved_away(test: impl Fn(&World, &dyn Fn(&World))) {
    let ways: [&dyn Fn(&World); 5] = [
        &|world| world.root.rename_at("d/f", &world.root, "e/g", IMPORT).unwrap(),
        &|world| std::fs::rename(world.host.join("d/f"), world.host.join("e/g")).unwrap(),
        &|world| std::fs::rename(world.host.join("d"), world.host.join("e/d")).unwrap(),
        &|world| std::fs::remove_file(world.host.join("d/f")).unwrap(),
        &|world| {
            std::fs::rename(world.host.join("d/f"), world.host.join("e/g")).unwrap();
            std::fs::write(world.host.join("d/f"), "other").unwrap();
        },
    ];
    for resolver in [Resolver::Auto, Resolver::Portable] {
        for way in ways {
            let world = World::new(resolver, |_, _| true);
            world.file("d/f", "mine").dir("e");
            test(&world, way);
        }
    }
}

#[test]
fn a_file_that_was_moved_is_not_decided_on_by_its_old_name() {
    moved_away(|world, away| {
        let node = world.open("d/f", BOTH).unwrap();
        away(world);
        assert!(
            uses(&node).iter().all(|answer| *answer == "ok"),
            "goes on under the verdict it was opened by"
        );
        world.script.swap(|_, id| !id.starts_with("/m/e"));
        let before = node.file().unwrap().path().clone();
        assert_eq!(before.as_str(), "/m/d/f");
        assert_eq!(uses(&node), ["no-entry"; 14]);
        world.script.swap(|action, id| action != ActionId::FsStat && !id.starts_with("/m/e"));
        assert_eq!(uses(&node), ["access"; 14]);
        node.lease().revoke();
        world.script.swap(|_, _| true);
        assert_eq!(uses(&node), ["access"; 14], "revoked is denied and tells nothing");
    });
}

#[test]
fn a_verdict_that_is_never_used_again_ends_with_the_name() {
    moved_away(|world, away| {
        world.script.reusable.store(false, std::sync::atomic::Ordering::SeqCst);
        let node = world.open("d/f", BOTH).unwrap();
        assert!(uses(&node).iter().all(|answer| *answer == "ok"));
        away(world);
        assert_eq!(uses(&node), ["no-entry"; 14]);
    });
}

#[test]
fn what_is_decided_on_the_path_each_time_is_refused_once_the_file_is_not_there() {
    moved_away(|world, away| {
        let node = world.open("d/f", READ).unwrap();
        let uses = || [answer(node.set_times(&NewTimes::default(), IMPORT)), answer(node.sync(true, IMPORT))];
        assert_eq!(uses(), ["ok"; 2]);
        away(world);
        assert_eq!(uses(), ["no-entry"; 2]);
        world.script.swap(|action, _| action != ActionId::FsStat);
        assert_eq!(uses(), ["access"; 2]);
    });
}

#[test]
fn a_file_that_came_back_is_decided_on_again() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("f", "mine");
        let node = world.open("f", BOTH).unwrap();
        world.root.rename_at("f", &world.root, "g", IMPORT).unwrap();
        world.script.swap(|_, _| true);
        refused(node.file().unwrap().read_at(9, 0, IMPORT), "no-entry");
        world.root.rename_at("g", &world.root, "f", IMPORT).unwrap();
        assert!(uses(&node).iter().all(|answer| *answer == "ok"));
    });
}

#[test]
fn a_listing_of_a_directory_that_was_moved_is_not_decided_on_by_its_old_name() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("d/a", "").file("d/b", "").file("d/c", "");
        let node = world.open("d", LIST).unwrap();
        let mut listing = node.directory().unwrap().entries(IMPORT).unwrap();
        assert!(listing.in_place());
        world.root.rename_at("d", &world.root, "e", IMPORT).unwrap();
        assert!(listing.next_entry(IMPORT).unwrap().is_some());
        world.script.swap(|_, id| !id.starts_with("/m/e"));
        refused(listing.next_entry(IMPORT), "no-entry");
        world.script.swap(|action, _| action != ActionId::FsStat);
        refused(listing.next_entry(IMPORT), "access");
    });
}

/// Polls a wait on the handle once, as a stream's does.
fn wait_on(node: &Node, action: ActionId) {
    let waiting = node.lease().lost(action, IMPORT);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let short = std::time::Duration::from_millis(1);
    runtime.block_on(async { drop(tokio::time::timeout(short, waiting).await) });
}

#[test]
fn a_wait_that_is_decided_anew_makes_no_use_of_what_was_moved() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("d/f", "mine").dir("e");
        let node = world.open("d/f", BOTH).unwrap();
        world.root.rename_at("d/f", &world.root, "e/f", IMPORT).unwrap();
        world.script.swap(|_, id| !id.starts_with("/m/e"));
        wait_on(&node, ActionId::FsRead);
        wait_on(&node, ActionId::FsWrite);
        node.file().unwrap().permits_reading(IMPORT).unwrap();
        assert_eq!(uses(&node), ["no-entry"; 14]);
    });
}

#[test]
fn no_use_of_a_directory_that_was_moved_revives_its_listing() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        world.file("a/d/x", "").file("a/d/y", "").dir("b");
        let node = world.open("a/d", LIST).unwrap();
        let mut listing = node.directory().unwrap().entries(IMPORT).unwrap();
        world.root.rename_at("a/d", &world.root, "b/d", IMPORT).unwrap();
        world.script.swap(|_, id| !id.starts_with("/m/b"));
        for _ in 0..2 {
            refused(node.kind(IMPORT), "no-entry");
            refused(node.flags(IMPORT), "no-entry");
            refused(node.stat(IMPORT), "no-entry");
            refused(node.directory().unwrap().entries(IMPORT), "no-entry");
            wait_on(&node, ActionId::FsList);
            refused(listing.next_entry(IMPORT), "no-entry");
        }
    });
}

#[test]
fn one_call_moves_a_bounded_number_of_bytes() {
    both(|resolver| {
        let world = World::new(resolver, |_, _| true);
        let node = world.open("f", OpenOptions { read: true, ..CREATE }).unwrap();
        let file = node.file().unwrap();
        let mut many = vec![7; MAX_WRITE_BYTES.max(MAX_READ_BYTES) + 1];
        assert_eq!(file.write_at(&many, 0, IMPORT).unwrap(), MAX_WRITE_BYTES);
        assert_eq!(file.append(&many, IMPORT).unwrap(), MAX_WRITE_BYTES);
        assert_eq!(node.stat(IMPORT).unwrap().size, 2 * MAX_WRITE_BYTES as u64);
        assert_eq!(file.read_into(&mut many, 0, IMPORT).unwrap(), MAX_READ_BYTES);
        assert_eq!(file.read_at(u64::MAX, 0, IMPORT).unwrap().len(), MAX_READ_BYTES);
        assert_eq!(file.write_at(b"end", 1, IMPORT).unwrap(), 3);
    });
}
