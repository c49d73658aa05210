//! A component that lives: its store, its calls, its end.

use crate::kernel::compile::Function;
use crate::kernel::limits::{Meter, count};
use crate::kernel::{Compiled, Failure, Imports, Limits, LinkError, State, Tenure};
use airssys_osl::environment::{Arguments, Environment};
use airssys_osl::fs::Mounts;
use airssys_osl::{Session, stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Lower, Val,
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
        let state = State::new(Arc::clone(tenure.session()), grants, Meter::new(limits));
        let mut store = Store::new(self.compiled.engine().inner(), state);
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(count(limits.host_call_bytes));
        // An entry for each handle, and another for each that a call borrows: no borrow is ever one too many.
        store.set_max_component_handles(count(limits.handles).saturating_mul(2));
        store.epoch_deadline_callback(move |mut store| {
            let state = store.data_mut();
            state.ticks =
                state.ticks.checked_sub(1).ok_or_else(|| wasmtime::Error::new(limits.out_of_cpu()))?;
            // Yielding lets neighbours run and the wall clock's timer fire.
            Ok(UpdateDeadline::Yield(1))
        });
        let component = self.compiled.component().clone();
        let wall = arm(&mut store, &limits);
        let started = timeout(wall, tenure.during(self.pre.instantiate_async(&mut store))).await;
        let instance = settle(&mut store, &limits, started).map_err(InstanceError::Start)?;
        Ok(Instance { store, instance, component, limits, tenure })
    }
}

/// One live instance. Not used again after a [`Failure`].
pub struct Instance {
    store: Store<State>,
    instance: wasmtime::component::Instance,
    component: Component,
    limits: Limits,
    tenure: Tenure,
}

impl Instance {
    /// The instance's session at the gate.
    pub fn session(&self) -> &Arc<Session> {
        self.tenure.session()
    }

    /// Calls an exported function with component values.
    ///
    /// # Errors
    /// [`Failure`]; the instance must then be dropped.
    pub async fn call(&mut self, function: &Function, arguments: &[Val]) -> Result<Option<Val>, Failure> {
        let index = self.index(function)?;
        let (instance, returns) = (self.instance, function.ty.results().len());
        let wall = arm(&mut self.store, &self.limits);
        let store = &mut self.store;
        let called = async {
            let gone = || wasmtime::format_err!("the export has gone");
            let function = instance.get_func(&mut *store, index).ok_or_else(gone)?;
            let mut results = vec![Val::Bool(false); returns];
            function.call_async(&mut *store, arguments, &mut results).await?;
            Ok(results.pop())
        };
        let done = timeout(wall, self.tenure.during(called)).await;
        settle(&mut self.store, &self.limits, done)
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
        let instance = self.instance;
        let wall = arm(&mut self.store, &self.limits);
        let store = &mut self.store;
        let called = async {
            let function = instance.get_typed_func::<P, R>(&mut *store, index)?;
            function.call_async(&mut *store, arguments).await
        };
        let done = timeout(wall, self.tenure.during(called)).await;
        settle(&mut self.store, &self.limits, done)
    }

    /// True when the function has these types.
    pub fn has_types<P, R>(&mut self, function: &Function) -> bool
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let Ok(index) = self.index(function) else { return false };
        self.instance.get_typed_func::<P, R>(&mut self.store, index).is_ok()
    }

    fn index(&self, function: &Function) -> Result<ComponentExportIndex, Failure> {
        let interface = function.interface.as_deref();
        let parent = interface.and_then(|name| self.component.get_export_index(None, name));
        let index = self.component.get_export_index(parent.as_ref(), &function.name);
        index.ok_or_else(|| Failure::Trap(format!("the component has no export `{}`", function.name)))
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "instance of {:?}", self.session().subject())
    }
}

/// Readies a store for one run of guest code, and says how long it may take on the wall.
fn arm(store: &mut Store<State>, limits: &Limits) -> Duration {
    store.data_mut().ticks = limits.cpu_ticks();
    store.set_epoch_deadline(1);
    Duration::from_millis(limits.wall_ms.get())
}

/// Tells how a run of guest code ended.
fn settle<T>(
    store: &mut Store<State>,
    limits: &Limits,
    done: Result<wasmtime::Result<T>, Elapsed>,
) -> Result<T, Failure> {
    match done {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            let exceeded = store.data_mut().meter.exceeded.take().or_else(|| limits.behind(&error));
            Err(exceeded.map_or_else(|| Failure::of(&error), Failure::Limit))
        }
        Err(_) => Err(Failure::Limit(limits.out_of_time())),
    }
}
