//! Loading a component together with those who serve its imports.

use crate::embed::live::Live;
use crate::embed::version::{Place, Version};
use crate::embed::{Component, ComponentRuntime, ComponentSource, Error, Inspection};
use crate::host::linked::{LinkSpec, Links};
use crate::kernel::{Compiled, LinkError, Prepared};
use std::sync::Arc;

/// A component that is about to be loaded, with the components that serve its imports.
///
/// A link does not make two components one: each keeps its memory, its limits and its own authority. Every call over it
/// is a question of its own, `component:call`, with the caller as principal and the other's function as resource; what
/// the other does meanwhile is decided by the other's own authority, and policies may look at `context.caller` and
/// `context.chain` to permit less. A link stands only between functions of the same types over plain values.
///
/// ```no_run
/// # async fn example(runtime: airssys_wasm::ComponentRuntime) -> Result<(), airssys_wasm::Error> {
/// let resizer = runtime.load_component("resizer.wasm").await?;
/// let album = runtime.linked("album.wasm").link("acme:images/resize@1.2.0", &resizer).load().await?;
/// # let _ = album; Ok(())
/// # }
/// ```
///
/// A call over a link waits until the other is free, and its own wall limit runs meanwhile. When the other traps, or meets
/// one of its limits, it has ended and so has the caller, with [`Error::Unanswered`]. A linked component lives on while
/// somebody is linked with it, also when its [`Component`] was dropped; [`Component::unload`] ends it. Two components that
/// are called at the same moment and then call each other wait until one meets its wall limit.
#[must_use = "nothing is loaded before `load`"]
#[derive(Clone)]
pub struct Linking {
    runtime: ComponentRuntime,
    source: ComponentSource,
    links: Vec<(LinkSpec, bool)>,
}

impl ComponentRuntime {
    /// Begins to load a component whose imports other components are to serve.
    pub fn linked(&self, source: impl Into<ComponentSource>) -> Linking {
        Linking { runtime: self.clone(), source: source.into(), links: Vec::new() }
    }
}

impl Linking {
    /// Has `to` serve the interface `import`, by its name with version, such as `acme:images/resize@1.2.0`. Any version
    /// serves that links against that one, if it has the functions that are imported.
    pub fn link(mut self, import: impl Into<String>, to: &Component) -> Linking {
        let ours = Arc::ptr_eq(&self.runtime.shared, &to.shared);
        let to: Arc<Live> = Arc::clone(&to.live);
        self.links.push((LinkSpec { import: import.into(), to }, ours));
        self
    }

    /// Verifies, compiles, checks links and imports, and makes an instance.
    ///
    /// # Errors
    /// As [`ComponentRuntime::load_component`]; [`Error::Import`] for a link that cannot stand; [`Error::Config`] for one
    /// to a component of another runtime.
    pub async fn load(self) -> Result<Component, Error> {
        let links = self.specs()?;
        let (verified, compiled) = self.runtime.prepare(self.source).await?;
        let shared = &self.runtime.shared;
        let (links, prepared) = prepared(&self.runtime, &compiled, links)
            .map_err(|error| shared.refuse_import(&verified, error))?;
        let version = Arc::new(Version::new(prepared, verified, links, shared.now()?));
        Component::start(Arc::clone(shared), version, Place::Nameless).await
    }

    /// Verifies and compiles it and tells what it is, links included, without running any of its code.
    ///
    /// # Errors
    /// As [`ComponentRuntime::inspect_component`]; [`Error::Import`] for a link that cannot stand.
    pub async fn inspect(self) -> Result<Inspection, Error> {
        let links = self.specs()?;
        let (verified, compiled) = self.runtime.prepare(self.source).await?;
        let links = Links::new(&compiled, links)?;
        self.runtime.shared.inspection(&verified, &compiled, &links)
    }

    fn specs(&self) -> Result<Vec<LinkSpec>, Error> {
        if let Some((link, _)) = self.links.iter().find(|(_, ours)| !ours) {
            let import = link.import.escape_debug();
            return Err(Error::Config(format!("`{import}` is linked with a component of another runtime")));
        }
        Ok(self.links.iter().map(|(link, _)| link.clone()).collect())
    }
}

pub(in crate::embed) fn prepared(
    runtime: &ComponentRuntime,
    compiled: &Compiled,
    links: Vec<LinkSpec>,
) -> Result<(Links, Prepared), LinkError> {
    let links = Links::new(compiled, links)?;
    let imports = runtime.shared.imports();
    let prepared = match links.is_empty() {
        true => Prepared::new(imports, compiled),
        false => Prepared::new(&links.offer(imports)?, compiled),
    };
    prepared.map(|prepared| (links, prepared))
}

impl std::fmt::Debug for Linking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let links = self.links.iter().map(|(link, _)| (&link.import, link.to.name()));
        f.debug_struct("Linking")
            .field("source", &self.source)
            .field("links", &links.collect::<Vec<_>>())
            .finish()
    }
}
