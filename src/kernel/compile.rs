//! Verified bytes become code.

use crate::identity::VerifiedComponent;
use crate::kernel::Engine;
use crate::kernel::code_cache::Found;
use crate::kernel::compiler::Compiler;
use crate::kernel::{EngineError, Limits, unfold};
use wasmtime::component::Component;
use wasmtime::component::types::{self, ComponentFunc, ComponentItem};

/// A verified component, compiled. Only [`Compiled::new`] makes one, from the very buffer that was verified.
#[derive(Clone)]
pub struct Compiled {
    engine: Engine,
    component: Component,
    origin: Origin,
}

/// Where a component's code came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It was compiled now.
    Compiled,
    /// It was compiled now, since what the cache held was not this installation's, or damaged; in words, why.
    CompiledAnew(String),
    /// It was compiled before, by this process.
    Recent,
    /// It was compiled before, by this installation.
    Cached,
}

/// A function that a component exports.
#[derive(Debug, Clone)]
pub struct Function {
    /// The interface with its version; none for a function at the root.
    pub interface: Option<String>,
    /// The function's own name.
    pub name: String,
    /// Its type.
    pub ty: ComponentFunc,
}

impl Function {
    /// The name that finds this function and no other: `process-data`, or `acme:images/resize@1.2.0#scale`.
    pub fn path(&self) -> String {
        match &self.interface {
            None => self.name.clone(),
            Some(interface) => format!("{interface}#{}", self.name),
        }
    }
}

impl Compiled {
    /// Compiles, unless the same file was compiled lately. Takes from milliseconds to many seconds; call it where it may
    /// block.
    ///
    /// # Errors
    /// [`EngineError`] when the bytes are no valid component under the engine's closed proposals, or unfold into far
    /// more instances than are granted.
    pub fn new(
        engine: &Engine,
        verified: &VerifiedComponent,
        limits: &Limits,
    ) -> Result<Compiled, EngineError> {
        unfold::check(verified.bytes(), limits.instances)?;
        let (bytes, digest) = (verified.bytes(), verified.file_digest());
        if let Some(component) = engine.recent().find(digest) {
            return Ok(Compiled { engine: engine.clone(), component, origin: Origin::Recent });
        }
        let (component, origin) = found_or_compiled(engine, bytes, digest)?;
        engine.recent().keep(digest, bytes.len(), component.clone());
        Ok(Compiled { engine: engine.clone(), component, origin })
    }

    /// Where its code came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn component(&self) -> &Component {
        &self.component
    }

    /// Names of everything imported, with versions.
    pub fn imports(&self) -> Vec<String> {
        let ty = self.component.component_type();
        ty.imports(self.engine.inner()).map(|(name, _)| name.to_owned()).collect()
    }

    /// The functions of each imported interface.
    pub fn imported_functions(&self) -> Vec<Function> {
        let in_interface = |interface: &str, name: &str, item: &ComponentItem| match item {
            ComponentItem::ComponentFunc(ty) => {
                let (interface, name) = (Some(interface.to_owned()), name.to_owned());
                Some(Function { interface, name, ty: ty.clone() })
            }
            _ => None,
        };
        self.imported_items(in_interface)
    }

    /// The resources of each imported interface: `(interface@version, resource)`.
    pub(crate) fn imported_resources(&self) -> Vec<(String, String)> {
        let is_resource = |item: &ComponentItem| matches!(item, ComponentItem::Resource(_));
        self.imported_items(|interface, name, item| {
            is_resource(item).then(|| (interface.to_owned(), name.to_owned()))
        })
    }

    fn imported_items<T>(&self, pick: impl Fn(&str, &str, &ComponentItem) -> Option<T>) -> Vec<T> {
        let engine = self.engine.inner();
        let mut found = Vec::new();
        for (interface, item) in self.component.component_type().imports(engine) {
            if let ComponentItem::ComponentInstance(instance) = item.ty {
                let items = instance.exports(engine);
                found.extend(items.filter_map(|(name, item)| pick(interface, name, &item.ty)));
            }
        }
        found
    }

    /// The functions that are exported, at the root and one level into interfaces.
    pub fn exports(&self) -> Vec<Function> {
        functions(&self.component.component_type(), self.engine.inner())
    }
}

fn found_or_compiled(
    engine: &Engine,
    bytes: &[u8],
    digest: &str,
) -> Result<(Component, Origin), EngineError> {
    let origin = match engine.cache().map(|cache| cache.find(engine, digest)) {
        Some(Found::Code(component)) => return Ok((component, Origin::Cached)),
        Some(Found::Foreign(why)) => Origin::CompiledAnew(why),
        Some(Found::Nothing) | None => Origin::Compiled,
    };
    let component = match engine.compiler() {
        // `from_binary` takes neither text nor precompiled code.
        Compiler::InProcess => {
            Component::from_binary(engine.inner(), bytes).map_err(|error| EngineError::invalid(&error))?
        }
        Compiler::Child(child) => child.compile(engine, bytes, digest)?,
    };
    if let Some(cache) = engine.cache() {
        cache.keep(engine, digest, &component);
    }
    Ok((component, origin))
}

/// The functions that a component's type exports, in its order: its own, and those of its interfaces.
///
/// An instance inside of an exported instance has no name a caller could write and is left out.
pub fn functions(component: &types::Component, engine: &wasmtime::Engine) -> Vec<Function> {
    let mut functions = Vec::new();
    for (name, item) in component.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(ty) => {
                functions.push(Function { interface: None, name: name.to_owned(), ty });
            }
            ComponentItem::ComponentInstance(instance) => {
                let inner = instance.exports(engine).filter_map(|(function, item)| match item.ty {
                    ComponentItem::ComponentFunc(ty) => {
                        Some(Function { interface: Some(name.to_owned()), name: function.to_owned(), ty })
                    }
                    _ => None,
                });
                functions.extend(inner);
            }
            _ => {}
        }
    }
    functions
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled").field("imports", &self.imports()).finish()
    }
}
