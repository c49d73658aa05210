//! `cargo xtask mediation`: the mediation table and the WIT become the wrappers of `src/host/wasi/generated.rs`.
//!
//! *Invariant:* a function of the world without a row, a row without a function, and a way of denying that the
//! function's type cannot express each fail the generation.

#![expect(clippy::indexing_slicing, reason = "wit-parser's ids index the arenas they came from")]

use crate::rust_names::{Names, camel, snake};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use wit_parser::{Function, InterfaceId, Resolve, TypeDefKind, WorldItem};

const TABLE: &str = "wit/mediation.toml";
const OUTPUT: &str = "src/host/wasi/generated.rs";
const WORLD: &str = "airssys:kernel/offered";

/// One row of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Row {
    class: Class,
    asks: Vec<String>,
    on: String,
    denial: Denial,
    #[serde(default)]
    waits: bool,
}

#[derive(Debug, Deserialize, PartialEq, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Class {
    Decide,
    Use,
    Record,
    Free,
}

#[derive(Debug, Deserialize, PartialEq, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Denial {
    Error,
    Trap,
    Empty,
    Closed,
    None,
}

type Table = BTreeMap<String, BTreeMap<String, Row>>;

/// Options of `cargo xtask mediation`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Compare instead of writing.
    #[arg(long)]
    check: bool,
}

/// Writes the wrappers, or compares them with what is there.
pub(crate) fn run(arguments: &Arguments) -> miette::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let text = std::fs::read_to_string(root.join(TABLE)).map_err(|e| miette::miette!("`{TABLE}`: {e}"))?;
    let table: Table = toml::from_str(&text).map_err(|e| miette::miette!("`{TABLE}`: {e}"))?;
    let generated = Generator::new(root, &table)?.generate()?;
    let path = root.join(OUTPUT);
    if !arguments.check {
        return std::fs::write(&path, generated).map_err(|e| miette::miette!("`{OUTPUT}`: {e}"));
    }
    match std::fs::read_to_string(&path) {
        Ok(there) if there == generated => Ok(()),
        _ => Err(miette::miette!("`{OUTPUT}` is not what `{TABLE}` says: run `cargo xtask mediation`")),
    }
}

struct Generator<'a> {
    resolve: Resolve,
    table: &'a Table,
    interfaces: Vec<(String, InterfaceId)>,
    used: BTreeSet<(String, String)>,
    rows: String,
    names: String,
    count: usize,
    wrappers: String,
    links: String,
}

impl<'a> Generator<'a> {
    fn new(root: &Path, table: &'a Table) -> miette::Result<Self> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(root.join("wit")).map_err(|e| miette::miette!("`wit`: {e:#}"))?;
        let world =
            resolve.select_world(&[package], Some(WORLD)).map_err(|e| miette::miette!("`wit`: {e:#}"))?;
        let mut interfaces = Vec::new();
        for item in resolve.worlds[world].imports.values() {
            if let WorldItem::Interface { id, .. } = item {
                let full = resolve
                    .id_of(*id)
                    .ok_or_else(|| miette::miette!("an interface of the world has no name"))?;
                interfaces.push((full.split('@').next().unwrap_or_default().to_owned(), *id));
            }
        }
        interfaces.sort();
        let (rows, names, wrappers, links) = Default::default();
        let used = BTreeSet::new();
        Ok(Generator { resolve, table, interfaces, used, rows, names, count: 0, wrappers, links })
    }

    fn generate(mut self) -> miette::Result<String> {
        for (name, id) in self.interfaces.clone() {
            self.interface(&name, id)?;
        }
        for (interface, rows) in self.table {
            if !self.interfaces.iter().any(|(name, _)| name == interface) {
                return Err(miette::miette!("`{TABLE}`: `{interface}` is not in the world: remove its rows"));
            }
            for function in rows.keys() {
                if !self.used.contains(&(interface.clone(), function.clone())) {
                    return Err(miette::miette!(
                        "`{TABLE}`: `{interface}#{function}` is not in the WIT: remove it"
                    ));
                }
            }
        }
        let Generator { rows, names, wrappers, links, .. } = self;
        Ok(format!(
            include_str!("mediation.template"),
            rows = rows,
            names = names,
            wrappers = wrappers,
            links = links
        ))
    }

