//! An interface as the embedder writes it down.

use crate::host::custom::asks::Asks;
use crate::host::custom::call::Call;
use crate::host::custom::dynamic::{give, plain};
use crate::host::custom::run::{Function, Keeps};
use crate::kernel::{Class, Denial, Imports, LinkError, Row, State, Track, guard};
use crate::policy::{Source, Words};
use airssys_osl::Principal;
use airssys_osl::own::{self, OwnAction};
use std::any::TypeId;
use std::sync::Arc;
use wasmtime::component::{ComponentNamedList, Lift, LinkerInstance, Lower, Resource, ResourceType, Val};

type Link = Arc<dyn Fn(&mut LinkerInstance<'_, State>) -> wasmtime::Result<()> + Send + Sync>;
type Build = Box<dyn Fn(OwnAction, Option<&'static str>, &'static Row) -> Link + Send + Sync>;

/// An interface that the host offers to its components beside WASI.
///
/// `S` is what it keeps for each instance of a component. Every function has its [`Asks`]; there is none without. The
/// actions and types of resource are declared in a schema in Cedar's syntax, in a namespace of their own.
///
/// Types of parameters and results are Rust's tuples of what wasmtime knows, and of what its `bindgen!` makes from WIT;
/// [`HostInterface::values`] takes component values instead. The crate `wasmtime` is that of this crate's own manifest, 48.
/// A component links that imports a version of the same track: `1.0.0` serves one that was built for `1.4.0`, if that
/// calls no function which is not here. Each resource has a Rust type of its own. An error that a function returns stops
/// the component: what the component is to hear of is a value of the interface. Functions are called by the thread that runs the
/// component, and a change of policies waits for them: they must not wait for long, and not ask for a change from
/// within (that is an error). An asynchronous one may wait between its steps.
///
/// ```
/// use airssys_wasm::embed::{Asks, Config, HostInterface};
///
/// let schema = r#"namespace Acme {
///     entity Contact;
///     action "contact:read" appliesTo { principal: [Component], resource: [Contact] };
/// }"#;
/// let contacts = HostInterface::new("acme:crm/contacts@1.0.0", |_who| ())
///     .schema("contacts.cedarschema", schema)
///     .function(
///         "phone-of",
///         Asks::on("Acme::contact:read", "Acme::Contact", |(name,): &(String,)| Ok(name.clone())),
///         |_call, (name,)| Ok((format!("the phone of {name}"),)),
///     );
/// let config = Config::new().host_interface(contacts);
/// # let _ = airssys_wasm::embed::ComponentRuntime::new(config)?;
/// # Ok::<(), airssys_wasm::embed::Error>(())
/// ```
pub struct HostInterface<S> {
    name: String,
    schemas: Vec<Source>,
    keeps: Arc<Keeps<S>>,
    functions: Vec<Declared>,
    types: Vec<(String, TypeId, Link)>,
}

/// A function by what it asks, before its names are known to be good.
struct Declared {
    name: String,
    action: String,
    kind: Option<String>,
    answers: bool,
    build: Build,
}

impl<S: Send + Sync + 'static> HostInterface<S> {
    /// An interface by its name with version, such as `acme:crm/contacts@1.0.0`, and how to make what it keeps for an
    /// instance. Names are checked when the runtime is made.
    pub fn new(
        name: impl Into<String>,
        state: impl Fn(&Principal) -> S + Send + Sync + 'static,
    ) -> HostInterface<S> {
        let keeps = Arc::new(Keeps::new(state));
        HostInterface {
            name: name.into(),
            schemas: Vec::new(),
            keeps,
            functions: Vec::new(),
            types: Vec::new(),
        }
    }

    /// Adds a schema, by name and text: the namespaces with the interface's actions and types of resource.
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>, text: impl Into<String>) -> HostInterface<S> {
        self.schemas.push(Source::new(name, text));
        self
    }

    /// Adds a resource, by its name in the WIT and the type that stands behind its handles. Handles are made by
    /// [`Call::push`], in a function of the interface such as its constructor.
    #[must_use]
    pub fn resource<T: Send + 'static>(mut self, name: impl Into<String>) -> HostInterface<S> {
        let own = name.into();
        let name = own.clone();
        let link: Link = Arc::new(move |linker| {
            linker.resource(&name, ResourceType::host::<T>(), |mut store, rep| {
                let state = store.data_mut();
                state.table.delete(Resource::<T>::new_own(rep))?;
                Ok(guard(state).release(rep)?)
            })
        });
        self.types.push((own, TypeId::of::<T>(), link));
        self
    }

    /// Adds a function by its name in the WIT: `get`, `[constructor]cursor`, `[method]cursor.next`, `[static]cursor.all`.
    #[must_use]
    pub fn function<P, R>(
        self,
        name: impl Into<String>,
        asks: Asks<P, R>,
        body: impl Fn(&mut Call<'_, S>, P) -> wasmtime::Result<R> + Send + Sync + 'static,
    ) -> HostInterface<S>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + 'static,
    {
        let (asks, body) = (Arc::new(asks), Arc::new(body));
        self.declare(name.into(), asks, move |name, function| {
            let body = Arc::clone(&body);
            Arc::new(move |linker: &mut LinkerInstance<'_, State>| {
                let (function, body) = (Arc::clone(&function), Arc::clone(&body));
                linker.func_wrap(&name, move |mut store, arguments: P| {
                    function.run(store.data_mut(), arguments, &*body)
                })
            })
        })
    }

    /// Adds a function that waits. `body` runs like that of [`HostInterface::function`] and gives the work, of which
    /// each step is a use of its own: when the permission is lost, the work is dropped and the call is denied.
    #[must_use]
    pub fn function_async<P, R, F>(
        self,
        name: impl Into<String>,
        asks: Asks<P, R>,
        body: impl Fn(&mut Call<'_, S>, P) -> wasmtime::Result<F> + Send + Sync + 'static,
    ) -> HostInterface<S>
    where
        P: ComponentNamedList + Lift + Send + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: Future<Output = wasmtime::Result<R>> + Send + 'static,
    {
        let (asks, body) = (Arc::new(asks), Arc::new(body));
        self.declare(name.into(), asks, move |name, function| {
            let body = Arc::clone(&body);
            Arc::new(move |linker: &mut LinkerInstance<'_, State>| {
                let (function, body) = (Arc::clone(&function), Arc::clone(&body));
                linker.func_wrap_async(&name, move |mut store, arguments: P| {
                    let begun = function.begin(store.data_mut(), arguments, &*body);
                    let function = Arc::clone(&function);
                    Box::new(async move { function.finish(begun).await })
                })
            })
        })
    }

    /// Adds a function over component values, whatever types the component imports it with: that they are the right
    /// ones is for `body` to see. It takes and gives no handles.
    #[must_use]
    pub fn values(
        self,
        name: impl Into<String>,
        asks: Asks<Vec<Val>, Vec<Val>>,
        body: impl Fn(&mut Call<'_, S>, Vec<Val>) -> wasmtime::Result<Vec<Val>> + Send + Sync + 'static,
    ) -> HostInterface<S> {
        let (asks, body) = (Arc::new(asks), Arc::new(body));
        self.declare(name.into(), asks, move |name, function| {
            let body = Arc::clone(&body);
            Arc::new(move |linker: &mut LinkerInstance<'_, State>| {
                let (function, body) = (Arc::clone(&function), Arc::clone(&body));
                linker.func_new(&name, move |mut store, _, arguments, results| {
                    give(results, function.run(store.data_mut(), plain(arguments)?, &*body)?)
                })
            })
        })
    }

    fn declare<P: 'static, R: 'static>(
        mut self,
        name: String,
        asks: Arc<Asks<P, R>>,
        link: impl Fn(String, Arc<Function<P, R, S>>) -> Link + Send + Sync + 'static,
    ) -> HostInterface<S> {
        let (action, kind) = (asks.action.clone(), asks.kind().map(str::to_owned));
        let (answers, own, keeps) = (asks.answer.is_some(), name.clone(), Arc::clone(&self.keeps));
        let build: Build = Box::new(move |action, kind, row| {
            let (asks, keeps) = (Arc::clone(&asks), Arc::clone(&keeps));
            link(own.clone(), Arc::new(Function { asks, action, kind, row, keeps }))
        });
        self.functions.push(Declared { name, action, kind, answers, build });
        self
    }
}

