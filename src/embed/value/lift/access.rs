//! Walks over the parts of a value: elements in their order, entries by their names.

use super::Lift;
use crate::embed::value::ValueError;
use crate::embed::value::error::{Problem, Step};
use crate::embed::value::names::{rust_case, rust_field};
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use wasmtime::component::types::Flags;
use wasmtime::component::{Type, Val};

/// A list's elements, a tuple's, or the names of flags.
pub(super) struct Items {
    vals: std::vec::IntoIter<Val>,
    types: Types,
    index: usize,
    depth: usize,
}

enum Types {
    Same(Type),
    Each(std::vec::IntoIter<Type>),
}

impl Items {
    pub(super) fn list(vals: Vec<Val>, ty: Type, depth: usize) -> Items {
        Items { vals: vals.into_iter(), types: Types::Same(ty), index: 0, depth }
    }

    pub(super) fn tuple(vals: Vec<Val>, types: impl Iterator<Item = Type>, depth: usize) -> Items {
        let types = Types::Each(types.collect::<Vec<_>>().into_iter());
        Items { vals: vals.into_iter(), types, index: 0, depth }
    }

    pub(super) fn names(names: Vec<String>, depth: usize) -> Items {
        // Each name is offered as a case without payload: to a string or to a Rust enum of the flags.
        Items::list(names.into_iter().map(Val::Enum).collect(), Type::String, depth)
    }

    /// What the visitor makes of all of them; leaving some out is an error, not a way to shorten a value.
    pub(super) fn visited<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, ValueError> {
        let all = self.vals.len();
        let made = visitor.visit_seq(&mut self)?;
        match self.vals.len() {
            0 => Ok(made),
            _ => {
                let (expected, got) = (elements(self.index), elements(all));
                Err(Problem::Mismatch { expected, got: format!("{got} from the component") }.here())
            }
        }
    }

    fn step(&self, index: usize) -> Step {
        match self.types {
            Types::Each(_) => Step::Field(index.to_string()),
            Types::Same(_) => Step::Element(index),
        }
    }
}

fn elements(count: usize) -> String {
    if count == 1 { "1 element".to_owned() } else { format!("{count} elements") }
}

impl<'de> SeqAccess<'de> for &mut Items {
    type Error = ValueError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, ValueError> {
        let Some(val) = self.vals.next() else { return Ok(None) };
        let (index, depth) = (self.index, self.depth);
        self.index += 1;
        let made = match &mut self.types {
            Types::Same(ty) => Lift::below(val, ty, depth).and_then(|lift| seed.deserialize(lift)),
            Types::Each(types) => match types.next() {
                Some(ty) => Lift::below(val, &ty, depth).and_then(|lift| seed.deserialize(lift)),
                None => Err(ValueError::custom("the value has more elements than its type")),
            },
        };
        made.map(Some).map_err(|e| e.within(|| self.step(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.vals.len())
    }
}

/// Entries by name: a record's fields, flags, or a list of pairs.
pub(super) struct Entries {
    entries: std::vec::IntoIter<Entry>,
    value: Option<(Part, Step)>,
    depth: usize,
}

struct Entry {
    key: Part,
    value: Part,
    step: Step,
}

type Part = (Val, Type);

impl Entries {
    /// A record, its fields named as a struct with the fields `known` names them.
    pub(super) fn record(val: Val, ty: &Type, known: &[&'static str], depth: usize) -> Entries {
        let (Val::Record(vals), Type::Record(record)) = (val, ty) else {
            return Entries::new(Vec::new(), depth);
        };
        let entries = vals.into_iter().zip(record.fields()).map(|((name, val), field)| {
            let key = (Val::String(rust_field(&name, known)), Type::String);
            Entry { key, value: (val, field.ty), step: Step::Field(name) }
        });
        Entries::new(entries.collect(), depth)
    }

    /// Flags as one `bool` each, also of those that are not set.
    pub(super) fn flags(set: &[String], flags: &Flags, known: &[&'static str], depth: usize) -> Entries {
        let entries = flags.names().map(|name| {
            let on = set.iter().any(|flag| flag == name);
            let key = (Val::String(rust_case(name, known)), Type::String);
            Entry { key, value: (Val::Bool(on), Type::Bool), step: Step::Field(name.to_owned()) }
        });
        Entries::new(entries.collect(), depth)
    }

    /// A list of tuples of two.
    pub(super) fn pairs(vals: Vec<Val>, key: Type, value: Type, depth: usize) -> Entries {
        let entries = vals.into_iter().enumerate().filter_map(|(index, val)| {
            let Val::Tuple(parts) = val else { return None };
            let [first, second] = <[Val; 2]>::try_from(parts).ok()?;
            Some(Entry {
                key: (first, key.clone()),
                value: (second, value.clone()),
                step: Step::Element(index),
            })
        });
        Entries::new(entries.collect(), depth)
    }

    /// A case with its payload.
    pub(super) fn case(name: String, payload: (Val, Type), depth: usize) -> Entries {
        let key = (Val::String(name.clone()), Type::String);
        Entries::new(vec![Entry { key, value: payload, step: Step::Case(name) }], depth)
    }

    fn new(entries: Vec<Entry>, depth: usize) -> Entries {
        Entries { entries: entries.into_iter(), value: None, depth }
    }

    /// What the visitor makes of them.
    pub(super) fn visited<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_map(self)
    }
}

impl<'de> MapAccess<'de> for Entries {
    type Error = ValueError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ValueError> {
        let Some(Entry { key: (key, ty), value, step }) = self.entries.next() else { return Ok(None) };
        let made = Lift::below(key, &ty, self.depth).and_then(|lift| seed.deserialize(lift));
        let made = made.map_err(|e| e.within(|| step.clone()))?;
        self.value = Some((value, step));
        Ok(Some(made))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ValueError> {
        let Some(((val, ty), step)) = self.value.take() else {
            return Err(ValueError::custom("a map's value was asked for before its key"));
        };
        let made = Lift::below(val, &ty, self.depth).and_then(|lift| seed.deserialize(lift));
        made.map_err(|e| e.within(|| step))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}
