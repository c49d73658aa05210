//! What Rust values become.

use crate::fixture::args;
use airssys_wasm::embed::value::lower as lower_all;
use serde::{Serialize, Serializer};
use serde_json::json;
use std::collections::BTreeMap;
use wasmtime::component::Val;

/// What this input is to `f(value: ty)`.
fn lower<T: Serialize>(input: &T, ty: &str) -> Val {
    lower_all(input, &args(&format!("value: {ty}"))).unwrap().remove(0)
}

fn text(text: &str) -> Val {
    Val::String(text.to_owned())
}

fn some(val: Val) -> Val {
    Val::Option(Some(Box::new(val)))
}

fn point(x: i32, y: i32, label: Option<&str>) -> Val {
    let label = Val::Option(label.map(|label| Box::new(text(label))));
    Val::Record(vec![("x".into(), Val::S32(x)), ("y-axis".into(), Val::S32(y)), ("label".into(), label)])
}

#[derive(Serialize)]
struct Point {
    label: Option<&'static str>,
    y_axis: i64,
    x: u8,
}

#[test]
fn numbers_become_the_type_that_is_asked_for() {
    assert_eq!(lower(&-128_i64, "s8"), Val::S8(-128));
    assert_eq!(lower(&255_u128, "u8"), Val::U8(255));
    assert_eq!(lower(&7_u8, "s16"), Val::S16(7));
    assert_eq!(lower(&7_i8, "u16"), Val::U16(7));
    assert_eq!(lower(&7_i16, "s32"), Val::S32(7));
    assert_eq!(lower(&7_u16, "u32"), Val::U32(7));
    assert_eq!(lower(&i64::MIN, "s64"), Val::S64(i64::MIN));
    assert_eq!(lower(&u64::MAX, "u64"), Val::U64(u64::MAX));
    assert_eq!(lower(&u64::MAX, "option<u64>"), some(Val::U64(u64::MAX)));
}

#[test]
fn floats_keep_what_they_are() {
    assert_eq!(lower(&f64::NAN, "f32"), Val::Float32(f32::NAN));
    assert_eq!(lower(&f32::NEG_INFINITY, "f64"), Val::Float64(f64::NEG_INFINITY));
    assert_eq!(lower(&f64::INFINITY, "f32"), Val::Float32(f32::INFINITY));
    assert_eq!(lower(&0.1_f64, "f32"), Val::Float32(0.1));
    assert_eq!(lower(&-0.0_f64, "f64"), Val::Float64(-0.0));
    assert_eq!(lower(&3, "f32"), Val::Float32(3.0));
    assert_eq!(lower(&(1_u64 << 63), "f64"), Val::Float64(9_223_372_036_854_775_808.0));
}

#[test]
fn texts_and_characters() {
    assert_eq!(lower(&"déjà", "string"), text("déjà"));
    assert_eq!(lower(&'é', "char"), Val::Char('é'));
    assert_eq!(lower(&"é", "char"), Val::Char('é'));
}

#[test]
fn bytes_and_sequences_become_lists() {
    struct Bytes;
    impl Serialize for Bytes {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&[1, 2])
        }
    }
    let bytes = Val::List(vec![Val::U8(1), Val::U8(2)]);
    assert_eq!(lower(&Bytes, "list<u8>"), bytes);
    assert_eq!(lower(&Bytes, "option<list<u8>>"), some(bytes.clone()));
    assert_eq!(lower(&vec![1, 2], "list<u8>"), bytes);
    assert_eq!(lower(&[1_u8, 2], "list<u8>"), bytes);
    assert_eq!(lower(&(1, 2), "list<u8>"), bytes);
    assert_eq!(lower(&Vec::<u8>::new(), "list<string>"), Val::List(vec![]));
}

#[test]
fn a_map_becomes_a_list_of_pairs() {
    let map = BTreeMap::from([(1, "a"), (2, "b")]);
    let pair = |n, v| Val::Tuple(vec![Val::U16(n), text(v)]);
    assert_eq!(lower(&map, "list<tuple<u16, string>>"), Val::List(vec![pair(1, "a"), pair(2, "b")]));
    let headers = json!({ "accept": ["x", "y"] });
    let values = Val::List(vec![text("x"), text("y")]);
    assert_eq!(
        lower(&headers, "list<tuple<string, list<string>>>"),
        Val::List(vec![Val::Tuple(vec![text("accept"), values])])
    );
}

#[test]
fn structs_and_maps_become_records_in_the_components_order() {
    assert_eq!(lower(&Point { label: Some("p"), y_axis: 2, x: 1 }, "point"), point(1, 2, Some("p")));
    assert_eq!(lower(&json!({ "y-axis": 2, "x": 1 }), "point"), point(1, 2, None));
    assert_eq!(lower(&json!({ "y_axis": 2, "x": 1, "label": null }), "point"), point(1, 2, None));
    assert_eq!(lower(&json!({ "y_axis": 2, "x": 1, "label": "p" }), "point"), point(1, 2, Some("p")));
}

#[test]
fn options_inside_of_options_stay_apart() {
    let none = Val::Option(None);
    assert_eq!(lower(&None::<Option<u8>>, "option<option<u8>>"), none);
    assert_eq!(lower(&Some(None::<u8>), "option<option<u8>>"), some(none));
    assert_eq!(lower(&Some(Some(1)), "option<option<u8>>"), some(some(Val::U8(1))));
    assert_eq!(lower(&1, "option<option<u8>>"), some(some(Val::U8(1))));
}

#[derive(Serialize)]
enum Shape {
    Circle(f32),
    Line(Point, Point),
    Spot { x: u8, y_axis: u8 },
    Nothing,
}

