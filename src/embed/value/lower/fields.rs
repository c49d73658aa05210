//! Structs and maps: records, flags, lists of pairs, a case with its payload, and arguments by name.

use super::case::{self, Case, Wrap, wrapped};
use super::{Lower, Target, descend};
use crate::embed::value::ValueError;
use crate::embed::value::error::{Problem, Step};
use crate::embed::value::names::{find_case, find_name};
use crate::embed::value::text::brief;
use serde::{Serialize, ser};
use wasmtime::component::types::Flags;
use wasmtime::component::{Type, Val};

/// A struct or map on its way to a value.
pub(super) struct Fields {
    into: Into,
    /// A map hands over its key before its value.
    key: Option<Val>,
    wraps: Vec<Wrap>,
    depth: usize,
}

enum Into {
    Members(Members),
    Flags { flags: Flags, set: Vec<(String, bool)> },
    Pairs { key: Type, value: Type, done: Vec<Val> },
    Case { ty: Type, done: Option<Val> },
}

/// A record's fields, or arguments by name.
struct Members {
    what: &'static str,
    expected: Vec<(String, Type)>,
    given: Vec<Option<Val>>,
}

impl Fields {
    /// `got` is what the caller has: "a struct" or "a map".
    pub(super) fn new(lower: Lower<'_>, got: &str) -> Result<Fields, ValueError> {
        let (into, wraps) = match lower.target {
            Target::Arguments(params) => {
                (Into::Members(Members::new("argument", params.to_vec())), Vec::new())
            }
            Target::Type(ty) => {
                let (ty, wraps) = case::peel(ty);
                (Into::of(ty, got)?, wraps)
            }
            Target::Nothing | Target::Name => return Err(lower.mismatch(got)),
        };
        Ok(Fields { into, key: None, wraps, depth: lower.depth })
    }

    pub(super) fn of_case(lower: Lower<'_>, name: &'static str) -> Result<Fields, ValueError> {
        let case = Case::of(lower.target, name)?;
        let Some(payload) = case.payload.clone() else { return Err(Target::Nothing.mismatch("fields")) };
        let into = Into::of(payload, "fields")?;
        Ok(Fields { into, key: None, wraps: case.layers(), depth: lower.depth + 1 })
    }

    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ValueError> {
        let target = match &self.into {
            Into::Pairs { key, .. } => Target::Type(key),
            Into::Members(_) | Into::Flags { .. } | Into::Case { .. } => Target::Name,
        };
        self.key = Some(descend(self.depth, target, key)?);
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        let depth = self.depth;
        let key = self.key.take().ok_or_else(|| ser::Error::custom("a map's value came before its key"))?;
        match (&mut self.into, key) {
            (Into::Members(members), Val::String(name)) => members.put(&name, value, depth),
            (Into::Flags { flags, set }, Val::String(name)) => {
                let name = find_flag(flags, &name)?;
                let on = descend(depth, Target::Type(&Type::Bool), value)
                    .map_err(|e| e.within(|| Step::Field(name.clone())))?;
                set.push((name, on == Val::Bool(true)));
                Ok(())
            }
            (Into::Case { ty, done }, Val::String(name)) => put_case(ty, done, &name, value, depth),
            (Into::Pairs { value: ty, done, .. }, key) => {
                let index = done.len();
                let val =
                    descend(depth, Target::Type(ty), value).map_err(|e| e.within(|| Step::Element(index)))?;
                done.push(Val::Tuple(vec![key, val]));
                Ok(())
            }
            (_, _) => Err(Target::Name.mismatch("another key")),
        }
    }

    fn finish(self) -> Result<Val, ValueError> {
        let val = match self.into {
            Into::Members(members) => members.finish()?,
            Into::Pairs { done, .. } => Val::List(done),
            Into::Flags { flags, set } => {
                let on = |name: &&str| set.iter().any(|(given, on)| given == name && *on);
                Val::Flags(flags.names().filter(on).map(str::to_owned).collect())
            }
            Into::Case { ty, done } => done.ok_or_else(|| Target::Type(&ty).mismatch("an empty map"))?,
        };
        Ok(wrapped(self.wraps, val))
    }
}

