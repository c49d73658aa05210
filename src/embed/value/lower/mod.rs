//! From Rust to the component: a serializer that knows which type it has to arrive at.

mod case;
mod fields;
mod scalar;
mod sequence;

use super::error::{Problem, Step};
use super::function::is_handle;
use super::text::{brief, quoted};
use super::{MAX_DEPTH, ValueError};
use case::{Case, wrapped};
use fields::Fields;
pub(super) use fields::pair;
use scalar::Scalar;
use sequence::Sequence;
use serde::{Serialize, ser};
use wasmtime::component::{Type, Val};

/// Converts a Rust value to the arguments of a function with these parameters.
///
/// ```
/// use airssys_wasm::embed::value::lower;
/// use wasmtime::component::{Type, Val};
///
/// let params = [("width".to_owned(), Type::U16), ("title".to_owned(), Type::String)];
/// let args = lower(&(640, "logo"), &params)?;
/// assert_eq!(args, [Val::U16(640), Val::String("logo".to_owned())]);
///
/// let refused = lower(&(70_000, "logo"), &params).unwrap_err();
/// assert_eq!(refused.to_string(), "argument `width`: expected `u16`, got 70000");
/// # Ok::<(), airssys_wasm::embed::value::ValueError>(())
/// ```
///
/// # Errors
/// [`ValueError::Value`] where the input does not fit the parameters' types.
pub fn lower<T: Serialize + ?Sized>(input: &T, params: &[(String, Type)]) -> Result<Vec<Val>, ValueError> {
    if let [(name, ty)] = params {
        let argument = input.serialize(Lower { target: Target::Type(ty), depth: 0 });
        return Ok(vec![argument.map_err(|e| e.within(|| Step::Argument(name.clone())))?]);
    }
    let arguments = input.serialize(Lower { target: Target::Arguments(params), depth: 0 });
    match arguments.map_err(ValueError::among_arguments)? {
        Val::Tuple(args) => Ok(args),
        other => Ok(vec![other]),
    }
}

/// What a value has to become.
#[derive(Clone, Copy)]
enum Target<'t> {
    /// A value of this type.
    Type(&'t Type),
    /// All arguments of a function, as a tuple.
    Arguments(&'t [(String, Type)]),
    /// The payload of a case that has none.
    Nothing,
    /// A field's, case's or flag's name.
    Name,
}

impl Target<'_> {
    fn mismatch(self, got: impl ToString) -> ValueError {
        let expected = match self {
            Target::Type(ty) if is_handle(ty) => return Problem::Unsupported { ty: brief(ty) }.here(),
            Target::Type(ty) => quoted(ty),
            Target::Arguments([]) => "no arguments, written `()`".to_owned(),
            Target::Arguments(params) => {
                let names: Vec<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
                format!("{} arguments (`{}`)", params.len(), names.join("`, `"))
            }
            Target::Nothing => "no payload, written `()`".to_owned(),
            Target::Name => "a name".to_owned(),
        };
        Problem::Mismatch { expected, got: got.to_string() }.here()
    }
}

/// A [`serde::Serializer`] towards one target.
#[derive(Clone, Copy)]
struct Lower<'t> {
    target: Target<'t>,
    depth: usize,
}

impl<'t> Lower<'t> {
    fn mismatch(&self, got: impl ToString) -> ValueError {
        self.target.mismatch(got)
    }

    fn scalar(self, got: Scalar<'_>) -> Result<Val, ValueError> {
        match self.target {
            Target::Type(ty) => scalar::lower(ty, &got),
            Target::Nothing | Target::Arguments([]) if got == Scalar::Unit => Ok(Val::Tuple(Vec::new())),
            Target::Name => match got {
                Scalar::Text(name) | Scalar::Case(name) => Ok(Val::String(name.to_owned())),
                other => Err(self.mismatch(other)),
            },
            Target::Arguments(_) | Target::Nothing => Err(self.mismatch(got)),
        }
    }

    /// Takes `value` apart one level below this one.
    fn below<T: Serialize + ?Sized>(self, target: Target<'_>, value: &T) -> Result<Val, ValueError> {
        descend(self.depth, target, value)
    }
}

