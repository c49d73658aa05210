//! What lives of a component: one call at a time, for the host or for another component.

use crate::actor::{CallError, Job, Left, Resident};
use crate::embed::Error;
use crate::embed::value;
use crate::host::linked::{Answer, Callee, LinkedCall, NotDone, Target};
use crate::host::runtime::{handler, message};
use crate::kernel::{Function, InUse, Instance};
use airssys_osl::calls::Under;
use airssys_osl::post::Inbox;
use airssys_osl::{Chain, Session};
use airssys_rt::{ActorSystem, Address, Shutdown};
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::task::AbortHandle;
use tracing::Instrument;
use wasmtime::component::{ComponentNamedList, Lift, Lower, Val};

/// One live instance, shared by its handle and by those who are linked with it.
///
/// It is an actor, and this its address. When nobody has this any more, it ends.
pub(in crate::embed) struct Live {
    pub(in crate::embed) target: Arc<Target>,
    pub(in crate::embed) session: Arc<Session>,
    /// True once it was unloaded.
    gone: Arc<AtomicBool>,
    actors: ActorSystem,
    address: ArcSwap<Address<Job>>,
    left: Arc<Left>,
    mailbox: Option<Mailbox>,
    /// The bytes of its memories.
    pub(in crate::embed) memory: InUse,
    /// When it was made, milliseconds since 1970.
    pub(in crate::embed) since: u64,
    /// Hands it its messages.
    driver: Option<AbortHandle>,
    /// Whose turn it is: that of a message, or of whoever pauses them.
    turn: Arc<Mutex<()>>,
}

/// An instance's own mailbox, and who is handed what comes there; none where it takes that itself.
pub(in crate::embed) struct Mailbox {
    pub(in crate::embed) inbox: Arc<Inbox>,
    pub(in crate::embed) handler: Option<Function>,
}

impl<T: Send + 'static> Pending<T> {
    /// The same, but the call goes on also when nobody waits for it any more.
    pub(in crate::embed) async fn kept(self) -> Result<T, Error> {
        tokio::spawn(self.answer()).await.map_err(|_| Error::Ended)?
    }
}

/// An answer that is on its way.
pub(in crate::embed) struct Pending<T> {
    answer: oneshot::Receiver<Result<T, CallError>>,
    /// True once the instance was unloaded.
    gone: Arc<AtomicBool>,
}

impl<T> Pending<T> {
    /// Waits for it. Whoever does not ends the call, and the instance with it.
    pub(in crate::embed) async fn answer(self) -> Result<T, Error> {
        // Without an answer it ended before it came to this, or in the middle, being unloaded.
        let done = self.answer.await.map_err(|_| Error::Ended)?;
        // Being unloaded, it may still have met the denials that come of that. Those tell nothing but this.
        let end = |error| if self.gone.load(Ordering::SeqCst) { Error::Ended } else { Error::from(error) };
        done.map_err(end)
    }
}

impl Live {
    /// Makes an instance an actor.
    pub(in crate::embed) fn new(
        actors: &ActorSystem,
        target: Target,
        session: Arc<Session>,
        instance: Instance,
        mailbox: Option<Mailbox>,
    ) -> Result<Live, Error> {
        let (left, memory) = (Arc::new(Left::default()), instance.memory());
        let since = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
        let resident = Resident::new(instance, Arc::clone(&session), Arc::clone(&left));
        let (address, gone) = (ArcSwap::from_pointee(spawn(actors, resident)?), Arc::default());
        let actors = actors.clone();
        let mut live = Live {
            target: Arc::new(target),
            session,
            gone,
            actors,
            address,
            left,
            mailbox,
            memory,
            since,
            driver: None,
            turn: Arc::default(),
        };
        live.driver = live.drive();
        Ok(live)
    }

