//! What operators do to named components, and what they see of them.

use crate::embed::named::{Named, Route};
use crate::embed::value::{self, CallExpr, Function};
use crate::embed::{Component, ComponentRuntime, Error};
use crate::identity;
use airssys_osl::action::ComponentCall;
use airssys_osl::post::{self, Draft, PostError};
use airssys_osl::{Denied, FunctionName, Operator, Peer, Session, Subject, calls};
use airssys_rt::{ActorRef, ChildError, ExitReason, SupervisorMessage, SupervisorRef};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::MutexGuard;
use wasmtime::component::Val;

/// What is asked, as the log names it.
const CALL: &str = "component:call";
const SEND: &str = "msg:send";

/// How a component stands with its supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// Its first instance is being made.
    Starting,
    /// It takes calls and messages.
    Running,
    /// Another version takes its place.
    Reloading,
    /// It has ended, and is started again.
    Waiting,
    /// It was stopped, or has ended by itself, and is not started again.
    Stopped,
    /// It failed, and is not started again.
    Failed,
}

/// How a component was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// Whether it ended by itself in time, and so did the older versions that were finishing.
    pub in_time: bool,
    /// Messages that were left in its mailbox.
    pub left: u64,
}

impl ComponentRuntime {
    /// Stops the component of that name, and the versions before it that are finishing: it takes nothing more, ends when it
    /// has done what it had accepted, and is not started again. It is killed when that takes longer than `grace`, or than its [`Spec`](crate::embed::Spec) says where there is
    /// none.
    ///
    /// # Errors
    /// [`Error::Unknown`]; [`Error::Unavailable`] when its supervisor is no more.
    pub async fn stop(&self, name: &str, grace: Option<Duration>) -> Result<Stopped, Error> {
        let route = self.shared.routes().find(name)?;
        let turn = route.reloading.lock().await;
        self.stopped(&route, turn, grace).await
    }

    /// Starts the component of that name again that was stopped, or is not started again by its supervisor; and returns when
    /// it runs. It is the version that ran last, and asks `component:load` as at each start.
    ///
    /// # Errors
    /// [`Error::Unknown`]; [`Error::Config`] when it runs, or is being started; [`Error::Unavailable`] when its supervisor
    /// is no more; [`Error::Start`] when it failed.
    pub async fn start(&self, name: &str) -> Result<(), Error> {
        let route = self.shared.routes().find(name)?;
        let _turn = route.reloading.lock().await;
        let supervisor = self.supervisor_of(&route)?;
        let Some(rested) = route.wakes() else {
            return Err(Error::Config(format!("`{name}` is not stopped: it runs, or is being started")));
        };
        let started = supervisor.restart_child(&route.name).await;
        started.map(drop).map_err(|error| {
            if !matches!(error, ChildError::Failed { .. } | ChildError::Alive { .. }) {
                route.rests(rested);
            }
            Error::Start { name: name.to_owned(), why: error.to_string() }
        })
    }

    fn supervisor_of(&self, route: &Route) -> Result<SupervisorRef, Error> {
        let address = self.shared.actors().address::<SupervisorMessage>(&route.supervisor);
        address.map(SupervisorRef::from).map_err(|_| Error::Unavailable { name: route.name.to_string() })
    }

