//! What does not fit is refused, and the message says where and what was expected.

use crate::fixture::args;
use airssys_wasm::embed::value::{Problem, ValueError, lower};
use serde::{Serialize, Serializer};
use serde_json::json;
use std::collections::BTreeMap;
use wasmtime::component::Val;

/// The message for this input to `f(value: ty)`.
fn refused<T: Serialize>(input: &T, ty: &str) -> String {
    lower(input, &args(&format!("value: {ty}"))).unwrap_err().to_string()
}

#[derive(Serialize)]
struct Point {
    x: i64,
    y_axis: i32,
    label: Option<&'static str>,
}

const POINT: Point = Point { x: 1, y_axis: 2, label: None };

#[test]
fn an_integer_out_of_range_is_refused_with_its_place() {
    let points = [POINT, POINT, POINT, Point { x: 3_000_000_000, ..POINT }];
    let error = lower(&points, &args("input: list<point>")).unwrap_err();
    assert_eq!(error.to_string(), "argument `input`, element `[3].x`: expected `s32`, got 3000000000");
    let input = json!({ "input": points[3], "scale": 1 });
    let error = lower(&input, &args("input: point, scale: u8")).unwrap_err();
    assert_eq!(error.to_string(), "argument `input`, field `x`: expected `s32`, got 3000000000");
}

#[test]
fn every_integer_type_has_its_range() {
    let cases: [(i128, &str); 14] = [
        (128, "s8"),
        (-129, "s8"),
        (256, "u8"),
        (-1, "u8"),
        (32_768, "s16"),
        (65_536, "u16"),
        (-1, "u16"),
        (1 << 31, "s32"),
        (1 << 32, "u32"),
        (-1, "u32"),
        (1 << 63, "s64"),
        (1 << 64, "u64"),
        (-1, "u64"),
        (i128::MAX, "f64"),
    ];
    for (value, ty) in cases {
        assert_eq!(refused(&value, ty), format!("argument `value`: expected `{ty}`, got {value}"));
    }
    assert_eq!(refused(&u128::MAX, "u64"), format!("argument `value`: expected `u64`, got {}", u128::MAX));
}

#[test]
fn a_number_the_float_cannot_hold_is_refused() {
    assert_eq!(refused(&1e39, "f32"), "argument `value`: expected `f32`, got 1e39");
    assert_eq!(refused(&16_777_217, "f32"), "argument `value`: expected `f32`, got 16777217");
    assert_eq!(
        refused(&9_007_199_254_740_993_i64, "f64"),
        "argument `value`: expected `f64`, got 9007199254740993"
    );
    assert_eq!(refused(&1.0, "s32"), "argument `value`: expected `s32`, got 1.0");
}

#[test]
fn another_kind_of_value_is_refused() {
    assert_eq!(refused(&true, "u8"), "argument `value`: expected `u8`, got true");
    assert_eq!(refused(&1, "bool"), "argument `value`: expected `bool`, got 1");
    assert_eq!(refused(&'x', "string"), "argument `value`: expected `string`, got a character");
    assert_eq!(refused(&"ab", "char"), "argument `value`: expected `char`, got a string of 2 characters");
    assert_eq!(refused(&"", "char"), "argument `value`: expected `char`, got a string of 0 characters");
    assert_eq!(refused(&None::<u8>, "u8"), "argument `value`: expected `u8`, got `None`");
    assert_eq!(refused(&Some(1), "u8"), "argument `value`: expected `u8`, got `Some`");
    assert_eq!(refused(&(), "u8"), "argument `value`: expected `u8`, got `()`");
    assert_eq!(refused(&vec![1], "u8"), "argument `value`: expected `u8`, got a sequence");
    assert_eq!(refused(&POINT, "u8"), "argument `value`: expected `u8`, got a struct");
    assert_eq!(refused(&json!({}), "list<u8>"), "argument `value`: expected `list<u8>`, got a map");
    assert_eq!(refused(&POINT, "shape").split(", got ").last(), Some("a struct"));
}

#[test]
fn a_text_given_for_something_else_is_not_repeated() {
    let message = refused(&"s3cr3t-token", "u32");
    assert_eq!(message, "argument `value`: expected `u32`, got a string of 12 characters");
}

#[test]
fn bytes_go_into_no_other_list() {
    struct Bytes;
    impl Serialize for Bytes {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(b"abc")
        }
    }
    assert_eq!(refused(&Bytes, "list<u16>"), "argument `value`: expected `list<u16>`, got bytes");
    assert_eq!(refused(&vec![1, 256], "list<u8>"), "argument `value`, element `[1]`: expected `u8`, got 256");
}

