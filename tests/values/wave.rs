//! Calls and results as WAVE text.

use crate::fixture::{args, ty};
use airssys_wasm::embed::value::{args_from_wave, parse_call, to_wave};
use proptest::prelude::*;
use wasmtime::component::{Type, Val};

/// The message for this expression to `f(list)`.
fn refused(expression: &str, list: &str) -> String {
    let call = match parse_call(expression) {
        Ok(call) => call,
        Err(error) => return error.to_string(),
    };
    call.args(&args(list)).unwrap_err().to_string()
}

const REMEDY: &str = ": write a call as `name(value, …)`, for instance `process-data([1, 2, 3])`";

#[test]
fn what_is_no_wave_is_refused_with_its_column() {
    assert_eq!(refused("", ""), format!("missing the function's name at column 1{REMEDY}"));
    assert_eq!(refused(" (1)", ""), format!("missing the function's name at column 1{REMEDY}"));
    assert_eq!(refused("f([1, 2)", ""), format!("unexpected token: `)` at column 8{REMEDY}"));
    assert_eq!(refused("f(1", ""), format!("unexpected end of input at column 4{REMEDY}"));
    assert_eq!(refused("f(1) 2", ""), format!("trailing characters after value: `2` at column 6{REMEDY}"));
    assert_eq!(refused("ns:a/b#é(1, $)", ""), format!("invalid token: `$` at column 13{REMEDY}"));
    assert_eq!(refused("f({a_b: 1})", ""), format!("invalid token: `_` at column 5{REMEDY}"));
    assert_eq!(refused("f({a: 1, a: 2})", ""), format!("duplicate field: `a` at column 10{REMEDY}"));
    let deep = format!("f({}", "[".repeat(1000));
    assert!(refused(&deep, "").starts_with("value nesting too deep"), "{}", refused(&deep, ""));
}

#[test]
fn arguments_without_parentheses_are_refused() {
    for text in ["", "1", "x(1)", " (1)"] {
        let error = args_from_wave(text, &args("a: u8")).unwrap_err();
        assert_eq!(error.to_string(), format!("missing `(` at column 1{REMEDY}"));
    }
}

#[test]
fn the_number_of_arguments_counts() {
    assert_eq!(refused("f", "a: u8"), "the arguments: expected 1 argument (`a`), got 0");
    assert_eq!(refused("f()", "a: u8, b: u8"), "the arguments: expected 2 arguments (`a`, `b`), got 0");
    assert_eq!(refused("f(1)", "a: u8, b: u8"), "the arguments: expected 2 arguments (`a`, `b`), got 1");
    assert_eq!(refused("f(1)", ""), "the arguments: expected no arguments, got 1");
    assert_eq!(
        refused("f(1)", "a: option<u8>, b: u8"),
        "the arguments: expected 2 arguments (`a`, `b`), got 1"
    );
}

#[test]
fn a_value_of_another_type_is_refused_with_its_place() {
    assert_eq!(refused("f(\"x\")", "a: u8"), "argument `a`: expected `u8`, got `\\\"x\\\"` at column 3");
    assert_eq!(refused("f(256)", "a: u8"), "argument `a`: expected `u8`, got `256` at column 3");
    assert_eq!(
        refused("é-f(1, [1, 2, x])", "a: u8, b: list<u8>"),
        "argument `b`, element `[2]`: expected `u8`, got `x` at column 15"
    );
    assert_eq!(
        refused("f([{x: 1, y-axis: 1.5}])", "input: list<point>"),
        "argument `input`, element `[0].y-axis`: expected `s32`, got `1.5` at column 19"
    );
    assert_eq!(
        refused("f(some([1, (2, true)]))", "a: option<list<tuple<u8, u8>>>"),
        "argument `a`, element `[0]`: expected `tuple<u8, u8>`, got `1` at column 9"
    );
    assert_eq!(
        refused("f(some([(2, true)]))", "a: option<list<tuple<u8, u8>>>"),
        "argument `a`, element `[0].1`: expected `u8`, got `true` at column 13"
    );
    assert_eq!(
        refused("f([(2, true)])", "a: option<list<tuple<u8, u8>>>"),
        "argument `a`, element `[0].1`: expected `u8`, got `true` at column 8"
    );
    assert_eq!(
        refused("f(err(1))", "a: result<u8, string>"),
        "argument `a`, case `err`: expected `string`, got `1` at column 7"
    );
    assert_eq!(
        refused("f(ok(\"\"))", "a: result<u8, string>"),
        "argument `a`, case `ok`: expected `u8`, got `\\\"\\\"` at column 6"
    );
    assert_eq!(
        refused("f(true)", "a: result<u8, string>"),
        "argument `a`: expected `u8`, got `true` at column 3"
    );
    assert_eq!(
        refused("f(circle(true))", "a: shape"),
        "argument `a`, case `circle`: expected `f64`, got `true` at column 10"
    );
}

