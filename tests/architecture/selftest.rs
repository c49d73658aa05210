//! Each check, run on sources in which it must find something, and on their harmless twins.

use crate::tables::{Home, LAYERS, MINTS, Mint, OWNERS, Owner};
use crate::tree::Tree;
use crate::{manifests, prior_failures, rules, shape};

fn tree(files: &[(&str, &str)]) -> Tree {
    Tree::of(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())))
}

fn layers(path: &str, text: &str) -> Vec<String> {
    rules::layers(&tree(&[(path, text)]), LAYERS)
}

fn owners(path: &str, text: &str) -> Vec<String> {
    rules::owners(&tree(&[(path, text)]), OWNERS)
}

#[track_caller]
fn found(found: &[String], count: usize, text: &str) {
    assert_eq!(found.len(), count, "in `{text}`: {found:#?}");
}

#[test]
fn a_layer_that_names_one_above_is_found_however_it_says_so() {
    for text in [
        "use crate::kernel;",
        "use crate::kernel::Engine;",
        "use crate::{identity::Trust, kernel::Engine};",
        "use crate::{kernel as k};",
        "use super::super::kernel::Engine;",
        "fn f() { crate::kernel::start() }",
        "fn f(_: crate::kernel::Engine) {}",
        "fn f(_: Vec<Box<dyn crate::kernel::Engine>>) {}",
        "fn f() { use crate::kernel::Engine; }",
        "mod inner { use super::super::super::kernel::Engine; }",
        "fn f() { println!(\"{}\", crate::kernel::NAME) }",
        "macro_rules! m { () => { $crate::kernel::start() } }",
        "#[derive(crate::kernel::Guest)] struct S;",
        "pub use crate::kernel::Engine;",
        "impl crate::kernel::Guest for u8 {}",
        "#[cfg(test)] mod tests { use crate::kernel::Engine; }",
    ] {
        found(&layers("src/policy/index.rs", text), 1, text);
    }
}

#[test]
fn a_layer_that_opens_the_whole_crate_is_found() {
    for text in [
        "use crate::*;",
        "use crate as root;",
        "use super::super::*;",
        "use crate::{self as root};",
        "extern crate self as root;",
        "use crate::ReExported;",
        "fn f() { crate::re_exported() }",
    ] {
        found(&layers("src/policy/index.rs", text), 1, text);
    }
    found(&layers("src/unheard_of/mod.rs", ""), 1, "a module without a row");
}

#[test]
fn a_layer_that_names_what_it_stands_on_is_left_alone() {
    for (path, text) in [
        (
            "src/policy/index.rs",
            "use crate::policy::decide; use super::decide; use self::inner::x; mod inner {}",
        ),
        (
            "src/policy/index.rs",
            "use crate::identity::Trust; pub(crate) fn f() {} pub(in crate::policy) fn g() {}",
        ),
        ("src/policy/mod.rs", "mod tests { use super::*; } use airssys_osl::Permit;"),
        ("src/cli/run.rs", "use crate::{embed, host, kernel, policy, identity, audit};"),
        ("src/lib.rs", "pub mod kernel; pub use kernel::Engine; pub use crate::policy::Policies;"),
        ("tests/run.rs", "use airssys_wasm::kernel::Engine;"),
    ] {
        found(&layers(path, text), 0, text);
    }
}

#[test]
fn a_hazard_named_outside_its_home_is_found_however_it_is_said() {
    for text in [
        "use std::fs;",
        "use std::{fs, io};",
        "use std::fs::{self as files};",
        "use std as s; fn f() { s::fs::read(\"x\"); }",
        "use std::os; fn f() { os::unix::net::UnixStream::pair(); }",
        "extern crate std as s; fn f() { s::fs::read(\"x\"); }",
        "fn f() { std::fs::read(\"x\"); }",
        "fn f() { ::std::env::var(\"x\"); }",
        "fn f() { let _ = std::process::Command::new; }",
        "fn f(_: &std::net::TcpStream) {}",
        "use std::*;",
        "use std::os::unix::*;",
        "fn f() { vec![std::fs::read(\"x\")]; }",
        "macro_rules! m { () => { use ::std::{io, fs}; } }",
        "fn f() { rustix::fs::open() }",
        "use cedar_policy::Policy;",
        "use cedar_policy_core::ast;",
        "use ed25519_dalek::Signature;",
        "use ssh_key::PublicKey;",
        "#[allow(clippy::disallowed_methods)] fn f() {}",
        "#![expect(clippy::unwrap_used, reason = \"x\")]",
    ] {
        let found = owners("src/kernel/store.rs", text);
        assert!(!found.is_empty(), "nothing found in `{text}`");
    }
}

#[test]
fn the_blocking_pool_is_found_outside_its_door() {
    for text in [
        "use tokio::task::spawn_blocking;",
        "fn f() { tokio::task::spawn_blocking(work); }",
        "fn f() { tokio::runtime::Handle::current().spawn_blocking(work); }",
        "fn f() { set.spawn_blocking(work); }",
        "fn f() { tokio::task::block_in_place(work); }",
    ] {
        assert!(!owners("src/host/wasi/file_streams.rs", text).is_empty(), "{text}");
        assert!(!owners("src/kernel/instance.rs", text).is_empty(), "{text}");
        found(&owners("src/host/wasi/pool.rs", text), 0, text);
    }
}

