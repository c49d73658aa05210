//! Which components live, who starts them again, and in which order they end.

use crate::embed::linking::prepared;
use crate::embed::named::claim::{Claim, Starting};
use crate::embed::named::seat::Seat;
use crate::embed::named::{Condition, Named, Route};
use crate::embed::version::{Place, Version};
use crate::embed::{Component, ComponentRuntime, ComponentSource, Error};
use crate::host::linked::{Callee, LinkSpec};
use crate::identity::VerifiedComponent;
use crate::kernel::Compiled;
use airssys_osl::post::Terms;
use airssys_rt::{
    ActorSystem, Backoff, ChildSpec, Intensity, Report, Restart, Shutdown, Strategy, Supervisor,
    SupervisorRef,
};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A component that is to have a name: that of its own manifest.
#[derive(Debug, Clone)]
#[must_use]
pub struct Spec {
    source: ComponentSource,
    name: Option<String>,
    links: Vec<(String, String)>,
    restart: Restart,
    shutdown: Duration,
    backoff: Backoff,
    alone: Option<Intensity>,
    mailbox: MailboxTerms,
}

/// The bounds of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailboxTerms {
    /// Most messages that wait; in a durable mailbox those that are not acknowledged and the dead letters, and as many
    /// requests and events again.
    pub messages: u32,
    /// Most bytes of all that wait, each with 256 beside its body; on disk each with what is kept of its sender, and the dead
    /// letters too.
    pub bytes: u64,
    /// Makes it durable, which takes [`Config::state_dir`](crate::embed::Config::state_dir): after how many deliveries that
    /// were not acknowledged a message is a dead letter.
    ///
    /// A message that another component sent it is on disk before the sender hears so, and is delivered until it was dealt
    /// with: at least once, also after the process was killed. Requests and events lie in memory as ever: who asked waits no
    /// longer after a restart, and who published waits for no disk. A message is delivered after all that the same sender sent
    /// it before, unless it was given back meanwhile.
    ///
    /// While the sender's instance lives, its permission counts as it does for any message, and what is taken back from it
    /// is taken back from what it has sent. When that has ended, above all after a restart, `msg:send` is decided anew by the
    /// policies in force, with the sender as it was for a principal and by its own authority, and only if the key that signed
    /// it is trusted still. What is refused is dropped and counted; what is past its time is a dead letter.
    pub durable: Option<NonZeroU32>,
    /// How long a message of a durable mailbox that was given back rests before it is delivered again. Whatever else the same
    /// sender has sent after it waits behind it; what others send does not. A restart of the host ends each rest.
    pub redelivery: Backoff,
}

impl Default for MailboxTerms {
    fn default() -> MailboxTerms {
        MailboxTerms { messages: 64, bytes: 16 << 20, durable: None, redelivery: Backoff::default() }
    }
}

impl Spec {
    /// A component that is started again however it ended, and has five seconds to end.
    pub fn new(source: impl Into<ComponentSource>) -> Spec {
        Spec {
            source: source.into(),
            name: None,
            links: Vec::new(),
            restart: Restart::Permanent,
            shutdown: Duration::from_secs(5),
            backoff: Backoff::default(),
            alone: None,
            mailbox: MailboxTerms::default(),
        }
    }

    /// Refuses it unless it has that name.
    pub fn named(mut self, name: impl Into<String>) -> Spec {
        self.name = Some(name.into());
        self
    }

    /// Has the component `to` serve the interface `import`, by its name with version.
    pub fn link(mut self, import: impl Into<String>, to: impl Into<String>) -> Spec {
        self.links.push((import.into(), to.into()));
        self
    }

    /// When it is started again.
    pub fn restart(mut self, restart: Restart) -> Spec {
        self.restart = restart;
        self
    }

    /// How long it may take to finish what it has accepted when it is told to end.
    pub fn shutdown(mut self, most: Duration) -> Spec {
        self.shutdown = most;
        self
    }

    /// How long to wait before it is started again.
    pub fn backoff(mut self, backoff: Backoff) -> Spec {
        self.backoff = backoff;
        self
    }

    /// Has it stand for itself alone: with one fault more than that it is [`Failed`](crate::embed::Condition::Failed) and not
    /// started again, and its faults are none of its supervisor's.
    pub fn alone(mut self, intensity: Intensity) -> Spec {
        self.alone = Some(intensity);
        self
    }

    /// The bounds of its mailbox.
    pub fn mailbox(mut self, terms: MailboxTerms) -> Spec {
        self.mailbox = terms;
        self
    }

    fn child(&self, runtime: &ComponentRuntime, route: &Arc<Route>) -> ChildSpec {
        let (shared, own) = (Arc::downgrade(&runtime.shared), Arc::clone(route));
        let child =
            ChildSpec::new(Arc::clone(&route.name), move || Seat::new(shared.clone(), Arc::clone(&own)))
                .restart(self.restart)
                .shutdown(Shutdown::Graceful(self.shutdown))
                .backoff(self.backoff);
        let Some(intensity) = self.alone else { return child };
        let own = Arc::clone(route);
        child.alone(intensity, move || own.rests(Condition::Failed))
    }

