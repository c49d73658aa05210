//! What the queue, the reply slot and the runner stand on; a model puts its own in this place.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
pub(crate) use std::thread::yield_now;
