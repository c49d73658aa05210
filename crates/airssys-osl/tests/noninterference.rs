//! Two worlds that differ only in what is denied answer alike, in every function.
//!
//! Each operation runs in a fresh copy of each world. What a guest can see of it is one word, what an open handle then
//! shows, and how many denials it was charged for.
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
use airssys_osl::fs::{FsError, NewTime, NewTimes, Node, OpenOptions, Resolver};
use common::{CREATE, IMPORT, LIST, LOOK, READ, WRITE, World, both, word};

/// Puts a part of a world onto the disk.
type Part = fn(&World);

/// What is, or is not, at `/m/denied`.
const WORLDS: [(&str, Part); 10] = [
    ("missing", |_| {}),
    ("file", |world| {
        world.file("denied", "secret");
    }),
    ("empty directory", |world| {
        world.dir("denied");
    }),
    ("directory with a file", |world| {
        world.file("denied/x", "secret");
    }),
    ("directory with an empty directory", |world| {
        world.dir("denied/x");
    }),
    ("directory with a directory", |world| {
        world.file("denied/x/y", "secret");
    }),
    ("link to what is allowed", |world| {
        world.link("ok", "denied");
    }),
    ("link to nothing", |world| {
        world.link("none", "denied");
    }),
    ("link out", |world| {
        world.link("../outside", "denied");
    }),
    ("pipe", |world| {
        world.fifo("denied");
    }),
];

/// The same part of every world.
fn prepare(world: &World) {
    world.file("ok/f", "mine").dir("ok/d").file("ok/x", "x").file("ok/x2/y", "y");
    world.link("../denied", "ok/l").link("../denied/x", "ok/lx").link("../denied/../ok/f", "ok/round");
}

const PATHS: [&str; 24] = [
    "denied",
    "denied/",
    "denied/.",
    "./denied",
    "ok/../denied",
    "denied/x",
    "denied/x/",
    "denied/x/y",
    "denied/x/y/z",
    "denied/..",
    "denied/../ok/f",
    "denied/x/..",
    "denied/x/../../ok/f",
    "denied/x/y/../../../ok",
    "denied/../..",
    "ok/l",
    "ok/l/",
    "ok/l/x",
    "ok/l/../f",
    "ok/l/../ok/f",
    "ok/lx",
    "ok/lx/y",
    "ok/round",
    "ok/d/../../denied/x",
];