    fn terms(&self) -> Terms {
        let MailboxTerms { messages, bytes, durable: _, redelivery: _ } = self.mailbox;
        Terms { messages: usize::try_from(messages).unwrap_or(usize::MAX), body_bytes: bytes, bytes }
    }
}

/// A supervisor and its children, in the order in which they are started. They end in reverse.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Its name, among those of all supervisors.
    pub name: String,
    /// Whom it starts again when a child failed.
    pub strategy: Strategy,
    /// How many faults in how long are too many: then it ends its children and fails itself.
    pub intensity: Intensity,
    /// Its children.
    pub children: Vec<Node>,
}

/// A child.
#[derive(Debug, Clone)]
pub enum Node {
    /// A component.
    Component(Spec),
    /// Another supervisor.
    Supervisor(Tree),
}

/// A component that is verified and compiled, and has its name.
struct Ready {
    spec: Spec,
    verified: VerifiedComponent,
    compiled: Compiled,
    route: Arc<Route>,
    claim: Claim,
}

/// A supervisor whose components are verified, compiled and linked.
#[derive(Clone)]
struct Branch {
    name: String,
    strategy: Strategy,
    intensity: Intensity,
    /// Each with its way, if it is a component: one that was stopped is left out of a supervisor that is made anew.
    children: Vec<(Option<Arc<Route>>, ChildSpec)>,
}

impl ComponentRuntime {
    /// Verifies, compiles and links all components of a tree, and starts them under their supervisors. A runtime has one
    /// tree; it lives until [`ComponentRuntime::shutdown`].
    ///
    /// Each start, also one after a trap, asks `component:load` on the component, with the component itself as principal.
    /// One that is denied, or fails otherwise, counts as a fault of its supervisor's child.
    ///
    /// # Errors
    /// As [`ComponentRuntime::load_component`] for each component, before any is started; [`Error::Config`] for a name that
    /// is there twice, a link to nobody, and a second tree.
    pub async fn supervise(&self, tree: Tree) -> Result<(), Error> {
        let mut ready = Vec::new();
        self.prepare_all(&tree, &mut ready).await?;
        let child = |one: &Ready| (Arc::clone(&one.route), one.spec.child(self, &one.route));
        let children: Vec<_> = ready.iter().map(child).collect();
        let claims = self.link_all(ready)?;
        let root = branch(&tree, &mut children.into_iter());
        let started = root.supervisor().spawn(self.shared.actors(), root.name.clone());
        let started = started.map_err(|error| Error::Config(error.to_string()))?;
        self.shared.rooted(started.clone()).inspect_err(|_| started.actor().kill())?;
        claims.into_iter().for_each(Claim::keep);
        Ok(())
    }

    /// Starts a component under its own name, supervised one by one, and asks `component:load` as there. Given up on the way,
    /// it is not started; its name is free then, or a moment later where its supervisor had been told.
    ///
    /// # Errors
    /// As [`ComponentRuntime::supervise`], and as [`ComponentRuntime::load_component`] from its first start.
    pub async fn spawn(&self, spec: Spec) -> Result<Named, Error> {
        let root = self.root()?;
        let supervisor: Arc<str> = root.actor().name().unwrap_or_default().into();
        let ready = self.ready(&spec, &supervisor).await?;
        let (route, child) = (Arc::clone(&ready.route), spec.child(self, &ready.route));
        let starting = Starting::new(&root, self.first(ready).await?);
        if let Err(error) = root.start_child(child).await {
            // What failed once would be tried again; whoever asked hears of it instead.
            starting.undone().await;
            return Err(Error::Config(error.to_string()));
        }
        starting.done();
        Ok(Named { route })
    }

    /// Links a component, and makes its first instance.
    async fn first(&self, ready: Ready) -> Result<Claim, Error> {
        let (route, claim) = (Arc::clone(&ready.route), self.link(ready)?);
        let version = route.version.load_full().ok_or(Error::Ended)?;
        let first = Component::start(Arc::clone(&self.shared), version, Place::Named(route.terms)).await?;
        *route.first() = Some(Arc::new(first));
        Ok(claim)
    }

    fn root(&self) -> Result<SupervisorRef, Error> {
        if let Some(root) = self.shared.root() {
            return Ok(root.clone());
        }
        let root = Supervisor::new(Strategy::OneForOne).spawn(self.shared.actors(), "root");
        let root = root.map_err(|error| Error::Config(error.to_string()))?;
        self.shared.rooted(root.clone())?;
        Ok(root)
    }

    async fn prepare_all(&self, tree: &Tree, into: &mut Vec<Ready>) -> Result<(), Error> {
        let supervisor: Arc<str> = tree.name.as_str().into();
        for node in &tree.children {
            match node {
                Node::Component(spec) => into.push(self.ready(spec, &supervisor).await?),
                Node::Supervisor(tree) => Box::pin(self.prepare_all(tree, into)).await?,
            }
        }
        Ok(())
    }

