//! How long files and functions are.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::tables::{FILE_LINES, FUNCTION_LINES, FUNCTION_P90, GENERATED};
use crate::tree::{Source, Tree};

/// A function and its lines, from `fn` to the closing brace.
pub(crate) struct Function<'a> {
    source: &'a Source,
    name: String,
    line: usize,
    lines: usize,
}

struct Meter<'a> {
    source: &'a Source,
    found: Vec<Function<'a>>,
}

impl Meter<'_> {
    fn measure(&mut self, sig: &syn::Signature, body: &syn::Block) {
        let line = sig.fn_token.span.start().line;
        let lines = body.span().end().line.saturating_sub(line) + 1;
        self.found.push(Function { source: self.source, name: sig.ident.to_string(), line, lines });
    }
}

impl<'ast> Visit<'ast> for Meter<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.measure(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

fn by_hand(tree: &Tree) -> impl Iterator<Item = &Source> {
    tree.sources.iter().filter(|source| !GENERATED.contains(&source.path.as_str()))
}

fn functions(tree: &Tree) -> Vec<Function<'_>> {
    let mut all: Vec<_> = by_hand(tree)
        .flat_map(|source| {
            let mut meter = Meter { source, found: Vec::new() };
            meter.visit_file(&source.ast);
            meter.found
        })
        .collect();
    all.sort_by_key(|function| function.lines);
    all
}

/// The length that `share` percent of the sorted lengths do not exceed.
fn percentile(sorted: &[usize], share: usize) -> usize {
    sorted.get((sorted.len() * share).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0)
}

/// Medians and 90th percentiles, for people.
pub(crate) fn report(tree: &Tree) -> String {
    let mut files: Vec<_> = by_hand(tree).map(|source| source.lines).collect();
    files.sort_unstable();
    let functions: Vec<_> = functions(tree).iter().map(|function| function.lines).collect();
    let row = |name, lengths: &[usize]| {
        let (median, p90) = (percentile(lengths, 50), percentile(lengths, 90));
        format!(
            "{} {name}, lines: median {median}, p90 {p90}, most {}",
            lengths.len(),
            percentile(lengths, 100)
        )
    };
    format!("{}\n{}", row("files", &files), row("functions", &functions))
}

/// Files and functions beyond the bounds, and exceptions that none needs.
pub(crate) fn too_long(tree: &Tree, may: &[(&str, &str, &str)]) -> Vec<String> {
    let files = by_hand(tree).filter(|source| source.lines > FILE_LINES);
    let files = files.map(|source| format!("{}: {} lines, at most {FILE_LINES}", source.path, source.lines));
    let functions = functions(tree);
    let long: Vec<_> = functions.iter().filter(|function| function.lines > FUNCTION_LINES).collect();
    let fits =
        |row: &(&str, &str, &str), found: &Function<'_>| row.0 == found.source.path && row.1 == found.name;
    let over = long.iter().filter(|function| !may.iter().any(|row| fits(row, function))).map(|function| {
        let Function { source, name, line, lines } = function;
        format!("{}:{line}: `{name}` has {lines} lines, at most {FUNCTION_LINES}", source.path)
    });
    let idle = may.iter().filter(|row| !long.iter().any(|function| fits(row, function)));
    let idle = idle.map(|row| format!("{}: `{}` needs no exception", row.0, row.1));
    let lengths: Vec<_> = functions.iter().map(|function| function.lines).collect();
    let p90 = percentile(&lengths, 90);
    let many =
        (p90 > FUNCTION_P90).then(|| format!("p90 of functions is {p90} lines, at most {FUNCTION_P90}"));
    files.chain(over).chain(idle).chain(many).collect()
}
