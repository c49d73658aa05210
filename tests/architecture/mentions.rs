//! Every path that a file says: in `use`, inline, in attributes and inside macro calls.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::tree::{Kind, Source};

/// One path as it is meant: absolute, with `crate`, `self`, `super` and imported names resolved.
#[derive(Debug)]
pub(crate) struct Mention {
    /// `["std", "fs", "read"]`; the last is `*` for a glob.
    pub(crate) path: Vec<String>,
    /// Where.
    pub(crate) line: usize,
    /// Whether it stands in test code.
    pub(crate) test: bool,
}

/// Whether these attributes hold `#[cfg(test)]`, alone or among others that must hold too.
pub(crate) fn is_cfg_test(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|attr| {
        attr.path().is_ident("cfg") && attr.parse_args::<syn::Meta>().is_ok_and(|what| only_in_tests(&what))
    })
}

/// `test`, or `all(…, test, …)`.
fn only_in_tests(what: &syn::Meta) -> bool {
    let several = syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated;
    match what {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) if list.path.is_ident("all") => {
            list.parse_args_with(several).is_ok_and(|all| all.iter().any(only_in_tests))
        }
        _ => false,
    }
}

/// Everything that `source` says.
pub(crate) fn of(source: &Source) -> Vec<Mention> {
    let mut reader = Reader {
        module: source.module.clone(),
        test: source.kind == Kind::UnitTest,
        said: Vec::new(),
        imports: BTreeMap::new(),
    };
    reader.visit_file(&source.ast);
    let Reader { said, imports, .. } = reader;
    said.into_iter()
        .map(|(module, mention)| {
            let path = absolute(imported(mention.path, &module, &imports), &module);
            Mention { path, ..mention }
        })
        .collect()
}

/// Per module, what a name that was imported stands for.
type Imports = BTreeMap<(Vec<String>, String), Vec<String>>;

/// Puts what a first word was imported from in its place.
fn imported(mut path: Vec<String>, module: &[String], imports: &Imports) -> Vec<String> {
    // A name may be imported through another import; more than a few steps is a circle.
    for _ in 0..4 {
        let Some(first) = path.first() else { break };
        let Some(meant) = imports.get(&(module.to_vec(), first.clone())) else { break };
        if meant.first() == Some(first) {
            break;
        }
        path.splice(..1, meant.iter().cloned());
    }
    path
}

/// Resolves a beginning of `crate`, `self` and `super`.
fn absolute(path: Vec<String>, module: &[String]) -> Vec<String> {
    let mut base = module.to_vec();
    let steps = path.iter().take_while(|word| matches!(word.as_str(), "crate" | "self" | "super")).count();
    for word in &path[..steps] {
        match word.as_str() {
            "crate" => base.truncate(1),
            "super" if base.len() > 1 => drop(base.pop()),
            _ => {}
        }
    }
    if steps == 0 { path } else { base.into_iter().chain(path.into_iter().skip(steps)).collect() }
}

struct Reader {
    module: Vec<String>,
    test: bool,
    said: Vec<(Vec<String>, Mention)>,
    imports: Imports,
}

impl Reader {
    fn say(&mut self, path: Vec<String>, line: usize) {
        self.said.push((self.module.clone(), Mention { path, line, test: self.test }));
    }

    fn import(&mut self, tree: &syn::UseTree, mut path: Vec<String>) {
        match tree {
            syn::UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.import(&step.tree, path);
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.import(item, path.clone())),
            syn::UseTree::Name(name) => self.bring(path, &name.ident, &name.ident),
            syn::UseTree::Rename(rename) => self.bring(path, &rename.ident, &rename.rename),
            syn::UseTree::Glob(glob) => {
                path.push("*".to_owned());
                self.say(path, glob.star_token.spans[0].start().line);
            }
        }
    }

    fn bring(&mut self, mut path: Vec<String>, ident: &syn::Ident, known_as: &syn::Ident) {
        let line = ident.span().start().line;
        let mut known_as = known_as.to_string();
        if ident == "self" && !path.is_empty() {
            if known_as == "self" {
                known_as = path.last().expect("not empty").clone();
            }
        } else {
            path.push(ident.to_string());
        }
        self.imports.insert((self.module.clone(), known_as), path.clone());
        self.say(path, line);
    }

    /// Paths in tokens that `syn` does not parse: `a::b::c` wherever it stands.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Vec::new();
        let mut line = 0;
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if !is_path_word(&ident) => {
                    self.end(&mut path, line);
                    colons = 0;
                }
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end(&mut path, line);
                        line = ident.span().start().line;
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    if colons == 2 {
                        self.braced(&path, group.stream());
                    }
                    self.end(&mut path, line);
                    colons = 0;
                    self.tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.end(&mut path, line);
                    colons = 0;
                }
            }
        }
        self.end(&mut path, line);
    }

    /// `std::{fs, env}` inside a macro call: each first word of the group continues the path before it.
    fn braced(&mut self, path: &[String], group: TokenStream) {
        for token in group {
            if let TokenTree::Ident(ident) = token {
                let path = path.iter().cloned().chain([ident.to_string()]).collect();
                self.say(path, ident.span().start().line);
            }
        }
    }

    fn end(&mut self, path: &mut Vec<String>, line: usize) {
        if !path.is_empty() {
            self.say(std::mem::take(path), line);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let before = self.test;
        self.test |= is_cfg_test(attrs(item));
        visit::visit_item(self, item);
        self.test = before;
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_some() {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        } else {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        item.attrs.iter().for_each(|attr| self.visit_attribute(attr));
        self.import(&item.tree, Vec::new());
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let known_as = item.rename.as_ref().map_or(&item.ident, |(_, rename)| rename);
        let ident = if item.ident == "self" {
            syn::Ident::new("crate", item.ident.span())
        } else {
            item.ident.clone()
        };
        self.bring(Vec::new(), &ident, known_as);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let line = path.segments.first().map_or(0, |first| first.ident.span().start().line);
        self.say(words, line);
        visit::visit_path(self, path);
    }

    /// A method has no path; it is said after a dot, where only `*::method` finds it.
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.say(vec![".".to_owned(), call.method.to_string()], call.method.span().start().line);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        visit::visit_macro(self, mac);
        self.tokens(mac.tokens.clone());
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        visit::visit_meta_list(self, list);
        self.tokens(list.tokens.clone());
    }

    // `pub(crate)` and `pub(in crate::gate)` name where an item stands, and reach nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}
}

/// Whether the word can stand in a path: `use ::std` is two things, `crate::std` is one.
fn is_path_word(ident: &proc_macro2::Ident) -> bool {
    let plain = syn::parse_str::<syn::Ident>(&ident.to_string()).is_ok();
    plain || ["crate", "self", "super", "Self"].iter().any(|word| ident == word)
}

fn attrs(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
