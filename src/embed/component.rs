//! One live component: calls queue, a trap ends it, `instantiate` gives another.

use crate::embed::Error;
use crate::embed::live::{Live, Pending};
use crate::embed::runtime::Shared;
use crate::embed::value::{self, CallExpr};
use crate::embed::version::{Place, Started, Version};
use crate::kernel::{Function, LimitExceeded, Limits};
use airssys_osl::calls::Under;
use airssys_osl::{Chain, Principal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tokio::sync::watch;
use wasmtime::component::{ComponentNamedList, Lift, Lower, Val};

/// The interface that a command exports.
const RUN: &str = "wasi:cli/run#run";

/// One live instance of a component.
pub struct Component {
    pub(in crate::embed) shared: Arc<Shared>,
    version: Arc<Version>,
    pub(in crate::embed) live: Arc<Live>,
    /// Closed when nothing of the instance is left, also of a call in the background.
    pub(in crate::embed) over: watch::Receiver<()>,
}

impl Component {
    pub(in crate::embed) async fn start(
        shared: Arc<Shared>,
        version: Arc<Version>,
        place: Place,
    ) -> Result<Component, Error> {
        let started = version.start(&shared, place).await?;
        Ok(Component::of(&shared, version, started))
    }

    pub(in crate::embed) fn of(shared: &Arc<Shared>, version: Arc<Version>, started: Started) -> Component {
        let Started { live, over } = started;
        Component { shared: Arc::clone(shared), version, live, over }
    }

    /// Puts down that it has taken its place, or refuses that.
    pub(in crate::embed) fn runs(&self) -> Result<(), Error> {
        self.version.runs(&self.shared)
    }

    /// Whether the trust file says of it still what it said when it was loaded, and its time is not over.
    pub(in crate::embed) fn is_trusted(&self) -> bool {
        self.version.is_trusted(&self.shared)
    }

    /// Another instance of the same verified component, with its own memory and its own session, and the same links.
    ///
    /// # Errors
    /// As [`ComponentRuntime::load_component`](crate::embed::ComponentRuntime::load_component) once the code is there.
    pub async fn instantiate(&self) -> Result<Component, Error> {
        Component::start(Arc::clone(&self.shared), Arc::clone(&self.version), Place::Nameless).await
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
        self.begin(function, input).await?.answered().await?.lifted()
    }

    /// Puts such a call into the queue.
    pub(in crate::embed) async fn begin<I>(&self, function: &str, input: &I) -> Result<Begun, Error>
    where
        I: Serialize + ?Sized,
    {
        let function = value::find_function(self.functions(), function)?;
        value::callable(&function.ty)?;
        let arguments = value::lower(input, &value::params(&function.ty))?;
        self.begun(function, arguments).await
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
        self.begin_wave(expression).await?.answered().await?.in_wave()
    }

    /// Puts such a call into the queue.
    pub(in crate::embed) async fn begin_wave(&self, expression: &str) -> Result<Begun, Error> {
        let parsed: CallExpr = value::parse_call(expression)?;
        let function = value::find_function(self.functions(), &parsed.function)?;
        value::callable(&function.ty)?;
        let arguments = parsed.args(&value::params(&function.ty))?;
        self.begun(function, arguments).await
    }

    async fn begun(&self, function: &Function, arguments: Vec<Val>) -> Result<Begun, Error> {
        let pending = self.live.begin(function, arguments, Arc::default(), None).await?;
        Ok(Begun { pending, function: function.clone() })
    }

    /// Puts a call into the queue that goes on only under that permission.
    pub(in crate::embed) async fn begin_under(
        &self,
        function: &Function,
        arguments: Vec<Val>,
        chain: Arc<Chain>,
        under: Under,
    ) -> Result<Begun, Error> {
        let pending = self.live.begin(function, arguments, chain, Some(under)).await?;
        Ok(Begun { pending, function: function.clone() })
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
        self.version.principal()
    }

    /// The limits in force for it.
    pub fn limits(&self) -> Limits {
        self.live.target.limits
    }

    /// The limits it exceeded so far, each once: those too of which the guest heard by its interface's own error.
    pub fn exceeded(&self) -> Vec<LimitExceeded> {
        self.live.session.exceeded()
    }

    /// The functions it exports, without those that the kernel alone calls (`airssys:runtime`).
    pub fn functions(&self) -> &[Function] {
        &self.live.target.functions
    }

    /// Its links: each imported interface with the name of the component that serves it.
    pub fn links(&self) -> impl Iterator<Item = (&str, &str)> {
        self.version.links().each()
    }

    /// Calls for the host itself, on behalf of nobody.
    async fn invoke(&self, function: &Function, arguments: Vec<Val>) -> Result<Option<Val>, Error> {
        self.live.invoke(function, arguments, Arc::default()).await
    }
}

/// A call that stands in the queue.
pub(in crate::embed) struct Begun {
    pending: Pending<Option<Val>>,
    function: Function,
}

/// What a call has returned.
pub(in crate::embed) struct Answered {
    value: Option<Val>,
    function: Function,
}

impl Begun {
    /// Waits for it; who does not ends it.
    pub(in crate::embed) async fn answered(self) -> Result<Answered, Error> {
        Ok(Answered { value: self.pending.answer().await?, function: self.function })
    }

    /// Waits for it; it goes on also when nobody waits any more.
    pub(in crate::embed) async fn kept(self) -> Result<Answered, Error> {
        Ok(Answered { value: self.pending.kept().await?, function: self.function })
    }
}

impl Answered {
    pub(in crate::embed) fn lifted<O: DeserializeOwned>(self) -> Result<O, Error> {
        let ty = value::result_type(&self.function.ty);
        value::lift_result(self.value, ty.as_ref())?.map_err(Error::Guest)
    }

    pub(in crate::embed) fn in_wave(self) -> Result<Option<String>, Error> {
        match self.value {
            None => Ok(None),
            Some(Val::Result(Err(error))) => {
                let error = error.map(|error| value::to_wave(&error)).transpose()?;
                Err(Error::Guest(error.unwrap_or_else(|| "err".to_owned())))
            }
            Some(result) => Ok(Some(value::to_wave(&result)?)),
        }
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "component `{}`", self.version.principal().name)
    }
}
