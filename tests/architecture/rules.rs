//! The checks. Each takes the sources and a table, and returns one line for each thing that is wrong.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::mentions::{self, Mention};
use crate::names::{falls_under, is_at};
use crate::tables::{Layer, Mint, Owner};
use crate::tree::{Source, Tree};

fn sorted(found: impl Iterator<Item = String>) -> Vec<String> {
    found.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Layers that name what they do not stand on.
pub(crate) fn layers(tree: &Tree, layers: &[Layer]) -> Vec<String> {
    let found = tree.product().filter(|source| source.module.len() > 1 && source.module[0] == "airssys_wasm");
    sorted(found.flat_map(|source| match layers.iter().find(|layer| layer.name == source.module[1]) {
        None => vec![format!("{}: layer `{}` has no row in the table", source.path, source.module[1])],
        Some(layer) => {
            let supports = beneath(layer, layers);
            mentions::of(source)
                .iter()
                .filter_map(|mention| wrong_direction(mention, &supports, layers))
                .map(|(line, what)| format!("{}:{line}: layer `{}` {what}", source.path, layer.name))
                .collect()
        }
    }))
}

/// The layer itself and all it stands on, at any depth.
fn beneath(layer: &Layer, layers: &[Layer]) -> BTreeSet<&'static str> {
    let mut reached = BTreeSet::from([layer.name]);
    let mut open = vec![layer.name];
    while let Some(name) = open.pop() {
        let on = layers.iter().filter(|layer| layer.name == name).flat_map(|layer| layer.on);
        open.extend(on.copied().filter(|next| reached.insert(next)));
    }
    reached
}

fn wrong_direction(
    mention: &Mention,
    supports: &BTreeSet<&'static str>,
    layers: &[Layer],
) -> Option<(usize, String)> {
    let [krate, rest @ ..] = mention.path.as_slice() else { return None };
    if krate != "airssys_wasm" {
        return None;
    }
    let what = match rest.first().map(String::as_str) {
        None | Some("*") => "opens the whole crate: name the module that is meant".to_owned(),
        Some(name) if supports.contains(name) => return None,
        Some(name) if layers.iter().any(|layer| layer.name == name) => format!("names `{name}`"),
        Some(name) => format!("names `crate::{name}`: name it by its module"),
    };
    Some((mention.line, what))
}

/// Names said outside their owner's homes.
pub(crate) fn owners(tree: &Tree, owners: &[Owner]) -> Vec<String> {
    sorted(tree.product().flat_map(|source| {
        let mentions = mentions::of(source);
        owners.iter().filter(|owner| !at_home(source, owner)).flat_map(move |owner| {
            let wrong = mentions.iter().filter(|mention| falls_under(owner, mention));
            let line = |mention: &Mention| {
                format!("{}:{}: `{}`: {}", source.path, mention.line, mention.path.join("::"), owner.reason)
            };
            wrong.map(line).collect::<Vec<_>>()
        })
    }))
}

/// A crate may say its own name: `crate::x` reads as that.
fn at_home(source: &Source, owner: &Owner) -> bool {
    owner.names.contains(&source.module[0].as_str())
        || owner.homes.iter().any(|home| is_at(&source.path, home.0))
}

/// Rows of the tables that nothing in the sources needs.
pub(crate) fn stale(tree: &Tree, owners: &[Owner], mints: &[Mint]) -> Vec<String> {
    let homes = owners.iter().flat_map(|owner| owner.homes.iter().map(move |home| (owner, home)));
    let unused = homes.filter(|(owner, home)| {
        !tree
            .product()
            .filter(|source| is_at(&source.path, home.0))
            .any(|source| mentions::of(source).iter().any(|mention| falls_under(owner, mention)))
    });
    let homes =
        unused.map(|(owner, home)| format!("`{}` needs no `{}` ({})", home.0, owner.names[0], home.1));
    let idle = mints.iter().filter(|mint| {
        !tree.product().any(|source| source.path == mint.file && !minted(source, mint.proof).is_empty())
    });
    sorted(homes.chain(idle.map(|mint| format!("`{}` mints no `{}`", mint.file, mint.proof))))
}

