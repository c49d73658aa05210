//! What the members' manifests say: the common lints, and dependencies that keep to the layers.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Crates that know nothing of these, not even as a dependency.
const IGNORANT: &[(&str, &[&str])] =
    &[("airssys-osl", &["wasmtime", "cedar"]), ("airssys-rt", &["wasmtime", "cedar", "airssys-osl"])];

/// A crate of tests, which nothing that is shipped depends on.
pub(crate) const TESTS: &str = "airssys-fuzz";

/// Checks every member of this workspace.
pub(crate) fn of_this_workspace() -> Vec<String> {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests"));
    let workspace = read(&root.join("Cargo.toml"));
    let members = workspace["workspace"]["members"].as_array().expect("members").clone();
    assert!(members.len() >= 3, "the members were not found");
    let members = members.iter().map(|member| read(&root.join(member.as_str().unwrap()).join("Cargo.toml")));
    std::iter::once(workspace.clone()).chain(members).flat_map(|manifest| wrong(&manifest)).collect()
}

fn read(path: &Path) -> Table {
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

/// What is wrong in one manifest.
pub(crate) fn wrong(manifest: &Table) -> Vec<String> {
    let name = manifest["package"]["name"].as_str().expect("a name");
    let inherits =
        manifest.get("lints").and_then(|lints| lints.get("workspace")) == Some(&Value::Boolean(true));
    let lints = (!inherits).then(|| format!("{name}: does not take the workspace's lints"));
    let strangers = IGNORANT.iter().filter(|row| row.0 == name).flat_map(|row| row.1).chain([&TESTS]);
    let known = dependencies(manifest);
    let past = strangers.flat_map(|stranger| known.iter().filter(move |known| known.starts_with(stranger)));
    lints.into_iter().chain(past.map(|known| format!("{name}: depends on {known}"))).collect()
}

fn dependencies(manifest: &Table) -> Vec<String> {
    let platforms = manifest.get("target").and_then(Value::as_table);
    let tables = platforms.into_iter().flat_map(|table| table.values()).filter_map(Value::as_table);
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let of = |table: &Table| {
        let found = kinds.iter().filter_map(|kind| table.get(*kind)).filter_map(Value::as_table);
        // A renamed dependency says its true name under `package`.
        let names = found
            .flatten()
            .map(|(key, value)| value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned());
        names.collect::<Vec<_>>()
    };
    std::iter::once(manifest).chain(tables).flat_map(of).collect()
}
