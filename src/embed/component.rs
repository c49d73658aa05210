//! One live component: calls queue, a trap ends it, `instantiate` gives another.

use crate::actor::{CallError, recorded};
use crate::embed::Error;
use crate::embed::live::Live;
use crate::embed::runtime::Shared;
use crate::embed::value::{self, CallExpr};
use crate::host::linked::{Links, Target};
use crate::identity::VerifiedComponent;
use crate::kernel::{Function, InstanceError, LimitExceeded, Limits, Prepared, Tenure};
use airssys_osl::{Peer, Principal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::{Duration, Instant as Time};
use tokio::sync::watch;
use wasmtime::component::{ComponentNamedList, Lift, Lower, Val};

/// The interface that a command exports.
const RUN: &str = "wasi:cli/run#run";

/// One live instance of a component.
pub struct Component {
    pub(in crate::embed) shared: Arc<Shared>,
    prepared: Prepared,
    verified: Arc<VerifiedComponent>,
    /// Who serves its imports.
    links: Arc<Links>,
    pub(in crate::embed) live: Arc<Live>,
    /// When the identity runs out, fixed at loading on the monotonic clock: a wall clock set back revives nothing.
    until: Option<Time>,
    /// Closed when nothing of the instance is left, also of a call in the background.
    pub(in crate::embed) over: watch::Receiver<()>,
}

impl Component {
    pub(crate) async fn load(
        shared: Arc<Shared>,
        prepared: Prepared,
        verified: VerifiedComponent,
        links: Links,
    ) -> Result<Component, Error> {
        let until = deadline(&verified);
        Component::start(shared, prepared, Arc::new(verified), Arc::new(links), until).await
    }

    async fn start(
        shared: Arc<Shared>,
        prepared: Prepared,
        verified: Arc<VerifiedComponent>,
        links: Arc<Links>,
        until: Option<Time>,
    ) -> Result<Component, Error> {
        let limits = shared.limits_for(&verified)?;
        let principal = Arc::new(verified.principal().clone());
        let session = shared.open(&verified, &principal, limits)?;
        let peer = Peer::live(&principal, session.subject().instance());
        let tenure = Tenure::new(Arc::clone(&session), principal, until);
        let over = tenure.over();
        let functions = prepared.compiled().exports();
        let started = prepared.instantiate(tenure, shared.grants(), limits).await;
        let instance = started.map_err(|error| match error {
            InstanceError::Start(failure) => Error::from(recorded(CallError::Failed(failure), &session)),
        })?;
        let target = Target { peer, functions, limits };
        let live = Arc::new(Live::new(shared.actors(), target, session, instance)?);
        Ok(Component { shared, prepared, verified, links, live, until, over })
    }

    /// Another instance of the same verified component, with its own memory and its own session, and the same links.
    ///
    /// # Errors
    /// As [`ComponentRuntime::load_component`](crate::embed::ComponentRuntime::load_component) once the code is there.
    pub async fn instantiate(&self) -> Result<Component, Error> {
        let (shared, verified) = (Arc::clone(&self.shared), Arc::clone(&self.verified));
        let links = Arc::clone(&self.links);
        Component::start(shared, self.prepared.clone(), verified, links, self.until).await
    }

    /// Calls an export with values that fit its own types: a root export by name, else a unique interface export, else
    /// `ns:pkg/iface#function`. Snake case is accepted for kebab case. A result's error becomes [`Error::Guest`].
    ///
    /// # Errors
    /// [`Error::Value`] before the call; [`Error::Guest`] from the function; what stops the guest otherwise.
    pub async fn call<I, O>(&self, function: &str, input: &I) -> Result<O, Error>
    where
        I: Serialize + ?Sized,
        O: DeserializeOwned,
    {
        let function = value::find_function(self.functions(), function)?;
        value::callable(&function.ty)?;
        let arguments = value::lower(input, &value::params(&function.ty))?;
        let result = self.invoke(function, arguments).await?;
        value::lift_result(result, value::result_type(&function.ty).as_ref())?.map_err(Error::Guest)
    }

    /// Calls an export with Rust types that the host knows, without any conversion in between.
    ///
    /// # Errors
    /// [`Error::Value`] when the types are others; what stops the guest otherwise.
    pub async fn call_typed<P, R>(&self, function: &str, arguments: P) -> Result<R, Error>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let function = value::find_function(self.functions(), function)?;
        self.live.invoke_typed::<P, R>(function, arguments).await
    }

    /// Calls an export written as a WAVE expression, such as `process-data([1, 2, 3])`, and gives its result in WAVE;
    /// none when the function returns nothing. A result's error becomes [`Error::Guest`].
    ///
    /// # Errors
    /// As [`Component::call`].
    pub async fn call_wave(&self, expression: &str) -> Result<Option<String>, Error> {
        let parsed: CallExpr = value::parse_call(expression)?;
        let function = value::find_function(self.functions(), &parsed.function)?;
        value::callable(&function.ty)?;
        let arguments = parsed.args(&value::params(&function.ty))?;
        let result = self.invoke(function, arguments).await?;
        match result {
            None => Ok(None),
            Some(Val::Result(Err(error))) => {
                let error = error.map(|error| value::to_wave(&error)).transpose()?;
                Err(Error::Guest(error.unwrap_or_else(|| "err".to_owned())))
            }
            Some(result) => Ok(Some(value::to_wave(&result)?)),
        }
    }

    /// Runs a command's `wasi:cli/run` and gives its exit status.
    ///
    /// # Errors
    /// [`Error::Value`] when it exports no such function; what stops the guest otherwise.
    pub async fn run_command(&self) -> Result<u8, Error> {
        let function = value::find_function(self.functions(), RUN)?;
        match self.invoke(function, Vec::new()).await {
            Ok(Some(Val::Result(Ok(_)))) => Ok(0),
            Ok(_) => Ok(1),
            Err(Error::Exited(status)) => Ok(status),
            Err(error) => Err(error),
        }
    }

    /// The verified identity.
    pub fn principal(&self) -> &Principal {
        self.verified.principal()
    }

    /// The limits in force for it.
    pub fn limits(&self) -> Limits {
        self.live.target.limits
    }

    /// The limits it exceeded so far, each once: those too of which the guest heard by its interface's own error.
    pub fn exceeded(&self) -> Vec<LimitExceeded> {
        self.live.session.exceeded()
    }

    /// The functions it exports.
    pub fn functions(&self) -> &[Function] {
        &self.live.target.functions
    }

    /// Its links: each imported interface with the name of the component that serves it.
    pub fn links(&self) -> impl Iterator<Item = (&str, &str)> {
        self.links.each()
    }

    /// Calls for the host itself, on behalf of nobody.
    async fn invoke(&self, function: &Function, arguments: Vec<Val>) -> Result<Option<Val>, Error> {
        self.live.invoke(function, arguments, Arc::default()).await
    }
}

/// When the identity runs out, on the monotonic clock.
fn deadline(verified: &VerifiedComponent) -> Option<Time> {
    let left = verified.valid_until()?.duration_since(jiff::Timestamp::now());
    Some(Time::now() + Duration::try_from(left).unwrap_or_default())
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "component `{}`", self.verified.principal().name)
    }
}