/// Proofs made outside their one file.
pub(crate) fn mints(tree: &Tree, mints: &[Mint]) -> Vec<String> {
    sorted(mints.iter().flat_map(|mint| {
        tree.product().filter(|source| source.path != mint.file).flat_map(|source| {
            let here = |line| format!("{}:{line}: `{}` is minted in {}", source.path, mint.proof, mint.file);
            minted(source, mint.proof).into_iter().map(here)
        })
    }))
}

/// Lines on which `source` makes a `proof`: by its name or as `Self`, in a macro call too.
fn minted(source: &Source, proof: &'static str) -> Vec<usize> {
    let mut finder = MintFinder { proof, in_impl: false, lines: Vec::new() };
    finder.visit_file(&source.ast);
    finder.lines
}

struct MintFinder {
    proof: &'static str,
    in_impl: bool,
    lines: Vec<usize>,
}

impl MintFinder {
    fn look_at(&mut self, path: &syn::Path) {
        let mut words = path.segments.iter().rev().map(|segment| &segment.ident);
        let Some(last) = words.next() else { return };
        // `Advice::Permit` is a variant of another type.
        let variant = words.next().is_some_and(|above| above.to_string().starts_with(char::is_uppercase));
        if (last == self.proof && !variant) || (self.in_impl && last == "Self") {
            self.lines.push(last.span().start().line);
        }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let mut before = None;
        for token in tokens {
            if let TokenTree::Group(group) = &token {
                if let (Some(line), Delimiter::Brace) = (before, group.delimiter()) {
                    self.lines.push(line);
                }
                self.tokens(group.stream());
            }
            before = match &token {
                TokenTree::Ident(ident) if ident == self.proof => Some(ident.span().start().line),
                _ => None,
            };
        }
    }
}

impl<'ast> Visit<'ast> for MintFinder {
    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let before = self.in_impl;
        self.in_impl = matches!(&*item.self_ty, syn::Type::Path(me)
            if me.path.segments.last().is_some_and(|last| last.ident == self.proof));
        visit::visit_item_impl(self, item);
        self.in_impl = before;
    }

    fn visit_expr_struct(&mut self, expr: &'ast syn::ExprStruct) {
        self.look_at(&expr.path);
        visit::visit_expr_struct(self, expr);
    }

    fn visit_expr_call(&mut self, expr: &'ast syn::ExprCall) {
        if let syn::Expr::Path(called) = &*expr.func {
            self.look_at(&called.path);
        }
        visit::visit_expr_call(self, expr);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        visit::visit_macro(self, mac);
        self.tokens(mac.tokens.clone());
    }
}

/// Unsafe code outside the modules that may hold it.
pub(crate) fn unsafe_code(tree: &Tree, may: &[&str]) -> Vec<String> {
    let sources = tree.product().filter(|source| !may.iter().any(|place| is_at(&source.path, place)));
    sorted(sources.flat_map(|source| {
        let mut lines = Vec::new();
        find_unsafe(source.tokens.clone(), &mut lines);
        lines.into_iter().map(|line| format!("{}:{line}: unsafe code", source.path))
    }))
}

// The token, not the syntax: blocks, functions, impls, attributes and macro calls all need this one word.
fn find_unsafe(tokens: TokenStream, lines: &mut Vec<usize>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if ident == "unsafe" => lines.push(ident.span().start().line),
            TokenTree::Group(group) => find_unsafe(group.stream(), lines),
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Ways to bring in code which these checks would not read, or read as another module's.
pub(crate) fn evasions(tree: &Tree) -> Vec<String> {
    sorted(tree.product().flat_map(|source| {
        let mut finder = EvasionFinder { lines: Vec::new() };
        finder.visit_file(&source.ast);
        finder.lines.into_iter().map(|(line, what)| format!("{}:{line}: {what}", source.path))
    }))
}

struct EvasionFinder {
    lines: Vec<(usize, &'static str)>,
}

impl<'ast> Visit<'ast> for EvasionFinder {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.attrs.iter().any(|attr| attr.path().is_ident("path")) {
            self.lines.push((item.ident.span().start().line, "`#[path]` hides where a module stands"));
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        if let Some(name) = mac.path.segments.last().filter(|name| name.ident == "include") {
            self.lines
                .push((name.ident.span().start().line, "`include!` brings in code that is not read here"));
        }
    }
}
