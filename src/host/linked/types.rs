//! Whether what one component imports is what another exports, value for value.
//!
//! Types are equal when they are built alike: the same kinds, with the same names in the same order. Parameters have
//! their names for a reason too: who took `copy(from, to)` for `copy(to, from)` would lose something.

use std::fmt;
use wasmtime::component::Type;
use wasmtime::component::types::ComponentFunc;

/// So many types are compared for a function, parts counted: the parts of a type of a few bytes may be a million.
const MOST: u32 = 100_000;

/// What differs, or cannot cross, and where: the outermost place first.
#[derive(Debug)]
pub(in crate::host::linked) struct Misfit {
    places: Vec<String>,
    problem: String,
}

impl Misfit {
    fn here(problem: impl Into<String>) -> Misfit {
        Misfit { places: Vec::new(), problem: problem.into() }
    }

    fn within(mut self, place: impl Into<String>) -> Misfit {
        self.places.push(place.into());
        self
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, place) in self.places.iter().rev().enumerate() {
            write!(f, "{}{place}", if at == 0 { "" } else { ", " })?;
        }
        write!(f, "{}{}", if self.places.is_empty() { "" } else { ": " }, self.problem)
    }
}

type Fits = Result<(), Misfit>;

/// True when a function hands over plain values only.
pub(crate) fn can_cross(function: &ComponentFunc) -> bool {
    same(function, function).is_ok()
}

/// Checks that a function as it is imported is the one that is exported, and that all it hands over can cross.
pub(in crate::host::linked) fn same(imported: &ComponentFunc, exported: &ComponentFunc) -> Fits {
    let mut comparison = Comparison { left: MOST };
    if imported.async_() || exported.async_() {
        return Err(Misfit::here("it is asynchronous"));
    }
    let (ours, theirs) = (imported.params(), exported.params());
    same_count("parameters", ours.len(), theirs.len())?;
    for ((name, ours), (their_name, theirs)) in ours.zip(theirs) {
        same_name("parameter", name, their_name)?;
        comparison.same(&ours, &theirs).map_err(|misfit| misfit.within(format!("parameter `{name}`")))?;
    }
    let (ours, theirs) = (imported.results(), exported.results());
    same_count("results", ours.len(), theirs.len())?;
    for (ours, theirs) in ours.zip(theirs) {
        comparison.same(&ours, &theirs).map_err(|misfit| misfit.within("the result"))?;
    }
    Ok(())
}

fn same_count(what: &str, ours: usize, theirs: usize) -> Fits {
    if ours == theirs {
        return Ok(());
    }
    Err(Misfit::here(format!("{ours} {what} are imported, {theirs} exported")))
}

fn same_name(what: &str, ours: &str, theirs: &str) -> Fits {
    if ours == theirs {
        return Ok(());
    }
    Err(Misfit::here(format!("{what} `{ours}` is imported where `{theirs}` is exported")))
}

fn same_names<'a>(
    (one, many): (&str, &str),
    ours: impl ExactSizeIterator<Item = &'a str>,
    theirs: impl ExactSizeIterator<Item = &'a str>,
) -> Fits {
    same_count(many, ours.len(), theirs.len())?;
    ours.zip(theirs).try_for_each(|(ours, theirs)| same_name(one, ours, theirs))
}

struct Comparison {
    left: u32,
}

impl Comparison {
    fn same(&mut self, ours: &Type, theirs: &Type) -> Fits {
        self.left = self.left.checked_sub(1).ok_or_else(|| Misfit::here("its types have too many parts"))?;
        crosses(ours)?;
        match (ours, theirs) {
            (Type::List(a), Type::List(b)) => self.inside("element", &a.ty(), &b.ty()),
            (Type::FixedLengthList(a), Type::FixedLengthList(b)) => {
                same_count("elements", a.len() as usize, b.len() as usize)?;
                self.inside("element", &a.ty(), &b.ty())
            }
            (Type::Map(a), Type::Map(b)) => {
                self.inside("key", &a.key(), &b.key())?;
                self.inside("value", &a.value(), &b.value())
            }
            (Type::Option(a), Type::Option(b)) => self.inside("some", &a.ty(), &b.ty()),
            (Type::Result(a), Type::Result(b)) => {
                self.maybe("ok", a.ok(), b.ok())?;
                self.maybe("err", a.err(), b.err())
            }
            (Type::Enum(a), Type::Enum(b)) => same_names(("case", "cases"), a.names(), b.names()),
            (Type::Flags(a), Type::Flags(b)) => same_names(("flag", "flags"), a.names(), b.names()),
            (Type::Record(_), Type::Record(_)) => self.records(ours, theirs),
            (Type::Tuple(_), Type::Tuple(_)) => self.tuples(ours, theirs),
            (Type::Variant(_), Type::Variant(_)) => self.variants(ours, theirs),
            (ours, theirs) if kind(ours) == kind(theirs) => Ok(()),
            (ours, theirs) => {
                Err(Misfit::here(format!("`{}` is imported, `{}` exported", kind(ours), kind(theirs))))
            }
        }
    }

