//! Limits at the command line: requested in the manifest, granted in the configuration, shown by `inspect`, and in force.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods, reason = "tests prepare and look at real files")]

mod cli_support;
mod guests;

use airssys_wasm::kernel::Limits;
use cli_support::{Desk, MANIFEST, Said};

/// A component of `tests/guests/wat`, signed with this under `[limits]`.
fn desk(guest: &str, requested: &str) -> Desk {
    let desk = Desk::with_signed(&guests::text(guest));
    desk.write("plugin.toml", format!("{MANIFEST}[limits]\n{requested}\n"));
    desk.write("guest.wasm", guests::text(guest));
    desk.run(&[
        "sign",
        "guest.wasm",
        "--key",
        "author.key",
        "--manifest",
        "plugin.toml",
        "-o",
        "limited.wasm",
    ])
    .is_done();
    desk
}

fn inspect(desk: &Desk, more: &[&str]) -> Said {
    desk.run(&[&["inspect", "limited.wasm", "--trust", "trust.toml"], more].concat())
}

#[test]
fn inspect_shows_what_is_requested_and_granted_and_in_force_for_each_limit() {
    let desk = desk("tiny", "memory_mib = 64\nhandles = 50000");
    desk.write("airssys.toml", "[limits]\nmemory_mib = 128\nopen_files = 8\n");
    let said = inspect(&desk, &["--config", "airssys.toml"]);
    let rows: Vec<Vec<&str>> =
        said.is_done().out.lines().map(|line| line.split_whitespace().collect()).collect();
    for row in [
        ["memory_mib", "64", "128", "64"],
        ["handles", "50000", "10000", "10000"],
        ["open_files", "-", "8", "8"],
        ["sockets", "-", "256", "256"],
    ] {
        assert!(rows.iter().any(|shown| shown == &row), "{row:?}: {}", said.out);
    }
    let value = inspect(&desk, &["--config", "airssys.toml", "--json"]).json();
    for (key, default) in Limits::default().each() {
        assert!(rows.iter().any(|row| row.first() == Some(&key)), "{key}");
        let granted = match key {
            "memory_mib" => 128,
            "open_files" => 8,
            _ => default.get(),
        };
        let requested = match key {
            "memory_mib" => Some(64),
            "handles" => Some(50_000),
            _ => None,
        };
        assert_eq!(value["limits_granted"][key], granted, "{key}");
        assert_eq!(value["limits_requested"][key].as_u64(), requested, "{key}");
        assert_eq!(value["limits"][key], requested.map_or(granted, |asked: u64| asked.min(granted)), "{key}");
    }
}

#[test]
fn a_limit_that_cannot_be_enforced_is_refused_by_run_and_inspect_alike() {
    let desk = desk("tiny", "stack_kib = 100");
    let said = "the limit `stack_kib` of 100 cannot be enforced: one size, of 512, is in force";
    for arguments in [
        &["inspect", "limited.wasm", "--trust", "trust.toml"][..],
        &["call", "limited.wasm", "f()", "--trust", "trust.toml"],
    ] {
        let refused = desk.run(arguments);
        assert!(refused.status == 126 && refused.err.contains(said), "{refused:?}");
    }
    desk.write("airssys.toml", "[limits]\nstack_kib = 100\n");
    inspect(&desk, &["--config", "airssys.toml"]).is_done();
    desk.write("airssys.toml", "[limits]\nstack_kib = 100000\n");
    let refused = inspect(&desk, &["--config", "airssys.toml"]);
    assert!(refused.status == 125 && refused.err.contains("the most is 65536"), "{refused:?}");
}

#[test]
fn each_key_of_the_configuration_is_known_and_refused_with_zero_where_it_stands() {
    let desk = desk("tiny", "");
    for (key, value) in Limits::default().each() {
        desk.write("airssys.toml", format!("[limits]\n{key} = {value}\n"));
        inspect(&desk, &["--config", "airssys.toml"]).is_done();
        desk.write("airssys.toml", format!("[limits]\n{key} = 0\n"));
        let refused = inspect(&desk, &["--config", "airssys.toml"]);
        let place = format!("airssys.toml:2:{}: ", key.len() + 4);
        assert!(refused.status == 125 && refused.err.contains(&place), "{refused:?}");
    }
    desk.write("airssys.toml", "[limits]\nhandles = 5\nfuel = 3\n");
    let refused = inspect(&desk, &["--config", "airssys.toml"]);
    assert!(refused.err.contains("airssys.toml:3:1: unknown field `fuel`"), "{refused:?}");
}

#[test]
fn a_limit_that_stops_a_component_is_one_sentence_and_its_status() {
    let desk = desk("recurse", "");
    desk.write("airssys.toml", "[limits]\nstack_kib = 64\n");
    let options = ["--trust", "trust.toml", "--config", "airssys.toml"];
    let said = desk.run(&[&["call", "limited.wasm", "recurse()"], &options[..]].concat());
    assert_eq!((said.status, said.out.as_str()), (134, ""), "{said:?}");
    assert!(said.err.contains("the limit `stack_kib` of 64 is exceeded: grant more"), "{said:?}");
    desk.write("airssys.toml", "[limits]\ninstances = 1\ntables = 1\nmemories = 1\n");
    assert_eq!(desk.run(&[&["inspect", "limited.wasm"], &options[..]].concat()).status, 0);
}
