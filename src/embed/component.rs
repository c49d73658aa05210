//! One live component: calls queue, a trap ends it, `instantiate` gives another.

use crate::actor::{CallError, Job, Left, Resident, Waits, recorded};
use crate::embed::Error;
use crate::embed::runtime::Shared;
use crate::embed::value::{self, CallExpr};
use crate::identity::VerifiedComponent;
use crate::kernel::{Function, Instance, InstanceError, LimitExceeded, Limits, Prepared, Tenure};
use airssys_osl::{Principal, Session};
use airssys_rt::Address;
use arc_swap::ArcSwap;
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
    functions: Vec<Function>,
    limits: Limits,
    pub(in crate::embed) session: Arc<Session>,
    /// When the identity runs out, fixed at loading on the monotonic clock: a wall clock set back revives nothing.
    until: Option<Time>,
    /// The instance's actor.
    pub(in crate::embed) address: ArcSwap<Address<Job>>,
    pub(in crate::embed) left: Arc<Left>,
    /// Closed when nothing of the instance is left, also of a call in the background.
    pub(in crate::embed) over: watch::Receiver<()>,
}

impl Component {
    pub(crate) async fn load(
        shared: Arc<Shared>,
        prepared: Prepared,
        verified: VerifiedComponent,
    ) -> Result<Component, Error> {
        let until = deadline(&verified);
        Component::start(shared, prepared, Arc::new(verified), until).await
    }

    async fn start(
        shared: Arc<Shared>,
        prepared: Prepared,
        verified: Arc<VerifiedComponent>,
        until: Option<Time>,
    ) -> Result<Component, Error> {
        let limits = shared.limits_for(&verified)?;
        let principal = Arc::new(verified.principal().clone());
        let session = shared.open(&verified, &principal, limits)?;
        let tenure = Tenure::new(Arc::clone(&session), principal, until);
        let over = tenure.over();
        let functions = prepared.compiled().exports();
        let started = prepared.instantiate(tenure, shared.grants(), limits).await;
        let instance = started.map_err(|error| match error {
            InstanceError::Start(failure) => Error::from(recorded(CallError::Failed(failure), &session)),
        })?;
        let left = Arc::new(Left::default());
        let resident = Resident::new(instance, Arc::clone(&session), Arc::clone(&left));
        let address = ArcSwap::from_pointee(spawn(&shared, resident)?);
        Ok(Component { shared, prepared, verified, functions, limits, session, until, address, left, over })
    }

    /// Another instance of the same verified component, with its own memory and its own session.
    ///
    /// # Errors
    /// As [`ComponentRuntime::load_component`](crate::embed::ComponentRuntime::load_component) once the code is there.
    pub async fn instantiate(&self) -> Result<Component, Error> {
        let (shared, verified) = (Arc::clone(&self.shared), Arc::clone(&self.verified));
        Component::start(shared, self.prepared.clone(), verified, self.until).await
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
        let function = value::find_function(&self.functions, function)?;
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
        let function = value::find_function(&self.functions, function)?;
        let own = function.clone();
        let call: Call<R> = Box::new(move |instance| {
            Box::pin(async move {
                if !instance.has_types::<P, R>(&own) {
                    let types = value::signature(&own.ty);
                    return Err(CallError::Types(format!("`{}` has other types: {types}", own.name)));
                }
                instance.call_typed::<P, R>(&own, arguments).await.map_err(CallError::Failed)
            })
        });
        self.ask(call).await
    }

    /// Calls an export written as a WAVE expression, such as `process-data([1, 2, 3])`, and gives its result in WAVE;
    /// none when the function returns nothing. A result's error becomes [`Error::Guest`].
    ///
    /// # Errors
    /// As [`Component::call`].
    pub async fn call_wave(&self, expression: &str) -> Result<Option<String>, Error> {
        let parsed: CallExpr = value::parse_call(expression)?;
        let function = value::find_function(&self.functions, &parsed.function)?;
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
        let function = value::find_function(&self.functions, RUN)?;
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
        self.limits
    }

    /// The limits it exceeded so far, each once: those too of which the guest heard by its interface's own error.
    pub fn exceeded(&self) -> Vec<LimitExceeded> {
        self.session.exceeded()
    }

    /// The functions it exports.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    async fn invoke(&self, function: &Function, arguments: Vec<Val>) -> Result<Option<Val>, Error> {
        let function = function.clone();
        let call: Call<Option<Val>> = Box::new(move |instance| {
            Box::pin(async move { instance.call(&function, arguments).await.map_err(CallError::Failed) })
        });
        self.ask(call).await
    }

    /// Has the instance's actor do a call, and waits for what becomes of it.
    async fn ask<T: Send + 'static>(&self, call: Call<T>) -> Result<T, Error> {
        let asked = self.living()?.ask(|reply| Job::new(Arc::default(), reply, call)).await;
        // Without an answer it ended before it came to this, or in the middle, being unloaded.
        asked.map_err(|_| Error::Ended)?.map_err(Error::from)
    }

    /// The instance's actor, made anew on the executor that calls when the one it ran on has gone between two calls.
    fn living(&self) -> Result<Arc<Address<Job>>, Error> {
        let address = self.address.load_full();
        if !address.is_gone() {
            return Ok(address);
        }
        let instance = self.left.take().ok_or(Error::Ended)?;
        let resident = Resident::new(instance, Arc::clone(&self.session), Arc::clone(&self.left));
        let address = Arc::new(spawn(&self.shared, resident)?);
        self.address.store(Arc::clone(&address));
        Ok(address)
    }
}

/// Makes an instance an actor.
fn spawn(shared: &Shared, resident: Resident) -> Result<Address<Job>, Error> {
    shared.actors().spawn(resident).map_err(|error| Error::Executor(error.to_string()))
}

/// A call to be done by the instance's actor.
type Call<T> = Box<dyn for<'a> FnOnce(&'a mut Instance) -> Waits<'a, Result<T, CallError>> + Send>;

impl Drop for Component {
    fn drop(&mut self) {
        // Here and now: what it did is told before whoever drops it goes on, and nothing of it has an effect any more.
        // What cannot be written the log's owner hears of.
        let _ = self.session.close();
        self.left.close();
        self.address.load().actor().kill();
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
