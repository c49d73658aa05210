//! What is wrong with policies and entities, each with file, line and column.

use super::source::{Place, Text};
use miette::{NamedSource, SourceSpan};
use std::ops::Range;
use std::sync::Arc;

/// Policies or entities that were refused: every problem found, not only the first.
///
/// A miette diagnostic; each related problem carries its source text.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{}", self.sentence())]
pub struct PolicyError {
    #[related]
    problems: Vec<Problem>,
}

impl PolicyError {
    pub(crate) fn of(problems: Vec<Problem>) -> PolicyError {
        PolicyError { problems }
    }

    /// The problems, in the order of the files.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    fn sentence(&self) -> String {
        let first = |p: &Problem| format!("{}: {}", p.place, p.flaw);
        match self.problems.as_slice() {
            [] => "the policies were refused".to_owned(),
            [only] => first(only),
            [one, more @ ..] => format!("{} (and {} more)", first(one), more.len()),
        }
    }
}

/// One thing wrong in one place.
#[derive(Debug, Clone, thiserror::Error, miette::Diagnostic)]
#[error("{flaw}")]
pub struct Problem {
    /// What is wrong.
    pub flaw: Flaw,
    /// Where.
    pub place: Place,
    #[source_code]
    origin: NamedSource<Arc<str>>,
    #[label("here")]
    span: SourceSpan,
    #[help]
    help: Option<String>,
}

impl Problem {
    pub(crate) fn at(text: &Text, range: Range<usize>, flaw: Flaw) -> Problem {
        let place = text.place(range.start);
        let origin = NamedSource::new(&text.name, Arc::clone(&text.text));
        let help = flaw.remedy();
        Problem { flaw, place, origin, span: range.into(), help }
    }

    pub(crate) fn with_help(mut self, help: Option<String>) -> Problem {
        self.help = help.or(self.help);
        self
    }

    /// What to do about it, if there is something to say.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

/// The kinds of things that can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// The text is no Cedar or no JSON.
    #[error("{0}")]
    Syntax(String),
    /// A file larger than the bound.
    #[error("the file has {bytes} bytes, more than the {most} a policy or entity file may have")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// More policies than the bound.
    #[error("there are {count} policies, more than the {most} that may be loaded")]
    TooMany {
        /// How many.
        count: usize,
        /// The bound.
        most: usize,
    },
    /// One policy's text is longer than the bound.
    #[error("the policy is longer than {most} bytes")]
    TooLong {
        /// The bound.
        most: usize,
    },
    /// Brackets or operators nest deeper than the bound.
    #[error("the policy nests deeper than {most} levels")]
    TooDeep {
        /// The bound.
        most: usize,
    },
    /// A template: there is nothing here that would link it.
    #[error("`{0}` is a template: `?principal` and `?resource` have no meaning here")]
    Template(String),
    /// Two policies with one id.
    #[error("the policy id `{id}` is taken already, at {first}")]
    DuplicateId {
        /// The id.
        id: String,
        /// Where the first one stands.
        first: Place,
    },
    /// An empty id.
    #[error("the policy's `@id` is empty")]
    EmptyId,
    /// An entity named otherwise than the kernel names it, which would never match.
    #[error("`{literal}` would never match: {reason}")]
    NotCanonical {
        /// The entity.
        literal: String,
        /// Why not.
        reason: String,
    },
    /// Strict validation failed.
    #[error("policy `{policy}`: {message}")]
    Invalid {
        /// The policy's id.
        policy: String,
        /// What the validator says.
        message: String,
    },
    /// Validation passed with a warning, which counts as an error.
    #[error("policy `{policy}`: {message}")]
    Warned {
        /// The policy's id.
        policy: String,
        /// What the validator says.
        message: String,
    },
    /// An entity that does not conform to the schema.
    #[error("entity `{entity}`: {message}")]
    Entity {
        /// The entity.
        entity: String,
        /// What is wrong.
        message: String,
    },
    /// An entity that an entity file may not define.
    #[error("an entity file may not define `{0}`")]
    Identity(String),
    /// An entity that is its own ancestor.
    #[error("entity `{0}` is its own ancestor")]
    Cycle(String),
    /// More entities than the bound, in all entity files together.
    #[error("`{entity}` is one entity more than the {most} that entity files may define together")]
    Crowded {
        /// The first that is too many.
        entity: String,
        /// The bound.
        most: usize,
    },
    /// A chain of parents longer than the bound.
    #[error("entity `{entity}` lies more than {most} parents deep")]
    Nested {
        /// The entity.
        entity: String,
        /// The bound.
        most: usize,
    },
    /// More pairs of an entity and one it lies in, directly or not, than the bound.
    #[error("`{entity}` and the entities before it lie in more than {most} others, counted for each")]
    Entangled {
        /// The entity at which the bound is met.
        entity: String,
        /// The bound.
        most: usize,
    },
    /// A schema fragment of an embedder that says what it may not, or not what its interface needs.
    #[error("{0}")]
    Fragment(String),
    /// The schema or the base policies that are compiled in are broken.
    #[error("the built-in {0}")]
    BuiltIn(String),
}

impl Flaw {
    fn remedy(&self) -> Option<String> {
        let text = match self {
            Flaw::Template(_) => "write one policy for each principal and resource",
            Flaw::DuplicateId { .. } => "give each policy its own `@id`",
            Flaw::EmptyId => "write a name into it, or leave the annotation out",
            Flaw::Warned { .. } => {
                "a warning of Cedar's validator counts as an error here: the policy does not mean what it says"
            }
            Flaw::Identity(_) => {
                "who a component is, its publisher and its groups come from the trust file only"
            }
            Flaw::TooDeep { .. } | Flaw::TooLong { .. } => {
                "split it into several policies, or compare with a set"
            }
            Flaw::TooLarge { .. } | Flaw::TooMany { .. } => "split the policies over several runtimes",
            Flaw::Cycle(_) => "remove one of the `parents`; a path lies beneath its directories already",
            Flaw::Crowded { .. } => "name directories rather than each of the files in them",
            Flaw::Nested { .. } | Flaw::Entangled { .. } => {
                "let it, and those above it, name directly the few sets that policies speak of"
            }
            Flaw::NotCanonical { .. } => "write the name the way the kernel does",
            Flaw::Fragment(_) => {
                "declare types and actions in a namespace of your own, each action on one type of it"
            }
            Flaw::Syntax(_) | Flaw::Invalid { .. } | Flaw::Entity { .. } | Flaw::BuiltIn(_) => return None,
        };
        Some(text.to_owned())
    }
}
