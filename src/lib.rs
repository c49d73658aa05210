//! A deny-by-default capability kernel for WebAssembly components.

pub mod audit;
pub mod identity;
