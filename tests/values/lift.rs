//! What results become in Rust.

use crate::fixture::ty;
use airssys_wasm::embed::value::{lift as lift_any, lift_result, lower};
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use wasmtime::component::{Type, Val};

/// A result of type `text`, made from a document.
fn result(value: Value, text: &str) -> (Option<Val>, Type) {
    let ty = ty(text);
    let val = lower(&value, &[("value".to_owned(), ty.clone())]).unwrap().remove(0);
    (Some(val), ty)
}

fn lift<T: DeserializeOwned>(value: Value, text: &str) -> T {
    let (val, ty) = result(value, text);
    lift_any(val, Some(&ty)).unwrap()
}

fn refused<T: DeserializeOwned + fmt::Debug>(value: Value, text: &str) -> String {
    let (val, ty) = result(value, text);
    lift_any::<T>(val, Some(&ty)).unwrap_err().to_string()
}

#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct Point {
    x: i32,
    y_axis: i64,
    label: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
enum Shape {
    Circle(f32),
    Line(Point, Point),
    Spot { x: i32, y_axis: i32 },
    Nothing,
}

#[derive(Debug, PartialEq, Deserialize)]
enum Color {
    Red,
    #[serde(rename = "dark-green")]
    Green,
    HttpBlue,
}

#[test]
fn a_number_too_large_is_refused_with_its_place() {
    let message = refused::<Vec<u8>>(json!([1, 300]), "list<u32>");
    assert_eq!(message, "the result, element `[1]`: invalid value: integer `300`, expected u8");
    let message = refused::<(u8, u8)>(json!([1, -1]), "tuple<s8, s8>");
    assert_eq!(message, "the result, field `1`: invalid value: integer `-1`, expected u8");
}

#[test]
fn another_type_is_refused_with_its_place() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "never made")]
    struct Wrong {
        label: u8,
    }
    let point = || json!({ "x": 1, "y-axis": 2, "label": "p" });
    let message = refused::<Vec<Wrong>>(json!([point()]), "list<point>");
    assert_eq!(message, "the result, element `[0].label`: invalid type: Option value, expected u8");
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "never made")]
    enum WrongShape {
        Spot(Wrong),
        Line(Point, u8),
    }
    let message = refused::<WrongShape>(json!({ "spot": point() }), "shape");
    assert_eq!(message, "the result, case `spot.label`: invalid type: Option value, expected u8");
    let message = refused::<WrongShape>(json!({ "line": [point(), point()] }), "shape");
    assert_eq!(message, "the result, case `line.1`: invalid type: map, expected u8");
    assert_eq!(
        refused::<Color>(json!(1), "u8"),
        "the result: expected a case of enum `Color`, got `u8` from the component"
    );
}

#[test]
fn a_struct_is_made_of_nothing_but_fields() {
    let message = refused::<Point>(json!([1, 2]), "tuple<s32, s64>");
    assert_eq!(
        message,
        "the result: expected the fields of struct `Point`, got `tuple<s32, s64>` from the component"
    );
}

#[test]
fn a_missing_or_unknown_name_is_refused() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "never made")]
    struct More {
        x: i32,
        z: i32,
    }
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "never made")]
    struct Less {
        x: i32,
        label: Option<String>,
    }
    let point = json!({ "x": 1, "y-axis": 2 });
    assert_eq!(refused::<More>(point.clone(), "point"), "the result: missing field `z`");
    let message = refused::<Less>(point, "point");
    assert_eq!(message, "the result, field `y-axis`: unknown field `y-axis`, expected `x` or `label`");
    let message = refused::<Color>(json!({ "circle": 1 }), "shape");
    assert_eq!(
        message,
        "the result: unknown variant `circle`, expected one of `Red`, `dark-green`, `HttpBlue`"
    );
}

#[test]
fn a_tuple_is_not_shortened() {
    let message = refused::<(u8, u8)>(json!([1, 2, 3]), "tuple<u8, u8, u8>");
    assert_eq!(message, "the result: expected 2 elements, got 3 elements from the component");
    let message = refused::<(u8, u8)>(json!([1]), "list<u8>");
    assert_eq!(message, "the result: invalid length 1, expected a tuple of size 2");
}