    /// Verifies and compiles a component, and gives it its name. Its links come when all names are there.
    async fn ready(&self, spec: &Spec, supervisor: &Arc<str>) -> Result<Ready, Error> {
        let wanted = spec.name.as_deref();
        let prepared = self.prepare(spec.source.clone()).await;
        let (verified, compiled) = prepared.map_err(|error| match wanted {
            Some(name) if !matches!(error, Error::NotFound(_)) => error.of(name),
            _ => error,
        })?;
        let name = &verified.principal().name;
        if let Some(wanted) = wanted.filter(|wanted| wanted != name) {
            let shown = wanted.escape_debug();
            return Err(Error::Config(format!(
                "`{shown}` is to be started, and its file is `{name}`: correct the name or the file"
            )));
        }
        let ahead = self.shared.ahead(&verified, &compiled)?;
        let place = (Arc::clone(supervisor), spec.restart, spec.shutdown);
        let route = Route::new(verified.principal(), ahead, spec.terms(), spec.links.clone(), place);
        let route = Arc::new(route);
        let claim = Claim::new(&self.shared, &route)?;
        self.keep(&route, spec.mailbox).await?;
        Ok(Ready { spec: spec.clone(), verified, compiled, route, claim })
    }

    /// Their names, which are free again when they are dropped.
    fn link_all(&self, ready: Vec<Ready>) -> Result<Vec<Claim>, Error> {
        ready.into_iter().map(|one| self.link(one)).collect()
    }

    fn link(&self, ready: Ready) -> Result<Claim, Error> {
        let Ready { verified, compiled, route, claim, .. } = ready;
        let version = self.version(verified, &compiled, &route.links);
        route.version.store(Some(Arc::new(version.map_err(|error| error.of(&route.name))?)));
        Ok(claim)
    }

    /// A version of a component whose imports those names serve.
    pub(in crate::embed) fn version(
        &self,
        verified: VerifiedComponent,
        compiled: &Compiled,
        links: &[(String, String)],
    ) -> Result<Version, Error> {
        let spec = |(import, to): &(String, String)| {
            let to: Arc<dyn Callee> = self.shared.routes().find(to)?;
            Ok::<_, Error>(LinkSpec { import: import.clone(), to })
        };
        let specs = links.iter().map(spec).collect::<Result<Vec<_>, _>>()?;
        let (links, prepared) =
            prepared(self, compiled, specs).map_err(|error| self.shared.refuse_import(&verified, error))?;
        Ok(Version::new(prepared, verified, links, self.shared.now()?))
    }

    /// Ends everything that has a name, in reverse order of its start, and the versions before that finish what they had
    /// accepted, within that time; who had not ended by then was killed, and is told.
    pub async fn shutdown(&self, most: Duration) -> Report {
        let routes = self.shared.routes().all();
        routes.iter().for_each(|route| route.gone.store(true, Ordering::SeqCst));
        let actors: &ActorSystem = self.shared.actors();
        let mut report = actors.shutdown(most).await;
        // Of whoever has sent what waits still; what cannot be written the log's owner hears of.
        let _ = self.shared.gate().flush_summaries();
        // A version whose place was taken has no name of its own any more; it is told by the one it had.
        for late in report.killed.iter_mut().chain(&mut report.stuck) {
            let had = || routes.iter().find(|route| route.finishing.holds(late.id));
            late.name = late.name.take().or_else(|| had().map(|route| Arc::clone(&route.name)));
        }
        report
    }

    /// Returns when the supervisor of all has ended, and says why: it has when too many of its children failed.
    pub async fn over(&self) -> Option<String> {
        let root = self.shared.root()?.actor();
        Some(root.ended().await.to_string())
    }
}

/// The supervisors of a tree over the children that were made of its components, in the order in which they stand.
fn branch(tree: &Tree, ready: &mut impl Iterator<Item = (Arc<Route>, ChildSpec)>) -> Branch {
    let mut children = Vec::new();
    for node in &tree.children {
        match node {
            Node::Component(_) => children.extend(ready.next().map(|(route, child)| (Some(route), child))),
            Node::Supervisor(tree) => children.push((None, branch(tree, ready).child())),
        }
    }
    Branch { name: tree.name.clone(), strategy: tree.strategy, intensity: tree.intensity, children }
}

impl Branch {
    fn supervisor(&self) -> Supervisor {
        let empty = Supervisor::with_intensity(self.strategy, self.intensity);
        let stopped = |route: &Option<Arc<Route>>| {
            route.as_ref().is_some_and(|route| route.stopped.load(Ordering::SeqCst))
        };
        let children = self.children.iter().filter(|(route, _)| !stopped(route));
        children.fold(empty, |supervisor, (_, child)| supervisor.child(child.clone()))
    }

    fn child(self) -> ChildSpec {
        ChildSpec::supervisor(self.name.clone(), move || self.supervisor())
    }
}
