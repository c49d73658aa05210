//! Sequences: lists, tuples, the names of flags, and arguments by position.

use super::case::{self, Case, Wrap, wrapped};
use super::fields::find_flag;
use super::{Lower, Target, descend};
use crate::embed::value::ValueError;
use crate::embed::value::error::{Problem, Step};
use serde::{Serialize, ser};
use wasmtime::component::types::Flags;
use wasmtime::component::{Type, Val};

/// A sequence on its way to a list, a tuple, flags or arguments.
pub(super) struct Sequence {
    into: Into,
    done: Vec<Val>,
    wraps: Vec<Wrap>,
    depth: usize,
}

enum Into {
    List(Type),
    Tuple { whole: Type, types: Vec<Type> },
    Arguments(Vec<(String, Type)>),
    Flags(Flags),
}

impl Sequence {
    pub(super) fn new(lower: Lower<'_>, len: Option<usize>) -> Result<Sequence, ValueError> {
        let (into, wraps) = match lower.target {
            Target::Arguments(params) => (Into::Arguments(params.to_vec()), Vec::new()),
            Target::Type(ty) => {
                let (ty, wraps) = case::peel(ty);
                (Into::of(ty)?, wraps)
            }
            Target::Nothing | Target::Name => return Err(lower.mismatch("a sequence")),
        };
        Sequence { into, done: Vec::new(), wraps, depth: lower.depth }.of_len(len)
    }

    pub(super) fn of_case(lower: Lower<'_>, name: &'static str, len: usize) -> Result<Sequence, ValueError> {
        let case = Case::of(lower.target, name)?;
        let Some(payload) = case.payload.clone() else { return Err(Target::Nothing.mismatch("a tuple")) };
        let into = Into::of(payload)?;
        Sequence { into, done: Vec::new(), wraps: case.layers(), depth: lower.depth + 1 }.of_len(Some(len))
    }

    /// Refuses early what cannot have the right number of elements.
    fn of_len(mut self, len: Option<usize>) -> Result<Sequence, ValueError> {
        let Some(len) = len else { return Ok(self) };
        match self.into.arity() {
            Some(arity) if arity != len => Err(self.into.wrong_count(&elements(len))),
            // The length is the caller's claim: room for it is made only as far as it costs little.
            _ => {
                self.done.reserve(len.min(4096));
                Ok(self)
            }
        }
    }

    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        let index = self.done.len();
        let val = match &self.into {
            Into::List(ty) => self.element(ty, value, || Step::Element(index))?,
            Into::Flags(flags) => {
                let Val::String(name) = descend(self.depth, Target::Name, value)? else { return Ok(()) };
                Val::String(find_flag(flags, &name)?)
            }
            Into::Tuple { types, .. } => {
                let ty = types.get(index).ok_or_else(|| self.into.wrong_count(&more_than(index)))?;
                self.element(ty, value, || Step::Field(index.to_string()))?
            }
            Into::Arguments(params) => {
                let (name, ty) = params.get(index).ok_or_else(|| self.into.wrong_count(&more_than(index)))?;
                self.element(ty, value, || Step::Argument(name.clone()))?
            }
        };
        self.done.push(val);
        Ok(())
    }

    fn element<T: Serialize + ?Sized>(
        &self,
        ty: &Type,
        value: &T,
        step: impl FnOnce() -> Step,
    ) -> Result<Val, ValueError> {
        descend(self.depth, Target::Type(ty), value).map_err(|e| e.within(step))
    }

    fn finish(self) -> Result<Val, ValueError> {
        if self.into.arity().is_some_and(|arity| arity != self.done.len()) {
            return Err(self.into.wrong_count(&elements(self.done.len())));
        }
        let val = match self.into {
            Into::List(_) => Val::List(self.done),
            Into::Tuple { .. } | Into::Arguments(_) => Val::Tuple(self.done),
            Into::Flags(flags) => {
                let set = |name: &&str| self.done.contains(&Val::String((*name).to_owned()));
                Val::Flags(flags.names().filter(set).map(str::to_owned).collect())
            }
        };
        Ok(wrapped(self.wraps, val))
    }
}

impl Into {
    fn of(ty: Type) -> Result<Into, ValueError> {
        match ty {
            Type::List(list) => Ok(Into::List(list.ty())),
            Type::Flags(flags) => Ok(Into::Flags(flags)),
            Type::Tuple(ref tuple) => Ok(Into::Tuple { types: tuple.types().collect(), whole: ty }),
            other => Err(Target::Type(&other).mismatch("a sequence")),
        }
    }

    /// How many elements there must be.
    fn arity(&self) -> Option<usize> {
        match self {
            Into::List(_) | Into::Flags(_) => None,
            Into::Tuple { types, .. } => Some(types.len()),
            Into::Arguments(params) => Some(params.len()),
        }
    }

    fn wrong_count(&self, got: &str) -> ValueError {
        match self {
            Into::List(_) | Into::Flags(_) => Problem::Message { message: got.to_owned() }.here(),
            Into::Tuple { whole, .. } => Target::Type(whole).mismatch(got),
            Into::Arguments(params) => Target::Arguments(params).mismatch(got),
        }
    }
}

fn elements(count: usize) -> String {
    match count {
        1 => "1 element".to_owned(),
        count => format!("{count} elements"),
    }
}

fn more_than(count: usize) -> String {
    format!("more than {}", elements(count))
}

/// The traits of serde that hand over one element after the other.
macro_rules! elements_of {
    ($($interface:ident::$method:ident;)*) => {
        $(impl ser::$interface for Sequence {
            type Ok = Val;
            type Error = ValueError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
                self.push(value)
            }

            fn end(self) -> Result<Val, ValueError> {
                self.finish()
            }
        })*
    };
}

elements_of! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}
