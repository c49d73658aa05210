//! Cedar: what is permitted, decided from policy files.
//!
//! Policy and entity files are checked as a whole ([`Policies::load`]): strict validation against the built-in schema
//! in `policies/schema.cedarschema`, warnings count as errors, and a name that the kernel would spell otherwise is an
//! error too, because it would silently never match. `policies/base.cedar` is always part of it.
//!
//! Deciding ([`CedarAuthorizer`]) does not get slower with the number of policies: they are indexed by the action,
//! principal and resource of their scope; a question walks the ancestors of its principal and its resource and
//! meets only policies whose scope covers it. Those without conditions are decided on the spot, the conditions of the
//! others go to Cedar's evaluator, on a stack it accepts.
//!
//! *Invariant:* deny by default, closed on fault: allowed is what some permit covers, no forbid covers, and no error
//! was met on. This module knows nothing of WebAssembly and opens no file.

mod authorizer;
mod clause;
mod decide;
mod depth;
mod entities;
mod error;
mod explain;
mod index;
mod lent;
mod literal;
mod load;
mod mount;
mod network;
mod outlook;
mod parse;
mod peers;
mod reach;
mod rule;
mod scan;
mod source;
mod stack;
mod subject;
mod suggest;
mod vocabulary;
mod walk;
mod words;

pub use authorizer::{CedarAuthorizer, Snapshot};
pub use error::{Flaw, PolicyError, Problem};
pub use explain::{Explanation, Failed, Near, Question, explain};
pub use lent::explain_lent;
pub use load::{BASE_NAME, Cited, Digests, MAX_POLICIES, Note, Policies};
pub use outlook::{Chance, Outlook, Residual, outlook};
pub use reach::Reach;
pub use rule::Effect;
pub use source::{Place, Source};
pub use suggest::{Suggestion, least_permit, suggest};
pub use vocabulary::{BASE, SCHEMA};
pub use words::Words;
