//! The gate: ask, decide, record, mint.
//!
//! `Session::authorize` is the only way to a [`Permit`]: it asks the [`Authorizer`], writes the verdict to the
//! [`Recorder`], and only then mints. A handle made from a permit keeps a [`Lease`], which answers each later use
//! with one load and one compare as long as the epoch stands, and asks again when it does not.
//!
//! *Invariant:* closed on fault. A panic, an error in a verdict, an audit record that cannot be written, a revoked
//! or overdrawn session: each is a denial.

mod ask;
mod decide;
mod delegation;
mod denied;
mod effects;
mod ground;
mod lease;
mod memo;
#[cfg(feature = "observed")]
pub mod observed;
mod pace;
mod permit;
mod quota;
#[cfg(feature = "observed")]
pub mod removed;
mod reused;
mod session;
mod shared;
mod subject;
mod sync;
mod ties;

pub use ask::{
    Ask, Authorizer, Decision, Delegated, Entry, Outcome, Reasons, RecordError, Recorder, Verdict,
};
pub use decide::DENIAL_QUOTA;
pub use delegation::{
    Accepted, BadTerms, Ended, LendError, MAX_ACCEPTED, MAX_ACTIONS, MAX_DEPTH, MAX_LENT, Terms, lend,
};
pub use denied::{Denied, Why};
pub use lease::{InUse, Lease};
pub use permit::Permit;
pub(crate) use permit::Spent;
pub use quota::{Allowance, LimitExceeded};
pub use session::{Session, Weighed};
pub use shared::Gate;
pub use subject::{Caller, Chain, Subject};
pub(crate) use ties::Ends;
