//! Values of generated types go through a component, through WAVE and through a document, and come back as they were.

use crate::document::Document;
use crate::fixture::Echo;
use airssys_wasm::embed::value::{args_from_wave, lift, lower, to_wave, type_text};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wasmtime::component::{Type, Val};

/// A type to be written in WIT.
#[derive(Debug, Clone)]
enum Shape {
    Simple(&'static str),
    List(Box<Shape>),
    Option(Box<Shape>),
    Tuple(Vec<Shape>),
    Result(Option<Box<Shape>>, Option<Box<Shape>>),
    Record(Vec<Shape>),
    Variant(Vec<Option<Shape>>),
    Enum(usize),
    Flags(usize),
}

const SIMPLE: [&str; 13] =
    ["bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string"];

fn shapes() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        4 => prop::sample::select(&SIMPLE[..]).prop_map(Shape::Simple),
        1 => (1..6_usize).prop_map(Shape::Enum),
        1 => (1..33_usize).prop_map(Shape::Flags),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            boxed.clone().prop_map(Shape::List),
            boxed.clone().prop_map(Shape::Option),
            vec(inner.clone(), 1..4).prop_map(Shape::Tuple),
            (prop::option::of(boxed.clone()), prop::option::of(boxed))
                .prop_map(|(ok, err)| Shape::Result(ok, err)),
            vec(inner.clone(), 1..5).prop_map(Shape::Record),
            vec(prop::option::of(inner), 1..5).prop_map(Shape::Variant),
        ]
    })
}

/// The type's name in WIT; what must be declared for it goes to `decls`.
fn wit(shape: &Shape, decls: &mut Vec<String>) -> String {
    let inner = |shape: &Option<Box<Shape>>, decls: &mut Vec<String>| {
        shape.as_ref().map_or("_".to_owned(), |shape| wit(shape, decls))
    };
    let body = match shape {
        Shape::Simple(name) => return (*name).to_owned(),
        Shape::List(shape) => return format!("list<{}>", wit(shape, decls)),
        Shape::Option(shape) => return format!("option<{}>", wit(shape, decls)),
        Shape::Tuple(shapes) => {
            let parts: Vec<String> = shapes.iter().map(|shape| wit(shape, decls)).collect();
            return format!("tuple<{}>", parts.join(", "));
        }
        Shape::Result(None, None) => return "result".to_owned(),
        Shape::Result(Some(ok), None) => return format!("result<{}>", wit(ok, decls)),
        Shape::Result(ok, err) => return format!("result<{}, {}>", inner(ok, decls), inner(err, decls)),
        Shape::Record(shapes) => {
            let fields = shapes.iter().enumerate();
            let fields: Vec<String> =
                fields.map(|(n, shape)| format!("the-field{n}: {}", wit(shape, decls))).collect();
            format!("record # {{ {} }}", fields.join(", "))
        }
        Shape::Variant(shapes) => {
            let cases = shapes.iter().enumerate().map(|(n, shape)| match shape {
                Some(shape) => format!("a-case{n}({})", wit(shape, decls)),
                None => format!("a-case{n}"),
            });
            let cases: Vec<String> = cases.collect();
            format!("variant # {{ {} }}", cases.join(", "))
        }
        Shape::Enum(count) => format!("enum # {{ {} }}", numbered("one-of", *count)),
        Shape::Flags(count) => format!("flags # {{ {} }}", numbered("the-flag", *count)),
    };
    let name = format!("named{}", decls.len());
    decls.push(body.replacen('#', &name, 1));
    name
}

fn numbered(name: &str, count: usize) -> String {
    let names: Vec<String> = (0..count).map(|n| format!("{name}{n}")).collect();
    names.join(", ")
}

/// Values of a component's type.
fn vals(ty: &Type) -> BoxedStrategy<Val> {
    match ty {
        Type::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        Type::S8 => any::<i8>().prop_map(Val::S8).boxed(),
        Type::U8 => any::<u8>().prop_map(Val::U8).boxed(),
        Type::S16 => any::<i16>().prop_map(Val::S16).boxed(),
        Type::U16 => any::<u16>().prop_map(Val::U16).boxed(),
        Type::S32 => any::<i32>().prop_map(Val::S32).boxed(),
        Type::U32 => any::<u32>().prop_map(Val::U32).boxed(),
        Type::S64 => any::<i64>().prop_map(Val::S64).boxed(),
        Type::U64 => any::<u64>().prop_map(Val::U64).boxed(),
        Type::Float32 => prop::num::f32::ANY.prop_map(Val::Float32).boxed(),
        Type::Float64 => prop::num::f64::ANY.prop_map(Val::Float64).boxed(),
        Type::Char => any::<char>().prop_map(Val::Char).boxed(),
        Type::String => any::<String>().prop_map(Val::String).boxed(),
        other => compound_vals(other),
    }
}

