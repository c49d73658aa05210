//! Cases of variants, enums and results, and what is put around a value once it is complete.

use super::Target;
use crate::embed::value::ValueError;
use crate::embed::value::error::{Problem, Step};
use crate::embed::value::names::find_case;
use crate::embed::value::text::brief;
use wasmtime::component::{Type, Val};

/// One layer around a value.
#[derive(Debug, Clone)]
pub(super) enum Wrap {
    Some,
    Variant(String),
    Enum(String),
    Ok,
    Err,
}

impl Wrap {
    /// The layer around a value.
    fn around(self, inner: Val) -> Val {
        let inner = Some(Box::new(inner));
        match self {
            Wrap::Some => Val::Option(inner),
            Wrap::Variant(name) => Val::Variant(name, inner),
            Wrap::Enum(name) => Val::Enum(name),
            Wrap::Ok => Val::Result(Ok(inner)),
            Wrap::Err => Val::Result(Err(inner)),
        }
    }

    /// The layer around nothing.
    fn bare(self) -> Val {
        match self {
            Wrap::Some => Val::Option(None),
            Wrap::Variant(name) => Val::Variant(name, None),
            Wrap::Enum(name) => Val::Enum(name),
            Wrap::Ok => Val::Result(Ok(None)),
            Wrap::Err => Val::Result(Err(None)),
        }
    }
}

/// Puts all layers around a value, the last one innermost.
pub(super) fn wrapped(wraps: Vec<Wrap>, inner: Val) -> Val {
    wraps.into_iter().rev().fold(inner, |inner, wrap| wrap.around(inner))
}

/// The type inside of all options, for a value that is given without `Some`.
pub(super) fn peel(ty: &Type) -> (Type, Vec<Wrap>) {
    let (mut ty, mut wraps) = (ty.clone(), Vec::new());
    while let Type::Option(option) = &ty {
        wraps.push(Wrap::Some);
        ty = option.ty();
    }
    (ty, wraps)
}

/// A case whose name is known and whose payload is still to come.
pub(super) struct Case {
    /// The layers around it.
    outer: Vec<Wrap>,
    wrap: Wrap,
    /// Its payload's type.
    pub(super) payload: Option<Type>,
}

impl Case {
    /// The case of this name of the target.
    pub(super) fn of(target: Target<'_>, name: &str) -> Result<Case, ValueError> {
        let Target::Type(ty) = target else { return Err(target.mismatch(case_text(name))) };
        let (ty, outer) = peel(ty);
        let (wrap, payload) = find(&ty, name)?;
        Ok(Case { outer, wrap, payload })
    }

    /// What its payload has to become.
    pub(super) fn target(&self) -> Target<'_> {
        self.payload.as_ref().map_or(Target::Nothing, Target::Type)
    }

    /// Its place, by the component's spelling.
    pub(super) fn step(&self) -> Step {
        Step::Case(match &self.wrap {
            Wrap::Variant(name) | Wrap::Enum(name) => name.clone(),
            Wrap::Some => "some".to_owned(),
            Wrap::Ok => "ok".to_owned(),
            Wrap::Err => "err".to_owned(),
        })
    }

    /// The whole value, around what became of the payload.
    pub(super) fn close(self, inner: Val) -> Val {
        let case = if self.payload.is_some() { self.wrap.around(inner) } else { self.wrap.bare() };
        wrapped(self.outer, case)
    }

    /// The layers around its payload.
    pub(super) fn layers(mut self) -> Vec<Wrap> {
        self.outer.push(self.wrap);
        self.outer
    }
}

/// The case of this name in a variant, enum or result.
fn find(ty: &Type, name: &str) -> Result<(Wrap, Option<Type>), ValueError> {
    let found = match ty {
        Type::Variant(variant) => {
            let at = find_case(variant.cases().map(|case| case.name), name);
            at.and_then(|at| variant.cases().nth(at))
                .map(|case| (Wrap::Variant(case.name.to_owned()), case.ty))
        }
        Type::Enum(cases) => {
            let at = find_case(cases.names(), name);
            at.and_then(|at| cases.names().nth(at)).map(|name| (Wrap::Enum(name.to_owned()), None))
        }
        Type::Result(result) => match find_case(RESULT.into_iter(), name) {
            Some(0) => Some((Wrap::Ok, result.ok())),
            Some(_) => Some((Wrap::Err, result.err())),
            None => None,
        },
        _ => return Err(Target::Type(ty).mismatch(case_text(name))),
    };
    found.ok_or_else(|| unknown(ty, name))
}

/// The cases of a result.
const RESULT: [&str; 2] = ["ok", "err"];

/// The value of a case without payload.
pub(super) fn unit(ty: &Type, name: &str) -> Result<Val, ValueError> {
    match find(ty, name)? {
        (wrap, None) => Ok(wrap.bare()),
        (_, Some(payload)) => {
            let name = name.escape_debug().to_string();
            Err(Problem::Missing { what: "payload of case", name, expected: brief(&payload) }.here())
        }
    }
}

fn unknown(ty: &Type, name: &str) -> ValueError {
    let known = match ty {
        Type::Variant(variant) => variant.cases().map(|case| case.name.to_owned()).collect(),
        Type::Enum(cases) => cases.names().map(str::to_owned).collect(),
        _ => RESULT.map(str::to_owned).to_vec(),
    };
    Problem::Unknown { what: "case", name: name.to_owned(), known }.here()
}

fn case_text(name: &str) -> String {
    format!("the case `{}`", name.escape_debug())
}