#[test]
fn a_payload_is_neither_dropped_nor_invented() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "never made")]
    enum Bare {
        Circle,
        Nothing(u8),
    }
    let message = refused::<Bare>(json!({ "circle": 1 }), "shape");
    assert_eq!(message, "the result, case `circle`: expected no payload, got `f64` from the component");
    let message = refused::<Bare>(json!("nothing"), "shape");
    assert_eq!(message, "the result, case `nothing`: invalid type: unit value, expected u8");
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "never made")]
    enum Double {
        Nothing(u8, u8),
    }
    let message = refused::<Double>(json!("nothing"), "shape");
    assert_eq!(message, "the result, case `nothing`: expected a payload, got none from the component");
}

#[test]
fn wrappers_without_end_are_cut_off() {
    #[derive(Debug)]
    struct Endless;
    impl<'de> Deserialize<'de> for Endless {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Endless, D::Error> {
            struct Again;
            impl<'de> Visitor<'de> for Again {
                type Value = Endless;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("more")
                }
                fn visit_newtype_struct<D: Deserializer<'de>>(
                    self,
                    deserializer: D,
                ) -> Result<Endless, D::Error> {
                    Endless::deserialize(deserializer)
                }
            }
            deserializer.deserialize_newtype_struct("Endless", Again)
        }
    }
    assert_eq!(refused::<Endless>(json!(1), "u8"), "the result: the value is nested deeper than 128 levels");
}

#[test]
fn a_result_that_is_not_of_its_type_is_refused() {
    let error = lift_any::<u8>(Some(Val::U8(1)), None).unwrap_err();
    assert_eq!(error.to_string(), "the result: the result does not have the function's type");
    let error = lift_any::<Value>(Some(Val::List(vec![])), Some(&Type::U8)).unwrap_err();
    assert_eq!(error.to_string(), "the result: the value does not have its type");
}

#[test]
fn simple_values_arrive() {
    assert!(lift::<bool>(json!(true), "bool"));
    assert_eq!(lift::<u64>(json!(7), "u8"), 7);
    assert_eq!(lift::<u64>(json!(u64::MAX), "u64"), u64::MAX);
    assert_eq!(lift::<i128>(json!(-1), "s16"), -1);
    assert_eq!(lift::<f64>(json!(1.5), "f32"), 1.5);
    assert_eq!(lift::<char>(json!("é"), "char"), 'é');
    assert_eq!(lift::<String>(json!("é"), "char"), "é");
    assert_eq!(lift::<String>(json!("text"), "string"), "text");
    let nan: f64 = lift_any(Some(Val::Float64(f64::NAN)), Some(&Type::Float64)).unwrap();
    assert!(nan.is_nan());
    lift_any::<()>(None, None).unwrap();
}

#[test]
fn lists_arrive_as_sequences_bytes_and_maps() {
    struct Bytes(Vec<u8>);
    impl<'de> Deserialize<'de> for Bytes {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
            struct Whole;
            impl Visitor<'_> for Whole {
                type Value = Bytes;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("bytes")
                }
                fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                    Ok(Bytes(bytes))
                }
            }
            deserializer.deserialize_bytes(Whole)
        }
    }
    assert_eq!(lift::<Bytes>(json!([1, 2]), "list<u8>").0, [1, 2]);
    assert_eq!(lift::<Vec<u8>>(json!([1, 2]), "list<u8>"), [1, 2]);
    assert_eq!(lift::<[u8; 2]>(json!([1, 2]), "list<u8>"), [1, 2]);
    let map: BTreeMap<String, u8> = lift(json!({ "a": 1, "b": 2 }), "list<tuple<string, u8>>");
    assert_eq!(map, BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]));
    let pairs: Vec<(String, u8)> = lift(json!({ "a": 1 }), "list<tuple<string, u8>>");
    assert_eq!(pairs, [("a".to_owned(), 1)]);
}

#[test]
fn records_arrive_in_snake_case_and_maps_in_the_components_spelling() {
    let point = json!({ "x": 1, "y-axis": 2, "label": "p" });
    let made: Point = lift(point.clone(), "point");
    assert_eq!(made, Point { x: 1, y_axis: 2, label: Some("p".to_owned()) });
    assert_eq!(lift::<Value>(point.clone(), "point"), point);
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Kebab {
        y_axis: i32,
    }
    assert_eq!(lift::<Kebab>(point, "point"), Kebab { y_axis: 2 });
}

