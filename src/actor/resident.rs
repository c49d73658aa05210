//! The actor that a component's instance is: it owns the store, and does one call after the other.
//!
//! *Invariant:* an instance that failed is never called again. Its actor ends with it, and whoever waits for a call that
//! was accepted and not begun is told so.

use crate::actor::post::{Post, Turn};
use crate::kernel::{Failure, Instance};
use airssys_osl::{Chain, RecordError, Session};
use airssys_rt::{Actor, Context};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

/// Something that takes its time.
pub(crate) type Waits<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How a call ended other than by returning.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The instance is no more.
    Ended,
    /// The guest was stopped, and its instance with it.
    Failed(Failure),
    /// The guest exceeded a limit, and that could not be recorded.
    Unrecorded(RecordError),
    /// It was not called at all: it has other types than the caller; in words, what is wrong.
    Types(String),
}

/// One live instance.
pub(crate) struct Resident {
    instance: Option<Instance>,
    session: Arc<Session>,
    left: Arc<Left>,
    /// Where its messages come from, if they are handed to it.
    post: Option<Post>,
    /// Why the instance is no more.
    end: Option<End>,
}

/// Where an instance is left whose actor was dropped between two calls, with the executor that it ran on: another actor
/// may take it from there.
#[derive(Debug, Default)]
pub(crate) struct Left(Mutex<Place>);

#[derive(Debug, Default)]
enum Place {
    #[default]
    Empty,
    Holds(Box<Instance>),
    /// Nobody wants it.
    Closed,
}

impl Left {
    /// What was left.
    pub(crate) fn take(&self) -> Option<Instance> {
        let mut place = self.place();
        match std::mem::take(&mut *place) {
            Place::Holds(instance) => Some(*instance),
            Place::Empty => None,
            Place::Closed => {
                *place = Place::Closed;
                None
            }
        }
    }

    /// What is left from now on is dropped, and so is what was.
    pub(crate) fn close(&self) {
        let held = std::mem::replace(&mut *self.place(), Place::Closed);
        drop(held);
    }

    fn leave(&self, instance: Instance) {
        let mut place = self.place();
        if !matches!(*place, Place::Closed) {
            *place = Place::Holds(Box::new(instance));
        }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How an instance came to its end.
#[derive(Debug)]
enum End {
    /// It said so, and that all went well.
    Done,
    /// It was stopped.
    Failed(String),
}

/// What an instance has to do.
pub(crate) enum Job {
    /// For whoever waits for it.
    Call(Call),
    /// Its next message, now that its turn has come.
    Message(Turn),
}

/// A call, on somebody's behalf.
pub(crate) struct Call {
    chain: Arc<Chain>,
    /// What whoever asked for it was in; what is done for it lies in that.
    within: Span,
    work: Work,
}

type Work = Box<dyn for<'a> FnOnce(&'a mut Resident) -> Waits<'a, ()> + Send>;
type Outcome<T> = Result<T, CallError>;

impl Call {
    /// A call, and where its outcome comes. It is not begun when nobody waits for that any more, and is dropped, with the
    /// instance, when that happens in the middle.
    pub(crate) fn new<T, C>(chain: Arc<Chain>, call: C) -> (Call, oneshot::Receiver<Outcome<T>>)
    where
        T: Send + 'static,
        C: for<'a> FnOnce(&'a mut Instance) -> Waits<'a, Outcome<T>> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let work: Work = Box::new(move |resident| {
            Box::pin(async move {
                let mut tell = tell;
                if let Some(done) = resident.perform(&mut tell, call).await {
                    // Whoever gave up at the last moment is not told.
                    drop(tell.send(done));
                }
            })
        });
        (Call { chain, within: Span::current(), work }, told)
    }
}

impl Resident {
    /// An instance under its session, and where it is left when its executor goes.
    pub(crate) fn new(
        instance: Instance,
        session: Arc<Session>,
        left: Arc<Left>,
        post: Option<Post>,
    ) -> Resident {
        Resident { instance: Some(instance), session, left, post, end: None }
    }