/// An interface that is to be put on offer, whatever it keeps.
pub(crate) trait Offer: Send + Sync {
    /// The schemas of its actions and types.
    fn schemas(&self) -> &[Source];

    /// Puts it on offer.
    fn offer(&self, imports: &mut Imports, words: &Words) -> Result<(), String>;
}

impl<S: Send + Sync + 'static> Offer for HostInterface<S> {
    fn schemas(&self) -> &[Source] {
        &self.schemas
    }

    fn offer(&self, imports: &mut Imports, words: &Words) -> Result<(), String> {
        let misnamed = || LinkError::Misnamed { name: self.name.clone() }.to_string();
        let track = Track::of(&self.name).ok_or_else(misnamed)?;
        let (mut rows, mut links) = (Vec::new(), Vec::new());
        for declared in &self.functions {
            let (row, link) = declared.row(track.interface(), words)?;
            rows.push(row);
            links.push(link);
        }
        let names =
            self.types.iter().map(|(name, ..)| name).chain(self.functions.iter().map(|one| &one.name));
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = names.into_iter().find(|name| !seen.insert(*name)) {
            return Err(format!("`{}` has `{twice}` twice: offer each once", self.name));
        }
        let all = self.types.iter().map(|(.., link)| link).chain(&links);
        let linked = imports.own(&self.name, &rows, self.types.iter().map(|(_, own, _)| *own), |linker| {
            all.into_iter().try_for_each(|link| link(linker))
        });
        linked.map_err(|error| error.to_string())
    }
}

impl Declared {
    /// Its row in the mediation table, and how it is linked.
    fn row(&self, interface: &str, words: &Words) -> Result<(&'static Row, Link), String> {
        let told = |error: &dyn std::fmt::Display| format!("`{interface}#{}`: {error}", self.name);
        let action = OwnAction::declare(&self.action).map_err(|error| told(&error))?;
        let kind = self.kind.as_deref().map(own::declare_kind).transpose().map_err(|error| told(&error))?;
        if let Some(misfit) = words.misfit(action, kind) {
            return Err(told(&misfit));
        }
        let kept = |text: &str| own::interned(text).map_err(|error| told(&error));
        let row = Row::kept(
            action.into(),
            Row {
                index: usize::MAX,
                id: kept(&format!("{interface}#{}", self.name))?,
                interface: kept(interface)?,
                function: kept(&self.name)?,
                class: if kind.is_some() { Class::Decide } else { Class::Use },
                asks: &[],
                on: kind.unwrap_or("what its handle was given for"),
                denial: if self.answers { Denial::Error } else { Denial::Trap },
            },
        );
        Ok((row, (self.build)(action, kind, row)))
    }
}

impl<S> std::fmt::Debug for HostInterface<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let functions = self.functions.iter().map(|function| &function.name);
        f.debug_struct("HostInterface")
            .field("name", &self.name)
            .field("functions", &functions.collect::<Vec<_>>())
            .finish()
    }
}
