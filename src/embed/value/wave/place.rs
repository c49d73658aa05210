//! Where in a value an error of the WAVE parser is: it names only columns, and passes over names that a type does not have.

use crate::embed::value::ValueError;
use crate::embed::value::error::{Problem, Step};
use crate::embed::value::text::brief;
use std::error::Error;
use wasmtime::component::Type;
use wasmtime::component::wasm_wave::ast::Node;
use wasmtime::component::wasm_wave::parser::ParserError;
use wasmtime::component::wasm_wave::wasm::WasmValueError;

/// The innermost value that an error is about, with its type; the steps to it are innermost first.
pub(super) fn culprit(node: &Node, ty: &Type, text: &str, e: &ParserError) -> (Vec<Step>, Type) {
    let holds = |node: &Node| node.span().start <= e.span().start && e.span().end <= node.span().end;
    match parts(node, ty, text).into_iter().find(|(_, node, _)| holds(node)) {
        Some((step, node, ty)) => {
            let (mut steps, ty) = culprit(node, &ty, text, e);
            steps.extend(step);
            (steps, ty)
        }
        None => (Vec::new(), ty.clone()),
    }
}

/// Refuses fields, cases and flags that the type does not have; the parser would drop such a field without a word.
pub(super) fn known_names(node: &Node, ty: &Type, text: &str) -> Result<(), ValueError> {
    let (what, given, known): (_, Vec<&str>, Vec<&str>) = match ty {
        Type::Record(record) => {
            let given = node.as_record(text).map(|fields| fields.map(|(name, _)| name).collect());
            ("field", given.unwrap_or_default(), record.fields().map(|field| field.name).collect())
        }
        Type::Flags(flags) => {
            let given = node.as_flags(text).map(Iterator::collect);
            ("flag", given.unwrap_or_default(), flags.names().collect())
        }
        Type::Enum(cases) => ("case", node.as_enum(text).into_iter().collect(), cases.names().collect()),
        Type::Variant(variant) => {
            let given = node.as_variant(text).map(|(name, _)| name);
            ("case", given.into_iter().collect(), variant.cases().map(|case| case.name).collect())
        }
        _ => Default::default(),
    };
    if let Some(name) = given.into_iter().find(|name| !known.contains(name)) {
        let known = known.into_iter().map(str::to_owned).collect();
        return Err(Problem::Unknown { what, name: name.to_owned(), known }.here());
    }
    parts(node, ty, text).into_iter().try_for_each(|(step, node, ty)| {
        known_names(node, &ty, text).map_err(|e| match step {
            Some(step) => e.within(|| step),
            None => e,
        })
    })
}

/// The problem of an error which says that something is not there.
pub(super) fn missing(e: &ParserError, ty: &Type) -> Option<Problem> {
    let source = Error::source(e)?.downcast_ref::<WasmValueError>()?;
    let (what, name, expected) = match (source, ty) {
        (WasmValueError::MissingField(name), Type::Record(record)) => {
            ("field", name, record.fields().find(|field| field.name == name)?.ty)
        }
        (WasmValueError::MissingPayload(name), Type::Variant(variant)) => {
            ("payload of case", name, variant.cases().find(|case| case.name == name)?.ty?)
        }
        (WasmValueError::MissingPayload(name), Type::Result(result)) => {
            ("payload of case", name, if name == "ok" { result.ok()? } else { result.err()? })
        }
        _ => return None,
    };
    Some(Problem::Missing { what, name: name.clone(), expected: brief(&expected) })
}

type Part<'n> = (Option<Step>, &'n Node, Type);

/// The parts of a value which have values themselves, as far as text and type agree.
fn parts<'n>(node: &'n Node, ty: &Type, text: &str) -> Vec<Part<'n>> {
    agreed_parts(node, ty, text).unwrap_or_default()
}

fn agreed_parts<'n>(node: &'n Node, ty: &Type, text: &str) -> Option<Vec<Part<'n>>> {
    Some(match ty {
        Type::List(list) => {
            let element = |(at, node)| (Some(Step::Element(at)), node, list.ty());
            node.as_list().ok()?.enumerate().map(element).collect()
        }
        Type::Tuple(tuple) => {
            let field = |(at, (node, ty)): (usize, _)| (Some(Step::Field(at.to_string())), node, ty);
            node.as_tuple().ok()?.zip(tuple.types()).enumerate().map(field).collect()
        }
        Type::Record(record) => {
            let field = |(name, node): (&str, _)| {
                let field = record.fields().find(|field| field.name == name)?;
                Some((Some(Step::Field(name.to_owned())), node, field.ty))
            };
            node.as_record(text).ok()?.filter_map(field).collect()
        }
        Type::Option(option) => match node.as_option() {
            Ok(inner) => inner.map(|node| (None, node, option.ty())).into_iter().collect(),
            Err(_) => vec![(None, node, option.ty())],
        },
        Type::Result(result) => result_part(node, result.ok(), result.err()).into_iter().collect(),
        Type::Variant(variant) => {
            let (name, inner) = node.as_variant(text).ok()?;
            let ty = variant.cases().find(|case| case.name == name)?.ty;
            inner
                .zip(ty)
                .map(|(node, ty)| (Some(Step::Case(name.to_owned())), node, ty))
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    })
}

fn result_part(node: &Node, ok: Option<Type>, err: Option<Type>) -> Option<Part<'_>> {
    match node.as_result() {
        Ok(Ok(inner)) => inner.zip(ok).map(|(node, ty)| (Some(Step::Case("ok".to_owned())), node, ty)),
        Ok(Err(inner)) => inner.zip(err).map(|(node, ty)| (Some(Step::Case("err".to_owned())), node, ty)),
        Err(_) => ok.map(|ty| (None, node, ty)),
    }
}
