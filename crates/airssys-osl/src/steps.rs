//! Work that waits, each of whose steps is a use of one permission.

use crate::ActionId;
use crate::gate::{Denied, Lease, Why};
use std::cell::Cell;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// That a change of policies would wait for this thread.
pub(crate) struct Inside;

impl Inside {
    pub(crate) fn enter() -> Inside {
        DEPTH.set(DEPTH.get().saturating_add(1));
        Inside
    }

    pub(crate) fn is_entered() -> bool {
        DEPTH.get() > 0
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
    }
}

/// Does work that waits: each of its steps is a use of its own, and it is dropped when the permission is lost. Between
/// its steps nothing is under way.
///
/// # Errors
/// [`Denied`] when it was lost before the work was done.
pub(crate) async fn while_permitted<F: Future>(
    lease: &Lease,
    action: ActionId,
    import: &'static str,
    work: F,
) -> Result<F::Output, Denied> {
    let mut steps = pin!(Steps { lease, action, import, work: Box::pin(work) });
    let mut lost = pin!(lease.lost(action, import));
    let done = std::future::poll_fn(|context| match steps.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => lost.as_mut().poll(context).map(|()| None),
    });
    match done.await {
        Some(done) => done,
        // Whoever lost it is told why by asking once more.
        None => Err(match lease.enter(action, import) {
            Err(denied) => denied,
            // Permitted again by now, and cut off all the same.
            Ok(_) => lease.refuse(action, import, Why::Unstable),
        }),
    }
}

/// The same for work that somebody else waits for by [`while_permitted`], and is told of its loss there: none when the
/// permission was lost before the work was done. It does not wake by itself for that.
pub(crate) async fn under<F: Future>(
    lease: &Lease,
    action: ActionId,
    import: &'static str,
    work: F,
) -> Option<F::Output> {
    let mut work = Box::pin(work);
    std::future::poll_fn(|context| {
        let Some(_begun) = lease.enter_step_elsewhere(action, import) else { return Poll::Ready(None) };
        let _inside = Inside::enter();
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// Work whose every step enters the lease.
struct Steps<'a, F> {
    lease: &'a Lease,
    action: ActionId,
    import: &'static str,
    work: Pin<Box<F>>,
}

impl<F: Future> Future for Steps<'_, F> {
    type Output = Result<F::Output, Denied>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let lease = self.lease;
        let _begun = match lease.enter_step(self.action, self.import) {
            Ok(begun) => begun,
            Err(denied) => return Poll::Ready(Err(denied)),
        };
        let _inside = Inside::enter();
        self.work.as_mut().poll(context).map(Ok)
    }
}
