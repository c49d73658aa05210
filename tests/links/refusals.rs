//! Links that cannot stand, each refused before any code runs, with the function and the place.

use crate::guests;
use crate::support::{self, ALLOW_ALL};
use crate::world::{SHOUT, World, number};
use airssys_wasm::embed::{Component, Error};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module};
use wit_parser::ManglingAndAbi;

/// A component of that world, in which no function does anything.
fn idle(wit: &str) -> Vec<u8> {
    let mut resolve = support::wit();
    let package = resolve.push_source("idle.wit", wit).unwrap_or_else(|error| panic!("{error:#}\n{wit}"));
    let world = resolve.select_world(&[package], Some("idle")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

fn importer(interface: &str) -> Vec<u8> {
    idle(&importer_text(interface))
}

fn exporter(interface: &str) -> Vec<u8> {
    idle(&importer_text(interface).replace("import acme", "export acme"))
}

fn importer_text(interface: &str) -> String {
    format!(
        "package test:idle; world idle {{ import acme:text/it@1.0.0; }} package acme:text@1.0.0 {{ interface it {{ {interface} }} }}"
    )
}

async fn load(world: &World, name: &str, bytes: &[u8]) -> Component {
    world.runtime.load_component(support::signed(name, bytes)).await.unwrap()
}

async fn linking(world: &World, bytes: &[u8], import: &str, to: &Component) -> Result<Component, Error> {
    world.runtime.linked(support::signed("caller", bytes)).link(import, to).load().await
}

const IT: &str = "acme:text/it@1.0.0";

async fn refusal(imported: &str, exported: &str) -> String {
    let world = World::new(ALLOW_ALL);
    let callee = load(&world, "callee", &exporter(exported)).await;
    let error = linking(&world, &importer(imported), IT, &callee).await.unwrap_err();
    let refused = support::of_kind(&world.log, "refused");
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert!(matches!(&error, Error::Import(_)), "{error:?}");
    let told = error.to_string();
    told.strip_prefix("`acme:text/it@1.0.0").unwrap_or_else(|| panic!("{told}")).to_owned()
}

#[tokio::test]
async fn what_stands_for_something_inside_of_one_component_does_not_cross() {
    let handle = "a handle of a resource cannot cross from one component to another";
    let of = "resource r;";
    for (functions, place) in [
        (format!("{of} f: func() -> r;"), "#f` cannot be linked with `acme/callee`: the result: "),
        (format!("{of} f: func(x: borrow<r>);"), "#f` cannot be linked with `acme/callee`: parameter `x`: "),
        (
            format!(
                "{of} record row {{ name: string, held: list<option<own<r>>> }} ok: func(); f: func(x: row);"
            ),
            "#f` cannot be linked with `acme/callee`: parameter `x`, field `held`, element, some: ",
        ),
        (
            format!("{of} f: func(x: result<u8, tuple<u8, r>>);"),
            "#f` cannot be linked with `acme/callee`: parameter `x`, err, element 1: ",
        ),
        (
            format!("{of} variant v {{ a, b(r) }} f: func(x: v);"),
            "#f` cannot be linked with `acme/callee`: parameter `x`, case `b`: ",
        ),
    ] {
        // Said of the import itself, whoever is to serve it.
        for exported in [functions.as_str(), "other: func();"] {
            assert_eq!(refusal(&functions, exported).await, format!("{place}{handle}"), "{functions}");
        }
    }
    let alone = refusal("resource r; ok: func();", "ok: func();").await;
    assert_eq!(
        alone,
        "` cannot be linked with `acme/callee`: its resource `r` cannot cross from one component to another"
    );
}

/// What is imported, what is exported, and what is said.
const DIFFERENT: &[(&str, &str, &str)] = &[
    ("f: func(a: u32);", "f: func(a: u64);", "parameter `a`: `u32` is imported, `u64` exported"),
    ("f: func(a: u32);", "f: func(b: u32);", "parameter `a` is imported where `b` is exported"),
    ("f: func(a: u32);", "f: func();", "1 parameters are imported, 0 exported"),
    ("f: func() -> u32;", "f: func();", "1 results are imported, 0 exported"),
    ("f: func() -> string;", "f: func() -> list<u8>;", "the result: `string` is imported, `list` exported"),
    (
        "f: func(a: list<list<u8>>);",
        "f: func(a: list<list<s8>>);",
        "parameter `a`, element, element: `u8` is imported, `s8` exported",
    ),
    (
        "record r { x: u8, y: u8 } f: func(a: r);",
        "record r { y: u8, x: u8 } f: func(a: r);",
        "parameter `a`: field `x` is imported where `y` is exported",
    ),
    (
        "record r { x: u8, y: u8 } f: func(a: r);",
        "record r { x: u8, y: char } f: func(a: r);",
        "parameter `a`, field `y`: `u8` is imported, `char` exported",
    ),
    (
        "record r { x: u8 } f: func(a: r);",
        "record r { x: u8, y: u8 } f: func(a: r);",
        "parameter `a`: 1 fields are imported, 2 exported",
    ),
    (
        "enum e { x, y } f: func(a: e);",
        "enum e { y, x } f: func(a: e);",
        "parameter `a`: case `x` is imported where `y` is exported",
    ),
    (
        "flags e { x, y } f: func(a: e);",
        "flags e { x, y, z } f: func(a: e);",
        "parameter `a`: 2 flags are imported, 3 exported",
    ),
    (
        "flags e { x, y } f: func(a: e);",
        "enum e { x, y } f: func(a: e);",
        "parameter `a`: `flags` is imported, `enum` exported",
    ),
    (
        "variant v { x(u8), y } f: func(a: v);",
        "variant v { x(u8), y(u8) } f: func(a: v);",
        "parameter `a`, case `y`: no value is imported, one exported",
    ),
    (
        "variant v { x(u8), y } f: func(a: v);",
        "variant v { x(u8), z } f: func(a: v);",
        "parameter `a`: case `y` is imported where `z` is exported",
    ),
    (
        "f: func(a: option<u8>);",
        "f: func(a: option<bool>);",
        "parameter `a`, some: `u8` is imported, `bool` exported",
    ),
    (
        "f: func(a: result<u8>);",
        "f: func(a: result<u8, u8>);",
        "parameter `a`, err: no value is imported, one exported",
    ),
    (
        "f: func(a: tuple<u8, u8>);",
        "f: func(a: tuple<u8, u16>);",
        "parameter `a`, element 1: `u8` is imported, `u16` exported",
    ),
    (
        "f: func(a: tuple<u8, u8>);",
        "f: func(a: tuple<u8>);",
        "parameter `a`: 2 elements are imported, 1 exported",
    ),
    ("f: func(); g: func();", "f: func();", "it exports no such function"),
];

#[tokio::test]
async fn types_that_differ_anywhere_are_refused_with_the_place() {
    for (imported, exported, says) in DIFFERENT {
        let function = if says.starts_with("it") { "g" } else { "f" };
        let expected = format!("#{function}` cannot be linked with `acme/callee`: {says}");
        assert_eq!(refusal(imported, exported).await, expected, "{imported}");
    }
}

#[tokio::test]
async fn types_of_many_parts_are_not_compared_for_ever() {
    // Each tuple holds two of the one before: a hundred thousand parts in a few lines.
    let mut types = String::from("type t0 = u8;");
    for level in 1..=16 {
        types += &format!("type t{level} = tuple<t{0}, t{0}>;", level - 1);
    }
    let functions = format!("{types} f: func(a: list<t16>);");
    let world = World::new(ALLOW_ALL);
    let callee = load(&world, "callee", &guests::plain()).await;
    let error = linking(&world, &importer(&functions), IT, &callee).await.unwrap_err().to_string();
    assert!(error.ends_with("its types have too many parts"), "{error}");
}

#[tokio::test]
async fn a_component_that_lacks_the_interface_or_the_version_serves_nothing() {
    let world = World::new(ALLOW_ALL);
    let other = load(&world, "callee", &exporter("f: func();")).await;
    let error = linking(&world, &guests::caller("1.0.0"), SHOUT, &other).await.unwrap_err().to_string();
    assert!(error.ends_with("cannot be linked with `acme/callee`: it exports no such interface"), "{error}");
    for (imported, exported) in [("1.0.0", "2.0.0"), ("0.1.0", "0.2.0"), ("1.0.0-rc.1", "1.0.0")] {
        let callee = load(&world, "callee", &guests::callee(exported)).await;
        let shout = format!("acme:text/shout@{imported}");
        let error =
            linking(&world, &guests::caller(imported), &shout, &callee).await.unwrap_err().to_string();
        assert!(error.ends_with("it exports no such interface"), "{imported} {exported}: {error}");
    }
    // By the linker's own rule: on one track of versions, the functions decide.
    for (imported, exported) in [("1.0.0", "1.2.0"), ("1.2.0", "1.0.0"), ("0.2.0", "0.2.7")] {
        let callee = load(&world, "callee", &guests::callee(exported)).await;
        let shout = format!("acme:text/shout@{imported}");
        let caller = linking(&world, &guests::caller(imported), &shout, &callee).await.unwrap();
        assert_eq!(number(&caller, "count").await.unwrap(), 1);
    }
}

#[tokio::test]
async fn nothing_is_linked_where_something_is_offered_already() {
    let world = World::new(ALLOW_ALL);
    let callee = load(&world, "callee", &guests::callee("1.0.0")).await;
    let importing = |name: &str, function: &str| {
        let text = format!("(component (import \"{name}\" (instance (export \"{function}\" (func)))))");
        wat::parse_str(text).unwrap()
    };
    for (name, says) in [
        ("wasi:clocks/wall-clock@0.2.99", "is offered on that track of versions already"),
        ("wasi:filesystem/more@0.2.0", "is offered on that track of versions already"),
        ("acme:gate/gate@1.3.0", "is offered on that track of versions already"),
        ("airssys:runtime/messaging@0.1.0", "the namespace `airssys` is this runtime's own"),
        ("airssys:else/thing@9.0.0", "the namespace `airssys` is this runtime's own"),
    ] {
        let serving = format!(
            "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
                (func $f (canon lift (core func $i \"f\"))) (instance $it (export \"f\" (func $f)))
                (export \"{name}\" (instance $it)))"
        );
        let callee = load(&world, "callee", &wat::parse_str(serving).unwrap()).await;
        let error = linking(&world, &importing(name, "f"), name, &callee).await.unwrap_err().to_string();
        assert!(error.contains(says), "{name}: {error}");
    }
    for name in ["acme:text", "shout", "acme:text/shout", "acme:text/shout@1", ""] {
        let error = linking(&world, &guests::caller("1.0.0"), name, &callee).await.unwrap_err().to_string();
        assert!(error.contains("names no interface"), "{name}: {error}");
    }
    let signed = support::signed("caller", &guests::caller("1.0.0"));
    let twice = world.runtime.linked(signed).link(SHOUT, &callee).link("acme:text/shout@1.7.0", &callee);
    let error = twice.load().await.unwrap_err().to_string();
    assert!(error.contains("is offered on that track"), "{error}");
    let error =
        linking(&world, &guests::caller("1.0.0"), "acme:text/other@1.0.0", &callee).await.unwrap_err();
    assert!(error.to_string().contains("imports no function of `acme:text/other@1.0.0`"), "{error}");
}

#[tokio::test]
async fn without_its_link_a_component_is_refused_and_so_is_one_to_another_runtime() {
    let (world, other) = (World::new(ALLOW_ALL), World::new(ALLOW_ALL));
    let signed = || support::signed("caller", &guests::caller("1.0.0"));
    let error = world.runtime.load_component(signed()).await.unwrap_err().to_string();
    assert!(error.contains("imports `acme:text/shout@1.0.0`"), "{error}");
    let callee = load(&other, "callee", &guests::callee("1.0.0")).await;
    let error = world.runtime.linked(signed()).link(SHOUT, &callee).load().await.unwrap_err();
    assert!(matches!(&error, Error::Config(text) if text.contains("another runtime")), "{error:?}");
    let gone = load(&world, "callee", &guests::callee("1.0.0")).await;
    gone.unload().await.unwrap();
    let error = world.runtime.linked(signed()).link(SHOUT, &gone).load().await.unwrap_err().to_string();
    assert!(error.ends_with("it has ended"), "{error}");
}

#[tokio::test]
async fn types_that_an_interface_uses_from_another_are_plain_types() {
    let text = |world: &str| {
        format!(
            "package test:idle; world idle {{ {world} acme:text/it@1.0.0; }} package acme:text@1.0.0 {{
                interface types {{ record line {{ text: string }} }}
                interface it {{ use types.{{line}}; f: func(l: line) -> list<line>; }} }}"
        )
    };
    let world = World::new(ALLOW_ALL);
    let callee = load(&world, "callee", &idle(&text("export"))).await;
    let caller = linking(&world, &idle(&text("import")), IT, &callee).await.unwrap();
    assert_eq!(caller.links().collect::<Vec<_>>(), [(IT, "acme/callee")]);
}

#[test]
fn the_blocking_names_link_too() {
    use airssys_wasm::embed::blocking::ComponentRuntime;
    let (config, _log) = support::config(ALLOW_ALL);
    let runtime = ComponentRuntime::new(config).unwrap();
    let callee = runtime.load_component(support::signed("callee", &guests::plain())).unwrap();
    let linking = runtime.linked(support::signed("middle", &guests::middle())).link(SHOUT, &callee);
    assert!(linking.clone().inspect().unwrap().imports.iter().all(|import| import.linked.is_some()));
    let middle = linking.load().unwrap();
    assert_eq!(middle.call::<_, u32>("acme:text/shout@1.0.0#count", &()).unwrap(), 1);
    assert_eq!(middle.links().collect::<Vec<_>>(), [(SHOUT, "acme/callee")]);
}
