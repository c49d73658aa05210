//! One call from its question to its answer.

use crate::host::custom::Call;
use crate::host::custom::asks::{Asks, On, named};
use crate::host::custom::call::permitted;
use crate::kernel::{Row, State};
use airssys_osl::own::{self, Held, Own, OwnAction, OwnTarget};
use airssys_osl::{Denied, Principal};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an interface keeps for each instance.
pub(in crate::host::custom) struct Keeps<S> {
    number: u64,
    make: Box<dyn Fn(&Principal) -> S + Send + Sync>,
}

static NUMBERS: AtomicU64 = AtomicU64::new(0);

impl<S: Send + Sync + 'static> Keeps<S> {
    pub(in crate::host::custom) fn new(make: impl Fn(&Principal) -> S + Send + Sync + 'static) -> Keeps<S> {
        Keeps { number: NUMBERS.fetch_add(1, Ordering::Relaxed), make: Box::new(make) }
    }

    /// What it keeps for this instance, made at the first call that was permitted.
    fn of(&self, store: &mut State) -> wasmtime::Result<Arc<S>> {
        let principal = &store.principal;
        let kept = store.own.entry(self.number).or_insert_with(|| {
            let made: Arc<dyn Any + Send + Sync> = Arc::new((self.make)(principal));
            made
        });
        Arc::clone(kept).downcast().map_err(|_| wasmtime::format_err!("an interface's state is another's"))
    }
}

/// A function as it was offered.
pub(in crate::host::custom) struct Function<P, R, S> {
    pub(in crate::host::custom) asks: Arc<Asks<P, R>>,
    pub(in crate::host::custom) action: OwnAction,
    /// The resource's type; none where a handle has it.
    pub(in crate::host::custom) kind: Option<&'static str>,
    pub(in crate::host::custom) row: &'static Row,
    pub(in crate::host::custom) keeps: Arc<Keeps<S>>,
}

impl<P, R, S: Send + Sync + 'static> Function<P, R, S> {
    /// Decides, records, and runs `body` under the permission; a denial in any of it has the function's own answer.
    pub(in crate::host::custom) fn run(
        &self,
        store: &mut State,
        arguments: P,
        body: impl FnOnce(&mut Call<'_, S>, P) -> wasmtime::Result<R>,
    ) -> wasmtime::Result<R> {
        self.begin(store, arguments, body).map(|(done, _)| done).or_else(|error| self.refuse(error))
    }

    /// The same for what goes on after it: with what that rests on.
    pub(in crate::host::custom) fn begin<D>(
        &self,
        store: &mut State,
        arguments: P,
        body: impl FnOnce(&mut Call<'_, S>, P) -> wasmtime::Result<D>,
    ) -> wasmtime::Result<(D, Held)> {
        let import = self.row.id;
        let target = self.target(store, &arguments)?;
        let permit = store.session.authorize::<Own>(target, import)?;
        own::begin(permit, |held| {
            let state = self.keeps.of(store)?;
            let mut call = Call { store, held, state: &state, import };
            Ok((body(&mut call, arguments)?, held.clone()))
        })?
    }

    /// Does the work that was begun, step by step, as long as it is permitted.
    pub(in crate::host::custom) async fn finish<F>(
        &self,
        begun: wasmtime::Result<(F, Held)>,
    ) -> wasmtime::Result<R>
    where
        F: Future<Output = wasmtime::Result<R>>,
    {
        let done = match begun {
            Ok((work, held)) => match held.perform_async(self.row.id, work).await {
                Ok(done) => done,
                Err(denied) => Err(wasmtime::Error::new(denied)),
            },
            Err(error) => Err(error),
        };
        done.or_else(|error| self.refuse(error))
    }

    /// The function's own answer to a denial, if it has one and the component goes on.
    pub(in crate::host::custom) fn refuse(&self, error: wasmtime::Error) -> wasmtime::Result<R> {
        match (error.downcast_ref::<Denied>(), &self.asks.answer) {
            (Some(denied), Some(answer)) if !denied.is_fatal() => Ok(answer(denied)),
            _ => Err(error),
        }
    }

    fn target(&self, store: &State, arguments: &P) -> wasmtime::Result<OwnTarget> {
        let import = self.row.id;
        let resource = match (&self.asks.on, self.kind) {
            (On::Handle(number), _) => permitted(store, number(arguments), import)?.target().resource.clone(),
            (On::Named { name, .. }, Some(kind)) => {
                named(import, kind, name(arguments)).inspect_err(|unnamed| {
                    // It is stopped whether or not this can be written.
                    let _ = store.session.note(import, &unnamed.to_string());
                })?
            }
            (On::Named { .. }, None) => wasmtime::bail!("`{import}` has no type of resource"),
        };
        Ok(OwnTarget { action: self.action, resource })
    }
}
