//! The supervisor itself: an actor that does what its plan says.
//!
//! It never waits in a handler: a factory and the wait before it run in a task of their own, and the end of a child
//! is news. So a child that is slow to start, or that waits for its backoff, holds up nobody else.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::actor::{Actor, Options};
use crate::address::{ActorRef, Address};
use crate::context::Context;
use crate::directory::{Claim, SpawnError};
use crate::exit::{ActorId, Down, ExitReason, Failure};
use crate::reply::Reply;
use crate::supervisor::handle::{ChildError, ChildInfo, SupervisorRef};
use crate::supervisor::intensity::Intensity;
use crate::supervisor::kid::{Home, Kid, caught, state};
use crate::supervisor::plan::{Key, Order, Plan};
use crate::supervisor::spec::{Built, ChildSpec};
use crate::supervisor::strategy::Strategy;
use crate::system::ActorSystem;

/// What a supervisor is sent. Made by [`SupervisorRef`].
#[derive(Debug)]
pub struct SupervisorMessage(pub(crate) Command);

pub(crate) enum Command {
    Start(Box<ChildSpec>, Reply<Result<ActorRef, ChildError>>),
    Terminate(Arc<str>, Reply<Result<(), ChildError>>),
    Restart(Arc<str>, Reply<Result<ActorRef, ChildError>>),
    Delete(Arc<str>, Reply<Result<(), ChildError>>),
    Which(Reply<Vec<ChildInfo>>),
    /// A factory has done its work.
    Built(Key, u64, Result<Built, Failure>),
    /// A child's first hook is over.
    Ready(Key, ActorId),
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Command")
    }
}

/// Starts its children in order, and anew when they fall; stops them in reverse.
///
/// With more faults than its [`Intensity`] bears it stops its children and fails itself, which is a fault to its own
/// supervisor. It is an actor, and so a child like any other ([`ChildSpec::supervisor`]). When it is killed, its
/// children are killed with it.
///
/// ```
/// use airssys_rt::{ActorSystem, ChildSpec, Strategy, Supervisor};
/// # use airssys_rt::{Actor, Context, Failure};
/// # struct Idle;
/// # impl Actor for Idle {
/// #     type Message = ();
/// #     async fn handle(&mut self, _: (), _: &mut Context<Self>) -> Result<(), Failure> { Ok(()) }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = ActorSystem::new();
/// Supervisor::new(Strategy::RestForOne)
///     .child(ChildSpec::new("store", || async { Ok(Idle) }))
///     .child(ChildSpec::supervisor("workers", || {
///         Supervisor::new(Strategy::OneForOne).child(ChildSpec::new("worker", || async { Ok(Idle) }))
///     }))
///     .spawn(&system, "root")?;
/// # Ok(())
/// # }
/// ```
pub struct Supervisor {
    plan: Plan,
    kids: HashMap<Key, Kid>,
    keys: HashMap<ActorId, Key>,
    began: Instant,
    home: Option<Home>,
    /// Who waits for the first round to be over.
    ready: Option<oneshot::Sender<()>>,
}

impl Supervisor {
    /// A supervisor without children, with [`Intensity::default`].
    #[must_use]
    pub fn new(strategy: Strategy) -> Self {
        Self::with_intensity(strategy, Intensity::default())
    }

    /// A supervisor without children.
    #[must_use]
    pub fn with_intensity(strategy: Strategy, intensity: Intensity) -> Self {
        Self {
            plan: Plan::new(strategy, intensity),
            kids: HashMap::new(),
            keys: HashMap::new(),
            began: Instant::now(),
            home: None,
            ready: None,
        }
    }

    /// One child more, after the others. A second one of a name fails the supervisor when it starts.
    #[must_use]
    pub fn child(mut self, spec: ChildSpec) -> Self {
        let key = self.plan.add(spec.restart, true, spec.intensity());
        self.kids.insert(key, Kid::new(spec));
        self
    }

