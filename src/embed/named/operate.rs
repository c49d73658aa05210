//! What operators do to named components, and what they see of them.

use crate::embed::named::{Named, Route};
use crate::embed::value;
use crate::embed::{ComponentRuntime, Error};
use airssys_osl::action::ComponentCall;
use airssys_osl::post::{self, Draft, PostError};
use airssys_osl::{Denied, FunctionName, Operator, Peer, Session, Subject, calls};
use airssys_rt::{ActorRef, ExitReason, SupervisorMessage, SupervisorRef};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

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
    /// Whether it ended by itself in time.
    pub in_time: bool,
    /// Messages that were left in its mailbox.
    pub left: u64,
}

impl ComponentRuntime {
    /// Stops the component of that name: it takes nothing more, ends when it has done what it had accepted, and is not started
    /// again. It is killed when that takes longer than `grace`, or than its [`Spec`](crate::embed::Spec) says where there is
    /// none.
    ///
    /// # Errors
    /// [`Error::Unknown`]; [`Error::Unavailable`] when its supervisor is no more.
    pub async fn stop(&self, name: &str, grace: Option<Duration>) -> Result<Stopped, Error> {
        let route = self.shared.routes().find(name)?;
        // No version takes its place meanwhile.
        let _turn = route.reloading.lock().await;
        let over = || Error::Unavailable { name: name.to_owned() };
        let supervisor = self.shared.actors().address::<SupervisorMessage>(&route.supervisor);
        let supervisor = SupervisorRef::from(supervisor.map_err(|_| over())?);
        let (living, seat) = (route.current.load_full(), self.shared.actors().actor(name).ok());
        route.rests(Condition::Stopped);
        let ending = supervisor.terminate_child(&route.name);
        let stopped = within(grace, ending, seat.as_ref()).await;
        let left = match &living {
            Some(living) => {
                living.live.end().await;
                route.left.load(Ordering::SeqCst)
            }
            None => 0,
        };
        stopped.map_err(|_| over())?;
        let in_time = seat.is_none_or(|seat| seat.exit().is_none_or(|exit| exit == ExitReason::Shutdown));
        Ok(Stopped { in_time, left })
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

    /// The named components of which the trust file no longer says what it said when they were loaded.
    pub(crate) fn distrusted(&self) -> Vec<String> {
        let trust = self.shared.trust();
        let now = jiff::Timestamp::now();
        let distrusted = |route: &Arc<Route>| {
            let version = route.version.load_full();
            version.is_some_and(|version| !version.standing().holds(&trust, now))
        };
        let routes = self.shared.routes().all();
        routes.into_iter().filter(distrusted).map(|route| route.name.to_string()).collect()
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
        let (permit, living, arguments, function) = match self.found(expression) {
            Err(error) => return Ok(Err(error)),
            Ok((name, living, arguments, function)) => {
                (session.authorize::<ComponentCall>(name, CALL)?, living, arguments, function)
            }
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

    /// Who serves that expression now, by the name that policies have for it.
    fn found(&self, expression: &str) -> Result<Found, Error> {
        let living = self.route.living()?;
        let parsed = value::parse_call(expression)?;
        let function = value::find_function(living.functions(), &parsed.function)?.clone();
        value::callable(&function.ty)?;
        let arguments = parsed.args(&value::params(&function.ty))?;
        let peer = living.live.target.peer.clone();
        let name = FunctionName::new(peer, function.interface.as_deref(), &function.name);
        let name =
            name.ok_or_else(|| Error::Config("its name is longer than any policies speak of".to_owned()))?;
        Ok((name, living, arguments, function))
    }
}

type Found = (
    FunctionName,
    Arc<crate::embed::Component>,
    Vec<wasmtime::component::Val>,
    crate::embed::value::Function,
);
