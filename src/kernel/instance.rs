//! A component that lives: its store, its calls, its end.

use crate::kernel::background::Pool;
use crate::kernel::compile::Function;
use crate::kernel::limits::{InUse, Meter, count};
use crate::kernel::span::CallSpan;
use crate::kernel::{Compiled, Failure, Imports, Limits, LinkError, State, Tenure};
use airssys_osl::calls::Under;
use airssys_osl::environment::{Arguments, Environment};
use airssys_osl::fs::Mounts;
use airssys_osl::post::{Inbox, Office};
use airssys_osl::{Session, stdio};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tracing::{Instrument, Span};
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, Instance as Exports, InstancePre, Lift, Lower,
    TypedFunc, Val,
};
use wasmtime::{Store, UpdateDeadline};

/// What the host puts before an instance; nothing of it is reached without a decision.
#[derive(Clone)]
pub struct Grants {
    /// The mounts.
    pub mounts: Arc<Mounts>,
    /// The environment, as the host states it.
    pub environment: Arc<Environment>,
    /// The arguments.
    pub arguments: Arc<Arguments>,
    /// Where standard input comes from.
    pub stdin: stdio::Source,
    /// Where standard output goes.
    pub stdout: stdio::Sink,
    /// Where standard error goes.
    pub stderr: stdio::Sink,
    /// Its way to other components.
    pub mail: Mail,
}

/// An instance's way to other components.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    /// Everybody's mailboxes.
    pub office: Office,
    /// Its own, if it has a name there.
    pub inbox: Option<Arc<Inbox>>,
    /// Whether messages are handed to it, and not taken by itself.
    pub driven: bool,
}

/// A compiled component whose imports are checked and bound.
#[derive(Clone)]
pub struct Prepared {
    pre: InstancePre<State>,
    compiled: Compiled,
}

/// An instance could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstanceError {
    /// Its start ended by a trap, a limit or a denial.
    #[error("the component failed while starting")]
    Start(Failure),
}

impl Prepared {
    /// Checks every import against the table and binds it.
    ///
    /// # Errors
    /// [`LinkError`] naming the import that is not offered.
    pub fn new(imports: &Imports, compiled: &Compiled) -> Result<Prepared, LinkError> {
        Ok(Prepared { pre: imports.bind(compiled)?, compiled: compiled.clone() })
    }

    /// The compiled component.
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// Makes an instance of its own, under its own session, counted against `limits`.
    ///
    /// # Errors
    /// [`InstanceError::Start`] when its start functions fail.
    pub async fn instantiate(
        &self,
        tenure: Tenure,
        grants: Grants,
        limits: Limits,
    ) -> Result<Instance, InstanceError> {
        let meter = Meter::new(limits);
        let memory = meter.memory();
        let state = State::new(&tenure, grants, meter);
        let mut store = Store::new(self.compiled.engine().inner(), state);
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(count(limits.host_call_bytes));
        // An entry for each handle, and another for each that a call borrows: no borrow is ever one too many.
        store.set_max_component_handles(count(limits.handles).saturating_mul(2));
        store.epoch_deadline_callback(move |mut store| {
            let state = store.data_mut();
            state.ticks =
                state.ticks.checked_sub(1).ok_or_else(|| wasmtime::Error::new(limits.out_of_cpu()))?;
            // Yielding lets neighbours run, the wall clock's timer fire, and the call go to the background.
            Ok(UpdateDeadline::Yield(1))
        });
        let (component, tenure) = (self.compiled.component().clone(), Arc::new(tenure));
        let background = Arc::clone(self.compiled.engine().background());
        let mut instance = Instance { body: None, component, limits, tenure, background, memory };
        let (pre, tenure) = (self.pre.clone(), Arc::clone(&instance.tenure));
        arm(&mut store, &limits);
        let starting = Box::pin(async move {
            let started = pre.instantiate_async(&mut store).await;
            let (exports, done) = started.map_or_else(|error| (None, Err(error)), |it| (Some(it), Ok(())));
            (Body { store, exports, _tenure: tenure }, done)
        });
        instance.run(Span::current(), starting).await.map_err(InstanceError::Start)?;
        Ok(instance)
    }
}

/// One live instance. Not used again after a [`Failure`].
pub struct Instance {
    /// Away while a call runs, and for good once one was given up.
    body: Option<Body>,
    component: Component,
    limits: Limits,
    tenure: Arc<Tenure>,
    background: Arc<Pool>,
    memory: InUse,
}

impl Instance {
    /// The bytes of its linear memories, now and later.
    pub(crate) fn memory(&self) -> InUse {
        self.memory.clone()
    }
}

/// What a call needs of an instance, on whatever thread it runs.
struct Body {
    store: Store<State>,
    exports: Option<Exports>,
    /// Ends after the store, wherever that ends.
    _tenure: Arc<Tenure>,
}

/// A run of guest code: it gives the body back.
type Work<T> = Pin<Box<dyn Future<Output = (Body, wasmtime::Result<T>)> + Send>>;

impl Instance {
    /// The instance's session at the gate.
    pub fn session(&self) -> &Arc<Session> {
        self.tenure.session()
    }