    /// As [`ComponentRuntime::stop`], if `may` says so of whoever lives there when it is about to be stopped.
    ///
    /// # Errors
    /// What `may` says; within, as [`ComponentRuntime::stop`].
    pub(crate) async fn stop_if<E>(
        &self,
        name: &str,
        grace: Option<Duration>,
        may: impl FnOnce(Peer) -> Result<(), E>,
    ) -> Result<Result<Stopped, Error>, E> {
        let found = self.shared.routes().find(name).and_then(|route| {
            let peer = Peer::named(name).ok_or_else(|| Error::Unknown { name: name.to_owned() })?;
            Ok((route, peer))
        });
        let (route, peer) = match found {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let turn = route.reloading.lock().await;
        let living = route.current.load_full();
        may(living.map_or(peer, |living| living.live.target.peer.clone()))?;
        Ok(self.stopped(&route, turn, grace).await)
    }

    /// Stops the component of that name if the trust file no longer says of it what it said when it was loaded, or its time is
    /// over.
    pub(crate) async fn stop_if_distrusted(&self, name: &str) {
        let still = |_| if self.distrusted().iter().any(|one| one == name) { Ok(()) } else { Err(()) };
        // Whoever has ended by now needs no stop.
        drop(self.stop_if(name, Some(Duration::ZERO), still).await);
    }

    /// Ends each version before the one in place that is finishing and is trusted no longer: its permissions are taken back
    /// already, and so is its time.
    pub(crate) async fn end_distrusted_older(&self) {
        let routes = self.shared.routes().all();
        let older = routes.iter().flat_map(|route| route.finishing.living());
        for older in older.filter(|older| !older.is_trusted()) {
            older.live.end().await;
        }
    }

    /// Stops whoever lives there; no version takes its place meanwhile.
    async fn stopped(
        &self,
        route: &Arc<Route>,
        _turn: MutexGuard<'_, ()>,
        grace: Option<Duration>,
    ) -> Result<Stopped, Error> {
        let name = &*route.name;
        let over = || Error::Unavailable { name: name.to_owned() };
        let supervisor = self.supervisor_of(route)?;
        let (living, seat) = (route.current.load_full(), self.shared.actors().actor(name).ok());
        route.rests(Condition::Stopped);
        route.stopped.store(true, Ordering::SeqCst);
        let (begun, most) = (Instant::now(), grace.unwrap_or(route.shutdown));
        let ending = within(grace, supervisor.terminate_child(&route.name), seat.as_ref());
        let (stopped, older_in_time) = tokio::join!(ending, route.finishing.end(most));
        // A change of version that was given up may have been made until its seat had ended.
        let older_in_time = older_in_time & route.finishing.end(most.saturating_sub(begun.elapsed())).await;
        let left = match &living {
            Some(living) => {
                living.live.end().await;
                route.left.load(Ordering::SeqCst)
            }
            None => 0,
        };
        stopped.map_err(|_| over())?;
        let in_time = seat.is_none_or(|seat| seat.exit().is_none_or(|exit| exit == ExitReason::Shutdown));
        Ok(Stopped { in_time: in_time && older_in_time, left })
    }

    /// A session for an operator: what is asked under it is asked with the operator as principal.
    pub(crate) fn operator(&self, operator: Operator) -> Arc<Session> {
        self.shared.gate().session(Subject::new(operator, self.shared.next_instance()))
    }

    /// Sends a message for whoever has that session. It waits as long as the session is not closed.
    ///
    /// # Errors
    /// As [`post::send`].
    pub(crate) async fn send_for(
        &self,
        session: &Arc<Session>,
        name: &str,
        draft: Draft,
    ) -> Result<(), PostError> {
        post::send(self.shared.office(), session, name, draft, SEND).await
    }

    /// Whether that release is the highest that ever ran under that name, as the state directory has it.
    pub(crate) fn ran_last(&self, name: &str, release: u64) -> bool {
        self.shared.state().is_some_and(|state| state.highest(name) == Some(release))
    }

    /// Whether those bytes are a component that is trusted at the moment.
    pub(crate) fn is_trusted(&self, bytes: Vec<u8>) -> bool {
        let now = self.shared.now();
        now.is_ok_and(|now| identity::verify(bytes, &self.shared.trust(), now).is_ok())
    }

    /// The named components of which the trust file no longer says what it said when they were loaded, or whose time is
    /// over.
    pub(crate) fn distrusted(&self) -> Vec<String> {
        let distrusted = |route: &Arc<Route>| {
            let version = route.version.load_full();
            version.is_some_and(|version| !version.is_trusted(&self.shared))
        };
        let routes = self.shared.routes().all();
        routes.into_iter().filter(distrusted).map(|route| route.name.to_string()).collect()
    }

    /// When the first identity of those named components runs out that are not stopped.
    pub(crate) fn first_runs_out(&self) -> Option<Instant> {
        let routes = self.shared.routes().all();
        let up = routes.into_iter().filter(|route| route.condition() != Condition::Stopped);
        up.filter_map(|route| route.version.load_full()?.until()).min()
    }
}

/// Waits for the end, which is made to come when the time is over.
async fn within<T>(grace: Option<Duration>, ending: impl Future<Output = T>, seat: Option<&ActorRef>) -> T {
    tokio::pin!(ending);
    let Some((grace, seat)) = grace.zip(seat) else { return ending.await };
    tokio::select! {
        biased;
        ended = &mut ending => ended,
        () = tokio::time::sleep(grace) => {
            seat.kill();
            ending.await
        }
    }
}

impl Named {
    /// The component, as it lives now if it does.
    pub(crate) fn peer(&self) -> Option<Peer> {
        let living = self.route.current.load_full();
        living.map(|living| living.live.target.peer.clone()).or_else(|| Peer::named(self.name()))
    }