    fn interface(&mut self, interface: &str, id: InterfaceId) -> miette::Result<()> {
        let (package, short) = split(interface)?;
        let module = format!("{package}_{}", snake(short));
        let Some(table) = self.table.get(interface) else {
            return Err(miette::miette!("`{TABLE}`: `{interface}` has no rows: add its table"));
        };
        let functions: Vec<Function> = self.resolve.interfaces[id].functions.values().cloned().collect();
        let resources = self.resources(id);
        let mut traits: BTreeMap<String, String> = BTreeMap::new();
        for function in &functions {
            let row = table.get(&function.name).ok_or_else(|| {
                miette::miette!("`{TABLE}`: `{interface}#{}` has no row: classify it", function.name)
            })?;
            self.used.insert((interface.to_owned(), function.name.clone()));
            let text = self.function(interface, &module, function, row)?;
            traits.entry(self.owner(function)).or_default().push_str(&text);
        }
        traits.entry("Host".to_owned()).or_default().push_str(conversion(interface));
        for resource in &resources {
            traits
                .entry(format!("Host{}", camel(resource)))
                .or_default()
                .push_str(&drop_of(interface, resource));
        }
        for (name, body) in traits {
            let path = bindings(package, short);
            let _ = write!(self.wrappers, "\nimpl {path}::{name} for Guarded<'_> {{\n{body}}}\n");
        }
        if functions.is_empty() {
            let _ = writeln!(self.links, "    imports.offer_types(\"{interface}\");");
        }
        let _ = writeln!(
            self.links,
            "    imports.interface(\"{interface}\", |linker| {path}::add_to_linker::<State, Wasi>(linker{options}, guard))?;",
            path = bindings(package, short),
            options = options(interface)
        );
        Ok(())
    }

    fn resources(&self, id: InterfaceId) -> Vec<String> {
        let is_resource = |t| matches!(self.resolve.types[t].kind, TypeDefKind::Resource);
        let types = self.resolve.interfaces[id].types.iter();
        types.filter(|(_, t)| is_resource(**t)).map(|(name, _)| name.clone()).collect()
    }

    fn owner(&self, function: &Function) -> String {
        let name = function.kind.resource().and_then(|t| self.resolve.types[t].name.as_deref());
        name.map_or_else(|| "Host".to_owned(), |name| format!("Host{}", camel(name)))
    }

    fn function(&mut self, interface: &str, module: &str, f: &Function, row: &Row) -> miette::Result<String> {
        let id = format!("{interface}#{}", f.name);
        let (package, short) = split(interface)?;
        let names = Names { resolve: &self.resolve, module: bindings(package, short) };
        let (returns, own_error) = names.returns(f);
        check(&id, row, own_error, &returns)?;
        let constant = format!("{module}_{}", snake(f.name.trim_start_matches("[method]")).replace('.', "_"))
            .to_uppercase();
        let subject = f.kind.resource().and_then(|t| self.resolve.types[t].name.clone());
        let implementation = format!(
            "super::{package}::{}_{}",
            snake(subject.as_deref().unwrap_or(short)),
            snake(f.item_name())
        );
        let mut params = String::new();
        let mut pass = String::new();
        let mut handles = Vec::new();
        for param in &f.params {
            let name = if param.name == "self" { "this".to_owned() } else { snake(&param.name) };
            let _ = write!(params, ", {name}: {}", names.of(&param.ty)?);
            let _ = write!(pass, ", {name}");
            handles.extend(names.handles(&name, &param.ty));
        }
        self.row(&constant, interface, &f.name, row);
        let (asynchronous, wait) = if row.waits { ("async ", ".await") } else { ("", "") };
        let handles = handles.join(", ");
        let call = format!("{implementation}(self, call{pass}){wait}");
        let body = match row.denial {
            Denial::Empty => format!("        let out = {call};\n        let out = self.or_empty(out)?;\n"),
            Denial::Closed => format!("        let out = {call};\n        let out = self.or_closed(out)?;\n"),
            Denial::Error | Denial::Trap | Denial::None => format!("        let out = {call}?;\n"),
        };
        Ok(format!(
            "    {asynchronous}fn {}(&mut self{params}) -> {returns} {{\n        let call = self.enter(&{constant}, &[{handles}])?;\n{body}        Ok(self.leave(&call, out)?)\n    }}\n",
            snake(f.item_name())
        ))
    }

