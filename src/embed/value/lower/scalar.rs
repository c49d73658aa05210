//! Single values: numbers with their ranges, text, names of cases.

use super::Target;
use super::case;
use crate::embed::value::ValueError;
use std::fmt;
use wasmtime::component::{Type, Val};

/// A value without parts, as serde handed it over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar<'v> {
    Bool(bool),
    Int(i128),
    /// Above every integer type of WIT.
    Huge(u128),
    Float(f64),
    Char(char),
    Text(&'v str),
    Case(&'v str),
    None,
    Unit,
}

/// Numbers are shown, texts are not: an argument may be a secret, and errors are logged.
impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Bool(value) => write!(f, "{value}"),
            Scalar::Int(value) => write!(f, "{value}"),
            Scalar::Huge(value) => write!(f, "{value}"),
            Scalar::Float(value) => write!(f, "{value:?}"),
            Scalar::Char(_) => f.write_str("a character"),
            Scalar::Text(text) => write!(f, "a string of {} characters", text.chars().count()),
            Scalar::Case(name) => write!(f, "the case `{}`", name.escape_debug()),
            Scalar::None => f.write_str("`None`"),
            Scalar::Unit => f.write_str("`()`"),
        }
    }
}

/// The value of type `ty` for a scalar.
pub(super) fn lower(ty: &Type, got: &Scalar<'_>) -> Result<Val, ValueError> {
    let fitted = match (ty, got) {
        (Type::Option(_), Scalar::None | Scalar::Unit) => Some(Val::Option(None)),
        (Type::Option(option), _) => {
            let inner = lower(&option.ty(), got)?;
            Some(Val::Option(Some(Box::new(inner))))
        }
        (Type::Enum(_) | Type::Variant(_) | Type::Result(_), Scalar::Text(name) | Scalar::Case(name)) => {
            return case::unit(ty, name);
        }
        (Type::Bool, Scalar::Bool(value)) => Some(Val::Bool(*value)),
        (Type::String, Scalar::Text(text) | Scalar::Case(text)) => Some(Val::String((*text).to_owned())),
        (Type::Char, Scalar::Char(value)) => Some(Val::Char(*value)),
        (Type::Char, Scalar::Text(text)) => only_char(text).map(Val::Char),
        (_, Scalar::Int(value)) => integer(ty, *value),
        (_, Scalar::Float(value)) => float(ty, *value),
        _ => None,
    };
    fitted.ok_or_else(|| Target::Type(ty).mismatch(got))
}

fn only_char(text: &str) -> Option<char> {
    let mut letters = text.chars();
    letters.next().filter(|_| letters.next().is_none())
}

fn integer(ty: &Type, value: i128) -> Option<Val> {
    match ty {
        Type::S8 => i8::try_from(value).ok().map(Val::S8),
        Type::U8 => u8::try_from(value).ok().map(Val::U8),
        Type::S16 => i16::try_from(value).ok().map(Val::S16),
        Type::U16 => u16::try_from(value).ok().map(Val::U16),
        Type::S32 => i32::try_from(value).ok().map(Val::S32),
        Type::U32 => u32::try_from(value).ok().map(Val::U32),
        Type::S64 => i64::try_from(value).ok().map(Val::S64),
        Type::U64 => u64::try_from(value).ok().map(Val::U64),
        // A JSON document writes `1` for a float; only what survives the way back is taken. The way back stops at the largest
        // integer, which must not pass for the larger float it was rounded to.
        Type::Float32 if value < i128::MAX => {
            Some(value as f32).filter(|float| *float as i128 == value).map(Val::Float32)
        }
        Type::Float64 if value < i128::MAX => {
            Some(value as f64).filter(|float| *float as i128 == value).map(Val::Float64)
        }
        _ => None,
    }
}

fn float(ty: &Type, value: f64) -> Option<Val> {
    match ty {
        Type::Float32 => {
            let narrow = value as f32;
            (narrow.is_finite() || !value.is_finite()).then_some(Val::Float32(narrow))
        }
        Type::Float64 => Some(Val::Float64(value)),
        _ => None,
    }
}
