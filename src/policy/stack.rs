//! A stack on which Cedar evaluates.
//!
//! Cedar refuses to recurse with less than 100 KiB of stack left, and on a wasmtime fiber `stacker` reports none at
//! all: there every evaluation would fail, permits and forbids alike. So whatever evaluates runs inside [`on_stack`],
//! which costs a compare on a thread with room and a fresh stack elsewhere.

/// Room that must be left, and the size of a fresh stack. The difference between the smaller and Cedar's 100 KiB is
/// what evaluation may use; [`MAX_DEPTH`](super::parse::MAX_DEPTH) keeps policies within it.
const RED_ZONE: usize = 256 * 1024;
const FRESH: usize = 512 * 1024;

/// Loading recurses over whatever was written, before its depth is known.
const LOADING: usize = 16 * 1024 * 1024;

pub(crate) fn on_stack<R>(work: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(RED_ZONE, FRESH, work)
}

pub(crate) fn on_large_stack<R>(work: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(LOADING / 2, LOADING, work)
}
