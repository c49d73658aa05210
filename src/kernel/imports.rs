//! What components may import: the linker, and the check that each import has its row.

use crate::kernel::{Compiled, Engine, Row, State, Track};
use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{InstancePre, Linker, LinkerInstance};

/// A component that asks for what is not offered, or an interface that could not be linked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum LinkError {
    /// An import that the kernel does not offer.
    #[error("the component imports `{import}`, which this kernel does not offer")]
    #[diagnostic(help("build the component without it; `airssys inspect` lists what it imports"))]
    NotOffered {
        /// The import, with its version, and the function where it is one.
        import: String,
    },
    /// An interface is linked whose functions have no rows.
    #[error("interface `{interface}` has no rows in the mediation table")]
    Unmediated {
        /// The interface.
        interface: String,
    },
    /// An embedder's interface whose name is none.
    #[error("`{name}` names no interface: write `namespace:package/interface@1.2.3`")]
    Misnamed {
        /// The name.
        name: String,
    },
    /// An embedder's interface where one stands already, or in a package of the kernel's.
    #[error("`{name}` cannot be offered: {taken} is offered on that track of versions already")]
    Taken {
        /// The name.
        name: String,
        /// What stands there.
        taken: String,
    },
    /// An interface in a package of the runtime's own.
    #[error("`{name}` cannot be offered: the namespace `airssys` is this runtime's own")]
    Reserved {
        /// The name.
        name: String,
    },
    /// A link that no import needs.
    #[error("the component imports no function of `{name}`, so nothing can be linked there")]
    #[diagnostic(help("take the link away, or name an interface that the component imports"))]
    NotImported {
        /// The name.
        name: String,
    },
    /// A link that cannot stand: the functions are not the same, or what they hand over cannot cross.
    #[error("`{import}` cannot be linked with `{callee}`: {reason}")]
    #[diagnostic(help(
        "link it with a component that exports the same functions, and hands over no handles"
    ))]
    Unlinkable {
        /// The import, with its version, and the function where it is one.
        import: String,
        /// The component that was to serve it.
        callee: String,
        /// What differs or cannot cross, and where.
        reason: String,
    },
    /// Two resources of embedders with one Rust type: a handle of the one would pass for a handle of the other.
    #[error(
        "`{name}` has a resource whose Rust type stands behind another resource already: give each a type of its own"
    )]
    SharedType {
        /// The interface.
        name: String,
    },
    /// The engine refused.
    #[error("the component cannot be linked: {0}")]
    Engine(String),
}

/// The imports on offer, with the table they are mediated by. A clone is one's own, to be added to.
#[derive(Clone)]
pub struct Imports {
    linker: Linker<State>,
    rows: BTreeMap<Track, BTreeMap<&'static str, &'static Row>>,
    /// The Rust types behind the resources of embedders: the engine tells resources apart by them.
    types: BTreeSet<TypeId>,
}

impl Imports {
    /// Nothing on offer.
    pub fn none(engine: &Engine) -> Imports {
        Imports { linker: Linker::new(engine.inner()), rows: BTreeMap::new(), types: BTreeSet::new() }
    }

