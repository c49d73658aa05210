//! The system's calls on sockets: each once, none of them waiting.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(in crate::net) use unix::{Io, Socket};

#[cfg(not(unix))]
mod other;
#[cfg(not(unix))]
pub(in crate::net) use other::{Io, Socket};
