//! WASI 0.2: hand-written host functions, one file a package, and the generated wrappers in front of these and of
//! `airssys:runtime`.

pub(crate) mod cli;
mod clocks;
pub(crate) mod fail;
mod file_streams;
pub(crate) mod filesystem;
#[rustfmt::skip]
#[allow(clippy::let_unit_value, reason = "generated: one shape for all functions")]
mod generated;
mod io;
pub(crate) mod pool;
mod random;
pub(crate) mod sockets;
mod streams;
#[cfg(test)]
mod trials;
mod values;

pub use generated::TABLE;

// The generated wrappers name each package beside them.
use crate::host::runtime;

use crate::kernel::{Guarded, Imports, LinkError};
use wasmtime::component::HasData;

/// Puts WASI 0.2 on offer.
///
/// # Errors
/// [`LinkError`] when an interface has no rows.
pub fn offer(imports: &mut Imports) -> Result<(), LinkError> {
    generated::add_to_imports(imports)
}

/// Ties the generated traits to the guarded view.
pub(crate) struct Wasi;

impl HasData for Wasi {
    type Data<'a> = Guarded<'a>;
}
