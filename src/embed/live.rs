//! What lives of a component: one call at a time, for the host or for another component.

use crate::actor::{Call, CallError, Job, Left, Post, Resident};
use crate::embed::Error;
use crate::embed::value;
use crate::host::linked::{Answer, Callee, LinkedCall, NotDone, Target};
use crate::kernel::{Function, InUse, Instance};
use airssys_osl::calls::Under;
use airssys_osl::post::Inbox;
use airssys_osl::{Chain, Session};
use airssys_rt::{ActorSystem, Address, Options, Prompt, SendError, Shutdown, gather};
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
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
    /// Whose turn it is: that of a message, or of whoever pauses them.
    turn: Arc<Mutex<()>>,
}

/// An instance's own mailbox, and who is handed what comes there; none where it takes that itself.
pub(in crate::embed) struct Mailbox {
    pub(in crate::embed) inbox: Arc<Inbox>,
    pub(in crate::embed) handler: Option<Function>,
}

impl Mailbox {
    /// What hands the instance its messages, if it has a handler.
    fn post(&self, turn: &Arc<Mutex<()>>) -> Option<Post> {
        let handler = self.handler.clone()?;
        Some(Post::new(Arc::clone(&self.inbox), handler, Arc::clone(turn)))
    }
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
    /// Tells the instance of it.
    prompt: Prompt,
    /// True once the instance was unloaded.
    gone: Arc<AtomicBool>,
}

impl<T> Pending<T> {
    /// Waits for it. Whoever does not ends the call, and the instance with it.
    pub(in crate::embed) async fn answer(self) -> Result<T, Error> {
        // What it waits for it may as well do itself, for a tick.
        self.prompt.run();
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
        let turn = Arc::default();
        let post = mailbox.as_ref().and_then(|mailbox| mailbox.post(&turn));
        let resident = Resident::new(instance, Arc::clone(&session), Arc::clone(&left), post);
        let (address, gone) = (ArcSwap::from_pointee(spawn(actors, resident)?), Arc::default());
        let actors = actors.clone();
        Ok(Live {
            target: Arc::new(target),
            session,
            gone,
            actors,
            address,
            left,
            mailbox,
            memory,
            since,
            turn,
        })
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
        let (call, answer) = Call::new(chain, move |instance: &mut Instance| {
            Box::pin(async move {
                let done = instance.call(&function, arguments, under.clone()).await;
                // Who called it is told why by its own wait.
                let lost = under.is_some_and(|under| !under.stands());
                done.map_err(|failure| if lost { CallError::Ended } else { CallError::Failed(failure) })
            })
        });
        let prompt = self.put(call).await?;
        Ok(self.pending(answer, prompt))
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
        let (call, answer) = Call::new(Arc::default(), move |instance: &mut Instance| {
            Box::pin(async move {
                if !instance.has_types::<P, R>(&function) {
                    let types = value::signature(&function.ty);
                    return Err(CallError::Types(format!("`{}` has other types: {types}", function.name)));
                }
                instance.call_typed::<P, R>(&function, arguments).await.map_err(CallError::Failed)
            })
        });
        let prompt = self.put(call).await?;
        self.pending(answer, prompt).answer().await
    }

    fn pending<T>(&self, answer: oneshot::Receiver<Result<T, CallError>>, prompt: Prompt) -> Pending<T> {
        Pending { answer, prompt, gone: Arc::clone(&self.gone) }
    }

    async fn put(&self, call: Call) -> Result<Prompt, Error> {
        let address = self.living()?;
        let (sent, prompt) = gather(|| address.try_send(Job::Call(call)));
        match sent {
            Ok(_) => Ok(prompt),
            Err(SendError::Full(call)) => {
                address.send(call).await.map(|_| Prompt::default()).map_err(|_| Error::Ended)
            }
            Err(_) => Err(Error::Ended),
        }
    }

    /// The instance's actor, made anew on the executor that calls when the one it ran on has gone between two calls.
    fn living(&self) -> Result<Arc<Address<Job>>, Error> {
        let address = self.address.load_full();
        if !address.is_gone() {
            return Ok(address);
        }
        let instance = self.left.take().ok_or(Error::Ended)?;
        let post = self.mailbox.as_ref().and_then(|mailbox| mailbox.post(&self.turn));
        let resident = Resident::new(instance, Arc::clone(&self.session), Arc::clone(&self.left), post);
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

fn spawn(actors: &ActorSystem, resident: Resident) -> Result<Address<Job>, Error> {
    // Without a mailbox it has nothing to do until it is called, and whoever calls it waits.
    let options = Options::new().on_demand(!resident.has_post());
    actors.spawn_with(options, resident).map_err(|error| Error::Executor(error.to_string()))
}

impl Drop for Live {
    fn drop(&mut self) {
        // Here and now: what it did is told before whoever drops it goes on, and nothing of it has an effect any more.
        // What cannot be written the log's owner hears of.
        let _ = self.session.close();
        self.left.close();
        if let Some(inbox) = self.inbox() {
            inbox.close();
        }
        // Whoever drops it does what is left to do, where it can.
        let ((), prompt) = gather(|| self.actor().kill());
        prompt.run();
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
