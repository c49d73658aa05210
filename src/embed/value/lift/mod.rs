//! From the component to Rust: a deserializer over a value and its type.

mod access;
mod case;

use super::error::{Problem, Step};
use super::function::is_handle;
use super::text::{brief, quoted};
use super::{MAX_DEPTH, ValueError, to_wave};
use access::{Entries, Items};
use case::Case;
use serde::de::{self, DeserializeOwned, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use wasmtime::component::{Type, Val};

/// Converts what a function returned to a Rust value; `()` where it returns nothing.
///
/// A `result` becomes serde's `Result`; [`lift_result`] takes it apart instead.
///
/// # Errors
/// [`ValueError::Value`] where `T` does not fit the result's type.
pub fn lift<T: DeserializeOwned>(result: Option<Val>, ty: Option<&Type>) -> Result<T, ValueError> {
    let lifted = match (result, ty) {
        (Some(val), Some(ty)) => T::deserialize(Lift { val, ty, depth: 0 }),
        (None, None) => T::deserialize(().into_deserializer()),
        _ => Err(ValueError::custom("the result does not have the function's type")),
    };
    lifted.map_err(|e| e.within(|| Step::Outcome))
}

/// Converts the `ok` of a `result`, or the whole of another type; an `err` comes back as WAVE text.
///
/// The inner error is the component's own answer: its payload in WAVE, or `err` where it has none.
///
/// # Errors
/// [`ValueError::Value`] where `T` does not fit the type.
pub fn lift_result<T: DeserializeOwned>(
    result: Option<Val>,
    ty: Option<&Type>,
) -> Result<Result<T, String>, ValueError> {
    match (result, ty) {
        (Some(Val::Result(Ok(val))), Some(Type::Result(ty))) => {
            lift(val.map(|val| *val), ty.ok().as_ref()).map(Ok)
        }
        (Some(Val::Result(Err(Some(val)))), _) => to_wave(&val).map(Err),
        (Some(Val::Result(Err(None))), _) => Ok(Err("err".to_owned())),
        (result, ty) => lift(result, ty).map(Ok),
    }
}

/// A [`serde::Deserializer`] over a value of a known type.
struct Lift<'t> {
    val: Val,
    ty: &'t Type,
    depth: usize,
}

impl<'t> Lift<'t> {
    /// A value one level below `depth`.
    fn below(val: Val, ty: &'t Type, depth: usize) -> Result<Lift<'t>, ValueError> {
        if depth >= MAX_DEPTH {
            return Err(Problem::TooDeep { limit: MAX_DEPTH }.here());
        }
        Ok(Lift { val, ty, depth: depth + 1 })
    }

    /// A record or flags for a struct of these fields.
    fn into_struct<'de, V: Visitor<'de>>(
        self,
        name: &str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        let Lift { val, ty, depth } = self;
        match (val, ty) {
            (val @ Val::Record(_), Type::Record(_)) => {
                Entries::record(val, ty, fields, depth).visited(visitor)
            }
            (Val::Flags(names), Type::Flags(flags)) => {
                Entries::flags(&names, flags, fields, depth).visited(visitor)
            }
            // serde's structs would take any sequence, whatever its elements mean.
            (val, ty) => Err(Lift { val, ty, depth }.refuse(&format!("the fields of {name}"))),
        }
    }

    /// The answer to a Rust type that cannot be made of this value.
    fn refuse(&self, wanted: &str) -> ValueError {
        let got = format!("{} from the component", quoted(self.ty));
        Problem::Mismatch { expected: wanted.to_owned(), got }.here()
    }
}

impl<'de> de::Deserializer<'de> for Lift<'_> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        let Lift { val, ty, depth } = self;
        match (val, ty) {
            (Val::Bool(v), _) => visitor.visit_bool(v),
            (Val::S8(v), _) => visitor.visit_i8(v),
            (Val::U8(v), _) => visitor.visit_u8(v),
            (Val::S16(v), _) => visitor.visit_i16(v),
            (Val::U16(v), _) => visitor.visit_u16(v),
            (Val::S32(v), _) => visitor.visit_i32(v),
            (Val::U32(v), _) => visitor.visit_u32(v),
            (Val::S64(v), _) => visitor.visit_i64(v),
            (Val::U64(v), _) => visitor.visit_u64(v),
            (Val::Float32(v), _) => visitor.visit_f32(v),
            (Val::Float64(v), _) => visitor.visit_f64(v),
            (Val::Char(v), _) => visitor.visit_char(v),
            (Val::String(v) | Val::Enum(v), _) => visitor.visit_string(v),
            (Val::Option(None), _) => visitor.visit_none(),
            (Val::Option(Some(val)), Type::Option(option)) => {
                visitor.visit_some(Lift::below(*val, &option.ty(), depth)?)
            }
            (Val::List(vals), Type::List(list)) => Items::list(vals, list.ty(), depth).visited(visitor),
            (Val::Tuple(vals), Type::Tuple(tuple)) => {
                Items::tuple(vals, tuple.types(), depth).visited(visitor)
            }
            (Val::Flags(names), Type::Flags(_)) => Items::names(names, depth).visited(visitor),
            (val @ Val::Record(_), Type::Record(_)) => Entries::record(val, ty, &[], depth).visited(visitor),
            (val @ (Val::Variant(..) | Val::Result(_)), ty) => {
                Case::open(val, ty, depth)?.into_document(visitor)
            }
            (_, ty) if is_handle(ty) => Err(Problem::Unsupported { ty: brief(ty) }.here()),
            _ => Err(ValueError::custom("the value does not have its type")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.val {
            Val::Option(_) => self.deserialize_any(visitor),
            // What is always there is there.
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(Lift::below(self.val, self.ty, self.depth)?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match (self.val, self.ty) {
            (Val::List(vals), Type::List(list)) if list.ty() == Type::U8 => {
                let byte = |val| if let Val::U8(byte) = val { Some(byte) } else { None };
                visitor.visit_byte_buf(vals.into_iter().filter_map(byte).collect())
            }
            (val, ty) => Lift { val, ty, depth: self.depth }.deserialize_any(visitor),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        self.deserialize_byte_buf(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match (self.val, self.ty) {
            (Val::Flags(names), Type::Flags(flags)) => {
                Entries::flags(&names, flags, &[], self.depth).visited(visitor)
            }
            (Val::List(vals), Type::List(list)) => match super::lower::pair(&list.ty()) {
                Some((key, value)) => Entries::pairs(vals, key, value, self.depth).visited(visitor),
                None => Lift { val: Val::List(vals), ..self }.deserialize_any(visitor),
            },
            (val, ty) => Lift { val, ty, depth: self.depth }.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.into_struct(&format!("struct `{name}`"), fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        match self.val {
            Val::Variant(..) | Val::Result(_) | Val::Enum(_) | Val::String(_) => {
                visitor.visit_enum(Case::open(self.val, self.ty, self.depth)?.known_as(variants))
            }
            _ => Err(self.refuse(&format!("a case of enum `{name}`"))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string unit unit_struct seq tuple
        tuple_struct identifier
    }
}
