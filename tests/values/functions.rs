//! Which exported function a name means, and what its type is in WIT.

use crate::fixture::{functions_of, ty};
use airssys_wasm::embed::value::{Function, callable, find_function, type_text};

const WIT: &str = "
    package acme:images@1.2.0;
    interface resize { scale: func(to: u32) -> string; thumb-nail: func(); }
    interface crop { scale: func(); cut-out: func(); process-data: func(); }
    world w {
        export process-data: func(input: list<u8>) -> result<list<u8>, string>;
        export run-all: func();
        export resize;
        export crop;
        export inline: interface { only-here: func(); }
    }";

fn found(wanted: &str) -> String {
    let functions = functions_of(WIT);
    match find_function(&functions, wanted) {
        Ok(function) => function.path(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_unknown_name_is_refused_with_near_ones() {
    assert_eq!(
        found("proces-data"),
        "no exported function is called `proces-data`; did you mean `process-data`, `acme:images/crop@1.2.0#process-data`?"
    );
    assert_eq!(
        found("acme:images/resize#thumbnail"),
        "no exported function is called `acme:images/resize#thumbnail`; did you mean `acme:images/resize@1.2.0#thumb-nail`?"
    );
    let all = "the component exports `process-data`, `run-all`, `acme:images/resize@1.2.0#scale`, \
        `acme:images/resize@1.2.0#thumb-nail`, `acme:images/crop@1.2.0#scale`, `acme:images/crop@1.2.0#cut-out`, \
        `acme:images/crop@1.2.0#process-data`, `inline#only-here`";
    assert_eq!(found("\u{1b}[0m"), format!("no exported function is called `\\u{{1b}}[0m`; {all}"));
    assert_eq!(
        found("acme:images/resize@1.3.0#a"),
        format!("no exported function is called `acme:images/resize@1.3.0#a`; {all}")
    );
    assert_eq!(found(""), format!("no exported function is called ``; {all}"));
    assert_eq!(
        find_function(&[], "f").unwrap_err().to_string(),
        "no exported function is called `f`; the component exports no function"
    );
}

#[test]
fn another_version_is_not_meant() {
    assert!(found("acme:images/resize@1.3.0#scale").starts_with("no exported function"));
}

#[test]
fn a_name_of_several_interfaces_is_refused_with_all_of_them() {
    assert_eq!(
        found("scale"),
        "`scale` is exported more than once; name one of `acme:images/resize@1.2.0#scale`, `acme:images/crop@1.2.0#scale`"
    );
}

#[test]
fn two_versions_of_an_interface_are_told_apart() {
    let mut functions = functions_of(WIT);
    let older = Function { interface: Some("acme:images/resize@0.9.0".to_owned()), ..functions[2].clone() };
    functions.push(older);
    let error = find_function(&functions, "acme:images/resize#scale").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`acme:images/resize#scale` is exported more than once; name one of `acme:images/resize@1.2.0#scale`, `acme:images/resize@0.9.0#scale`"
    );
    let one = find_function(&functions, "acme:images/resize@0.9.0#scale").unwrap();
    assert_eq!(one.path(), "acme:images/resize@0.9.0#scale");
}

#[test]
fn a_root_export_is_meant_before_an_interfaces() {
    assert_eq!(found("process-data"), "process-data");
    assert_eq!(found("process_data"), "process-data");
    assert_eq!(found("run_all"), "run-all");
}

#[test]
fn the_only_interface_with_the_name_is_meant() {
    assert_eq!(found("thumb-nail"), "acme:images/resize@1.2.0#thumb-nail");
    assert_eq!(found("cut_out"), "acme:images/crop@1.2.0#cut-out");
    assert_eq!(found("only_here"), "inline#only-here");
}

#[test]
fn an_interface_is_named_with_or_without_its_version() {
    assert_eq!(found("acme:images/crop@1.2.0#scale"), "acme:images/crop@1.2.0#scale");
    assert_eq!(found("acme:images/crop#scale"), "acme:images/crop@1.2.0#scale");
    assert_eq!(found("acme:images/crop#cut_out"), "acme:images/crop@1.2.0#cut-out");
}

#[test]
fn signatures_are_wit() {
    let functions: Vec<String> = functions_of(WIT).iter().take(3).map(Function::to_string).collect();
    assert_eq!(
        functions,
        [
            "process-data: func(input: list<u8>) -> result<list<u8>, string>",
            "run-all: func()",
            "acme:images/resize@1.2.0#scale: func(to: u32) -> string",
        ]
    );
}

#[test]
fn types_are_wit() {
    for text in [
        "bool",
        "s8",
        "u8",
        "s16",
        "u16",
        "s32",
        "u32",
        "s64",
        "u64",
        "f32",
        "f64",
        "char",
        "string",
        "list<list<u8>>",
        "tuple<u8, string>",
        "option<option<char>>",
        "result",
        "result<u8>",
        "result<_, u8>",
        "result<u8, string>",
    ] {
        assert_eq!(type_text(&ty(text)), text);
    }
    assert_eq!(type_text(&ty("point")), "record { x: s32, y-axis: s32, label: option<string> }");
    assert_eq!(type_text(&ty("color")), "enum { red, dark-green, http-blue }");
    assert_eq!(type_text(&ty("rights")), "flags { read, write, run-as-root }");
    let point = type_text(&ty("point"));
    assert_eq!(
        type_text(&ty("shape")),
        format!("variant {{ circle(f64), line(tuple<{point}, {point}>), spot({point}), nothing }}")
    );
}

#[test]
fn a_type_that_unfolds_to_a_million_is_cut_off() {
    let doubled: String = (1..16).map(|n| format!("type t{n} = tuple<t{0}, t{0}>;", n - 1)).collect();
    let wit = format!(
        "package a:b; interface i {{ type t0 = u8; {doubled} f: func(a: list<t15>); }} world w {{ export i; }}"
    );
    let functions = functions_of(&wit);
    let text = functions[0].to_string();
    assert!(text.ends_with('…') && text.chars().count() < 17_000, "{}", text.len());
}

const HANDLES: &str = "
    package test:it;
    interface t {
        resource file { size: func() -> u64; }
        record entry { name: string, handle: option<file> }
        variant either { left(u8), right(file) }
        take: func(n: u8, entries: list<entry>);
        give: func() -> result<tuple<u8, either>, string>;
        lend: func(file: borrow<file>);
        fine: func(a: list<option<result<tuple<u8>, string>>>) -> result;
    }
    world w { export t; }";

#[test]
fn a_function_of_handles_is_refused_before_it_is_called() {
    let functions = functions_of(HANDLES);
    let refused =
        |name: &str| callable(&find_function(&functions, name).unwrap().ty).unwrap_err().to_string();
    let remedy = "cannot be passed as a plain value; a typed call can pass it";
    assert_eq!(refused("take"), format!("argument `entries`: `own<resource>` {remedy}"));
    assert_eq!(refused("give"), format!("the result: `own<resource>` {remedy}"));
    assert_eq!(refused("lend"), format!("argument `file`: `borrow<resource>` {remedy}"));
    assert_eq!(refused("[method]file.size"), format!("argument `self`: `borrow<resource>` {remedy}"));
    callable(&find_function(&functions, "fine").unwrap().ty).unwrap();
}

#[test]
fn a_handle_is_not_made_of_a_value() {
    use airssys_wasm::embed::value::{args_from_wave, lower, params};
    let functions = functions_of(HANDLES);
    let lend = params(&find_function(&functions, "lend").unwrap().ty);
    let expected =
        "argument `file`: `borrow<resource>` cannot be passed as a plain value; a typed call can pass it";
    assert_eq!(lower(&7, &lend).unwrap_err().to_string(), expected);
    assert_eq!(lower(&[7], &lend).unwrap_err().to_string(), expected);
    assert_eq!(lower(&serde_json::json!({ "a": 7 }), &lend).unwrap_err().to_string(), expected);
    assert_eq!(args_from_wave("(7)", &lend).unwrap_err().to_string(), expected);
}
