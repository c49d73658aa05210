//! Every source of the workspace, parsed, with the module it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;

use crate::manifests::TESTS;
use crate::mentions::is_cfg_test;

/// What kind of code a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Part of a library or binary: all rules hold.
    Product,
    /// A module behind `#[cfg(test)]`, beside the product.
    UnitTest,
    /// `tests/`, `benches/`, `examples/`: crates of their own, only measured.
    Outside,
}

/// One parsed file.
pub(crate) struct Source {
    /// From the workspace's root, with slashes.
    pub(crate) path: String,
    /// How many lines it has.
    pub(crate) lines: usize,
    /// What it holds.
    pub(crate) ast: syn::File,
    /// The same before parsing.
    pub(crate) tokens: TokenStream,
    /// Whose rules hold.
    pub(crate) kind: Kind,
    /// The crate and the modules down to this file: `airssys_wasm`, `policy`, `index`.
    pub(crate) module: Vec<String>,
}

/// All sources.
pub(crate) struct Tree {
    /// In the order of their paths.
    pub(crate) sources: Vec<Source>,
}

impl Tree {
    /// Reads the workspace this test belongs to.
    pub(crate) fn of_this_workspace() -> Self {
        let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests"));
        let mut files = BTreeSet::new();
        for top in ["src", "crates", "xtask", "tests", "benches", "examples", "fuzz/fuzz_targets"] {
            find(&root.join(top), &mut files);
        }
        let texts = files.iter().map(|file| {
            let path = file.strip_prefix(&root).unwrap().to_str().expect("a plain name").replace('\\', "/");
            (path, std::fs::read_to_string(file).unwrap())
        });
        let tree = Self::of(texts);
        assert!(tree.sources.iter().any(|source| source.path == "src/lib.rs"), "the sources were not found");
        tree
    }

    /// Makes a tree of texts, for the workspace and for the self-tests alike.
    pub(crate) fn of(texts: impl Iterator<Item = (String, String)>) -> Self {
        let mut sources: Vec<_> = texts.map(|(path, text)| parse(path, &text)).collect();
        let tests: BTreeSet<_> = sources.iter().flat_map(unit_test_modules).collect();
        for source in &mut sources {
            let behind_cfg = (1..=source.module.len()).any(|end| tests.contains(&source.module[..end]));
            if source.kind == Kind::Product && behind_cfg {
                source.kind = Kind::UnitTest;
            }
        }
        Self { sources }
    }

    /// The files whose code goes into the product, their unit tests included.
    pub(crate) fn product(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| source.kind != Kind::Outside)
    }
}

fn find(dir: &Path, files: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(path);
        }
    }
}

fn parse(path: String, text: &str) -> Source {
    let ast = syn::parse_file(text).unwrap_or_else(|error| panic!("`{path}` does not parse: {error}"));
    let (kind, module) = place(&path);
    let tokens = text.parse().expect("it parsed already");
    Source { path, lines: text.lines().count(), ast, tokens, kind, module }
}

/// Which crate and module a path is. Every other file is a crate of its own.
fn place(path: &str) -> (Kind, Vec<String>) {
    let parts: Vec<_> = path.strip_suffix(".rs").expect("a Rust file").split('/').collect();
    let (krate, rest) = match parts.as_slice() {
        ["src", rest @ ..] => ("airssys_wasm".to_owned(), rest),
        ["xtask", "src", rest @ ..] => ("xtask".to_owned(), rest),
        // A crate of tests: nothing that is shipped depends on it (`manifests.rs`).
        ["crates", TESTS, ..] => return (Kind::Outside, vec!["outside".to_owned()]),
        ["crates", name, "src", rest @ ..] => (name.replace('-', "_"), rest),
        _ => return (Kind::Outside, vec!["outside".to_owned()]),
    };
    let inner = match rest {
        ["lib" | "main"] => &[],
        [inner @ .., "mod"] => inner,
        inner => inner,
    };
    let module = std::iter::once(krate).chain(inner.iter().map(|part| (*part).to_owned())).collect();
    (Kind::Product, module)
}

/// The modules that this file declares as `#[cfg(test)] mod name;`.
fn unit_test_modules(source: &Source) -> Vec<Vec<String>> {
    let declared = source.ast.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) if module.content.is_none() && is_cfg_test(&module.attrs) => {
            Some(module.ident.to_string())
        }
        _ => None,
    });
    declared.map(|name| source.module.iter().cloned().chain([name]).collect()).collect()
}
