//! The one door to the blocking pool, which all instances share.
//!
//! *Invariant:* an instance never occupies more than `MAX_POOLED` of its threads. The
//! place is held by the work itself and not by who waits for it, so giving up the wait frees nothing.

use crate::kernel::State;
use std::io;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};

/// An instance's places on the pool. Clones are the same places.
#[derive(Debug, Clone)]
pub(crate) struct Pool(Arc<Semaphore>);

/// One place, free until work is started there.
#[derive(Debug)]
pub(super) struct Seat(OwnedSemaphorePermit);

impl Pool {
    pub(crate) fn of(state: &State) -> Pool {
        Pool(Arc::clone(&state.pooled))
    }

    /// A place, as soon as one is free.
    pub(super) async fn seat(&self) -> io::Result<Seat> {
        Arc::clone(&self.0).acquire_owned().await.map(Seat).map_err(io::Error::other)
    }

    /// A place, if one is free now.
    pub(super) fn free_seat(&self) -> Option<Seat> {
        Arc::clone(&self.0).try_acquire_owned().ok().map(Seat)
    }

    /// Has work done, and waits for it.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        self.seat().await?.start(work).await.map_err(io::Error::other)
    }

    /// Drops a value whose end may take long, without waiting for it.
    pub(super) fn retire<T: Send + 'static>(&self, value: T) {
        // Outside of an executor nobody is held up by it but who asked for it.
        let Ok(executor) = Handle::try_current() else { return drop(value) };
        let end = move || drop(value);
        match self.free_seat() {
            Some(seat) => drop(seat.start(end)),
            None => drop(executor.spawn(self.clone().run(end))),
        }
    }
}

impl Seat {
    /// Starts work, which keeps the place until it ends. Aborting the handle stops only what has not begun.
    pub(super) fn start<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        // What it asks lies in the call that it is done for.
        let within = tracing::Span::current();
        spawn_blocking(move || {
            let done = within.in_scope(work);
            drop(self.0);
            done
        })
    }
}
