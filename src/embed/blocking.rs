//! The embedding API for programs without an executor: the same names, blocking.
//!
//! A blocking runtime brings its own executor. Inside an asynchronous task every call is an error
//! ([`Error::BlockingInsideAsync`]) and not a deadlock.
//!
//! ```no_run
//! use airssys_wasm::embed::{Config, blocking::ComponentRuntime};
//!
//! let runtime = ComponentRuntime::new(Config::new().trust_file("trust.toml")?.policy_file("plugin.cedar")?)?;
//! let component = runtime.load_component("my-plugin.wasm")?;
//! let answer: Vec<u8> = component.call("process-data", &b"input".to_vec())?;
//! # let _ = answer;
//! # Ok::<(), airssys_wasm::embed::Error>(())
//! ```

use crate::embed::{self, ComponentSource, Config, Error, Inspection};
use crate::kernel::{Function, LimitExceeded, Limits};
use crate::policy::{Policies, Source};
use airssys_osl::Principal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::sync::Arc;
use tokio::runtime::{Builder, Handle, Runtime};
use wasmtime::component::{ComponentNamedList, Lift, Lower};

/// See [`embed::ComponentRuntime`].
#[derive(Debug, Clone)]
pub struct ComponentRuntime {
    inner: embed::ComponentRuntime,
    executor: Executor,
}

/// See [`embed::Component`].
#[derive(Debug)]
pub struct Component {
    inner: embed::Component,
    executor: Executor,
}

/// See [`embed::Linking`].
#[must_use = "nothing is loaded before `load`"]
#[derive(Debug, Clone)]
pub struct Linking {
    inner: embed::Linking,
    executor: Executor,
}

#[derive(Debug, Clone)]
struct Executor(Arc<Owned>);

/// The executor of a blocking runtime; ended without waiting, so that it may be dropped anywhere.
#[derive(Debug)]
struct Owned(Option<Runtime>);

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Executor {
    fn new() -> Result<Executor, Error> {
        let built = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("airssys-blocking")
            .enable_all()
            .build();
        let runtime = built.map_err(|error| Error::Executor(error.to_string()))?;
        Ok(Executor(Arc::new(Owned(Some(runtime)))))
    }

    fn run<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if Handle::try_current().is_ok() {
            return Err(Error::BlockingInsideAsync);
        }
        match &self.0.0 {
            Some(runtime) => runtime.block_on(work),
            None => Err(Error::Executor("it has ended".into())),
        }
    }
}

impl ComponentRuntime {
    /// See [`embed::ComponentRuntime::new`].
    ///
    /// # Errors
    /// As there.
    pub fn new(config: Config) -> Result<ComponentRuntime, Error> {
        Ok(ComponentRuntime { inner: embed::ComponentRuntime::new(config)?, executor: Executor::new()? })
    }

    /// See [`embed::ComponentRuntime::load_component`].
    ///
    /// # Errors
    /// As there.
    pub fn load_component(&self, source: impl Into<ComponentSource>) -> Result<Component, Error> {
        let inner = self.executor.run(self.inner.load_component(source))?;
        Ok(Component { inner, executor: self.executor.clone() })
    }

    /// See [`embed::ComponentRuntime::linked`].
    pub fn linked(&self, source: impl Into<ComponentSource>) -> Linking {
        Linking { inner: self.inner.linked(source), executor: self.executor.clone() }
    }

    /// See [`embed::ComponentRuntime::inspect_component`].
    ///
    /// # Errors
    /// As there.
    pub fn inspect_component(&self, source: impl Into<ComponentSource>) -> Result<Inspection, Error> {
        self.executor.run(self.inner.inspect_component(source))
    }

    /// See [`embed::ComponentRuntime::swap_policy`].
    ///
    /// # Errors
    /// As there.
    pub fn swap_policy(&self, policies: &[Source], entities: &[Source]) -> Result<u64, Error> {
        self.inner.swap_policy(policies, entities)
    }

    /// See [`embed::ComponentRuntime::revoke_key`].
    ///
    /// # Errors
    /// As there.
    pub fn revoke_key(&self, key_id: &str) -> Result<usize, Error> {
        self.inner.revoke_key(key_id)
    }

    /// See [`embed::ComponentRuntime::policies`].
    pub fn policies(&self) -> Policies {
        self.inner.policies()
    }
}

impl Linking {
    /// See [`embed::Linking::link`].
    pub fn link(self, import: impl Into<String>, to: &Component) -> Linking {
        Linking { inner: self.inner.link(import, &to.inner), executor: self.executor }
    }

    /// See [`embed::Linking::load`].
    ///
    /// # Errors
    /// As there.
    pub fn load(self) -> Result<Component, Error> {
        let inner = self.executor.run(self.inner.load())?;
        Ok(Component { inner, executor: self.executor })
    }

    /// See [`embed::Linking::inspect`].
    ///
    /// # Errors
    /// As there.
    pub fn inspect(self) -> Result<Inspection, Error> {
        self.executor.run(self.inner.inspect())
    }
}

impl Component {
    /// See [`embed::Component::instantiate`].
    ///
    /// # Errors
    /// As there.
    pub fn instantiate(&self) -> Result<Component, Error> {
        let inner = self.executor.run(self.inner.instantiate())?;
        Ok(Component { inner, executor: self.executor.clone() })
    }

    /// See [`embed::Component::call`].
    ///
    /// # Errors
    /// As there.
    pub fn call<I, O>(&self, function: &str, input: &I) -> Result<O, Error>
    where
        I: Serialize + ?Sized,
        O: DeserializeOwned,
    {
        self.executor.run(self.inner.call(function, input))
    }

    /// See [`embed::Component::call_typed`].
    ///
    /// # Errors
    /// As there.
    pub fn call_typed<P, R>(&self, function: &str, arguments: P) -> Result<R, Error>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        self.executor.run(self.inner.call_typed(function, arguments))
    }

    /// See [`embed::Component::call_wave`].
    ///
    /// # Errors
    /// As there.
    pub fn call_wave(&self, expression: &str) -> Result<Option<String>, Error> {
        self.executor.run(self.inner.call_wave(expression))
    }

    /// See [`embed::Component::run_command`].
    ///
    /// # Errors
    /// As there.
    pub fn run_command(&self) -> Result<u8, Error> {
        self.executor.run(self.inner.run_command())
    }

    /// See [`embed::Component::revoke`].
    ///
    /// # Errors
    /// As there.
    pub fn revoke(&self) -> Result<(), Error> {
        self.inner.revoke()
    }

    /// See [`embed::Component::unload`].
    ///
    /// # Errors
    /// As there.
    pub fn unload(&self) -> Result<(), Error> {
        self.executor.run(self.inner.unload())
    }

    /// See [`embed::Component::principal`].
    pub fn principal(&self) -> &Principal {
        self.inner.principal()
    }

    /// See [`embed::Component::limits`].
    pub fn limits(&self) -> Limits {
        self.inner.limits()
    }

    /// See [`embed::Component::exceeded`].
    pub fn exceeded(&self) -> Vec<LimitExceeded> {
        self.inner.exceeded()
    }

    /// See [`embed::Component::functions`].
    pub fn functions(&self) -> &[Function] {
        self.inner.functions()
    }

    /// See [`embed::Component::links`].
    pub fn links(&self) -> impl Iterator<Item = (&str, &str)> {
        self.inner.links()
    }
}