    /// Puts rows on offer; an interface can be linked once it has rows.
    pub(crate) fn offer(&mut self, rows: &[&'static Row]) {
        for row in rows {
            self.rows.entry(Track::offered(row.interface)).or_default().insert(row.function, row);
        }
    }

    /// Puts an interface on offer that has resources only.
    pub(crate) fn offer_types(&mut self, interface: &'static str) {
        self.rows.entry(Track::offered(interface)).or_default();
    }

    /// Links one interface of the table.
    pub(crate) fn interface(
        &mut self,
        name: &'static str,
        link: impl FnOnce(&mut Linker<State>) -> wasmtime::Result<()>,
    ) -> Result<(), LinkError> {
        if !self.rows.contains_key(&Track::offered(name)) {
            return Err(LinkError::Unmediated { interface: name.to_owned() });
        }
        link(&mut self.linker).map_err(|error| LinkError::Engine(format!("{error:#}")))
    }

    /// Links an interface of an embedder's or another component's, with the rows of its functions.
    ///
    /// # Errors
    /// [`LinkError::Misnamed`]; [`LinkError::Reserved`]; [`LinkError::Taken`] when one is offered whose versions link against this one's, or its
    /// package is one of the kernel's.
    pub(crate) fn own(
        &mut self,
        name: &str,
        rows: &[&'static Row],
        types: impl IntoIterator<Item = TypeId>,
        link: impl FnOnce(&mut LinkerInstance<'_, State>) -> wasmtime::Result<()>,
    ) -> Result<(), LinkError> {
        let track = Track::of(name).ok_or_else(|| LinkError::Misnamed { name: shown(name) })?;
        if track.is_reserved() {
            return Err(LinkError::Reserved { name: shown(name) });
        }
        if let Some(taken) = self.rows.keys().find(|taken| taken.excludes(&track)) {
            return Err(LinkError::Taken { name: shown(name), taken: format!("`{taken}`") });
        }
        for own in types {
            if !self.types.insert(own) {
                return Err(LinkError::SharedType { name: shown(name) });
            }
        }
        let failed = |error: wasmtime::Error| LinkError::Engine(format!("{error:#}"));
        link(&mut self.linker.instance(name).map_err(failed)?).map_err(failed)?;
        self.rows.insert(track, rows.iter().map(|row| (row.function, *row)).collect());
        Ok(())
    }

    /// The row of an imported function, by its interface with version; none when it is not on offer.
    pub fn row_of(&self, import: &str, function: &str) -> Option<&'static Row> {
        self.rows.get(&Track::of(import)?)?.get(function).copied()
    }

    /// True when a component that imports this interface could have it linked: nobody offers it, nor may.
    pub fn is_free(&self, import: &str) -> bool {
        let taken = |track: &Track| track.is_reserved() || self.rows.keys().any(|row| row.excludes(track));
        Track::of(import).is_some_and(|track| !taken(&track))
    }

    /// Every row on offer.
    pub fn rows(&self) -> impl Iterator<Item = &'static Row> {
        self.rows.values().flat_map(|functions| functions.values().copied())
    }

    /// Checks each import of a component against the table, without instantiating it.
    ///
    /// # Errors
    /// [`LinkError::NotOffered`] naming the first import that has no row.
    pub fn check(&self, compiled: &Compiled) -> Result<(), LinkError> {
        let engine = compiled.engine().inner();
        for (name, item) in compiled.component().component_type().imports(engine) {
            let not_offered = |function: Option<&str>| LinkError::NotOffered {
                import: function.map_or_else(|| name.to_owned(), |function| format!("{name}#{function}")),
            };
            let instance = match item.ty {
                ComponentItem::ComponentInstance(instance) => instance,
                // A world's own plain types are imports in the binary, and nothing to reach.
                ComponentItem::Type(_) => continue,
                _ => return Err(not_offered(None)),
            };
            let functions = Track::of(name).and_then(|track| self.rows.get(&track));
            let Some(functions) = functions else {
                // An interface of plain types, that others are written with, is nothing to reach either.
                if instance.exports(engine).all(|(_, item)| matches!(item.ty, ComponentItem::Type(_))) {
                    continue;
                }
                return Err(not_offered(None));
            };
            for (export, item) in instance.exports(engine) {
                if matches!(item.ty, ComponentItem::ComponentFunc(_)) && !functions.contains_key(export) {
                    return Err(not_offered(Some(export)));
                }
            }
        }
        Ok(())
    }

    /// Checks and links a component.
    ///
    /// # Errors
    /// [`LinkError`] as [`Imports::check`], or when the types of an import do not fit.
    pub(crate) fn bind(&self, compiled: &Compiled) -> Result<InstancePre<State>, LinkError> {
        self.check(compiled)?;
        let bound = self.linker.instantiate_pre(compiled.component());
        bound.map_err(|error| LinkError::Engine(format!("{error:#}")))
    }
}

impl std::fmt::Debug for Imports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.rows.keys()).finish()
    }
}

/// A name for a message.
pub(crate) fn shown(name: &str) -> String {
    name.chars().take(120).collect::<String>().escape_debug().to_string()
}