type Op = (&'static str, fn(&World, &str) -> Result<String, FsError>);

fn opened(result: Result<Node, FsError>) -> Result<String, FsError> {
    let node = result?;
    Ok(format!("{:?} {}", node.kind(IMPORT)?, node.path()))
}

fn open(world: &World, path: &str, how: OpenOptions) -> Result<String, FsError> {
    opened(world.open(path, how))
}

fn done(result: Result<(), FsError>) -> Result<String, FsError> {
    result.map(|()| String::new())
}

const NOW: NewTimes = NewTimes { accessed: NewTime::Now, modified: NewTime::Now };

const OPS: [Op; 31] = [
    ("open read", |w, p| open(w, p, READ)),
    ("open read, not followed", |w, p| open(w, p, OpenOptions { follow: false, ..READ })),
    ("open write", |w, p| open(w, p, WRITE)),
    ("open read and write", |w, p| open(w, p, OpenOptions { read: true, ..WRITE })),
    ("open create", |w, p| open(w, p, CREATE)),
    ("open create, new", |w, p| open(w, p, OpenOptions { exclusive: true, ..CREATE })),
    ("open create, not followed", |w, p| open(w, p, OpenOptions { follow: false, ..CREATE })),
    ("open truncate", |w, p| open(w, p, OpenOptions { truncate: true, ..WRITE })),
    ("open directory", |w, p| open(w, p, LIST)),
    ("open look", |w, p| open(w, p, LOOK)),
    ("open look, not followed", |w, p| open(w, p, OpenOptions { follow: false, ..LOOK })),
    ("stat", |w, p| w.root.stat_at(p, true, IMPORT).map(|s| format!("{:?}", s.kind))),
    ("stat, not followed", |w, p| w.root.stat_at(p, false, IMPORT).map(|s| format!("{:?}", s.kind))),
    ("hash", |w, p| w.root.metadata_hash_at(p, true, IMPORT).map(|_| String::new())),
    ("hash, not followed", |w, p| w.root.metadata_hash_at(p, false, IMPORT).map(|_| String::new())),
    ("readlink", |w, p| w.root.read_link_at(p, IMPORT)),
    ("set times", |w, p| done(w.root.set_times_at(p, true, &NOW, IMPORT))),
    ("set times, not followed", |w, p| done(w.root.set_times_at(p, false, &NOW, IMPORT))),
    ("create directory", |w, p| done(w.root.create_directory_at(p, IMPORT))),
    ("symlink", |w, p| done(w.root.symlink_at("f", p, IMPORT))),
    ("unlink", |w, p| done(w.root.unlink_file_at(p, IMPORT))),
    ("remove directory", |w, p| done(w.root.remove_directory_at(p, IMPORT))),
    ("rename from", |w, p| done(w.root.rename_at(p, &w.root, "ok/new", IMPORT))),
    ("rename from onto a file", |w, p| done(w.root.rename_at(p, &w.root, "ok/x", IMPORT))),
    ("rename a file to", |w, p| done(w.root.rename_at("ok/f", &w.root, p, IMPORT))),
    ("rename a directory to", |w, p| done(w.root.rename_at("ok/d", &w.root, p, IMPORT))),
    ("rename nothing to", |w, p| done(w.root.rename_at("ok/none", &w.root, p, IMPORT))),
    ("rename to itself", |w, p| done(w.root.rename_at(p, &w.root, p, IMPORT))),
    ("link from", |w, p| done(w.root.link_at(p, false, &w.root, "ok/new", IMPORT))),
    ("link to", |w, p| done(w.root.link_at("ok/f", false, &w.root, p, IMPORT))),
    ("handle", |w, p| {
        let node = w.open("ok", LIST)?;
        opened(node.directory()?.open_at(&format!("../{p}"), &READ, IMPORT))
    }),
];

fn is_denied(id: &str) -> bool {
    id == "/m/denied" || id.starts_with("/m/denied/")
}

/// One operation in one fresh world: what the guest sees of it.
fn run(
    resolver: Resolver,
    rule: fn(ActionId, &str) -> bool,
    denied: fn(&World),
    op: fn(&World, &str) -> Result<String, FsError>,
    path: &str,
) -> String {
    let world = World::new(resolver, rule);
    prepare(&world);
    denied(&world);
    let said = match op(&world, path) {
        Ok(seen) => format!("ok {seen}"),
        Err(error) => word(&error).to_owned(),
    };
    world.assert_outside_untouched();
    format!("{said}, charged {}", world.log.denials())
}

fn worlds_answer_alike(rule: fn(ActionId, &str) -> bool, paths: &[&str]) {
    both(|resolver| {
        for path in paths {
            for (name, op) in OPS {
                let expected = run(resolver, rule, WORLDS[0].1, op, path);
                for (world, denied) in WORLDS.iter().skip(1) {
                    let answer = run(resolver, rule, *denied, op, path);
                    assert_eq!(answer, expected, "{name} `{path}` with a {world}, by {resolver:?}");
                }
            }
        }
    });
}

#[test]
fn what_is_denied_altogether_answers_alike_whatever_it_is() {
    worlds_answer_alike(|_, id| !is_denied(id), &PATHS[..12]);
}

#[test]
fn what_is_denied_altogether_answers_alike_through_dots_and_links() {
    worlds_answer_alike(|_, id| !is_denied(id), &PATHS[12..]);
}

fn makes(op: &str) -> bool {
    ["open create", "create directory", "symlink", "rename a", "link to"]
        .iter()
        .any(|made| op.starts_with(made))
}

#[test]
fn a_permitted_name_beneath_a_denied_one_does_not_tell_of_it() {
    // `/m/denied/x/y` itself may be used, what lies above it may not be looked at. Worlds in which it exists are told
    // apart rightly, so only those without it are compared.
    let rule: fn(ActionId, &str) -> bool = |_, id| !is_denied(id) || id == "/m/denied/x/y";
    both(|resolver| {
        for path in
            ["denied/x/y", "denied/x/y/", "denied/x/y/z", "denied/x/y/../y", "denied/x/y/../../../ok/f"]
        {
            for (name, op) in OPS {
                let expected = run(resolver, rule, WORLDS[0].1, op, path);
                for (world, denied) in WORLDS.iter().filter(|(name, _)| *name != "directory with a directory")
                {
                    if *world == "directory with an empty directory" && makes(name) {
                        // What may be made is made where its directory is there.
                        continue;
                    }
                    let answer = run(resolver, rule, *denied, op, path);
                    assert_eq!(answer, expected, "{name} `{path}` with a {world}, by {resolver:?}");
                }
            }
        }
    });
}

#[test]
fn a_permitted_name_beneath_a_denied_one_is_said_to_be_missing() {
    let rule: fn(ActionId, &str) -> bool = |_, id| !is_denied(id) || id == "/m/denied/x/y";
    both(|resolver| {
        let stat = OPS.iter().find(|(name, _)| *name == "stat").unwrap().1;
        for (_, denied) in WORLDS.iter().filter(|(name, _)| *name != "directory with a directory") {
            for path in ["denied/x/y", "denied/x/y/z"] {
                assert_eq!(run(resolver, rule, *denied, stat, path), answer_for(path));
            }
        }
    });
}

/// The name itself may be looked at, the one beneath it may not even be asked for.
fn answer_for(path: &str) -> &'static str {
    if path == "denied/x/y" { "no-entry, charged 0" } else { "access, charged 1" }
}

#[test]
fn two_worlds_that_differ_in_what_is_allowed_do_not_answer_alike() {
    // That the comparison can fail at all.
    let all: fn(ActionId, &str) -> bool = |_, _| true;
    let answers: std::collections::HashSet<String> =
        WORLDS.iter().map(|(_, denied)| run(Resolver::Auto, all, *denied, OPS[0].1, "denied")).collect();
    assert!(answers.len() >= 4, "{answers:?}");
}