    /// Calls an exported function with component values. After a tick it goes on in the background; when the future is
    /// dropped before it has returned, the instance is at its end. Each step is taken under the caller's permission, if there
    /// is one, wherever it is taken; lost, that ends the instance too.
    ///
    /// # Errors
    /// [`Failure`]; the instance must then be dropped.
    pub async fn call(
        &mut self,
        function: &Function,
        arguments: Vec<Val>,
        under: Option<Under>,
    ) -> Result<Option<Val>, Failure> {
        let index = self.index(function)?;
        let returns = function.ty.results().len();
        let mut body = self.armed()?;
        let call = CallSpan::of(self.session(), function);
        let working = Box::pin(async move {
            let call = body.call(index, &arguments, returns);
            let done = match under {
                None => Some(call.await),
                Some(under) => under.steps(call).await,
            };
            (body, done.unwrap_or_else(|| Err(wasmtime::format_err!("its caller lost the permission"))))
        });
        let done = self.run(call.span(), working).await;
        call.ends(&done);
        done
    }

    /// Calls an exported function whose types are known to the host.
    ///
    /// # Errors
    /// [`Failure`]; the instance must then be dropped.
    pub async fn call_typed<P, R>(&mut self, function: &Function, arguments: P) -> Result<R, Failure>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let index = self.index(function)?;
        let mut body = self.armed()?;
        let call = CallSpan::of(self.session(), function);
        let working = Box::pin(async move {
            let done = body.call_typed::<P, R>(index, arguments).await;
            (body, done)
        });
        let done = self.run(call.span(), working).await;
        call.ends(&done);
        done
    }

    /// The body, readied for a call.
    fn armed(&mut self) -> Result<Body, Failure> {
        let mut body = self.body.take().ok_or_else(gone)?;
        arm(&mut body.store, &self.limits);
        Ok(body)
    }

    /// Runs guest code within the limits of one call, here for a tick and then in the background; in `span` everywhere.
    ///
    /// The work comes boxed: a future within a future within a future is moved, and held, many times its size.
    async fn run<T: Send + 'static>(&mut self, span: Span, work: Work<T>) -> Result<T, Failure> {
        let tenure = Arc::clone(&self.tenure);
        let work = async move {
            // Also here: on another thread the guest goes on whether or not its caller looks.
            let done = tenure.while_valid(work).await;
            // The last thing written is often what explains a trap, and the session's end takes back what is queued.
            stdio::settled(tenure.session()).await;
            done
        };
        let work = work.instrument(span);
        let session = self.tenure.session();
        // In the middle of a tick it cannot be dropped at once; from here on all it asks is denied. What cannot be
        // written is told by the log to its owner.
        let given_up = || drop(session.close());
        let working = self.background.run(work, given_up);
        let wall = Duration::from_millis(self.limits.wall_ms.get());
        let done = timeout(wall, self.tenure.while_valid(working)).await;
        let Ok(done) = done else { return Err(Failure::Limit(self.limits.out_of_time())) };
        let (mut body, done) = done.ok_or_else(gone)?;
        let done = settle(&mut body.store, &self.limits, done);
        self.body = Some(body);
        done
    }

    /// True when the function has these types.
    pub fn has_types<P, R>(&mut self, function: &Function) -> bool
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let Ok(index) = self.index(function) else { return false };
        self.body.as_mut().is_some_and(|body| body.typed::<P, R>(index).is_ok())
    }

    fn index(&self, function: &Function) -> Result<ComponentExportIndex, Failure> {
        let interface = function.interface.as_deref();
        let parent = interface.and_then(|name| self.component.get_export_index(None, name));
        let index = self.component.get_export_index(parent.as_ref(), &function.name);
        index.ok_or_else(|| Failure::Trap(format!("the component has no export `{}`", function.name)))
    }
}

impl Body {
    async fn call(
        &mut self,
        index: ComponentExportIndex,
        arguments: &[Val],
        returns: usize,
    ) -> wasmtime::Result<Option<Val>> {
        let function = self.exports.and_then(|exports| exports.get_func(&mut self.store, index));
        let function = function.ok_or_else(no_export)?;
        let mut results = vec![Val::Bool(false); returns];
        function.call_async(&mut self.store, arguments, &mut results).await?;
        Ok(results.pop())
    }

    async fn call_typed<P, R>(&mut self, index: ComponentExportIndex, arguments: P) -> wasmtime::Result<R>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let function = self.typed::<P, R>(index)?;
        function.call_async(&mut self.store, arguments).await
    }

    fn typed<P, R>(&mut self, index: ComponentExportIndex) -> wasmtime::Result<TypedFunc<P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        self.exports.ok_or_else(no_export)?.get_typed_func::<P, R>(&mut self.store, index)
    }
}

fn no_export() -> wasmtime::Error {
    wasmtime::format_err!("the export has gone")
}

/// The instance was used after a call that was given up.
fn gone() -> Failure {
    Failure::Trap("the instance has ended".to_owned())
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "instance of {:?}", self.session().subject())
    }
}

/// Readies a store for one run of guest code.
fn arm(store: &mut Store<State>, limits: &Limits) {
    store.data_mut().ticks = limits.cpu_ticks();
    store.set_epoch_deadline(1);
}

/// Tells how a run of guest code ended.
fn settle<T>(store: &mut Store<State>, limits: &Limits, done: wasmtime::Result<T>) -> Result<T, Failure> {
    done.map_err(|error| {
        let exceeded = store.data_mut().meter.exceeded.take().or_else(|| limits.behind(&error));
        exceeded.map_or_else(|| Failure::of(&error), Failure::Limit)
    })
}
