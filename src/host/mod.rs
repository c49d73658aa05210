//! The host functions behind each interface. No system call stands here: effects are airssys-osl's.

pub(crate) mod bindings;
pub mod custom;
pub(crate) mod linked;
pub(crate) mod runtime;
pub mod wasi;