/// Takes `value` apart one level below `depth`.
fn descend<T: Serialize + ?Sized>(depth: usize, target: Target<'_>, value: &T) -> Result<Val, ValueError> {
    if depth >= MAX_DEPTH {
        return Err(Problem::TooDeep { limit: MAX_DEPTH }.here());
    }
    value.serialize(Lower { target, depth: depth + 1 })
}

/// A method of the serializer that hands its argument on as a [`Scalar`].
macro_rules! scalars {
    ($($method:ident($ty:ty) => $scalar:expr;)*) => {
        $(fn $method(self, v: $ty) -> Result<Val, ValueError> {
            self.scalar($scalar(v))
        })*
    };
}

impl<'t> ser::Serializer for Lower<'t> {
    type Ok = Val;
    type Error = ValueError;
    type SerializeSeq = Sequence;
    type SerializeTuple = Sequence;
    type SerializeTupleStruct = Sequence;
    type SerializeTupleVariant = Sequence;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    scalars! {
        serialize_bool(bool) => Scalar::Bool;
        serialize_i8(i8) => |v| Scalar::Int(i128::from(v));
        serialize_i16(i16) => |v| Scalar::Int(i128::from(v));
        serialize_i32(i32) => |v| Scalar::Int(i128::from(v));
        serialize_i64(i64) => |v| Scalar::Int(i128::from(v));
        serialize_i128(i128) => Scalar::Int;
        serialize_u8(u8) => |v| Scalar::Int(i128::from(v));
        serialize_u16(u16) => |v| Scalar::Int(i128::from(v));
        serialize_u32(u32) => |v| Scalar::Int(i128::from(v));
        serialize_u64(u64) => |v| Scalar::Int(i128::from(v));
        serialize_u128(u128) => |v| i128::try_from(v).map_or(Scalar::Huge(v), Scalar::Int);
        serialize_f32(f32) => |v| Scalar::Float(f64::from(v));
        serialize_f64(f64) => Scalar::Float;
        serialize_char(char) => Scalar::Char;
        serialize_str(&str) => Scalar::Text;
        serialize_unit_struct(&'static str) => |_| Scalar::Unit;
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Val, ValueError> {
        let Target::Type(ty) = self.target else { return Err(self.mismatch("bytes")) };
        let (inner, wraps) = case::peel(ty);
        match inner {
            Type::List(list) if list.ty() == Type::U8 => {
                Ok(wrapped(wraps, Val::List(bytes.iter().copied().map(Val::U8).collect())))
            }
            _ => Err(self.mismatch("bytes")),
        }
    }

    fn serialize_none(self) -> Result<Val, ValueError> {
        self.scalar(Scalar::None)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Val, ValueError> {
        match self.target {
            Target::Type(Type::Option(option)) => {
                let inner = self.below(Target::Type(&option.ty()), value)?;
                Ok(Val::Option(Some(Box::new(inner))))
            }
            _ => Err(self.mismatch("`Some`")),
        }
    }

    fn serialize_unit(self) -> Result<Val, ValueError> {
        self.scalar(Scalar::Unit)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, case: &'static str) -> Result<Val, ValueError> {
        self.scalar(Scalar::Case(case))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Val, ValueError> {
        self.below(self.target, value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        value: &T,
    ) -> Result<Val, ValueError> {
        let case = Case::of(self.target, case)?;
        let inner = self.below(case.target(), value).map_err(|e| e.within(|| case.step()))?;
        Ok(case.close(inner))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Sequence, ValueError> {
        Sequence::new(self, len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Sequence, ValueError> {
        Sequence::new(self, Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Sequence, ValueError> {
        Sequence::new(self, Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        len: usize,
    ) -> Result<Sequence, ValueError> {
        Sequence::of_case(self, case, len)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields, ValueError> {
        Fields::new(self, "a map")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields, ValueError> {
        Fields::new(self, "a struct")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        _: usize,
    ) -> Result<Fields, ValueError> {
        Fields::of_case(self, case)
    }
}