#[test]
fn what_is_not_there_is_named() {
    assert_eq!(
        refused("f([{x: 1}])", "a: list<point>"),
        "argument `a`, element `[0]`: missing field `y-axis` of type `s32`"
    );
    assert_eq!(
        refused("f(circle)", "a: shape"),
        "argument `a`: missing payload of case `circle` of type `f64`"
    );
    assert_eq!(refused("f(ok)", "a: result<u8>"), "argument `a`: missing payload of case `ok` of type `u8`");
    assert_eq!(
        refused("f(err)", "a: result<_, u8>"),
        "argument `a`: missing payload of case `err` of type `u8`"
    );
    assert_eq!(
        refused("f(red(1))", "a: color"),
        "argument `a`: expected `enum { red, dark-green, http-blue }`, got `red(1)` at column 3"
    );
    assert_eq!(
        refused("f(err(1))", "a: result<u8>"),
        "argument `a`: expected `result<u8>`, got `err(1)` at column 3"
    );
    assert_eq!(
        refused("f((1, 2, 3))", "a: tuple<u8>"),
        "argument `a`: expected `tuple<u8>`, got `(1, 2, 3)` at column 3"
    );
    assert_eq!(
        refused("f('\\u{d800}')", "a: char"),
        "argument `a`: expected `char`, got `\\'\\\\u{d800}\\'` at column 3 (invalid character escape)"
    );
}

#[test]
fn a_name_that_the_type_does_not_have_is_refused() {
    let line = "f(line(({x: 1, y-axis: 2}, {x: 1, y-axis: 2, z: 3})))";
    assert_eq!(
        refused(line, "a: shape"),
        "argument `a`, case `line.1`: unknown field `z`; there is `x`, `y-axis`, `label`"
    );
    assert_eq!(
        refused("f(some(green))", "a: option<color>"),
        "argument `a`: unknown case `green`; there is `red`, `dark-green`, `http-blue`"
    );
    assert_eq!(
        refused("f(square(1))", "a: shape"),
        "argument `a`: unknown case `square`; there is `circle`, `line`, `spot`, `nothing`"
    );
    assert_eq!(
        refused("f({read, fly})", "a: rights"),
        "argument `a`: unknown flag `fly`; there is `read`, `write`, `run-as-root`"
    );
}

#[test]
fn a_call_is_a_name_and_its_arguments() {
    let call = parse_call(" process_data ( [1, 2, 3] ) ").unwrap();
    assert_eq!((call.function.as_str(), call.args_text.as_str()), ("process_data", "( [1, 2, 3] )"));
    let call = parse_call("ns:pkg/iface@1.2.3#f(\"(\")").unwrap();
    assert_eq!((call.function.as_str(), call.args_text.as_str()), ("ns:pkg/iface@1.2.3#f", "(\"(\")"));
    let call = parse_call("now").unwrap();
    assert_eq!((call.function.as_str(), call.args_text.as_str()), ("now", "()"));
    assert_eq!(call.args(&[]).unwrap(), []);
}

#[test]
fn arguments_become_values() {
    let call = parse_call("f([1, 2], {y-axis: 2, x: 1}, some('x'))").unwrap();
    let vals = call.args(&args("a: list<u8>, b: point, c: option<char>")).unwrap();
    let texts: Vec<String> = vals.iter().map(|val| to_wave(val).unwrap()).collect();
    assert_eq!(texts, ["[1, 2]", "{x: 1, y-axis: 2}", "some('x')"]);
    assert_eq!(
        args_from_wave("(1)", &args("a: u8, b: option<u8>")).unwrap(),
        [Val::U8(1), Val::Option(None)]
    );
    assert_eq!(args_from_wave("()", &args("b: option<u8>")).unwrap(), [Val::Option(None)]);
}

#[test]
fn a_map_has_no_wave() {
    let error = to_wave(&Val::List(vec![Val::Map(vec![])])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the value: `map` cannot be passed as a plain value; a typed call can pass it"
    );
}

proptest! {
    /// Whatever is typed on a command line is read or refused.
    #[test]
    fn no_text_panics(text in "\\PC{0,40}", list in "[\\[\\](){}:,%\"'\\\\a-z0-9 .é-]{0,40}") {
        let types = [("a".to_owned(), ty_of_everything())];
        for expression in [text.clone(), format!("f({text})"), format!("f({list})"), list] {
            if let Ok(call) = parse_call(&expression) {
                let _ = call.args(&types);
            }
        }
    }
}

fn ty_of_everything() -> Type {
    static TY: std::sync::LazyLock<Type> = std::sync::LazyLock::new(|| {
        ty("list<option<tuple<result<shape, rights>, point, color, option<string>, char, f32>>>")
    });
    TY.clone()
}