    fn row(&mut self, constant: &str, interface: &str, function: &str, row: &Row) {
        let asks = row.asks.iter().map(|a| format!("ActionId::{}", action(a))).collect::<Vec<_>>().join(", ");
        let _ = write!(
            self.rows,
            "static {constant}: Row = Row {{\n    index: {},\n    id: \"{interface}#{function}\",\n    interface: \"{interface}\",\n    function: \"{function}\",\n    class: Class::{:?},\n    asks: &[{asks}],\n    on: {:?},\n    denial: Denial::{:?},\n}};\n",
            self.count, row.class, row.on, row.denial
        );
        self.count += 1;
        let _ = writeln!(self.names, "    &{constant},");
    }
}

fn split(interface: &str) -> miette::Result<(&str, &str)> {
    let within = interface.strip_prefix("wasi:").or_else(|| interface.strip_prefix("airssys:"));
    let parts = within.and_then(|rest| rest.split_once('/'));
    parts.ok_or_else(|| miette::miette!("`{interface}` is no `package/interface` of `wasi` or `airssys`"))
}

fn bindings(package: &str, interface: &str) -> String {
    format!("bindings::{package}::{}", snake(interface))
}

fn action(name: &str) -> String {
    name.split(':').map(camel).collect()
}

/// The denial must be one the function's type can express, and each class has its own.
fn check(id: &str, row: &Row, own_error: bool, returns: &str) -> miette::Result<()> {
    let expressible = match row.denial {
        Denial::Error => own_error,
        Denial::Trap => !own_error,
        Denial::Empty => returns.contains("Result<Vec<"),
        Denial::Closed => returns.contains("Stream>"),
        Denial::None => true,
    };
    let asks_something = !row.asks.is_empty();
    let fits = match row.class {
        Class::Decide | Class::Use => row.denial != Denial::None && asks_something,
        Class::Record | Class::Free => row.denial == Denial::None && !asks_something,
    };
    if row.on.is_empty() || !expressible || !fits {
        return Err(miette::miette!(
            "`{TABLE}`: `{id}`: class {:?} with denial {:?} and asks {:?} does not fit `{returns}`",
            row.class,
            row.denial,
            row.asks
        ));
    }
    Ok(())
}

/// Where an interface has functions that are not stable, `bindgen!` asks which to link: none, as they have no rows.
fn options(interface: &str) -> &'static str {
    match interface {
        "wasi:sockets/network" => ", &bindings::sockets::network::LinkOptions::default()",
        _ => "",
    }
}

/// The conversion of an interface's own error type stands on the interface that defines it.
fn conversion(interface: &str) -> &'static str {
    match interface {
        "wasi:filesystem/types" => {
            "    fn convert_error_code(&mut self, error: FsFail) -> wasmtime::Result<bindings::filesystem::types::ErrorCode> {\n        super::filesystem::convert(error)\n    }\n"
        }
        "wasi:sockets/network" => {
            "    fn convert_error_code(&mut self, error: SocketFail) -> wasmtime::Result<bindings::sockets::network::ErrorCode> {\n        super::sockets::convert(error)\n    }\n    fn network_error_code(&mut self, _: Resource<bindings::io::error::Error>) -> wasmtime::Result<Option<bindings::sockets::network::ErrorCode>> {\n        // Unstable, and not linked.\n        Ok(None)\n    }\n"
        }
        "airssys:runtime/types" => {
            "    fn convert_error(&mut self, error: RuntimeFail) -> wasmtime::Result<bindings::runtime::types::Error> {\n        super::runtime::convert(error)\n    }\n"
        }
        "wasi:io/streams" => {
            "    fn convert_stream_error(&mut self, error: StreamError) -> wasmtime::Result<bindings::io::streams::StreamError> {\n        super::io::convert(self, error)\n    }\n"
        }
        _ => "",
    }
}

fn drop_of(interface: &str, resource: &str) -> String {
    let (package, short) = split(interface).unwrap_or_default();
    let asynchronous = matches!(resource, "input-stream" | "output-stream");
    let (asynchronous, wait) = if asynchronous { ("async ", ".await") } else { ("", "") };
    format!(
        "    {asynchronous}fn drop(&mut self, this: Resource<{}::{}>) -> wasmtime::Result<()> {{\n        self.release(this.rep())?;\n        super::{package}::{}_drop(self, this){wait}\n    }}\n",
        bindings(package, short),
        camel(resource),
        snake(resource)
    )
}
