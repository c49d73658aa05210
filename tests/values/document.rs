//! A value of any shape, as serde hands it over.

use serde::{Deserialize, Serialize};

/// Any value as serde sees it; unlike JSON it keeps NaN, and options inside of options.
#[derive(Debug, Clone)]
pub(crate) enum Document {
    Unit,
    None,
    Some(Box<Document>),
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Char(char),
    Text(String),
    Seq(Vec<Document>),
    Map(Vec<(String, Document)>),
}

impl Serialize for Document {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Document::Unit => serializer.serialize_unit(),
            Document::None => serializer.serialize_none(),
            Document::Some(inner) => serializer.serialize_some(inner),
            Document::Bool(v) => serializer.serialize_bool(*v),
            Document::Signed(v) => serializer.serialize_i64(*v),
            Document::Unsigned(v) => serializer.serialize_u64(*v),
            Document::Float(v) => serializer.serialize_f64(*v),
            Document::Char(v) => serializer.serialize_char(*v),
            Document::Text(v) => serializer.serialize_str(v),
            Document::Seq(v) => serializer.collect_seq(v),
            Document::Map(v) => serializer.collect_map(v.iter().map(|(k, v)| (k, v))),
        }
    }
}

/// The visitor's methods that take one plain value.
macro_rules! plain {
    ($($method:ident($ty:ty) => $variant:ident;)*) => {
        $(fn $method<E>(self, v: $ty) -> Result<Document, E> {
            Ok(Document::$variant(v))
        })*
    };
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Document, D::Error> {
        deserializer.deserialize_any(Read)
    }
}

/// Takes whatever comes.
struct Read;

impl<'de> serde::de::Visitor<'de> for Read {
    type Value = Document;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("anything")
    }

    plain! {
        visit_bool(bool) => Bool;
        visit_i64(i64) => Signed;
        visit_u64(u64) => Unsigned;
        visit_f64(f64) => Float;
        visit_char(char) => Char;
        visit_string(String) => Text;
    }

    fn visit_str<E>(self, v: &str) -> Result<Document, E> {
        Ok(Document::Text(v.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Document, E> {
        Ok(Document::Unit)
    }

    fn visit_none<E>(self) -> Result<Document, E> {
        Ok(Document::None)
    }

    fn visit_some<D: serde::Deserializer<'de>>(self, inner: D) -> Result<Document, D::Error> {
        Ok(Document::Some(Box::new(Document::deserialize(inner)?)))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Document, A::Error> {
        let mut out = Vec::new();
        while let Some(v) = seq.next_element()? {
            out.push(v);
        }
        Ok(Document::Seq(out))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut out = Vec::new();
        while let Some(entry) = map.next_entry()? {
            out.push(entry);
        }
        Ok(Document::Map(out))
    }
}