fn compound_vals(ty: &Type) -> BoxedStrategy<Val> {
    match ty {
        Type::List(list) => vec(vals(&list.ty()), 0..4).prop_map(Val::List).boxed(),
        Type::Option(option) => optional(Some(option.ty())).prop_map(Val::Option).boxed(),
        Type::Tuple(tuple) => {
            tuple.types().map(|ty| vals(&ty)).collect::<Vec<_>>().prop_map(Val::Tuple).boxed()
        }
        Type::Record(record) => {
            let fields = record.fields().map(|field| (Just(field.name.to_owned()), vals(&field.ty)));
            fields.collect::<Vec<_>>().prop_map(Val::Record).boxed()
        }
        Type::Result(result) => prop_oneof![
            payload(result.ok()).prop_map(|val| Val::Result(Ok(val))),
            payload(result.err()).prop_map(|val| Val::Result(Err(val))),
        ]
        .boxed(),
        Type::Variant(variant) => {
            let cases = variant.cases().map(|case| {
                let name = case.name.to_owned();
                payload(case.ty).prop_map(move |val| Val::Variant(name.clone(), val)).boxed()
            });
            prop::strategy::Union::new(cases.collect::<Vec<_>>()).boxed()
        }
        Type::Enum(cases) => prop::sample::select(cases.names().map(str::to_owned).collect::<Vec<_>>())
            .prop_map(Val::Enum)
            .boxed(),
        Type::Flags(flags) => {
            let names: Vec<String> = flags.names().map(str::to_owned).collect();
            prop::sample::subsequence(names.clone(), 0..=names.len()).prop_map(Val::Flags).boxed()
        }
        other => panic!("no values of {other:?}"),
    }
}

fn payload(ty: Option<Type>) -> BoxedStrategy<Option<Box<Val>>> {
    match ty {
        Some(ty) => vals(&ty).prop_map(|val| Some(Box::new(val))).boxed(),
        None => Just(None).boxed(),
    }
}

fn optional(ty: Option<Type>) -> BoxedStrategy<Option<Box<Val>>> {
    prop_oneof![Just(None), payload(ty)].boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn values_of_any_type_come_back_as_they_were(shape in shapes()) {
        let mut decls = Vec::new();
        let name = wit(&shape, &mut decls);
        let mut echo = Echo::new(&decls.join("\n"), &name);
        let strategy = vals(&echo.ty);
        let mut runner = TestRunner::deterministic();
        let params = [("value".to_owned(), echo.ty.clone())];
        for _ in 0..16 {
            let val = strategy.new_tree(&mut runner).unwrap().current();

            let document: Document = lift(Some(val.clone()), Some(&echo.ty)).unwrap();
            let lowered = lower(&document, &params).unwrap().remove(0);
            prop_assert_eq!(&lowered, &val, "document of {}", type_text(&echo.ty));

            prop_assert_eq!(&echo.call(lowered), &val, "component of {}", type_text(&echo.ty));

            let text = to_wave(&val).unwrap();
            let read = args_from_wave(&format!("({text})"), &params).unwrap().remove(0);
            // WAVE's parser gives flags in another order; the component does not see one.
            prop_assert_eq!(&echo.call(read), &val, "{} of {}", text, type_text(&echo.ty));
        }
    }
}

/// Rust's own types for what the next test declares in WIT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Job {
    job_name: String,
    retries: Option<u8>,
    steps: Vec<Step>,
    env_vars: BTreeMap<String, String>,
    outcome: Result<(u64, f64), Failure>,
    granted: Vec<Right>,
    nested: Option<Option<Vec<u8>>>,
    mark: char,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Step {
    Wait,
    RunCommand(Vec<String>),
    MoveTo(i32, i32),
    CopyFile { from: String, to: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Failure {
    NotFound,
    TimedOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Right {
    Read,
    RunAsRoot,
}

const JOB: &str = "
    record copy { %from: string, to: string }
    variant step { wait, run-command(list<string>), move-to(tuple<s32, s32>), copy-file(copy) }
    enum failure { not-found, timed-out }
    flags rights { read, run-as-root }
    record job {
        job-name: string, retries: option<u8>, steps: list<step>, env-vars: list<tuple<string, string>>,
        outcome: result<tuple<u64, f64>, failure>, granted: rights, nested: option<option<list<u8>>>, mark: char,
    }";

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Wait),
        vec(any::<String>(), 0..3).prop_map(Step::RunCommand),
        any::<(i32, i32)>().prop_map(|(x, y)| Step::MoveTo(x, y)),
        any::<(String, String)>().prop_map(|(from, to)| Step::CopyFile { from, to }),
    ]
}

fn jobs() -> impl Strategy<Value = Job> {
    let failure = prop::sample::select(vec![Failure::NotFound, Failure::TimedOut]);
    let right = prop::sample::subsequence(vec![Right::Read, Right::RunAsRoot], 0..=2);
    let outcome = prop::result::maybe_ok((any::<u64>(), prop::num::f64::NORMAL), failure);
    let vars = prop::collection::btree_map(any::<String>(), any::<String>(), 0..3);
    let nested = prop::option::of(prop::option::of(vec(any::<u8>(), 0..20)));
    let parts = (
        any::<String>(),
        any::<Option<u8>>(),
        vec(steps(), 0..4),
        vars,
        outcome,
        right,
        nested,
        any::<char>(),
    );
    parts.prop_map(|(job_name, retries, steps, env_vars, outcome, granted, nested, mark)| Job {
        job_name,
        retries,
        steps,
        env_vars,
        outcome,
        granted,
        nested,
        mark,
    })
}

#[test]
fn rust_values_come_back_as_they_were() {
    let mut echo = Echo::new(JOB, "job");
    let params = [("value".to_owned(), echo.ty.clone())];
    let strategy = jobs();
    let mut runner = TestRunner::deterministic();
    for _ in 0..200 {
        let job = strategy.new_tree(&mut runner).unwrap().current();
        let val = lower(&job, &params).unwrap().remove(0);
        let back: Job = lift(Some(echo.call(val)), Some(&echo.ty)).unwrap();
        assert_eq!(back, job);
    }
}