    /// Whether messages are handed to it, also when nobody calls it.
    pub(crate) fn has_post(&self) -> bool {
        self.post.is_some()
    }

    /// Does a call. None when nobody waits for it any more; the instance is then at its end if the call had begun.
    async fn perform<T, C>(&mut self, tell: &mut oneshot::Sender<Outcome<T>>, call: C) -> Option<Outcome<T>>
    where
        C: for<'a> FnOnce(&'a mut Instance) -> Waits<'a, Outcome<T>>,
    {
        if tell.is_closed() {
            return None;
        }
        // Away while it runs: what is given up in the middle leaves no half-run instance behind.
        let Some(mut instance) = self.instance.take() else { return Some(Err(CallError::Ended)) };
        let done = tokio::select! {
            biased;
            done = call(&mut instance) => done,
            () = tell.closed() => {
                self.end = Some(End::Failed("its caller gave up in the middle of a call".to_owned()));
                return None;
            }
        };
        Some(self.keep(instance, done))
    }

    /// Keeps the instance after a call, unless it ended by it.
    fn keep<T>(&mut self, instance: Instance, done: Outcome<T>) -> Outcome<T> {
        match &done {
            Ok(_) | Err(CallError::Types(_)) => self.instance = Some(instance),
            Err(CallError::Failed(failure)) => self.end = Some(End::of(failure)),
            Err(CallError::Ended | CallError::Unrecorded(_)) => {
                self.end = Some(End::Failed("it has ended".to_owned()));
            }
        }
        done.map_err(|error| recorded(error, &self.session))
    }

    /// Hands the next message over, if there is one that may be.
    async fn next_message(&mut self, turn: Turn) {
        let (Some(post), Some(mut instance)) = (&mut self.post, self.instance.take()) else { return };
        let done = post.hand_over(&self.session, &mut instance).await;
        // Nobody waits for it: it is in the log.
        let more = self.keep(instance, done.map_err(CallError::Failed)).unwrap_or(false);
        if !more {
            self.post = None;
        }
        drop(turn);
    }
}

/// Records a limit that ended an instance.
pub(crate) fn recorded(error: CallError, session: &Session) -> CallError {
    if let CallError::Failed(Failure::Limit(limit)) = &error
        && let Err(error) = session.exceed(*limit, None)
    {
        return CallError::Unrecorded(error);
    }
    error
}

impl Drop for Resident {
    fn drop(&mut self) {
        if let Some(instance) = self.instance.take() {
            self.left.leave(instance);
        }
    }
}

impl End {
    fn of(failure: &Failure) -> End {
        match failure {
            Failure::Exit(0) => End::Done,
            Failure::Exit(status) => End::Failed(format!("it ended itself with status {status}")),
            Failure::Denied(denied) => End::Failed(format!("it was stopped by a denial: {denied}")),
            Failure::Limit(limit) => End::Failed(limit.to_string()),
            Failure::Unanswered(fault) => End::Failed(fault.to_string()),
            Failure::Trap(text) => End::Failed(format!("it trapped: {text}")),
        }
    }
}

impl Actor for Resident {
    type Message = Job;

    async fn handle(&mut self, job: Job, context: &mut Context<Resident>) -> Result<(), airssys_rt::Failure> {
        match job {
            Job::Call(Call { chain, within, work }) => {
                self.session.subject().serve(chain);
                work(self).instrument(within).await;
            }
            // Boxed, as a call is: idle, it would be a part of each actor.
            Job::Message(turn) => Box::pin(self.next_message(turn)).await,
        }
        self.session.subject().serve(Arc::default());
        match self.end.take() {
            None => Ok(()),
            Some(End::Done) => {
                context.stop();
                Ok(())
            }
            Some(End::Failed(why)) => Err(airssys_rt::Failure::new(why)),
        }
    }

    fn poll_own(&mut self, context: &mut std::task::Context<'_>) -> Poll<Job> {
        match &mut self.post {
            Some(post) => post.poll_turn(context).map(Job::Message),
            None => Poll::Pending,
        }
    }
}
