//! Two worlds that differ only in what is denied answer alike: through the kernel, for each function that takes a path.
#![cfg(unix)]
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

mod support;

use airssys_osl::GuestPath;
use airssys_osl::fs::MountSpec;
use airssys_wasm::audit::Memory;
use airssys_wasm::embed::{Component, ComponentRuntime};
use std::fs;
use std::path::Path;
use support::probe::{Offered, Plan, build, offered};
use wit_parser::Type;

const POLICY: &str = "@id(\"all\") permit (principal, action, resource);\n\
    @id(\"secret\") forbid (principal, action in Action::\"fs\", resource in Path::\"/secret\");";

type Part = fn(&Path);

/// What is, or is not, at `/secret`.
const WORLDS: [(&str, Part); 7] = [
    ("missing", |_| {}),
    ("file", |secret| fs::write(secret, "canary").unwrap()),
    ("empty directory", |secret| fs::create_dir(secret).unwrap()),
    ("directory with a file", |secret| {
        fs::create_dir(secret).unwrap();
        fs::write(secret.join("x"), "canary").unwrap();
    }),
    ("link to a file", |secret| std::os::unix::fs::symlink("file", secret).unwrap()),
    ("link to nothing", |secret| std::os::unix::fs::symlink("none", secret).unwrap()),
    ("pipe", |secret| {
        let made = std::process::Command::new("mkfifo").arg(secret).status().unwrap();
        assert!(made.success());
    }),
];

/// Ways to what is denied; `link` leads there from what is allowed.
const PATHS: [&str; 6] = ["secret", "secret/", "secret/x", "secret/../file", "sub/../secret", "link"];

/// `error-code::access`.
const ACCESS: u32 = 1000;

/// The functions that follow a link when they are told to.
const FOLLOWING: [&str; 5] = [".open-at", ".stat-at", ".metadata-hash-at", ".set-times-at", ".link-at"];

/// Leaves nothing in `root` but what every world has, and what this one has.
fn furnish(root: &Path, part: Part) {
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let is_dir = fs::symlink_metadata(&path).unwrap().is_dir();
        if is_dir { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    fs::create_dir(root.join("sub")).unwrap();
    fs::write(root.join("file"), "contents").unwrap();
    std::os::unix::fs::symlink("secret", root.join("link")).unwrap();
    part(&root.join("secret"));
}

/// The functions that take a path.
fn by_path(resolve: &wit_parser::Resolve) -> Vec<Offered> {
    let mut all = offered(resolve);
    all.retain(|o| {
        o.id.starts_with("wasi:filesystem/types") && o.function.params.iter().any(|p| p.ty == Type::String)
    });
    all
}

/// What a guest gets to know of one world: the answer, and how many denials it was charged for.
async fn seen(component: &Component, log: &Memory) -> (u32, usize) {
    let instance = component.instantiate().await.unwrap();
    assert_eq!(instance.call::<_, u32>("prepare", &()).await.unwrap(), 0);
    let before = denials(log);
    let answer = instance.call("run", &()).await.unwrap();
    (answer, denials(log) - before)
}

fn denials(log: &Memory) -> usize {
    support::of_kind(log, "decision").iter().filter(|record| record["verdict"] == "deny").count()
}

/// Runs one function on one path in all worlds; a fresh log for each keeps them short.
async fn assert_alike(
    resolve: &wit_parser::Resolve,
    offered: &Offered,
    path: &str,
    flags: (u32, u32, u32),
) -> u32 {
    let root = tempfile::tempdir().unwrap();
    furnish(root.path(), |_| {});
    let (config, log) = support::config(POLICY);
    let runtime =
        ComponentRuntime::new(config.mount(MountSpec::new(root.path(), GuestPath::root()))).unwrap();
    let bytes = build(resolve, offered, &Plan { path, flags, port: 0 });
    let component = runtime.load_component(support::signed("probe", &bytes)).await.unwrap();
    let mut first = None;
    for (world, part) in WORLDS {
        furnish(root.path(), part);
        let seen = seen(&component, &log).await;
        let (name, expected) = first.get_or_insert((world, seen));
        assert_eq!(seen, *expected, "{} {path} {flags:?}: `{world}` differs from `{name}`", offered.id);
    }
    first.unwrap().1.0
}

/// Path flags, open flags and descriptor flags to try a function with.
fn flags(offered: &Offered) -> Vec<(u32, u32, u32)> {
    if offered.id.ends_with("open-at") {
        // Plain; following; creating; a directory; creating only; truncating.
        vec![(0, 0, 1), (1, 0, 1), (1, 1, 2), (1, 2, 1), (1, 5, 2), (1, 8, 2)]
    } else {
        vec![(0, 0, 0), (1, 0, 0)]
    }
}

#[tokio::test]
async fn no_answer_tells_what_is_at_a_denied_name() {
    let resolve = support::wit();
    let functions = by_path(&resolve);
    assert_eq!(functions.len(), 11, "{:?}", functions.iter().map(|o| &o.id).collect::<Vec<_>>());
    for offered in &functions {
        for path in PATHS {
            for flags in flags(offered) {
                let answer = assert_alike(&resolve, offered, path, flags).await;
                assert_refused(offered, path, flags, answer);
            }
        }
    }
}

/// Nothing is done; another code than `access` is told only where the text of the path alone is the reason.
fn assert_refused(offered: &Offered, path: &str, flags: (u32, u32, u32), answer: u32) {
    let follows = flags.0 == 1 && flags.1 & 4 == 0 && FOLLOWING.iter().any(|name| offered.id.ends_with(name));
    if path == "link" && !follows {
        // The link itself is permitted, and not followed; what it leads to is not.
        return;
    }
    assert!(answer >= ACCESS, "{} {path} {flags:?}: {answer}", offered.id);
    let by_text = path.ends_with('/') && flags.1 & 1 == 1;
    let open = offered.id.ends_with("open-at");
    assert!(answer == ACCESS || !open || by_text, "{path} {flags:?}: {answer}");
}

/// The probe does tell worlds apart where it may look.
#[tokio::test]
async fn an_answer_tells_what_is_at_a_permitted_name() {
    let resolve = support::wit();
    let stat = by_path(&resolve).into_iter().find(|offered| offered.id.ends_with("stat-at")).unwrap();
    let here = assert_alike(&resolve, &stat, "file", (0, 0, 0)).await;
    let gone = assert_alike(&resolve, &stat, "none", (0, 0, 0)).await;
    assert_eq!(here, 1);
    assert!(gone > ACCESS, "{gone}");
}
