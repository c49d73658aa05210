//! What a guest holds open, and its place among all that it may.

use super::FsFail;
use crate::host::bindings::filesystem::types::ErrorCode;
use crate::host::wasi::pool::Pool;
use crate::host::wasi::streams::entered;
use crate::kernel::{Guarded, State};
use airssys_osl::fs::{Entries, FsError, Node};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedSemaphorePermit;

/// What a descriptor's handle stands for.
#[expect(unreachable_pub, reason = "`bindgen!` re-exports it")]
pub type Descriptor = Opened<Node>;

/// What a directory-entry-stream's handle stands for.
#[expect(unreachable_pub, reason = "`bindgen!` re-exports it")]
pub type EntryStream = Opened<Mutex<Entries>>;

/// Something with a descriptor of the system behind it. Clones are the same one; with the last it is closed, on the
/// blocking pool where that may take long.
#[expect(unreachable_pub, reason = "`bindgen!` re-exports it")]
pub struct Opened<T: Send + 'static>(Arc<Inner<T>>);

struct Inner<T: Send + 'static> {
    /// Taken out at the end alone.
    value: Option<(T, Place)>,
    in_place: bool,
    pool: Pool,
}

/// A place among the instance's open files, held until what stands there is closed.
pub(super) struct Place(#[expect(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

impl Place {
    /// A place that is free; none left is the interface's own error. Taken before the effect that needs it.
    pub(super) fn take(state: &State) -> Result<Place, FsFail> {
        Place::take_some(state, 1)
    }

    /// As many places as descriptors are going to be held.
    pub(super) fn take_some(state: &State, count: u32) -> Result<Place, FsFail> {
        let place = Arc::clone(&state.open_files).try_acquire_many_owned(count);
        place.map(|place| Place(Some(place))).map_err(|_| {
            let exceeded = state.meter.limits.out_of_files();
            // It is refused whether or not this can be written.
            let _ = state.session.exceed(exceeded, entered(&state.current));
            FsFail::Code(ErrorCode::InsufficientMemory)
        })
    }

    /// For what shares the descriptor of its mount.
    pub(super) fn shared() -> Place {
        Place(None)
    }
}

impl<T: Send + Sync + 'static> Opened<T> {
    pub(super) fn new(value: T, in_place: bool, pool: Pool, place: Place) -> Opened<T> {
        Opened(Arc::new(Inner { value: Some((value, place)), in_place, pool }))
    }

    /// What is open.
    pub(in crate::host::wasi) fn value(&self) -> Result<&T, FsError> {
        self.0.value.as_ref().map(|(value, _)| value).ok_or(FsError::BadDescriptor)
    }

    /// True when calls on it end soon and may be made in place.
    pub(in crate::host::wasi) fn in_place(&self) -> bool {
        self.0.in_place
    }

    pub(in crate::host::wasi) fn pool(&self) -> &Pool {
        &self.0.pool
    }

    /// Does work on it: in place where it ends soon by now, elsewhere on the blocking pool.
    pub(super) async fn work<R: Send + 'static>(
        self,
        work: impl FnOnce(&T) -> Result<R, FsError> + Send + 'static,
    ) -> Result<R, FsFail>
    where
        T: Soon,
    {
        let in_place = self.in_place() && self.value()?.ends_soon();
        self.work_if(in_place, work).await
    }

    /// Does work on it, in place or not.
    pub(super) async fn work_if<R: Send + 'static>(
        self,
        in_place: bool,
        work: impl FnOnce(&T) -> Result<R, FsError> + Send + 'static,
    ) -> Result<R, FsFail> {
        if in_place {
            return Ok(work(self.value()?)?);
        }
        let pool = self.pool().clone();
        // A guest waits for its own call, and one that is given up keeps its place: the pool's bound holds either way.
        match pool.run(move || work(self.value()?)).await {
            Ok(done) => Ok(done?),
            Err(lost) => Err(FsFail::Trap(wasmtime::Error::new(lost))),
        }
    }
}

/// What knows whether calls on it end soon: an answer that may become no while it is open.
#[expect(unreachable_pub, reason = "a bound of what `bindgen!` re-exports")]
pub trait Soon {
    /// True when they do.
    fn ends_soon(&self) -> bool;
}

impl Soon for Node {
    fn ends_soon(&self) -> bool {
        self.in_place()
    }
}

impl Soon for Mutex<Entries> {
    fn ends_soon(&self) -> bool {
        self.lock().unwrap_or_else(PoisonError::into_inner).in_place()
    }
}

impl Descriptor {
    /// The file.
    pub(in crate::host::wasi) fn file(&self) -> Result<&airssys_osl::fs::File, FsError> {
        self.value()?.file()
    }
}

impl<T: Send + 'static> Clone for Opened<T> {
    fn clone(&self) -> Opened<T> {
        Opened(Arc::clone(&self.0))
    }
}

impl<T: Send + 'static> Drop for Inner<T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take_if(|_| !self.in_place) {
            self.pool.retire(value);
        }
    }
}

impl<T: Send + 'static> std::fmt::Debug for Opened<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "opened, in place: {}", self.0.in_place)
    }
}

/// The pool of the guest's instance.
pub(super) fn pool(g: &Guarded<'_>) -> Pool {
    Pool::of(g.state)
}

#[cfg(test)]
mod tests {
    use super::{Opened, Place};
    use crate::host::wasi::pool::Pool;
    use crate::host::wasi::trials::World;
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
    use std::thread::{ThreadId, current};
    use std::time::Duration;

    /// Tells where it is dropped.
    struct Witness(Sender<ThreadId>);

    impl Drop for Witness {
        fn drop(&mut self) {
            let _ = self.0.send(current().id());
        }
    }

    fn opened(world: &World, in_place: bool) -> (Opened<Witness>, Receiver<ThreadId>) {
        let (tell, told) = channel();
        let (pool, place) = (Pool::of(&world.state), Place::take(&world.state).unwrap());
        (Opened::new(Witness(tell), in_place, pool, place), told)
    }

    #[tokio::test]
    async fn what_may_be_slow_to_close_is_closed_elsewhere() {
        let world = World::new(true);
        let (slow, told) = opened(&world, false);
        drop(slow.clone());
        assert_eq!(told.recv_timeout(Duration::from_millis(50)), Err(RecvTimeoutError::Timeout));
        drop(slow);
        assert_ne!(told.recv_timeout(Duration::from_secs(20)).unwrap(), current().id());
        let (local, told) = opened(&world, true);
        drop(local);
        assert_eq!(told.try_recv().unwrap(), current().id());
    }

    #[tokio::test]
    async fn closing_keeps_to_the_pools_bound_and_keeps_its_place_until_it_is_done() {
        let world = World::new(true);
        let (slow, told) = opened(&world, false);
        let pool = Pool::of(&world.state);
        let seats: Vec<_> = std::iter::from_fn(|| pool.free_seat()).collect();
        assert_eq!(seats.len(), crate::kernel::MAX_POOLED);
        let places = Arc::clone(&world.state.open_files);
        let free = places.available_permits();
        drop(slow);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(told.try_recv().is_err(), "closed beyond the bound");
        assert_eq!(places.available_permits(), free, "its place is free although it is open");
        drop(seats);
        while places.available_permits() == free {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_ne!(told.try_recv().unwrap(), current().id());
    }

    #[test]
    fn what_is_open_is_closed_although_no_executor_is_left() {
        let world = World::new(true);
        let (slow, told) = opened(&world, false);
        drop(slow);
        assert_eq!(told.try_recv().unwrap(), current().id());
    }
}
