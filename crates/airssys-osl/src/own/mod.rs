//! What the embedder offers beside the kernel's own interfaces: actions and resources with names of its choice.
//!
//! The names live in a namespace (`Acme::contact:read` on `Acme::Contact::"ada"`), so none is ever one of this kernel's.
//! The effect is the embedder's code; it is reached through [`begin`] or a [`Held`] thing alone, which are begun like
//! every other effect: with a permit that was recorded, and counted, so that a change of policies waits for it.
//!
//! *Invariant:* no code of an embedder runs here without a permit for just this action on just this resource.

mod effect;
mod names;

pub use effect::{Held, begin, is_under_way};
pub use names::{Own, OwnAction, OwnError, OwnResource, OwnTarget, declare_kind, interned};
