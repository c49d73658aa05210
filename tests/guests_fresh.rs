//! Guests: the committed components are of their sources, and all of them are what they claim to be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::disallowed_methods, reason = "a test reads the work tree and its own temporary files")]

mod guests;
#[path = "../xtask/src/guests/manifest.rs"]
mod manifest;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use manifest::{Guest, Kind, Manifest, Tools, digest, source_digest};
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

/// A tree with one guest whose component is of its source.
fn one_guest(root: &Path) -> Manifest {
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("guests/Cargo.toml", "[workspace]");
    write("guests/Cargo.lock", "version = 4");
    write("guests/one/Cargo.toml", "[package]");
    write("guests/one/src/main.rs", "fn main() {}");
    write("guests/one/src/deep/er.rs", "");
    write("guests/one/wit/world.wit", "package a:b;");
    write("guests/one/one.wasm", "built");
    let guest = Guest {
        name: "one".to_string(),
        directory: "guests/one".to_string(),
        kind: Kind::Command,
        package: None,
        features: Vec::new(),
        source: source_digest(root, "guests/one").unwrap(),
        component: digest(b"built"),
        bytes: 5,
    };
    Manifest { tools: Tools::default(), guest: vec![guest] }
}

#[test]
fn guest_is_stale_once_any_of_its_sources_changed() {
    for changed in [
        "guests/Cargo.toml",
        "guests/Cargo.lock",
        "guests/one/Cargo.toml",
        "guests/one/src/main.rs",
        "guests/one/src/deep/er.rs",
        "guests/one/src/new.rs",
        "guests/one/wit/world.wit",
    ] {
        let tree = tempfile::tempdir().unwrap();
        let manifest = one_guest(tree.path());
        assert_eq!(manifest.stale(tree.path()).unwrap(), [""; 0]);
        fs::write(tree.path().join(changed), "// changed").unwrap();
        let told = manifest.stale(tree.path()).unwrap();
        assert_eq!(told, ["guest `one`: its source is newer than its component"], "{changed}");
    }
}

#[test]
fn guest_is_stale_once_text_moved_from_one_source_to_the_next() {
    let tree = tempfile::tempdir().unwrap();
    let manifest = one_guest(tree.path());
    fs::write(tree.path().join("guests/one/src/main.rs"), "").unwrap();
    fs::write(tree.path().join("guests/one/src/deep/er.rs"), "fn main() {}").unwrap();
    assert_eq!(manifest.stale(tree.path()).unwrap().len(), 1);
}

#[test]
fn component_that_was_exchanged_or_lost_is_told() {
    let tree = tempfile::tempdir().unwrap();
    let manifest = one_guest(tree.path());
    let component = tree.path().join("guests/one/one.wasm");
    fs::write(&component, "exchanged").unwrap();
    let told = manifest.stale(tree.path()).unwrap();
    assert_eq!(told, ["guest `one`: `guests/one/one.wasm` is not the component that was built"]);
    fs::remove_file(&component).unwrap();
    let told = manifest.stale(tree.path()).unwrap();
    assert!(told[0].starts_with("guest `one`: `guests/one/one.wasm`: "), "{told:?}");
}

#[test]
fn line_ends_of_a_checkout_make_no_guest_stale() {
    let tree = tempfile::tempdir().unwrap();
    let main = tree.path().join("guests/one/src/main.rs");
    one_guest(tree.path());
    fs::write(&main, "fn main() {\n}\n").unwrap();
    let before = source_digest(tree.path(), "guests/one").unwrap();
    fs::write(&main, "fn main() {\r\n}\r\n").unwrap();
    assert_eq!(before, source_digest(tree.path(), "guests/one").unwrap());
}

#[test]
fn committed_components_are_of_their_sources() {
    let root = guests::root();
    let stale = Manifest::read(&root).unwrap().stale(&root).unwrap();
    assert!(stale.is_empty(), "build them with `cargo xtask guests`:\n{}", stale.join("\n"));
}

#[test]
fn every_guest_package_has_its_row() {
    let root = guests::root();
    let mut packages = BTreeSet::new();
    for parent in ["tests/guests", "examples/guests"] {
        for entry in fs::read_dir(root.join(parent)).unwrap() {
            let entry = entry.unwrap();
            if entry.path().join("Cargo.toml").is_file() {
                packages.insert(format!("{parent}/{}", entry.file_name().to_str().unwrap()));
            }
        }
    }
    let manifest = Manifest::read(&root).unwrap();
    let rows: BTreeSet<_> = manifest.guest.iter().map(|guest| guest.directory.clone()).collect();
    assert_eq!(packages, rows);
    let table: BTreeSet<_> =
        guests::COMPONENTS.iter().map(|(name, path)| (*name, (*path).to_string())).collect();
    let rows: BTreeSet<_> =
        manifest.guest.iter().map(|row| (row.name.as_str(), row.component_path())).collect();
    assert_eq!(table, rows);
}

#[test]
fn rust_guests_are_small_components_of_their_kind() {
    for guest in Manifest::read(&guests::root()).unwrap().guest {
        let bytes = guests::component(&guest.name);
        assert!(bytes.len() < 300 * 1024, "`{}` has {} bytes", guest.name, bytes.len());
        assert_eq!(encoding(&bytes), Encoding::Component, "`{}`", guest.name);
        Validator::new_with_features(WasmFeatures::default()).validate_all(&bytes).unwrap();
        let command = exports(&bytes).iter().any(|name| name.starts_with("wasi:cli/run@0.2."));
        assert_eq!(command, guest.kind == Kind::Command, "`{}`", guest.name);
    }
}

/// The bindings are generated by hand; a world that was changed without them shows here.
#[test]
fn library_guest_exports_what_its_world_says() {
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_dir(guests::root().join("tests/guests/probe-process/wit")).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let said: BTreeSet<_> =
        resolve.worlds[world].exports.keys().map(|key| resolve.name_world_key(key)).collect();
    assert_eq!(exports(&guests::component("probe-process")), said);
}

#[test]
fn text_guests_are_valid_components_but_for_the_one_that_is_none() {
    let mut seen = 0;
    for entry in fs::read_dir(guests::text_dir()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = guests::assembled(&path);
        Validator::new_with_features(WasmFeatures::default())
            .validate_all(&bytes)
            .unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
        let wanted = if path.ends_with("core.wat") { Encoding::Module } else { Encoding::Component };
        assert_eq!(encoding(&bytes), wanted, "`{}`", path.display());
        seen += 1;
    }
    assert!(seen >= 11, "only {seen} text guests were found");
}

fn encoding(bytes: &[u8]) -> Encoding {
    match Parser::new(0).parse_all(bytes).next().unwrap().unwrap() {
        Payload::Version { encoding, .. } => encoding,
        other => panic!("no header: {other:?}"),
    }
}

/// Names of what the outermost component exports, types aside.
fn exports(bytes: &[u8]) -> BTreeSet<String> {
    let mut depth = 0;
    let mut names = BTreeSet::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentExportSection(section) if depth == 0 => {
                names.extend(section.into_iter().map(|export| export.unwrap().name.name.to_string()));
            }
            _ => {}
        }
    }
    names
}
