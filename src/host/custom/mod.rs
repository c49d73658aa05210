//! Interfaces that an embedder offers: each function with its action, its resource and its way of saying no.
//!
//! *Invariant:* an embedder's function is linked by [`HostInterface`] alone, which takes no function without what it
//! asks; its code runs after the decision was recorded, and counted as under way.

mod asks;
mod call;
mod dynamic;
mod linked;
mod run;

pub use asks::Asks;
pub use call::Call;
pub(in crate::host) use dynamic::give;
pub use linked::HostInterface;
pub(crate) use linked::Offer;
