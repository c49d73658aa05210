//! A case of a variant, enum or result on its way to a Rust enum.

use super::Lift;
use super::access::Entries;
use crate::embed::value::ValueError;
use crate::embed::value::error::{Problem, Step};
use crate::embed::value::names::rust_case;
use crate::embed::value::text::quoted;
use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, VariantAccess, Visitor,
};
use wasmtime::component::{Type, Val};

/// A case, its name and its payload.
pub(super) struct Case {
    /// As the component spells it.
    name: String,
    /// As the Rust enum spells it.
    known: String,
    payload: Option<(Val, Type)>,
    depth: usize,
}

impl Case {
    pub(super) fn open(val: Val, ty: &Type, depth: usize) -> Result<Case, ValueError> {
        let (name, payload) = match (val, ty) {
            (Val::Variant(name, payload), Type::Variant(variant)) => {
                let ty = variant.cases().find(|case| case.name == name).and_then(|case| case.ty);
                (name, payload.zip(ty))
            }
            (Val::Result(Ok(payload)), Type::Result(result)) => ("ok".to_owned(), payload.zip(result.ok())),
            (Val::Result(Err(payload)), Type::Result(result)) => {
                ("err".to_owned(), payload.zip(result.err()))
            }
            (Val::Enum(name) | Val::String(name), _) => (name, None),
            _ => return Err(ValueError::custom("the value does not have its type")),
        };
        let payload = payload.map(|(val, ty)| (*val, ty));
        Ok(Case { known: name.clone(), name, payload, depth })
    }

    /// The same by the name that a Rust enum of these variants has for it.
    pub(super) fn known_as(mut self, variants: &[&'static str]) -> Case {
        self.known = rust_case(&self.name, variants);
        self
    }

    /// For who asks for no enum: the name alone, or a map of the name to the payload.
    pub(super) fn into_document<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.payload {
            None => visitor.visit_string(self.name),
            Some(payload) => Entries::case(self.name, payload, self.depth).visited(visitor),
        }
    }

    /// What `make` makes of the payload.
    fn inner<T>(self, make: impl FnOnce(Lift<'_>) -> Result<T, ValueError>) -> Result<T, ValueError> {
        let made = match self.payload {
            Some((val, ty)) => Lift::below(val, &ty, self.depth).and_then(make),
            None => Err(mismatch("a payload", "none from the component".to_owned())),
        };
        made.map_err(|e| e.within(|| Step::Case(self.name)))
    }
}

fn mismatch(expected: &str, got: String) -> ValueError {
    Problem::Mismatch { expected: expected.to_owned(), got }.here()
}

impl<'de> EnumAccess<'de> for Case {
    type Error = ValueError;
    type Variant = Case;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Case), ValueError> {
        let name: StringDeserializer<ValueError> = self.known.clone().into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Case {
    type Error = ValueError;

    fn unit_variant(self) -> Result<(), ValueError> {
        match &self.payload {
            None => Ok(()),
            Some((_, ty)) => {
                let refused = mismatch("no payload", format!("{} from the component", quoted(ty)));
                Err(refused.within(|| Step::Case(self.name)))
            }
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, ValueError> {
        match self.payload {
            // `Ok(())` is how Rust writes the `ok` of `result<_, E>`.
            None => seed
                .deserialize(().into_deserializer())
                .map_err(|e: ValueError| e.within(|| Step::Case(self.name))),
            Some(_) => self.inner(|payload| seed.deserialize(payload)),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, ValueError> {
        self.inner(|payload| payload.deserialize_tuple(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        let name = self.name.clone();
        self.inner(|payload| payload.into_struct(&format!("case `{name}`"), fields, visitor))
    }
}
