//! `docs/prior-failures.md` names tests; each of them exists.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};

use crate::tree::Tree;

/// The page.
pub(crate) const PAGE: &str = "docs/prior-failures.md";

/// Tests that `page` names in backticks and no source holds.
pub(crate) fn without_test(tree: &Tree, page: &str) -> Vec<String> {
    let mut names = Names(BTreeSet::new());
    tree.sources.iter().for_each(|source| names.visit_file(&source.ast));
    let named = page.split('`').skip(1).step_by(2).filter(|word| is_test_name(word));
    named.filter(|name| !names.0.contains(*name)).map(|name| format!("{PAGE}: no test `{name}`")).collect()
}

/// A sentence in snake case, not an option or a function of somebody's library.
fn is_test_name(word: &str) -> bool {
    word.split('_').count() > 4
        && word.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
}

struct Names(BTreeSet<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let test =
            |attr: &syn::Attribute| attr.path().segments.last().is_some_and(|last| last.ident == "test");
        if item.attrs.iter().any(test) {
            self.0.insert(item.sig.ident.to_string());
        }
        visit::visit_item_fn(self, item);
    }
}