#[test]
fn a_missing_field_is_named() {
    let message = refused(&json!({ "x": 1 }), "point");
    assert_eq!(message, "argument `value`: missing field `y-axis` of type `s32`");
    let message = refused(&json!({ "spot": { "y-axis": 1 } }), "option<shape>");
    assert_eq!(message, "argument `value`, case `spot`: missing field `x` of type `s32`");
}

#[test]
fn an_unknown_field_is_named_with_those_there_are() {
    let message = refused(&json!({ "x": 1, "y_axis": 2, "z": 3 }), "point");
    assert_eq!(message, "argument `value`: unknown field `z`; there is `x`, `y-axis`, `label`");
    let message = refused(&json!({ "X": 1 }), "point");
    assert_eq!(message, "argument `value`: unknown field `X`; there is `x`, `y-axis`, `label`");
}

#[test]
fn a_field_in_two_spellings_is_refused() {
    let message = refused(&json!({ "x": 1, "y_axis": 2, "y-axis": 3 }), "point");
    assert_eq!(message, "argument `value`: field `y-axis` is given twice");
}

#[test]
fn a_record_by_numbers_is_refused() {
    let message = refused(&BTreeMap::from([(1, 2)]), "point");
    assert_eq!(message, "argument `value`: expected a name, got 1");
}

#[test]
fn a_tuple_of_another_length_is_refused() {
    assert_eq!(
        refused(&(1, 2, 3), "tuple<u8, u8>"),
        "argument `value`: expected `tuple<u8, u8>`, got 3 elements"
    );
    assert_eq!(
        refused(&vec![1], "tuple<u8, u8>"),
        "argument `value`: expected `tuple<u8, u8>`, got 1 element"
    );
    assert_eq!(refused(&(1, 256), "tuple<u8, u8>"), "argument `value`, field `1`: expected `u8`, got 256");
}

#[test]
fn a_sequence_that_does_not_know_its_length_is_counted() {
    struct Unsized(u8);
    impl Serialize for Unsized {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut seq = serializer.serialize_seq(None)?;
            (0..self.0).try_for_each(|n| seq.serialize_element(&n))?;
            seq.end()
        }
    }
    let expected = "argument `value`: expected `tuple<u8, u8>`, got ";
    assert_eq!(refused(&Unsized(1), "tuple<u8, u8>"), format!("{expected}1 element"));
    assert_eq!(refused(&Unsized(3), "tuple<u8, u8>"), format!("{expected}more than 2 elements"));
    let error = lower(&Unsized(3), &args("a: u8, b: u8")).unwrap_err();
    assert_eq!(error.to_string(), "the arguments: expected 2 arguments (`a`, `b`), got more than 2 elements");
}

#[test]
fn room_is_not_made_for_a_length_that_is_only_claimed() {
    struct Boastful;
    impl Serialize for Boastful {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            serializer.serialize_seq(Some(usize::MAX))?.end()
        }
    }
    assert_eq!(lower(&Boastful, &args("a: list<u8>")).unwrap(), [Val::List(vec![])]);
}

#[derive(Serialize)]
enum Shape {
    Circle(f32),
    Line(u8, u8),
    Nothing,
    Spot { x: u8 },
    Square,
}

#[test]
fn an_unknown_case_is_named_with_those_there_are() {
    let known = "there is `circle`, `line`, `spot`, `nothing`";
    assert_eq!(refused(&Shape::Square, "shape"), format!("argument `value`: unknown case `Square`; {known}"));
    assert_eq!(
        refused(&json!({ "arc": 1 }), "shape"),
        format!("argument `value`: unknown case `arc`; {known}")
    );
    let known = "there is `red`, `dark-green`, `http-blue`";
    assert_eq!(
        refused(&"dark\ngreen", "color"),
        format!("argument `value`: unknown case `dark\\ngreen`; {known}")
    );
    assert_eq!(refused(&"maybe", "result"), "argument `value`: unknown case `maybe`; there is `ok`, `err`");
}

#[test]
fn a_case_with_the_wrong_payload_is_refused() {
    assert_eq!(
        refused(&"circle", "shape"),
        "argument `value`: missing payload of case `circle` of type `f64`"
    );
    let message = refused(&json!({ "nothing": 1 }), "shape");
    assert_eq!(message, "argument `value`, case `nothing`: expected no payload, written `()`, got 1");
    let message = refused(&json!({ "circle": "big" }), "shape");
    assert_eq!(message, "argument `value`, case `circle`: expected `f64`, got a string of 3 characters");
    assert_eq!(
        refused(&Ok::<u8, u8>(1), "result<_, u8>"),
        "argument `value`, case `ok`: expected no payload, written `()`, got 1"
    );
    assert_eq!(
        refused(&Shape::Circle(1.5), "color"),
        "argument `value`: unknown case `Circle`; there is `red`, `dark-green`, `http-blue`"
    );
    assert_eq!(refused(&Shape::Circle(1.5), "u8"), "argument `value`: expected `u8`, got the case `Circle`");
    assert_eq!(refused(&Shape::Nothing, "u8"), "argument `value`: expected `u8`, got the case `Nothing`");
    let message = refused(&Shape::Line(1, 2), "shape");
    assert!(message.starts_with("argument `value`, field `0`: expected `record {"), "{message}");
    assert_eq!(
        refused(&Shape::Spot { x: 1 }, "shape"),
        "argument `value`: missing field `y-axis` of type `s32`"
    );
    assert_eq!(
        refused(&Shape::Line(1, 2), "color").split(';').next(),
        Some("argument `value`: unknown case `Line`")
    );
}