    /// Calls an export written in WAVE for whoever has that session: `component:call` is asked on the function, and the call
    /// ends with the permission.
    ///
    /// # Errors
    /// [`Denied`]; within, as [`Named::call_wave`].
    pub(crate) async fn call_for(
        &self,
        session: &Arc<Session>,
        expression: &str,
    ) -> Result<Result<Option<String>, Error>, Denied> {
        // Nobody takes its place between the decision and the call.
        let open = self.route.gate.read().await;
        let asked = match self.asked(expression) {
            Ok(asked) => asked,
            Err(error) => return Ok(Err(error)),
        };
        // Decided before anything is told of what it exports.
        let permit = session.authorize::<ComponentCall>(asked.name, CALL)?;
        let (living, (arguments, function)) = match asked.found.and_then(|it| it.lowered()) {
            Ok(found) => (asked.living, found),
            Err(error) => return Ok(Err(error)),
        };
        self.route.calls.fetch_add(1, Ordering::Relaxed);
        let chain = session.subject().chain_of_callee();
        let work = |_: &FunctionName, under| async move {
            let begun = living.begin_under(&function, arguments, chain, under).await;
            drop(open);
            begun?.answered().await?.in_wave()
        };
        calls::call(permit, CALL, work).await
    }

    /// What is asked for by that expression, of whoever lives there now.
    fn asked(&self, expression: &str) -> Result<Asked, Error> {
        let living = self.route.living()?;
        let parsed = value::parse_call(expression)?;
        let found = value::find_function(living.functions(), &parsed.function).cloned();
        let (interface, name) = match &found {
            Ok(function) => (function.interface.clone(), function.name.clone()),
            Err(_) => match parsed.function.split_once('#') {
                Some((interface, name)) => (Some(interface.to_owned()), name.to_owned()),
                None => (None, parsed.function.clone()),
            },
        };
        let peer = living.live.target.peer.clone();
        let name = FunctionName::new(peer, interface.as_deref(), &name);
        let long = || Error::Config("that is no name of a function that policies can speak of".to_owned());
        let found = found.map(|function| Lookup { function, parsed }).map_err(Error::from);
        Ok(Asked { name: name.ok_or_else(long)?, living, found })
    }
}

/// A call that was asked for, and not decided on.
struct Asked {
    name: FunctionName,
    living: Arc<Component>,
    /// Not told before that is permitted.
    found: Result<Lookup, Error>,
}

struct Lookup {
    function: Function,
    parsed: CallExpr,
}

impl Lookup {
    fn lowered(self) -> Result<(Vec<Val>, Function), Error> {
        let Lookup { function, parsed } = self;
        value::callable(&function.ty)?;
        let arguments = parsed.args(&value::params(&function.ty))?;
        Ok((arguments, function))
    }
}
