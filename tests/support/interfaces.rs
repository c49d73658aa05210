//! What a component imports and exports, its types in full, to be held against the WIT.

use std::collections::BTreeMap;
use std::path::Path;

use wit_component::DecodedWasm;
use wit_parser::{Function, Handle, InterfaceId, Resolve, Type, TypeDefKind, WorldId, WorldItem, WorldKey};

/// Functions by their names, each with its type.
pub(crate) type Functions = BTreeMap<String, String>;

/// Interfaces by their names; functions that stand in none have the empty one.
pub(crate) type Interfaces = BTreeMap<String, Functions>;

/// What a component says of itself: imports and exports. WASI is left out.
pub(crate) fn of_component(bytes: &[u8]) -> (Interfaces, Interfaces) {
    match wit_component::decode(bytes).unwrap() {
        DecodedWasm::Component(resolve, world) => of(&resolve, world),
        DecodedWasm::WitPackage(..) => panic!("a package of WIT"),
    }
}

/// What the WIT says of a world of `tests/guests/speak/worlds.wit`.
pub(crate) fn of_world(root: &Path, world: &str) -> (Interfaces, Interfaces) {
    let mut resolve = Resolve::default();
    resolve.push_dir(root.join("wit")).unwrap();
    for file in ["text-1.0.0", "text-1.2.0", "worlds"] {
        resolve.push_file(root.join(format!("tests/guests/speak/{file}.wit"))).unwrap();
    }
    let package = resolve
        .packages
        .iter()
        .find(|(_, package)| package.name.namespace == "airssys" && package.name.name == "speak");
    let world = package.unwrap().1.worlds[world];
    of(&resolve, world)
}

fn of(resolve: &Resolve, world: WorldId) -> (Interfaces, Interfaces) {
    let world = &resolve.worlds[world];
    let all = |items: &mut dyn Iterator<Item = (&WorldKey, &WorldItem)>| {
        let mut found = Interfaces::new();
        for (key, item) in items {
            let name = resolve.name_world_key(key);
            match item {
                WorldItem::Interface { .. } if name.starts_with("wasi:") => {}
                WorldItem::Interface { id, .. } => {
                    found.insert(name, functions(resolve, *id));
                }
                WorldItem::Function(function) => {
                    found.entry(String::new()).or_default().insert(name, signature(resolve, function));
                }
                WorldItem::Type { .. } => {}
            }
        }
        found
    };
    (all(&mut world.imports.iter()), all(&mut world.exports.iter()))
}

fn functions(resolve: &Resolve, interface: InterfaceId) -> Functions {
    let all = resolve.interfaces[interface].functions.values();
    all.map(|function| (function.name.clone(), signature(resolve, function))).collect()
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let given: Vec<_> = function
        .params
        .iter()
        .map(|param| format!("{}: {}", param.name, shape(resolve, &param.ty)))
        .collect();
    let answer =
        function.result.as_ref().map_or_else(String::new, |ty| format!(" -> {}", shape(resolve, ty)));
    format!("({}){answer}", given.join(", "))
}

/// A type with all that is inside it, whatever its parts are called where they are defined.
fn shape(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else { return format!("{ty:?}").to_lowercase() };
    let list = |all: Vec<String>| format!("<{}>", all.join(", "));
    let perhaps = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), |ty| shape(resolve, ty));
    let named = |id| resolve.types[id].name.clone().unwrap_or_default();
    match &resolve.types[*id].kind {
        TypeDefKind::Type(inner) => shape(resolve, inner),
        TypeDefKind::Record(record) => {
            let field = |field: &wit_parser::Field| format!("{}: {}", field.name, shape(resolve, &field.ty));
            format!("record{}", list(record.fields.iter().map(field).collect()))
        }
        TypeDefKind::Variant(variant) => {
            let case = |case: &wit_parser::Case| format!("{}: {}", case.name, perhaps(&case.ty));
            format!("variant{}", list(variant.cases.iter().map(case).collect()))
        }
        TypeDefKind::Enum(cases) => {
            format!("enum{}", list(cases.cases.iter().map(|case| case.name.clone()).collect()))
        }
        TypeDefKind::Flags(flags) => {
            format!("flags{}", list(flags.flags.iter().map(|flag| flag.name.clone()).collect()))
        }
        TypeDefKind::Tuple(tuple) => {
            format!("tuple{}", list(tuple.types.iter().map(|ty| shape(resolve, ty)).collect()))
        }
        TypeDefKind::Option(inner) => format!("option<{}>", shape(resolve, inner)),
        TypeDefKind::List(inner) => format!("list<{}>", shape(resolve, inner)),
        TypeDefKind::Result(result) => format!("result<{}, {}>", perhaps(&result.ok), perhaps(&result.err)),
        TypeDefKind::Handle(Handle::Own(resource)) => format!("own<{}>", named(*resource)),
        TypeDefKind::Handle(Handle::Borrow(resource)) => format!("borrow<{}>", named(*resource)),
        other => panic!("a type that no guest here has: {other:?}"),
    }
}
