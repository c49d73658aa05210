//! What a supervisor keeps of each child, and how one is built.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::task::Poll;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::address::ActorRef;
use crate::directory::{Claim, Directory};
use crate::exit::{ExitReason, Failure};
use crate::life::quietly_drop;
use crate::reply::Reply;
use crate::supervisor::handle::{ChildError, ChildState};
use crate::supervisor::plan::Phase;
use crate::supervisor::spec::{Building, Built, ChildSpec};

/// The supervisor's right to its children's names; given up when it ends, however it ends.
pub(crate) struct Home {
    pub(crate) claim: Option<Arc<Claim>>,
    pub(crate) kept: Weak<Claim>,
    pub(crate) directory: Arc<Directory>,
}

/// A child, as its supervisor knows it.
pub(crate) struct Kid {
    pub(crate) spec: ChildSpec,
    pub(crate) actor: Option<ActorRef>,
    pub(crate) since: Instant,
    pub(crate) starter: Option<AbortHandle>,
    pub(crate) last_exit: Option<ExitReason>,
    pub(crate) last_failure: Option<String>,
    pub(crate) starts: Vec<Reply<Result<ActorRef, ChildError>>>,
    pub(crate) stops: Vec<Reply<Result<(), ChildError>>>,
}

impl Kid {
    pub(crate) fn new(spec: ChildSpec) -> Self {
        Self {
            spec,
            actor: None,
            since: Instant::now(),
            starter: None,
            last_exit: None,
            last_failure: None,
            starts: Vec::new(),
            stops: Vec::new(),
        }
    }

    /// Its faults were too many.
    pub(crate) fn abandoned(&mut self) {
        if let Some(alone) = &self.spec.alone {
            // What it panics with is not worth its siblings.
            let told = catch_unwind(AssertUnwindSafe(|| (alone.abandoned)()));
            told.unwrap_or_else(quietly_drop);
        }
    }

    pub(crate) fn cancel(&mut self) {
        if let Some(starter) = self.starter.take() {
            starter.abort();
        }
    }

    // Who asked may have gone meanwhile.
    pub(crate) fn answer_starts(&mut self, answer: &Result<ActorRef, ChildError>) {
        self.starts.drain(..).for_each(|reply| drop(reply.send(answer.clone())));
    }

    pub(crate) fn answer_stops(&mut self) {
        self.stops.drain(..).for_each(|reply| drop(reply.send(Ok(()))));
    }
}

/// Where a child is, for who asks.
pub(crate) fn state(phase: Phase, restarted: bool) -> ChildState {
    match phase {
        Phase::Waiting | Phase::Starting { .. } if restarted => ChildState::Restarting,
        Phase::Waiting | Phase::Starting { .. } => ChildState::Starting,
        Phase::Running => ChildState::Running,
        Phase::Stopping { .. } => ChildState::Stopping,
        Phase::Resting => ChildState::Resting,
    }
}

/// What a factory makes; a panic in it is a failure.
pub(crate) async fn caught(factory: Arc<dyn Fn() -> Building + Send + Sync>) -> Result<Built, Failure> {
    let mut building = None;
    std::future::poll_fn(|context| {
        let step = || building.get_or_insert_with(|| factory()).as_mut().poll(context);
        catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|payload| {
            let reason = ExitReason::panicked(&*payload);
            quietly_drop(payload);
            Poll::Ready(Err(Failure::new(reason.to_string())))
        })
    })
    .await
}