    /// Hands it its messages, one after the other, if it has a handler.
    fn drive(&self) -> Option<AbortHandle> {
        let Mailbox { inbox, handler } = self.mailbox.as_ref()?;
        let (inbox, function, session) = (Arc::clone(inbox), handler.clone()?, Arc::clone(&self.session));
        let (address, turn) = (Address::clone(&self.address.load()), Arc::clone(&self.turn));
        let driving = async move {
            loop {
                inbox.news().await;
                // Held until a message is dealt with.
                let _turn = turn.lock().await;
                let (inbox, session, function) = (Arc::clone(&inbox), Arc::clone(&session), function.clone());
                // Taken when its turn has come and not before: until then it lies in the mailbox, and it is decided on
                // behalf of nobody else.
                let (job, dealt_with) = Job::new(Arc::default(), move |instance: &mut Instance| {
                    Box::pin(async move { next_message(&inbox, &session, &function, instance).await })
                });
                if address.send(job).await.is_err() {
                    return;
                }
                // Without an answer it has ended, and its mailbox with it.
                let Ok(Ok(true)) = dealt_with.await else { return };
            }
        };
        Some(tokio::spawn(driving).abort_handle())
    }

    /// Hands it no further message while what is returned is held, and returns when the last one is dealt with.
    pub(in crate::embed) async fn pause(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// Its mailbox, if it has one.
    pub(in crate::embed) fn inbox(&self) -> Option<&Inbox> {
        self.mailbox.as_ref().map(|mailbox| &*mailbox.inbox)
    }

    /// Takes no message and no call any more, and returns when what it had accepted is done.
    pub(in crate::embed) async fn finish(&self) {
        let actor = self.actor();
        actor.stop(Shutdown::Infinity);
        actor.ended().await;
    }

    /// Calls a function on behalf of that chain.
    pub(in crate::embed) async fn invoke(
        &self,
        function: &Function,
        arguments: Vec<Val>,
        chain: Arc<Chain>,
    ) -> Result<Option<Val>, Error> {
        self.begin(function, arguments, chain, None).await?.answer().await
    }

    /// The same in two steps: when this has returned, the call stands in the queue. What is called under a permission goes
    /// on only while that stands.
    pub(in crate::embed) async fn begin(
        &self,
        function: &Function,
        arguments: Vec<Val>,
        chain: Arc<Chain>,
        under: Option<Under>,
    ) -> Result<Pending<Option<Val>>, Error> {
        let function = function.clone();
        let (job, answer) = Job::new(chain, move |instance: &mut Instance| {
            Box::pin(async move {
                let done = instance.call(&function, arguments, under.clone()).await;
                // Who called it is told why by its own wait.
                let lost = under.is_some_and(|under| !under.stands());
                done.map_err(|failure| if lost { CallError::Ended } else { CallError::Failed(failure) })
            })
        });
        self.put(job).await?;
        Ok(self.pending(answer))
    }

    /// Calls a function with types that the host knows, and for the host itself.
    pub(in crate::embed) async fn invoke_typed<P, R>(
        &self,
        function: &Function,
        arguments: P,
    ) -> Result<R, Error>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let function = function.clone();
        let (job, answer) = Job::new(Arc::default(), move |instance: &mut Instance| {
            Box::pin(async move {
                if !instance.has_types::<P, R>(&function) {
                    let types = value::signature(&function.ty);
                    return Err(CallError::Types(format!("`{}` has other types: {types}", function.name)));
                }
                instance.call_typed::<P, R>(&function, arguments).await.map_err(CallError::Failed)
            })
        });
        self.put(job).await?;
        self.pending(answer).answer().await
    }

    fn pending<T>(&self, answer: oneshot::Receiver<Result<T, CallError>>) -> Pending<T> {
        Pending { answer, gone: Arc::clone(&self.gone) }
    }

    async fn put(&self, job: Job) -> Result<(), Error> {
        self.living()?.send(job).await.map(drop).map_err(|_| Error::Ended)
    }

