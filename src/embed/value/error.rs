//! What can be wrong with a value, and the place where it is.

use super::names::listed;
use std::fmt;

/// Why a value, a call expression or a function's name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// A value does not fit the component's type.
    #[error("{place}: {problem}")]
    Value {
        /// Where in the arguments or in the result.
        place: Place,
        /// What is wrong there.
        problem: Problem,
    },
    /// A call expression that is not WAVE.
    #[error(
        "{message} at column {column}: write a call as `name(value, …)`, for instance `process-data([1, 2, 3])`"
    )]
    Wave {
        /// The column in characters, from 1.
        column: usize,
        /// What was found there.
        message: String,
    },
    /// No exported function has this name.
    #[error("no exported function is called `{}`; {}", .wanted.escape_debug(), suggestion(.near, .exports))]
    NotFound {
        /// The name looked for.
        wanted: String,
        /// Functions whose names are near it.
        near: Vec<String>,
        /// All exported functions.
        exports: Vec<String>,
    },
    /// Several exported functions have this name.
    #[error("`{}` is exported more than once; name one of {}", .wanted.escape_debug(), listed(.candidates))]
    Ambiguous {
        /// The name looked for.
        wanted: String,
        /// The functions of that name, each spelt so that it is found.
        candidates: Vec<String>,
    },
}

/// What is wrong with a value at its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Another type, or out of its range.
    #[error("expected {expected}, got {got}")]
    Mismatch {
        /// The component's type, in WIT.
        expected: String,
        /// What was given.
        got: String,
    },
    /// A field, argument or payload is not there.
    #[error("missing {what} `{name}` of type `{expected}`")]
    Missing {
        /// "field", "argument" or "payload of case".
        what: &'static str,
        /// Its name.
        name: String,
        /// The component's type, in WIT.
        expected: String,
    },
    /// A field, argument, case or flag which the type does not have.
    #[error("unknown {what} `{}`; there is {}", .name.escape_debug(), listed(.known))]
    Unknown {
        /// "field", "argument", "case" or "flag".
        what: &'static str,
        /// The name given.
        name: String,
        /// The names which the type has.
        known: Vec<String>,
    },
    /// A name is given twice, perhaps in two spellings.
    #[error("{what} `{name}` is given twice")]
    Twice {
        /// "field" or "argument".
        what: &'static str,
        /// The name as the component spells it.
        name: String,
    },
    /// A type that has no values outside the component.
    #[error("`{ty}` cannot be passed as a plain value; a typed call can pass it")]
    Unsupported {
        /// The type, in WIT.
        ty: String,
    },
    /// Nested too deeply.
    #[error("the value is nested deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The Rust type's own `Serialize` or `Deserialize` refused.
    #[error("{message}")]
    Message {
        /// In its words.
        message: String,
    },
}

impl Problem {
    /// Places it at the value that is being looked at; the callers add the way to it.
    pub(super) fn here(self) -> ValueError {
        ValueError::Value { place: Place::default(), problem: self }
    }
}

impl ValueError {
    /// The same one level further out.
    pub(super) fn within(mut self, step: impl FnOnce() -> Step) -> ValueError {
        if let ValueError::Value { place, .. } = &mut self {
            place.inward.push(step());
        }
        self
    }

    /// The same as of all arguments, unless it already names one.
    pub(super) fn among_arguments(mut self) -> ValueError {
        if let ValueError::Value { place, .. } = &mut self
            && !matches!(place.inward.last(), Some(Step::Argument(_)))
        {
            place.inward.push(Step::Arguments);
        }
        self
    }
}

impl serde::ser::Error for ValueError {
    fn custom<M: fmt::Display>(message: M) -> ValueError {
        Problem::Message { message: message.to_string() }.here()
    }
}

impl serde::de::Error for ValueError {
    fn custom<M: fmt::Display>(message: M) -> ValueError {
        Problem::Message { message: message.to_string() }.here()
    }
}

/// The way from an argument or the result to a value inside of it.
///
/// Displays as ``argument `input`, field `points[3].x` ``.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Innermost first, as errors collect it on their way out.
    inward: Vec<Step>,
}

/// One level of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// All arguments together.
    Arguments,
    /// The argument of this name.
    Argument(String),
    /// What the function returned.
    Outcome,
    /// A record's field, or a tuple's by its number.
    Field(String),
    /// The payload of a case.
    Case(String),
    /// A list's element.
    Element(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut steps = self.inward.iter().rev();
        match steps.next() {
            None => return f.write_str("the value"),
            Some(Step::Arguments) => f.write_str("the arguments")?,
            Some(Step::Outcome) => f.write_str("the result")?,
            Some(Step::Argument(name) | Step::Field(name) | Step::Case(name)) => {
                write!(f, "argument `{name}`")?
            }
            Some(Step::Element(index)) => write!(f, "argument {index}")?,
        }
        let path = steps.clone().map(Step::to_string).collect::<String>();
        match steps.next() {
            None => Ok(()),
            Some(Step::Element(_)) => write!(f, ", element `{path}`"),
            Some(Step::Case(_)) => write!(f, ", case `{}`", path.trim_start_matches('.')),
            Some(_) => write!(f, ", field `{}`", path.trim_start_matches('.')),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Element(index) => write!(f, "[{index}]"),
            Step::Field(name) | Step::Case(name) | Step::Argument(name) => write!(f, ".{name}"),
            Step::Arguments | Step::Outcome => Ok(()),
        }
    }
}

fn suggestion(near: &[String], exports: &[String]) -> String {
    match (near, exports) {
        ([], []) => "the component exports no function".to_owned(),
        ([], all) => format!("the component exports {}", listed(all)),
        (near, _) => format!("did you mean {}?", listed(near)),
    }
}