#[test]
fn the_linker_and_the_runtime_are_found_outside_their_homes() {
    for text in ["use wasmtime::component::Linker;", "use wasmtime::component::*; fn f(_: Linker<u8>) {}"] {
        assert!(!owners("src/host/wasi/clocks.rs", text).is_empty(), "{text}");
        found(&owners("src/kernel/imports.rs", text), 0, text);
    }
    for path in
        ["src/policy/mod.rs", "src/identity/mod.rs", "src/audit/mod.rs", "crates/airssys-osl/src/fs.rs"]
    {
        for text in ["use wasmtime::Engine;", "fn f() { wasmtime_wasi::p2::x() }"] {
            found(&owners(path, text), 1, text);
        }
    }
    found(&owners("crates/airssys-rt/src/lib.rs", "use cedar_policy::Policy;"), 1, "rt and Cedar");
}

#[test]
fn a_hazard_at_home_or_harmless_is_left_alone() {
    for (path, text) in [
        ("crates/airssys-osl/src/host_files.rs", "use std::fs::File; use rustix::fs::open;"),
        ("src/policy/load.rs", "use cedar_policy::Policy; // std::fs is not named here"),
        ("src/identity/keys.rs", "use ed25519_dalek::Signature; /// [`std::fs`]\nstruct S;"),
        ("src/main.rs", "fn main() -> std::process::ExitCode { std::process::ExitCode::SUCCESS }"),
        ("src/kernel/store.rs", "use crate::host::fs; fn f(a: std::net::IpAddr) { fs::read() }"),
        ("src/kernel/store.rs", "#[cfg(test)] #[allow(clippy::unwrap_used)] mod tests { use std::fs; }"),
        ("src/kernel/store.rs", "#[cfg(test)] mod tests { use std::fs; } fn f() { fs::own() }"),
        ("tests/run.rs", "#![allow(clippy::unwrap_used)] use std::fs;"),
    ] {
        found(&owners(path, text), 0, text);
    }
}

#[test]
fn a_module_counts_as_test_only_behind_cfg_test() {
    let tests = ("src/kernel/tests/mod.rs", "use std::fs;");
    let case = ("src/kernel/tests/case.rs", "use std::fs;");
    let behind = tree(&[("src/kernel/mod.rs", "#[cfg(test)] mod tests;"), tests, case]);
    found(&rules::owners(&behind, OWNERS), 0, "behind cfg(test)");
    let before = tree(&[("src/kernel/mod.rs", "mod tests;"), tests, case]);
    found(&rules::owners(&before, OWNERS), 2, "a module that is only called `tests`");
    found(
        &owners("src/kernel/mod.rs", "#[cfg(all(unix, test))] mod m { use std::fs; }"),
        0,
        "test among all",
    );
    for cfg in ["any(test, feature = \"x\")", "all(unix, not(test))", "unix", "not(test)"] {
        found(&owners("src/kernel/mod.rs", &format!("#[cfg({cfg})] mod m {{ use std::fs; }}")), 1, cfg);
    }
}

#[test]
fn a_row_that_nothing_needs_is_found() {
    const ROW: &[Owner] = &[Owner {
        names: &["std::fs"],
        except: &[],
        homes: &[Home("src/cli/", "reads")],
        reason: "",
        tests_may: true,
    }];
    const MINT: &[Mint] = &[Mint { proof: "Permit", file: "src/cli/run.rs" }];
    found(
        &rules::stale(&tree(&[("src/cli/run.rs", "use std::io;")]), ROW, MINT),
        2,
        "nothing said, nothing minted",
    );
    found(&rules::stale(&tree(&[]), ROW, MINT), 2, "no file");
    let text = "use std::fs; fn mint() -> Permit { Permit {} }";
    found(&rules::stale(&tree(&[("src/cli/run.rs", text)]), ROW, MINT), 0, text);
}

#[test]
fn a_proof_minted_elsewhere_is_found() {
    for text in [
        "fn f() { Permit { resource: 1 } }",
        "fn f() { gate::Permit::<u8> { resource: 1 } }",
        "fn f() { Permit(1) }",
        "impl<A> Permit<A> { fn f() -> Self { Self { resource: 1 } } }",
        "impl Default for crate::gate::Permit<u8> { fn default() -> Self { Self(1) } }",
        "macro_rules! forge { () => { Permit { resource: 1 } } }",
        "#[cfg(test)] mod tests { fn f() { Permit { resource: 1 } } }",
    ] {
        found(&rules::mints(&tree(&[("crates/airssys-osl/src/fs/open.rs", text)]), MINTS), 1, text);
        found(&rules::mints(&tree(&[("crates/airssys-osl/src/gate/permit.rs", text)]), MINTS), 0, text);
    }
    let harmless =
        "fn f(p: Permit<u8>) -> Lease { Lease { at: p.take() } } impl Lease { fn g() -> Self { Self {} } }";
    for text in [harmless, "fn f() { Advice::Permit(1); super::Advice::Permit { text: 1 }; }"] {
        found(&rules::mints(&tree(&[("src/kernel/store.rs", text)]), MINTS), 0, text);
    }
}