#[test]
fn a_map_is_one_case_or_none() {
    let message = refused(&json!({ "nothing": null, "circle": 1 }), "shape");
    assert!(message.ends_with("got a map of more than one case"), "{message}");
    let message = refused(&json!({}), "shape");
    assert!(message.ends_with("got an empty map"), "{message}");
}

#[test]
fn an_unknown_flag_is_named_with_those_there_are() {
    let known = "there is `read`, `write`, `run-as-root`";
    assert_eq!(refused(&["read", "fly"], "rights"), format!("argument `value`: unknown flag `fly`; {known}"));
    assert_eq!(
        refused(&json!({ "fly": true }), "rights"),
        format!("argument `value`: unknown flag `fly`; {known}")
    );
    assert_eq!(
        refused(&json!({ "read": 1 }), "rights"),
        "argument `value`, field `read`: expected `bool`, got 1"
    );
    assert_eq!(refused(&[1], "rights"), "argument `value`: expected a name, got 1");
}

#[test]
fn the_number_of_arguments_counts() {
    let error = |input: serde_json::Value, list: &str| lower(&input, &args(list)).unwrap_err().to_string();
    let two = "the arguments: expected 2 arguments (`a`, `b`), got ";
    assert_eq!(error(json!([1]), "a: u8, b: u8"), format!("{two}1 element"));
    assert_eq!(error(json!([1, 2, 3]), "a: u8, b: u8"), format!("{two}3 elements"));
    assert_eq!(error(json!(1), "a: u8, b: u8"), format!("{two}1"));
    assert_eq!(error(json!(null), "a: u8, b: u8"), format!("{two}`()`"));
    assert_eq!(error(json!({ "a": 1 }), "a: u8, b: u8"), "the arguments: missing argument `b` of type `u8`");
    assert_eq!(
        error(json!({ "a": 1, "c": 1 }), "a: u8, b: u8"),
        "the arguments: unknown argument `c`; there is `a`, `b`"
    );
    assert_eq!(error(json!([1, 300]), "a: u8, b: u8"), "argument `b`: expected `u8`, got 300");
    assert_eq!(error(json!({ "b": 300 }), "a: u8, b: u8"), "argument `b`: expected `u8`, got 300");
    assert_eq!(error(json!(1), ""), "the arguments: expected no arguments, written `()`, got 1");
    assert_eq!(error(json!([1]), ""), "the arguments: expected no arguments, written `()`, got 1 element");
}

#[test]
fn a_tuple_of_one_is_not_the_one_argument() {
    let error = lower(&(7,), &args("a: u8")).unwrap_err();
    assert_eq!(error.to_string(), "argument `a`: expected `u8`, got a sequence");
}

#[test]
fn wrappers_without_end_are_cut_off() {
    struct Endless;
    impl Serialize for Endless {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_newtype_struct("Endless", self)
        }
    }
    assert_eq!(refused(&Endless, "u8"), "argument `value`: the value is nested deeper than 128 levels");
}

#[test]
fn the_callers_own_refusal_is_passed_on() {
    struct Stubborn;
    impl Serialize for Stubborn {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    assert_eq!(refused(&vec![Stubborn], "list<u8>"), "argument `value`, element `[0]`: no");
}

#[test]
fn a_long_type_is_cut_short_in_a_message() {
    let fields: Vec<String> =
        (0..100).map(|n| format!("tuple<u8, u{}>", if n % 2 == 0 { 16 } else { 32 })).collect();
    let message = refused(&1, &format!("tuple<{}>", fields.join(", ")));
    assert!(message.ends_with("…`, got 1") && message.chars().count() < 180, "{message}");
}

#[test]
fn a_problem_can_be_told_by_its_kind() {
    let error = lower(&json!({ "x": 1 }), &args("value: point")).unwrap_err();
    let ValueError::Value { problem: Problem::Missing { name, .. }, place } = error else {
        panic!("{error}")
    };
    assert_eq!((name.as_str(), place.to_string().as_str()), ("y-axis", "argument `value`"));
}