    fn inside(&mut self, place: &str, ours: &Type, theirs: &Type) -> Fits {
        self.same(ours, theirs).map_err(|misfit| misfit.within(place))
    }

    fn maybe(&mut self, place: &str, ours: Option<Type>, theirs: Option<Type>) -> Fits {
        match (ours, theirs) {
            (Some(ours), Some(theirs)) => self.inside(place, &ours, &theirs),
            (None, None) => Ok(()),
            (Some(_), None) => Err(Misfit::here("a value is imported, none exported").within(place)),
            (None, Some(_)) => Err(Misfit::here("no value is imported, one exported").within(place)),
        }
    }

    fn records(&mut self, ours: &Type, theirs: &Type) -> Fits {
        let (Type::Record(ours), Type::Record(theirs)) = (ours, theirs) else { return Ok(()) };
        let names = (ours.fields().map(|field| field.name), theirs.fields().map(|field| field.name));
        same_names(("field", "fields"), names.0, names.1)?;
        ours.fields()
            .zip(theirs.fields())
            .try_for_each(|(a, b)| self.inside(&format!("field `{}`", a.name), &a.ty, &b.ty))
    }

    fn tuples(&mut self, ours: &Type, theirs: &Type) -> Fits {
        let (Type::Tuple(ours), Type::Tuple(theirs)) = (ours, theirs) else { return Ok(()) };
        same_count("elements", ours.types().len(), theirs.types().len())?;
        let pairs = ours.types().zip(theirs.types()).enumerate();
        pairs.into_iter().try_for_each(|(at, (a, b))| self.inside(&format!("element {at}"), &a, &b))
    }

    fn variants(&mut self, ours: &Type, theirs: &Type) -> Fits {
        let (Type::Variant(ours), Type::Variant(theirs)) = (ours, theirs) else { return Ok(()) };
        let names = (ours.cases().map(|case| case.name), theirs.cases().map(|case| case.name));
        same_names(("case", "cases"), names.0, names.1)?;
        ours.cases()
            .zip(theirs.cases())
            .try_for_each(|(a, b)| self.maybe(&format!("case `{}`", a.name), a.ty, b.ty))
    }
}

/// What stands for something inside of one component means nothing in another.
fn crosses(ty: &Type) -> Fits {
    let what = match ty {
        Type::Own(_) | Type::Borrow(_) => "a handle of a resource",
        Type::Future(_) => "a future",
        Type::Stream(_) => "a stream",
        Type::ErrorContext => "an error context",
        _ => return Ok(()),
    };
    Err(Misfit::here(format!("{what} cannot cross from one component to another")))
}

/// The kind of a type, as WIT has it.
fn kind(ty: &Type) -> &'static str {
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
        Type::List(_) => "list",
        Type::FixedLengthList(_) => "list of a fixed length",
        Type::Map(_) => "map",
        Type::Record(_) => "record",
        Type::Tuple(_) => "tuple",
        Type::Variant(_) => "variant",
        Type::Enum(_) => "enum",
        Type::Option(_) => "option",
        Type::Result(_) => "result",
        Type::Flags(_) => "flags",
        Type::Own(_) => "own",
        Type::Borrow(_) => "borrow",
        Type::Future(_) => "future",
        Type::Stream(_) => "stream",
        Type::ErrorContext => "error-context",
    }
}
