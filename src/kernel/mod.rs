//! The enforcement point: verified bytes become an instance whose every import enters through one table.
//!
//! *Invariant:* the only `Linker` of the project is inside [`Imports`]; an interface reaches it together with the
//! rows of the mediation table, and a component whose import has no row is refused before instantiation.

mod attribution;
mod authentic;
mod background;
mod code_cache;
mod compile;
mod compiler;
mod engine;
mod failure;
mod guarded;
mod handles;
mod imports;
mod instance;
mod limits;
mod recent;
mod span;
mod state;
mod table;
mod tenure;
mod track;
mod unfold;

pub use airssys_osl::LimitExceeded;
pub use code_cache::{CODE_CACHE_BYTES, CodeCache};
pub use compile::{Compiled, Function, Origin, functions};
pub use compiler::{ChildCompiler, Compiler, compile_for_parent};
pub use engine::{Engine, EngineError};
pub use failure::{CallFault, Exit, Failure, Fault, Unanswered};
pub(crate) use imports::shown;
pub use imports::{Imports, LinkError};
pub use instance::{Grants, Instance, InstanceError, Mail, Prepared};
pub(crate) use limits::InUse;
pub use limits::{Limits, Unenforceable};
pub use span::SPANS;
pub use table::{Class, Denial, Row};
pub use tenure::Tenure;

pub(crate) use attribution::Holder;
pub(crate) use failure::Fail;
pub(crate) use guarded::{Call, Closed, Guarded, guard};
pub(crate) use handles::{Handles, no_handles};
#[cfg(test)]
pub(crate) use state::MAX_POOLED;
pub(crate) use state::{Current, State};
pub(crate) use track::Track;

/// A meter for a store that a test makes without an instance.
#[cfg(test)]
pub(crate) fn meter(limits: Limits) -> limits::Meter {
    limits::Meter::new(limits)
}