#[test]
fn enums_become_variants() {
    let variant = |name: &str, val: Option<Val>| Val::Variant(name.to_owned(), val.map(Box::new));
    let origin = || Point { label: None, y_axis: 0, x: 0 };
    let zero = || point(0, 0, None);
    assert_eq!(lower(&Shape::Circle(1.5), "shape"), variant("circle", Some(Val::Float64(1.5))));
    assert_eq!(
        lower(&Shape::Line(origin(), origin()), "shape"),
        variant("line", Some(Val::Tuple(vec![zero(), zero()])))
    );
    assert_eq!(lower(&Shape::Spot { x: 0, y_axis: 0 }, "shape"), variant("spot", Some(zero())));
    assert_eq!(lower(&Shape::Nothing, "shape"), variant("nothing", None));
    assert_eq!(lower(&Shape::Spot { x: 0, y_axis: 0 }, "option<shape>"), some(variant("spot", Some(zero()))));
    assert_eq!(lower(&Shape::Nothing, "option<shape>"), some(variant("nothing", None)));
    assert_eq!(
        lower(&json!({ "circle": 2 }), "option<shape>"),
        some(variant("circle", Some(Val::Float64(2.0))))
    );
    assert_eq!(lower(&json!("nothing"), "shape"), variant("nothing", None));
    assert_eq!(lower(&json!({ "nothing": null }), "shape"), variant("nothing", None));
}

#[derive(Serialize)]
enum Color {
    Red,
    DarkGreen,
    HttpBlue,
}

#[test]
fn enums_become_enums_in_each_spelling() {
    let color = |name: &str| Val::Enum(name.to_owned());
    assert_eq!(lower(&Color::Red, "color"), color("red"));
    assert_eq!(lower(&Color::DarkGreen, "color"), color("dark-green"));
    assert_eq!(lower(&Color::HttpBlue, "color"), color("http-blue"));
    assert_eq!(lower(&"dark_green", "color"), color("dark-green"));
    assert_eq!(lower(&"dark-green", "option<color>"), some(color("dark-green")));
    assert_eq!(lower(&Color::Red, "string"), text("Red"));
}

#[test]
fn results_become_results() {
    let (one, two) = (|| Some(Box::new(Val::U8(1))), || Some(Box::new(text("two"))));
    assert_eq!(lower(&Ok::<_, ()>(1), "result<u8, string>"), Val::Result(Ok(one())));
    assert_eq!(lower(&Err::<(), _>("two"), "result<u8, string>"), Val::Result(Err(two())));
    assert_eq!(lower(&Ok::<_, ()>(()), "result<_, string>"), Val::Result(Ok(None)));
    assert_eq!(lower(&Err::<(), _>(()), "result"), Val::Result(Err(None)));
    assert_eq!(lower(&Err::<(), _>(()), "option<result>"), some(Val::Result(Err(None))));
    assert_eq!(lower(&json!({ "ok": 1 }), "result<u8>"), Val::Result(Ok(one())));
    assert_eq!(lower(&json!("err"), "result"), Val::Result(Err(None)));
}

#[test]
fn names_and_booleans_become_flags() {
    let flags = |names: &[&str]| Val::Flags(names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(lower(&["run_as_root", "read", "read"], "rights"), flags(&["read", "run-as-root"]));
    assert_eq!(lower(&Vec::<String>::new(), "rights"), flags(&[]));
    assert_eq!(lower(&json!({ "write": true, "read": false }), "rights"), flags(&["write"]));
    assert_eq!(lower(&json!(["RunAsRoot"]), "option<rights>"), some(flags(&["run-as-root"])));
    #[derive(Serialize)]
    struct Rights {
        read: bool,
        run_as_root: bool,
    }
    assert_eq!(lower(&Rights { read: false, run_as_root: true }, "rights"), flags(&["run-as-root"]));
}

#[test]
fn newtypes_are_what_they_hold() {
    #[derive(Serialize)]
    struct Meters(u8);
    #[derive(Serialize)]
    struct Pair(u8, Meters);
    assert_eq!(lower(&Meters(3), "u32"), Val::U32(3));
    assert_eq!(lower(&Pair(1, Meters(3)), "tuple<u8, s64>"), Val::Tuple(vec![Val::U8(1), Val::S64(3)]));
}

#[test]
fn arguments_are_given_by_position_or_by_name() {
    let lower = |input: serde_json::Value, list: &str| lower_all(&input, &args(list)).unwrap();
    let two = "a-b: u8, c: option<string>";
    let none = Val::Option(None);
    assert_eq!(lower(json!([1, "x"]), two), [Val::U8(1), some(text("x"))]);
    assert_eq!(lower(json!({ "c": "x", "a_b": 1 }), two), [Val::U8(1), some(text("x"))]);
    assert_eq!(lower(json!({ "a-b": 1 }), two), [Val::U8(1), none.clone()]);
    assert_eq!(lower_all(&(1, "x"), &args(two)).unwrap(), [Val::U8(1), some(text("x"))]);
    assert_eq!(lower_all(&(), &args("")).unwrap(), []);
    assert_eq!(lower_all(&(), &args("a: option<u8>")).unwrap(), [none]);
    assert_eq!(
        lower_all(&(1, 2), &args("a: tuple<u8, u8>")).unwrap(),
        [Val::Tuple(vec![Val::U8(1), Val::U8(2)])]
    );
    assert_eq!(lower_all(&[9], &args("a: list<u8>")).unwrap(), [Val::List(vec![Val::U8(9)])]);
}
