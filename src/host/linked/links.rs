//! The links of one component: found, checked, and put on offer to it alone.

use crate::host::custom::give;
use crate::host::linked::call::{Linked, find, named};
use crate::host::linked::callee::{Callee, Target};
use crate::host::linked::types::same;
use crate::kernel::{Class, Compiled, Denial, Function, Imports, LinkError, Row, State, Track, shown};
use airssys_osl::{ActionId, own};
use std::collections::BTreeMap;
use std::sync::Arc;
use wasmtime::component::LinkerInstance;

/// A link as somebody wants it: an imported interface with version, and who is to serve it.
#[derive(Clone)]
pub(crate) struct LinkSpec {
    pub(crate) import: String,
    pub(crate) to: Arc<dyn Callee>,
}

/// The links of one component, checked.
#[derive(Default)]
pub(crate) struct Links(Vec<Link>);

/// What one import leads to.
struct Link {
    import: String,
    track: Track,
    /// The functions that are imported, also those of another version on the track.
    wanted: Vec<Function>,
    /// A resource of it, by interface and name.
    resource: Option<(String, String)>,
    to: Arc<dyn Callee>,
}

impl Links {
    /// Finds what the component imports for each, and checks that it can be served.
    ///
    /// # Errors
    /// [`LinkError::Misnamed`], [`LinkError::NotImported`], or [`LinkError::Unlinkable`] with the function and the place.
    pub(crate) fn new(compiled: &Compiled, specs: Vec<LinkSpec>) -> Result<Links, LinkError> {
        if specs.is_empty() {
            return Ok(Links::default());
        }
        let (functions, resources) = (compiled.imported_functions(), compiled.imported_resources());
        let links = specs.into_iter().map(|spec| Link::new(&functions, &resources, spec));
        let links = Links(links.collect::<Result<Vec<_>, _>>()?);
        for link in &links.0 {
            let ended = || link.unlinkable(&link.import, "it has ended".to_owned());
            links.check(&*link.to.now().ok_or_else(ended)?)?;
        }
        Ok(links)
    }

    /// Checks that whoever is to be called `target`'s name could serve the links to that name: what a reload asks for
    /// each component that lives.
    ///
    /// # Errors
    /// [`LinkError::Unlinkable`] with the function and the place.
    pub(crate) fn check(&self, target: &Target) -> Result<(), LinkError> {
        self.0.iter().filter(|link| link.to.name() == target.peer.name()).try_for_each(|it| it.check(target))
    }

    /// What is on offer, and the links.
    ///
    /// # Errors
    /// [`LinkError::Taken`] or [`LinkError::Reserved`] where a link cannot stand.
    pub(crate) fn offer(&self, imports: &Imports) -> Result<Imports, LinkError> {
        let mut imports = imports.clone();
        for link in &self.0 {
            // One of a name serves all versions: they are alike, or the check has failed.
            let wanted: BTreeMap<_, _> = link.wanted.iter().map(|wanted| (&wanted.name, wanted)).collect();
            let linked =
                wanted.into_values().map(|wanted| link.linked(wanted)).collect::<Result<Vec<_>, _>>()?;
            let rows: Vec<_> = linked.iter().map(|linked| linked.row).collect();
            imports.own(&link.import, &rows, [], |linker| {
                linked.into_iter().try_for_each(|linked| put(linker, linked))
            })?;
        }
        Ok(imports)
    }

    /// Each with who serves it.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|link| (link.import.as_str(), link.to.name()))
    }

    /// True when there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Link {
    fn new(
        functions: &[Function],
        resources: &[(String, String)],
        spec: LinkSpec,
    ) -> Result<Link, LinkError> {
        let misnamed = || LinkError::Misnamed { name: shown(&spec.import) };
        let track = Track::of(&spec.import).ok_or_else(misnamed)?;
        let on_track = |name: &str| Track::of(name).as_ref() == Some(&track);
        let imported = functions.iter().filter(|one| one.interface.as_deref().is_some_and(on_track));
        let wanted: Vec<_> = imported.cloned().collect();
        let resource = resources.iter().find(|(interface, _)| on_track(interface)).cloned();
        if wanted.is_empty() && resource.is_none() {
            return Err(LinkError::NotImported { name: shown(&spec.import) });
        }
        Ok(Link { import: spec.import, track, wanted, resource, to: spec.to })
    }

    fn check(&self, target: &Target) -> Result<(), LinkError> {
        // What cannot cross is said first: no other component would do either.
        for wanted in &self.wanted {
            same(&wanted.ty, &wanted.ty)
                .map_err(|misfit| self.unlinkable(&wanted.path(), misfit.to_string()))?;
        }
        for wanted in &self.wanted {
            let found = find(wanted, target).and_then(|found| named(target, found));
            found.map_err(|reason| self.unlinkable(&wanted.path(), reason))?;
        }
        // A function that takes a handle has said where; this is for a resource that no function speaks of.
        let Some((interface, resource)) = &self.resource else { return Ok(()) };
        let reason = format!("its resource `{}` cannot cross from one component to another", shown(resource));
        Err(self.unlinkable(interface, reason))
    }

    fn unlinkable(&self, import: &str, reason: String) -> LinkError {
        let callee = shown(self.to.name());
        LinkError::Unlinkable { import: shown(import), callee, reason }
    }

    fn linked(&self, wanted: &Function) -> Result<Linked, LinkError> {
        let row = self.row(wanted).map_err(|reason| self.unlinkable(&wanted.path(), reason))?;
        Ok(Linked::new(row, wanted.clone(), Arc::clone(&self.to)))
    }

    /// The function's row in the mediation table.
    fn row(&self, wanted: &Function) -> Result<&'static Row, String> {
        let interface = self.track.interface();
        let kept = |text: &str| own::interned(text).map_err(|error| error.to_string());
        let row = Row {
            index: usize::MAX,
            id: kept(&format!("{interface}#{}", wanted.name))?,
            interface: kept(interface)?,
            function: kept(&wanted.name)?,
            class: Class::Decide,
            asks: &[],
            on: "Function",
            // Its types are the two components' own: there is no error that would mean a denial.
            denial: Denial::Trap,
        };
        Ok(Row::kept(ActionId::ComponentCall, row))
    }
}

fn put(linker: &mut LinkerInstance<'_, State>, linked: Linked) -> wasmtime::Result<()> {
    let linked = Arc::new(linked);
    linker.func_new_async(linked.row.function, move |store, _, arguments, results| {
        let (linked, state) = (Arc::clone(&linked), store.data());
        let (session, limits) = (Arc::clone(&state.session), state.meter.limits);
        Box::new(async move { give(results, linked.call(&session, &limits, arguments).await?) })
    })
}