    /// Spawns it at the root of `system`, under a name.
    ///
    /// # Errors
    ///
    /// Each case of [`SpawnError`].
    pub fn spawn(self, system: &ActorSystem, name: impl Into<Arc<str>>) -> Result<SupervisorRef, SpawnError> {
        system.spawn_with(Options::new().name(name), self).map(SupervisorRef::from)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn key_of(&self, name: &str) -> Result<Key, ChildError> {
        let found = self.kids.iter().find(|(_, kid)| &*kid.spec.name == name);
        found.map(|(key, _)| *key).ok_or_else(|| ChildError::Unknown { name: name.to_owned() })
    }

    /// Does what follows from the last event.
    fn carry_out(&mut self, context: &mut Context<Self>) -> Result<(), Failure> {
        if context.is_stopping() {
            return Ok(());
        }
        for order in self.plan.orders() {
            match order {
                Order::Start { key, run, faults } => self.build(key, run, faults, &context.address()),
                Order::Cancel { key } => self.with(key, Kid::cancel),
                Order::Stop { key } => self.with(key, |kid| {
                    if let Some(actor) = &kid.actor {
                        actor.stop(kid.spec.shutdown);
                    }
                }),
                Order::Rest { key } => self.rest(key),
                Order::Forget { key } => {
                    self.rest(key);
                    self.kids.remove(&key);
                }
                Order::Abandon { key } => {
                    self.rest(key);
                    self.with(key, Kid::abandoned);
                }
                Order::GiveUp => return Err(Failure::new(self.complaint())),
            }
        }
        self.tell_ready();
        Ok(())
    }

    /// Tells its own supervisor when the first round is over.
    fn tell_ready(&mut self) {
        if self.plan.is_begun()
            && let Some(ready) = self.ready.take()
        {
            // Who waited may have ended.
            ready.send(()).ok();
        }
    }

    fn with(&mut self, key: Key, change: impl FnOnce(&mut Kid)) {
        if let Some(kid) = self.kids.get_mut(&key) {
            change(kid);
        }
    }

    fn complaint(&self) -> String {
        let fallen = self.kids.values().max_by_key(|kid| (kid.last_failure.is_some(), kid.since));
        let name = fallen.map_or("", |kid| &*kid.spec.name);
        format!("more faults of its children than it bears, the last of `{name}`")
    }

    fn rest(&mut self, key: Key) {
        let Some(kid) = self.kids.get_mut(&key) else { return };
        kid.answer_stops();
        if !kid.starts.is_empty() {
            let name = kid.spec.name.to_string();
            let error = match &kid.last_failure {
                Some(why) => ChildError::Failed { name, why: why.clone() },
                None => ChildError::Terminated { name },
            };
            kid.answer_starts(&Err(error));
        }
        if let (Some(home), Some(name)) = (&self.home, &kid.spec.options.name) {
            home.directory.release(name, &home.kept);
        }
    }

    /// Has a fresh instance built, after the wait that is due.
    fn build(&mut self, key: Key, run: u64, faults: u32, address: &Address<SupervisorMessage>) {
        let Some(kid) = self.kids.get_mut(&key) else { return };
        if let (Some(home), Some(name)) = (&self.home, &kid.spec.options.name)
            && let Some(claim) = &home.claim
        {
            // A name that is taken fails the start, below.
            drop(home.directory.keep(name, claim));
        }
        let delay = kid.spec.backoff.delay(faults);
        let factory = Arc::clone(&kid.spec.build);
        let address = address.clone();
        let starter = tokio::spawn(async move {
            if !delay.is_zero() {
                sleep(delay).await;
            }
            let built = caught(factory).await;
            // A supervisor that has ended wants no child.
            drop(address.send(SupervisorMessage(Command::Built(key, run, built))).await);
        });
        kid.starter = Some(starter.abort_handle());
    }

    /// Spawns what was built, if it is still wanted.
    fn built(&mut self, key: Key, run: u64, built: Result<Built, Failure>, context: &mut Context<Self>) {
        if !self.plan.awaits(key, run) || context.is_stopping() {
            return;
        }
        let claim = self.home.as_ref().map_or_else(Weak::new, |home| Weak::clone(&home.kept));
        let now = self.now();
        let Some(kid) = self.kids.get_mut(&key) else { return };
        kid.starter = None;
        let (tell, ready) = oneshot::channel();
        let spawned = built.and_then(|built| {
            built(context.system(), kid.spec.options.clone(), claim, tell).map_err(Failure::from)
        });

        match spawned {
            Ok(actor) => self.spawned(key, &actor, ready, context),
            Err(failure) => {
                let (name, why) = (kid.spec.name.to_string(), failure.into_text());
                kid.last_failure = Some(why.clone());
                kid.since = Instant::now();
                kid.answer_starts(&Err(ChildError::Failed { name, why }));
                self.plan.failed(key, now);
            }
        }
    }

    fn spawned(
        &mut self,
        key: Key,
        actor: &ActorRef,
        ready: oneshot::Receiver<()>,
        context: &mut Context<Self>,
    ) {
        let id = actor.id();
        self.keys.insert(id, key);
        self.with(key, |kid| {
            kid.since = Instant::now();
            kid.last_failure = None;
            kid.actor = Some(actor.clone());
        });
        self.plan.started(key);
        context.adopt(actor);
        let address = context.address();
        tokio::spawn(async move {
            if ready.await.is_ok() {
                // A supervisor that has ended waits for nobody.
                drop(address.send(SupervisorMessage(Command::Ready(key, id))).await);
            }
        });
    }

    fn ready(&mut self, key: Key, id: ActorId) {
        let Some(kid) = self.kids.get_mut(&key) else { return };
        if let Some(actor) = kid.actor.clone().filter(|actor| actor.id() == id) {
            kid.answer_starts(&Ok(actor));
            self.plan.ready(key);
        }
    }

    fn start_child(&mut self, spec: ChildSpec, reply: Reply<Result<ActorRef, ChildError>>) {
        if self.key_of(&spec.name).is_ok() {
            return drop(reply.send(Err(ChildError::Exists { name: spec.name.to_string() })));
        }
        let key = self.plan.add(spec.restart, false, spec.intensity());
        let mut kid = Kid::new(spec);
        kid.starts.push(reply);
        self.kids.insert(key, kid);
    }

    fn terminate_child(&mut self, name: &str, reply: Reply<Result<(), ChildError>>) {
        match self.key_of(name) {
            Ok(key) => {
                self.with(key, |kid| kid.stops.push(reply));
                self.plan.terminate(key);
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn restart_child(&mut self, name: &str, reply: Reply<Result<ActorRef, ChildError>>) {
        match self.key_of(name) {
            Ok(key) if self.plan.revive(key) => self.with(key, |kid| kid.starts.push(reply)),
            Ok(_) => drop(reply.send(Err(ChildError::Alive { name: name.to_owned() }))),
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn delete_child(&mut self, name: &str) -> Result<(), ChildError> {
        if self.plan.delete(self.key_of(name)?) {
            Ok(())
        } else {
            Err(ChildError::Alive { name: name.to_owned() })
        }
    }

    fn which(&self) -> Vec<ChildInfo> {
        let info = |key| {
            let kid = self.kids.get(&key)?;
            let (faults, restarts) = self.plan.counts(key);
            let restarted = kid.last_exit.is_some() || kid.last_failure.is_some();
            Some(ChildInfo {
                name: Arc::clone(&kid.spec.name),
                state: state(self.plan.phase(key)?, restarted),
                actor: kid.actor.clone(),
                restart: kid.spec.restart,
                restarts,
                faults,
                last_exit: kid.last_exit.clone(),
                last_failure: kid.last_failure.clone(),
            })
        };
        self.plan.keys().filter_map(info).collect()
    }

    fn first_double(&self) -> Option<&str> {
        let mut seen = std::collections::HashSet::new();
        self.kids.values().map(|kid| &*kid.spec.name).find(|name| !seen.insert(*name))
    }
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new(Strategy::default())
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("children", &self.kids.len()).finish_non_exhaustive()
    }
}

impl Actor for Supervisor {
    type Message = SupervisorMessage;

    async fn started(&mut self, context: &mut Context<Self>) -> Result<(), Failure> {
        if let Some(name) = self.first_double() {
            return Err(Failure::new(format!("there are two children `{name}`")));
        }
        let claim = Arc::new(Claim);
        let kept = Arc::downgrade(&claim);
        let directory = Arc::clone(context.system().directory());
        self.home = Some(Home { claim: Some(claim), kept, directory });
        self.began = Instant::now();
        self.ready = context.ready.take();
        self.carry_out(context)
    }

    async fn handle(
        &mut self,
        SupervisorMessage(command): SupervisorMessage,
        context: &mut Context<Self>,
    ) -> Result<(), Failure> {
        // Who asked may have gone meanwhile.
        match command {
            Command::Start(spec, reply) => self.start_child(*spec, reply),
            Command::Terminate(name, reply) => self.terminate_child(&name, reply),
            Command::Restart(name, reply) => self.restart_child(&name, reply),
            Command::Delete(name, reply) => drop(reply.send(self.delete_child(&name))),
            Command::Which(reply) => drop(reply.send(self.which())),
            Command::Built(key, run, built) => self.built(key, run, built, context),
            Command::Ready(key, id) => self.ready(key, id),
        }
        self.carry_out(context)
    }

    async fn down(&mut self, down: Down, context: &mut Context<Self>) -> Result<(), Failure> {
        let Some(key) = self.keys.remove(&down.id) else { return Ok(()) };
        let now = self.now();
        let Some(kid) = self.kids.get_mut(&key) else { return Ok(()) };
        let settled = kid.since.elapsed() > kid.spec.backoff.most;
        kid.since = Instant::now();
        kid.actor = None;
        kid.last_exit = Some(down.reason.clone());
        // Who waits for its start, still: it ended in its first hook.
        let (name, why) = (kid.spec.name.to_string(), down.reason.to_string());
        kid.answer_starts(&Err(ChildError::Failed { name, why }));
        self.plan.ended(key, down.reason.is_abnormal(), settled, now);
        self.carry_out(context)
    }

    async fn stopped(&mut self, _: &ExitReason, _: &mut Context<Self>) {
        self.kids.values_mut().for_each(Kid::cancel);
        for key in self.plan.keys().rev() {
            let Some(kid) = self.kids.get(&key) else { continue };
            if let Some(actor) = &kid.actor {
                actor.stop(kid.spec.shutdown);
                actor.ended().await;
            }
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.kids.values_mut().for_each(Kid::cancel);
        let Some(home) = &mut self.home else { return };
        // First the claim, so that a child that ends now keeps no name.
        drop(home.claim.take());
        let names = self.kids.values().filter_map(|kid| kid.spec.options.name.as_ref());
        names.for_each(|name| home.directory.release(name, &home.kept));
    }
}
