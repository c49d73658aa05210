//! What an embedder's function is given.

use crate::kernel::{Fault, Guarded, Holder, State, guard};
use airssys_osl::Principal;
use airssys_osl::own::{Held, OwnResource};
use std::sync::Arc;
use wasmtime::component::Resource;

/// One call of an embedder's function that was permitted.
pub struct Call<'a, S> {
    pub(in crate::host::custom) store: &'a mut State,
    pub(in crate::host::custom) held: &'a Held,
    pub(in crate::host::custom) state: &'a Arc<S>,
    pub(in crate::host::custom) import: &'static str,
}

impl<S> Call<'_, S> {
    /// What the interface keeps for this instance of the component, and shows to no other. An asynchronous function
    /// takes a clone of it along.
    pub fn state(&self) -> &Arc<S> {
        self.state
    }

    /// Who calls; nobody but a component does.
    pub fn principal(&self) -> &Principal {
        &self.store.principal
    }

    /// What was decided on.
    pub fn resource(&self) -> &OwnResource {
        &self.held.target().resource
    }

    /// Makes a handle for the component. It rests on the permission of this call: when that is lost, it does nothing
    /// more.
    ///
    /// # Errors
    /// When the component has as many handles as it may.
    pub fn push<T: Send + 'static>(&mut self, value: T) -> wasmtime::Result<Resource<T>> {
        let holder = Holder::Lease(self.held.lease().clone());
        self.view().push(value, holder).map_err(wasmtime::Error::from)
    }

    /// What stands behind a handle.
    ///
    /// # Errors
    /// [`Denied`](airssys_osl::Denied) when the permission it was given with is lost.
    pub fn get<T: Send + 'static>(&mut self, handle: &Resource<T>) -> wasmtime::Result<&mut T> {
        permitted(self.store, handle.rep(), self.import)?;
        Ok(self.store.table.get_mut(handle)?)
    }

    /// Takes back what stands behind a handle that the component gave away.
    ///
    /// # Errors
    /// When there is no such handle, or it is lent; [`Denied`](airssys_osl::Denied) when the permission it was given
    /// with is lost, and what stands behind it is then gone.
    pub fn take<T: Send + 'static>(&mut self, handle: Resource<T>) -> wasmtime::Result<T> {
        let rep = handle.rep();
        // The component still has one that is lent: its number must not be given to something else.
        if !handle.owned() {
            wasmtime::bail!("`{}` takes a handle that is only lent to it", self.import);
        }
        let permitted = permitted(self.store, rep, self.import);
        let value = self.store.table.delete(handle)?;
        self.view().release(rep)?;
        permitted.map(|_| value)
    }

    fn view(&mut self) -> Guarded<'_> {
        guard(self.store)
    }
}

impl<S> std::fmt::Debug for Call<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "call of `{}` by {:?}", self.import, self.store.session.subject())
    }
}

/// What a handle was given for, if that permission still stands.
pub(in crate::host::custom) fn permitted(
    store: &State,
    rep: u32,
    import: &'static str,
) -> wasmtime::Result<Held> {
    let holder = store.attribution.of(rep).ok_or(Fault::Unattributed { import, rep })?;
    let held = match holder {
        Holder::Lease(lease) => Held::of(lease),
        Holder::Instance => None,
    };
    let held = held.ok_or(Fault::Unattributed { import, rep })?;
    held.lease().permits(held.target().action.into(), import)?;
    Ok(held)
}