impl Into {
    fn of(ty: Type, got: &str) -> Result<Into, ValueError> {
        match &ty {
            Type::Record(record) => {
                let fields = record.fields().map(|field| (field.name.to_owned(), field.ty)).collect();
                Ok(Into::Members(Members::new("field", fields)))
            }
            Type::Flags(flags) => Ok(Into::Flags { flags: flags.clone(), set: Vec::new() }),
            // The one way in which WIT writes a map.
            Type::List(list) => match pair(&list.ty()) {
                Some((key, value)) => Ok(Into::Pairs { key, value, done: Vec::new() }),
                None => Err(Target::Type(&ty).mismatch(got)),
            },
            Type::Variant(_) | Type::Result(_) if got == "a map" => Ok(Into::Case { ty, done: None }),
            other => Err(Target::Type(other).mismatch(got)),
        }
    }
}

impl Members {
    fn new(what: &'static str, expected: Vec<(String, Type)>) -> Members {
        let given = vec![None; expected.len()];
        Members { what, expected, given }
    }

    fn put<T: Serialize + ?Sized>(&mut self, name: &str, value: &T, depth: usize) -> Result<(), ValueError> {
        let what = self.what;
        let found = find_name(self.expected.iter().map(|(name, _)| name.as_str()), name);
        let member = found.and_then(|at| self.expected.get(at).zip(self.given.get_mut(at)));
        let Some(((name, ty), slot)) = member else {
            let known = self.expected.iter().map(|(name, _)| name.clone()).collect();
            return Err(Problem::Unknown { what, name: name.to_owned(), known }.here());
        };
        if slot.is_some() {
            return Err(Problem::Twice { what, name: name.clone() }.here());
        }
        let step = || if what == "field" { Step::Field(name.clone()) } else { Step::Argument(name.clone()) };
        *slot = Some(descend(depth, Target::Type(ty), value).map_err(|e| e.within(step))?);
        Ok(())
    }

    fn finish(self) -> Result<Val, ValueError> {
        let what = self.what;
        let members = self.expected.into_iter().zip(self.given).map(|((name, ty), given)| match given {
            Some(val) => Ok((name, val)),
            None if matches!(ty, Type::Option(_)) => Ok((name, Val::Option(None))),
            None => Err(Problem::Missing { what, name, expected: brief(&ty) }.here()),
        });
        let members: Vec<(String, Val)> = members.collect::<Result<_, ValueError>>()?;
        match what {
            "field" => Ok(Val::Record(members)),
            _ => Ok(Val::Tuple(members.into_iter().map(|(_, val)| val).collect())),
        }
    }
}

/// `{ "circle": 1.5 }`, as documents write a case with its payload.
fn put_case<T: Serialize + ?Sized>(
    ty: &Type,
    done: &mut Option<Val>,
    name: &str,
    value: &T,
    depth: usize,
) -> Result<(), ValueError> {
    if done.is_some() {
        return Err(Target::Type(ty).mismatch("a map of more than one case"));
    }
    let case = Case::of(Target::Type(ty), name)?;
    let inner = descend(depth, case.target(), value).map_err(|e| e.within(|| case.step()))?;
    *done = Some(case.close(inner));
    Ok(())
}

/// The two types of `tuple<K, V>`.
pub(in crate::embed::value) fn pair(ty: &Type) -> Option<(Type, Type)> {
    let Type::Tuple(tuple) = ty else { return None };
    let mut types = tuple.types();
    let both = (types.next()?, types.next()?);
    types.next().is_none().then_some(both)
}

/// A flag's name as the component spells it.
pub(super) fn find_flag(flags: &Flags, name: &str) -> Result<String, ValueError> {
    let found = find_case(flags.names(), name).and_then(|at| flags.names().nth(at)).map(str::to_owned);
    found.ok_or_else(|| {
        let known = flags.names().map(str::to_owned).collect();
        Problem::Unknown { what: "flag", name: name.to_owned(), known }.here()
    })
}

impl ser::SerializeMap for Fields {
    type Ok = Val;
    type Error = ValueError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ValueError> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        self.value(value)
    }

    fn end(self) -> Result<Val, ValueError> {
        self.finish()
    }
}

/// The traits of serde that hand over a name with its value.
macro_rules! fields_of {
    ($($interface:ident),*) => {
        $(impl ser::$interface for Fields {
            type Ok = Val;
            type Error = ValueError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), ValueError> {
                self.key(name)?;
                self.value(value)
            }

            fn end(self) -> Result<Val, ValueError> {
                self.finish()
            }
        })*
    };
}

fields_of!(SerializeStruct, SerializeStructVariant);
