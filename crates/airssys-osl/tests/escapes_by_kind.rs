//! Files that are no files (the kernel's own, pipes, devices, sockets), and ways without end: nothing of it opens or
//! hangs, by both ways of looking up.
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
use airssys_osl::fs::{MountOptions, MountSpec, Mounts, OpenOptions};
use common::{CREATE, IMPORT, LIST, LOOK, Log, READ, Script, WRITE, World, answer, both, refused};
use std::sync::Arc;
use std::time::Duration;

fn all(_: ActionId, _: &str) -> bool {
    true
}

/// Everything but what lies at or beneath `/m/denied`.
fn but_denied(_: ActionId, id: &str) -> bool {
    id != "/m/denied" && !id.starts_with("/m/denied/")
}

const TRUNCATE: OpenOptions = OpenOptions { truncate: true, ..WRITE };

#[test]
fn windows_into_the_kernel_are_no_mounts() {
    for host in ["/proc", "/proc/self/fd", "/sys", "/dev"] {
        both(|resolver| {
            let options = MountOptions { resolver, ..MountOptions::default() };
            let guest = airssys_osl::GuestPath::parse("/m").unwrap();
            let spec = MountSpec { host: host.into(), guest, read_only: true, options };
            let error = Mounts::open_ambient(vec![spec], &[]).unwrap_err().to_string();
            assert!(error.contains("kernel's own state"), "{host}: {error}");
        });
    }
}

#[test]
fn magic_links_lead_no_way_out_even_across_devices() {
    both(|resolver| {
        let options = MountOptions { resolver, cross_devices: true, ..MountOptions::default() };
        let guest = airssys_osl::GuestPath::parse("/m").unwrap();
        let spec = MountSpec { host: "/".into(), guest, read_only: true, options };
        let mounts = Mounts::open_ambient(vec![spec], &[]).unwrap();
        let (script, log) = (Script::new(all), Arc::new(Log::default()));
        let session = common::session(&script, &log);
        let node = mounts.roots(&session).remove(0).0;
        let root = node.directory().unwrap();
        for path in [
            "proc/self/root/etc/passwd",
            "proc/self/cwd",
            "proc/self/exe",
            "proc/self/fd/0",
            "proc/thread-self/root",
            "proc/self/environ",
            "proc/self/status",
            "proc/self",
            "proc",
            "sys/kernel",
            "dev/null",
        ] {
            for how in [READ, LOOK] {
                let answer = answer(root.open_at(path, &how, IMPORT));
                assert!(["not-permitted", "no-entry", "loop"].contains(&answer), "{path}: {answer}");
            }
        }
    });
}

#[test]
fn a_mount_does_not_reach_into_another_file_system() {
    both(|resolver| {
        let options = MountOptions { resolver, ..MountOptions::default() };
        let guest = airssys_osl::GuestPath::parse("/m").unwrap();
        let spec = MountSpec { host: "/".into(), guest, read_only: true, options };
        let mounts = Mounts::open_ambient(vec![spec], &[]).unwrap();
        let session = common::session(&Script::new(all), &Arc::new(Log::default()));
        let node = mounts.roots(&session).remove(0).0;
        let root = node.directory().unwrap();
        for path in ["proc", "proc/self/status", "sys", "proc/../proc/version", "dev/shm/x"] {
            refused(root.open_at(path, &READ, IMPORT), "not-permitted");
            refused(root.stat_at(path, true, IMPORT), "not-permitted");
        }
        assert_eq!(answer(root.open_at("etc", &LIST, IMPORT)), "ok");
    });
}

#[test]
fn pipes_devices_and_sockets_neither_hang_nor_open() {
    both(|resolver| {
        let world = World::new(resolver, all);
        world.fifo("pipe").link("pipe", "link");
        let _socket = std::os::unix::net::UnixListener::bind(world.host.join("socket")).unwrap();
        let started = std::time::Instant::now();
        for path in ["pipe", "link", "socket"] {
            for how in [READ, WRITE, TRUNCATE, CREATE, LOOK, OpenOptions { write: true, ..READ }] {
                refused(world.open(path, how), "not-permitted");
            }
            refused(world.open(path, LIST), "not-directory");
        }
        assert!(started.elapsed() < Duration::from_secs(5));
        // To be looked at, renamed and removed they are names like others.
        assert_eq!(answer(world.root.stat_at("pipe", true, IMPORT)), "ok");
        assert_eq!(answer(world.root.unlink_file_at("pipe", IMPORT)), "ok");
    });
}

#[test]
fn a_pipe_that_the_mount_allows_opens_without_waiting() {
    both(|resolver| {
        let options = MountOptions { resolver, special_files: true, ..MountOptions::default() };
        let world = World::with(options, false, all);
        world.fifo("pipe");
        let node = world.open("pipe", READ).unwrap();
        assert_eq!(node.file().unwrap().read_at(1, 0, IMPORT).map_or(0, |read| read.len()), 0);
        assert!(!node.in_place());
    });
}

#[test]
fn a_denied_pipe_is_not_even_touched() {
    both(|resolver| {
        let world = World::new(resolver, but_denied);
        world.fifo("denied");
        let path = world.host.join("denied");
        let writer = std::thread::spawn(move || drop(std::fs::OpenOptions::new().write(true).open(path)));
        std::thread::sleep(Duration::from_millis(50));
        for how in [READ, OpenOptions { write: true, ..READ }, LOOK, LIST] {
            refused(world.open("denied", how), "access");
        }
        std::thread::sleep(Duration::from_millis(50));
        assert!(!writer.is_finished(), "nobody opened the other side");
        drop(std::fs::OpenOptions::new().read(true).open(world.host.join("denied")));
        writer.join().unwrap();
    });
}

#[test]
fn a_chain_of_links_that_doubles_at_each_step_ends() {
    both(|resolver| {
        let world = World::new(resolver, all);
        world.dir("l0");
        for n in 1..40 {
            let below = format!("l{}", n - 1);
            world.link(format!("{below}/../{below}"), &format!("l{n}"));
        }
        let started = std::time::Instant::now();
        refused(world.open("l39/x", READ), "loop");
        assert!(started.elapsed() < Duration::from_secs(2));
    });
}

#[test]
fn the_way_up_from_deep_down_ends() {
    both(|resolver| {
        let world = World::new(resolver, all);
        world.dir(&"a/".repeat(100));
        let path = format!("{}{}", "a/".repeat(100), "../a/".repeat(200));
        let started = std::time::Instant::now();
        refused(world.open(&path, LIST), "loop");
        assert!(started.elapsed() < Duration::from_secs(2));
    });
}

#[test]
fn a_link_that_demands_a_directory_leads_to_no_file_and_makes_none() {
    both(|resolver| {
        let world = World::new(resolver, all);
        world.file("f", "").dir("d");
        for end in ["/", "/.", "/./"] {
            for (name, word) in [("f", "not-directory"), ("new", "no-entry"), ("d", "ok")] {
                world.link(format!("{name}{end}"), "link").link("link", "link-to-link");
                for link in ["link", "link-to-link"] {
                    assert_eq!(answer(world.open(link, LOOK)), word, "{name}{end}");
                    assert_eq!(answer(world.root.stat_at(link, true, IMPORT)), word, "{name}{end}");
                }
                let made = answer(world.open("link", CREATE));
                assert_eq!(made, if name == "d" { "is-directory" } else { word }, "{name}{end}");
                assert!(!world.exists("new"), "{end}");
                std::fs::remove_file(world.host.join("link")).unwrap();
                std::fs::remove_file(world.host.join("link-to-link")).unwrap();
            }
        }
    });
}
