//! Components that have a name: supervised, called and sent to by it, and replaced while they run.
//!
//! ```text
//! Named ─▶ Route ─▶ who lives there now     supervisor ─▶ Seat ─▶ a fresh instance each time
//! ```
//!
//! A [`Route`] leads to whoever has the name at the moment. A [`seat::Seat`] is the actor that a supervisor starts: it owns
//! the instance, ends with it, and is started anew with another.

mod claim;
mod finishing;
mod handle;
mod kept;
mod operate;
mod reload;
mod route;
mod seat;
mod tree;
#[cfg(test)]
mod trials;

pub use handle::{Named, Status};
pub use kept::DeadLetter;
pub use operate::{Condition, Stopped};
pub use reload::Reloaded;
pub(in crate::embed) use route::{Route, Routes};
pub use tree::{MailboxTerms, Node, Spec, Tree};