#[test]
fn options_arrive() {
    assert_eq!(lift::<Option<u8>>(json!(null), "option<u8>"), None);
    assert_eq!(lift::<Option<u8>>(json!(1), "option<u8>"), Some(1));
    assert_eq!(lift::<Option<Option<u8>>>(json!(1), "option<option<u8>>"), Some(Some(1)));
    assert_eq!(lift::<Option<u8>>(json!(1), "u8"), Some(1));
    let inner = Some(Val::Option(Some(Box::new(Val::Option(None)))));
    assert_eq!(lift_any::<Option<Option<u8>>>(inner, Some(&ty("option<option<u8>>"))).unwrap(), Some(None));
}

#[test]
fn cases_arrive() {
    let point = || json!({ "x": 1, "y-axis": 2 });
    let made = || Point { x: 1, y_axis: 2, label: None };
    assert_eq!(lift::<Shape>(json!({ "circle": 1.5 }), "shape"), Shape::Circle(1.5));
    assert_eq!(lift::<Shape>(json!({ "line": [point(), point()] }), "shape"), Shape::Line(made(), made()));
    assert_eq!(lift::<Shape>(json!({ "spot": point() }), "shape"), Shape::Spot { x: 1, y_axis: 2 });
    assert_eq!(lift::<Shape>(json!("nothing"), "shape"), Shape::Nothing);
    assert_eq!(lift::<Color>(json!("red"), "color"), Color::Red);
    assert_eq!(lift::<Color>(json!("dark-green"), "color"), Color::Green);
    assert_eq!(lift::<Color>(json!("http-blue"), "color"), Color::HttpBlue);
    assert_eq!(lift::<Color>(json!("Red"), "string"), Color::Red);
    assert_eq!(lift::<Value>(json!({ "circle": 1.5 }), "shape"), json!({ "circle": 1.5 }));
    assert_eq!(lift::<String>(json!("dark_green"), "color"), "dark-green");
}

#[test]
fn results_arrive() {
    assert_eq!(lift::<Result<u8, String>>(json!({ "ok": 1 }), "result<u8, string>"), Ok(1));
    assert_eq!(lift::<Result<u8, String>>(json!({ "err": "e" }), "result<u8, string>"), Err("e".to_owned()));
    assert_eq!(lift::<Result<(), ()>>(json!("ok"), "result"), Ok(()));
    assert_eq!(lift::<Value>(json!({ "err": "e" }), "result<u8, string>"), json!({ "err": "e" }));
}

#[test]
fn flags_arrive_as_names_and_as_booleans() {
    #[derive(Debug, PartialEq, Deserialize)]
    enum Right {
        Read,
        Write,
        RunAsRoot,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Rights {
        read: bool,
        write: bool,
        run_as_root: bool,
    }
    let rights = || json!(["run-as-root", "read"]);
    assert_eq!(lift::<Vec<String>>(rights(), "rights"), ["read", "run-as-root"]);
    assert_eq!(lift::<Vec<Right>>(rights(), "rights"), [Right::Read, Right::RunAsRoot]);
    assert_eq!(lift::<Vec<Right>>(json!(["write"]), "rights"), [Right::Write]);
    assert_eq!(lift::<Rights>(rights(), "rights"), Rights { read: true, write: false, run_as_root: true });
    let map: BTreeMap<String, bool> = lift(rights(), "rights");
    assert_eq!(map.values().filter(|on| **on).count(), 2);
    assert_eq!(map.len(), 3);
}

#[test]
fn a_refusal_by_the_component_comes_apart_from_its_answer() {
    let split = |value: Value, text: &str| {
        let (val, ty) = result(value, text);
        lift_result::<Value>(val, Some(&ty)).unwrap()
    };
    let failure = json!({ "err": { "x": 1, "y-axis": 2, "label": "a\u{1b}[0m" } });
    assert_eq!(
        split(failure, "result<u8, point>"),
        Err(r#"{x: 1, y-axis: 2, label: some("a\u{1b}[0m")}"#.to_owned())
    );
    assert_eq!(split(json!("err"), "result<u8>"), Err("err".to_owned()));
    assert_eq!(split(json!({ "ok": 1 }), "result<u8, string>"), Ok(json!(1)));
    assert_eq!(split(json!("ok"), "result<_, string>"), Ok(json!(null)));
    assert_eq!(split(json!(1), "u8"), Ok(json!(1)));
    assert_eq!(lift_result::<()>(None, None).unwrap(), Ok(()));
    let (val, ty) = result(json!({ "ok": 300 }), "result<u16, string>");
    let error = lift_result::<u8>(val, Some(&ty)).unwrap_err();
    assert_eq!(error.to_string(), "the result: invalid value: integer `300`, expected u8");
}
