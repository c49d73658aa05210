//! `docs/audit-format.md` is true: its example is a log, and its recipes check one.

use crate::support::{head_of, lines, report, sample};
use airssys_wasm::audit::{Head, Log};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PAGE: &str = include_str!("../../docs/audit-format.md");

/// What stands in the page's blocks of that language.
fn blocks(language: &str) -> Vec<&'static str> {
    let open = format!("```{language}\n");
    PAGE.split(&open[..]).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn written(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

fn has_jq() -> bool {
    let found = Command::new("jq").arg("--version").stdout(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

/// The recipes that can run here: that with `sed` always, that with `jq` where there is one.
fn recipes() -> Vec<&'static str> {
    let all = blocks("sh");
    assert_eq!(all.len(), 2);
    all.into_iter().filter(|recipe| !recipe.contains("jq ") || has_jq()).collect()
}

fn run(recipe: &str, log: &Path) -> (bool, String) {
    let output = Command::new("sh").args(["-c", recipe, "check.sh"]).arg(log).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// A log with strings that are hard to spell.
fn hard() -> Vec<u8> {
    let (log, memory) = Log::in_memory();
    let every: String =
        (1..0x100).chain([0x2028, 0x202e, 0xfeff, 0xfffd, 0x1f511]).filter_map(char::from_u32).collect();
    for text in [&*every, "\"prev\":\"x\"", "ends in a backslash \\", " ", "%s $HOME `id` 'x'"] {
        airssys_osl::Recorder::note(&log, &crate::support::subject(1), "x#y", text).unwrap();
    }
    drop(log);
    memory.bytes()
}

#[test]
fn the_recipes_find_a_changed_a_dropped_and_a_moved_record() {
    let good = lines(&sample(8));
    let mut changed = good.clone();
    changed[4] = String::from_utf8(changed[4].clone()).unwrap().replace("/data/", "/else/").into_bytes();
    let mut dropped = good.clone();
    dropped.remove(4);
    let mut moved = good.clone();
    moved.swap(4, 5);
    for recipe in recipes() {
        for bad in [&changed, &dropped, &moved] {
            let (_dir, path) = written(&bad.concat());
            assert_eq!(run(recipe, &path), (false, "record 4 does not verify\n".to_owned()), "{recipe}");
        }
    }
}

#[test]
fn the_recipes_accept_what_the_program_writes_and_print_its_head() {
    for recipe in recipes() {
        for log in [hard(), sample(8)] {
            let (_dir, path) = written(&log);
            assert_eq!(run(recipe, &path), (true, format!("head {}\n", head_of(&log))), "{recipe}");
        }
    }
}

#[test]
fn the_example_of_the_page_is_a_log_with_the_head_it_states() {
    let [example] = blocks("json")[..] else { panic!("one example") };
    let found = report(example.as_bytes());
    assert!(found.is_sound() && found.closed && found.records == 7, "{found}");
    let head: Head = found.head.unwrap();
    assert!(PAGE.contains(&format!("`{head}`")), "the page's head is not {head}");
    let (_dir, path) = written(example.as_bytes());
    for recipe in recipes() {
        assert_eq!(run(recipe, &path), (true, format!("head {head}\n")));
    }
}

#[test]
fn the_page_names_every_field_and_kind() {
    let record = include_str!("../../src/audit/record.rs");
    let fields = record.split("pub struct Record<'a> {").nth(1).unwrap().split("\n}").next().unwrap();
    let fields = fields.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split(':').next());
    let kinds = airssys_wasm::audit::Kind::ALL.iter().map(|kind| kind.name());
    for word in fields.chain(kinds) {
        assert!(PAGE.contains(&format!("\n| `{word}` |")), "`{word}` has no row");
    }
}
