//! A component's types as WIT text, for `inspect` and for messages.
//!
//! A compiled component keeps no names of its types, so a record is written out where it is used. A few lines of WIT can stand for
//! a million nested types; the text is therefore cut at a limit and ends in `…`.

use std::fmt::{self, Write};
use wasmtime::component::{Type, types::ComponentFunc};

/// The longest text of a type in characters.
const LONGEST: usize = 16 * 1024;
/// The longest text of a type inside of a message.
const LONGEST_IN_MESSAGE: usize = 120;

/// The WIT text of a type, for instance `list<record { x: s32, y: option<string> }>`.
pub fn type_text(ty: &Type) -> String {
    bounded(LONGEST, |out| write_type(out, ty))
}

/// The WIT text of a function's type, for instance `func(input: list<u8>) -> result<list<u8>, string>`.
pub fn signature(func: &ComponentFunc) -> String {
    bounded(LONGEST, |out| {
        out.write_str(if func.async_() { "async func(" } else { "func(" })?;
        joined(out, func.params(), |out, (name, ty)| {
            write!(out, "{name}: ")?;
            write_type(out, &ty)
        })?;
        out.write_str(")")?;
        func.results().try_for_each(|ty| {
            out.write_str(" -> ")?;
            write_type(out, &ty)
        })
    })
}

/// A type's text short enough for a message, in backticks.
pub(super) fn quoted(ty: &Type) -> String {
    format!("`{}`", brief(ty))
}

/// A type's text short enough for a message.
pub(super) fn brief(ty: &Type) -> String {
    bounded(LONGEST_IN_MESSAGE, |out| write_type(out, ty))
}

fn bounded(limit: usize, write: impl FnOnce(&mut Bounded) -> fmt::Result) -> String {
    let mut out = Bounded { text: String::new(), left: limit };
    if write(&mut out).is_err() {
        out.text.push('…');
    }
    out.text
}

/// A text that refuses to grow beyond its limit, which ends the walk through the type.
struct Bounded {
    text: String,
    left: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(letter);
        }
        Ok(())
    }
}

fn write_type(out: &mut Bounded, ty: &Type) -> fmt::Result {
    match ty {
        Type::List(list) => generic(out, "list", [list.ty()].into_iter()),
        Type::FixedLengthList(list) => {
            out.write_str("list<")?;
            write_type(out, &list.ty())?;
            write!(out, ", {}>", list.len())
        }
        Type::Map(map) => generic(out, "map", [map.key(), map.value()].into_iter()),
        Type::Tuple(tuple) => generic(out, "tuple", tuple.types()),
        Type::Option(option) => generic(out, "option", [option.ty()].into_iter()),
        Type::Future(future) => generic(out, "future", future.ty().into_iter()),
        Type::Stream(stream) => generic(out, "stream", stream.ty().into_iter()),
        Type::Result(result) => write_result(out, result.ok(), result.err()),
        Type::Record(record) => braces(out, "record", record.fields(), |out, field| {
            write_member(out, field.name, ": ", Some(field.ty), "")
        }),
        Type::Variant(variant) => braces(out, "variant", variant.cases(), |out, case| {
            write_member(out, case.name, "(", case.ty, ")")
        }),
        Type::Enum(cases) => braces(out, "enum", cases.names(), |out, name| out.write_str(name)),
        Type::Flags(flags) => braces(out, "flags", flags.names(), |out, name| out.write_str(name)),
        simple => out.write_str(plain_name(simple)),
    }
}

fn write_result(out: &mut Bounded, ok: Option<Type>, err: Option<Type>) -> fmt::Result {
    match (ok, err) {
        (None, None) => out.write_str("result"),
        (Some(ok), err) => generic(out, "result", [Some(ok), err].into_iter().flatten()),
        (None, Some(err)) => {
            out.write_str("result<_, ")?;
            write_type(out, &err)?;
            out.write_str(">")
        }
    }
}

fn write_member(out: &mut Bounded, name: &str, open: &str, ty: Option<Type>, close: &str) -> fmt::Result {
    out.write_str(name)?;
    let Some(ty) = ty else { return Ok(()) };
    out.write_str(open)?;
    write_type(out, &ty)?;
    out.write_str(close)
}

/// `list<u8>`, or `future` alone where it carries nothing.
fn generic(out: &mut Bounded, name: &str, parts: impl Iterator<Item = Type>) -> fmt::Result {
    let mut parts = parts.peekable();
    out.write_str(name)?;
    if parts.peek().is_none() {
        return Ok(());
    }
    out.write_str("<")?;
    joined(out, parts, |out, ty| write_type(out, &ty))?;
    out.write_str(">")
}

fn braces<T>(
    out: &mut Bounded,
    name: &str,
    members: impl Iterator<Item = T>,
    write: impl FnMut(&mut Bounded, T) -> fmt::Result,
) -> fmt::Result {
    write!(out, "{name} {{ ")?;
    joined(out, members, write)?;
    out.write_str(" }")
}

fn joined<T>(
    out: &mut Bounded,
    members: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut Bounded, T) -> fmt::Result,
) -> fmt::Result {
    for (index, member) in members.enumerate() {
        if index > 0 {
            out.write_str(", ")?;
        }
        write(out, member)?;
    }
    Ok(())
}

fn plain_name(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::S8 => "s8",
        Type::U8 => "u8",
        Type::S16 => "s16",
        Type::U16 => "u16",
        Type::S32 => "s32",
        Type::U32 => "u32",
        Type::S64 => "s64",
        Type::U64 => "u64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::Own(_) => "own<resource>",
        Type::Borrow(_) => "borrow<resource>",
        Type::ErrorContext => "error-context",
        _ => "value",
    }
}
