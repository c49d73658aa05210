//! Imports that other components serve, each call decided.
//!
//! *Invariant:* a component reaches another through [`Links`] alone: a link stands only where both have the same
//! functions over plain values, and no call of one begins before it was decided, and recorded, with the caller as
//! principal and the other's function as resource.

mod call;
mod callee;
mod held;
mod links;
mod types;

pub(crate) use callee::{Answer, Callee, LinkedCall, NotDone, Target};
pub(crate) use links::{LinkSpec, Links};
pub(crate) use types::can_cross;