    /// The instance's actor, made anew on the executor that calls when the one it ran on has gone between two calls.
    fn living(&self) -> Result<Arc<Address<Job>>, Error> {
        let address = self.address.load_full();
        if !address.is_gone() {
            return Ok(address);
        }
        let instance = self.left.take().ok_or(Error::Ended)?;
        let resident = Resident::new(instance, Arc::clone(&self.session), Arc::clone(&self.left));
        let address = Arc::new(spawn(&self.actors, resident)?);
        self.address.store(Arc::clone(&address));
        Ok(address)
    }

    /// Its actor.
    pub(in crate::embed) fn actor(&self) -> airssys_rt::ActorRef {
        self.address.load().actor()
    }

    /// Ends it now, also in the middle of a call, and returns when that has ended.
    pub(in crate::embed) async fn end(&self) {
        // In this order: whoever waits for a call of it is told that it has ended, not how that feels from within.
        self.gone.store(true, Ordering::SeqCst);
        self.left.close();
        self.session.revoke();
        let actor = self.actor();
        actor.kill();
        actor.ended().await;
    }

    /// What of a call's outcome another component hears.
    pub(in crate::embed) fn told(&self, done: Result<Option<Val>, Error>) -> Result<Vec<Val>, NotDone> {
        match done {
            Ok(value) => Ok(value.into_iter().collect()),
            Err(Error::Ended) => Err(NotDone::Ended),
            Err(error) => {
                self.tell(&error);
                Err(NotDone::Failed)
            }
        }
    }

    /// Puts into the log why it failed while another component called it: that one is not told, and the host hears only
    /// from that one. Denials and limits are in the log already.
    fn tell(&self, error: &Error) {
        match error {
            Error::Denied(_) | Error::LimitExceeded(_) | Error::Record(_) => {}
            // It has failed whether or not this can be written.
            other => drop(self.session.note("component:call", &other.to_string())),
        }
    }
}

/// Hands the next message over, if there is one that may be. False when nothing comes any more.
async fn next_message(
    inbox: &Inbox,
    session: &Arc<Session>,
    function: &Function,
    instance: &mut Instance,
) -> Result<bool, CallError> {
    let Ok(taken) = inbox.take(session, handler::HANDLE).await else { return Ok(false) };
    let Some(delivery) = taken else { return Ok(true) };
    session.subject().serve(Arc::clone(&delivery.chain));
    let handled = instance.call_typed::<handler::Arguments, handler::Answer>(function, (message(&delivery),));
    let handled = handled.instrument(delivery.within.clone());
    handler::settle(inbox, &delivery, handled.await.map_err(CallError::Failed)?).await;
    Ok(true)
}

fn spawn(actors: &ActorSystem, resident: Resident) -> Result<Address<Job>, Error> {
    actors.spawn(resident).map_err(|error| Error::Executor(error.to_string()))
}

impl Drop for Live {
    fn drop(&mut self) {
        // Here and now: what it did is told before whoever drops it goes on, and nothing of it has an effect any more.
        // What cannot be written the log's owner hears of.
        let _ = self.session.close();
        self.left.close();
        if let Some(driver) = &self.driver {
            driver.abort();
        }
        if let Some(inbox) = self.inbox() {
            inbox.close();
        }
        self.actor().kill();
    }
}

impl Callee for Live {
    fn name(&self) -> &str {
        self.target.peer.name()
    }

    fn now(&self) -> Option<Arc<Target>> {
        (!self.gone.load(Ordering::SeqCst)).then(|| Arc::clone(&self.target))
    }

    fn call(&self, call: LinkedCall) -> Answer<'_> {
        Box::pin(async move {
            if call.to.instance() != self.target.peer.instance() {
                return Err(NotDone::Replaced(call.arguments));
            }
            let LinkedCall { function, arguments, chain, under, .. } = call;
            self.told(match self.begin(&function, arguments, chain, Some(under)).await {
                Ok(pending) => pending.answer().await,
                Err(error) => Err(error),
            })
        })
    }
}