#[test]
fn unsafe_code_is_found_in_every_form() {
    for text in [
        "fn f() { unsafe { g() } }",
        "unsafe fn f() {}",
        "unsafe impl Send for S {}",
        "unsafe trait T {}",
        "unsafe extern \"C\" { fn f(); }",
        "#[unsafe(no_mangle)] fn f() {}",
        "fn f() { m!(unsafe { g() }) }",
        "#[cfg(test)] mod tests { fn f() { unsafe { g() } } }",
    ] {
        let tree = tree(&[("src/kernel/raw.rs", text)]);
        found(&rules::unsafe_code(&tree, &[]), 1, text);
        found(&rules::unsafe_code(&tree, &["src/kernel/raw.rs"]), 0, text);
    }
    let harmless = "/// unsafe\nfn f() { let s = \"unsafe\"; }";
    found(&rules::unsafe_code(&tree(&[("src/lib.rs", harmless)]), &[]), 0, harmless);
}

#[test]
fn code_from_elsewhere_is_found() {
    for text in ["#[path = \"x.rs\"] mod x;", "include!(\"x.rs\");", "fn f() { std::include!(\"x.rs\") }"] {
        found(&rules::evasions(&tree(&[("src/kernel/mod.rs", text)])), 1, text);
    }
    let harmless = "const S: &str = include_str!(\"x.cedar\"); mod x;";
    found(&rules::evasions(&tree(&[("src/kernel/mod.rs", harmless)])), 0, harmless);
}

#[test]
fn a_long_file_and_a_long_function_are_found_to_the_line() {
    let file = |lines: usize| "//\n".repeat(lines);
    found(&shape::too_long(&tree(&[("tests/x.rs", &file(501))]), &[]), 1, "501 lines");
    found(&shape::too_long(&tree(&[("tests/x.rs", &file(500))]), &[]), 0, "500 lines");
    found(&shape::too_long(&tree(&[("src/host/wasi/generated.rs", &file(501))]), &[]), 0, "generated");
    // Ten short ones beside it, so that the 90th percentile stays out of the matter.
    let short = "fn s() {}\n".repeat(10);
    for (text, indent) in
        [("fn f() {\n", "}\n"), ("impl S { fn f() {\n", "}}\n"), ("trait T { fn f() {\n", "}}\n")]
    {
        let function = |lines: usize| format!("{short}/// Docs.\n{text}{}{indent}", file(lines - 2));
        found(&shape::too_long(&tree(&[("src/x.rs", &function(41))]), &[]), 1, text);
        found(&shape::too_long(&tree(&[("src/x.rs", &function(40))]), &[]), 0, text);
        found(&shape::too_long(&tree(&[("src/x.rs", &function(41))]), &[("src/x.rs", "f", "")]), 0, text);
        found(
            &shape::too_long(&tree(&[("src/x.rs", &function(40))]), &[("src/x.rs", "f", "")]),
            1,
            "an idle row",
        );
    }
    let middling = format!("fn f() {{\n{}}}\n", file(26));
    found(&shape::too_long(&tree(&[("src/x.rs", &middling)]), &[]), 1, "the 90th percentile");
}

#[test]
fn a_manifest_without_the_lints_or_past_its_layer_is_found() {
    let wrong = |text: &str| manifests::wrong(&text.parse().unwrap());
    let fine = "[package]\nname = 'airssys-osl'\n[lints]\nworkspace = true\n";
    found(&wrong(fine), 0, fine);
    found(&wrong("[package]\nname = 'airssys-osl'\n"), 1, "no lints");
    for more in [
        "[dependencies]\nwasmtime-wasi.workspace = true",
        "[dev-dependencies]\ncedar-policy = '4'",
        "[target.'cfg(unix)'.dependencies]\nwasmtime = '48'",
        "[dependencies]\nengine = { package = 'wasmtime', version = '48' }",
        "[dev-dependencies]\nairssys-fuzz = { path = '../airssys-fuzz' }",
    ] {
        found(&wrong(&format!("{fine}{more}")), 1, more);
    }
}

#[test]
fn a_known_failure_without_its_test_is_found() {
    let page = "| x | `define_unknown_imports` | `a_b_c_d_e` and `tests/x.rs`: `one_two_three_four_five` |";
    let without = |text: &str| prior_failures::without_test(&tree(&[("tests/x.rs", text)]), page);
    found(
        &without("fn a_b_c_d_e() {} #[tokio::test] async fn one_two_three_four_five() {}"),
        1,
        "no #[test]",
    );
    found(&without("mod m { #[test] fn a_b_c_d_e() {} #[test] fn one_two_three_four_five() {} }"), 0, "both");
}
