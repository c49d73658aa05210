//! A deny-by-default capability kernel for WebAssembly components.

pub mod audit;
#[doc(hidden)]
pub mod cli;
pub mod embed;
pub mod host;
pub mod identity;
pub mod kernel;
pub mod policy;

pub use embed::{Component, ComponentRuntime, Config};
