//! The view that every host function is called on: enter, act, leave.

use crate::kernel::{Fail, Fault, Handles, Holder, Row, State};
use airssys_osl::{LimitExceeded, Session};
use std::cell::Cell;
use std::sync::Arc;
use wasmtime::component::{Resource, ResourceTableError};

/// The store's state as host functions see it.
pub(crate) struct Guarded<'a> {
    pub(crate) state: &'a mut State,
    /// The function that was entered, for the record of a limit that it meets.
    import: Cell<Option<&'static str>>,
}

/// Proof that a function was entered by its row. Made by [`Guarded::enter`] alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    row: &'static Row,
}

impl Call {
    /// The import's name, for the record.
    pub(crate) fn import(&self) -> &'static str {
        self.row.id
    }
}

/// The view over a store's state.
pub(crate) fn guard(state: &mut State) -> Guarded<'_> {
    Guarded { state, import: Cell::new(None) }
}

impl Guarded<'_> {
    /// Enters a function: every handle among its arguments must be attributed.
    pub(crate) fn enter(&self, row: &'static Row, arguments: &[&dyn Handles]) -> Result<Call, Fault> {
        let call = Call { row };
        self.state.current.enter(row);
        self.import.set(Some(row.id));
        for argument in arguments {
            self.check(&call, *argument)?;
        }
        Ok(call)
    }

    /// Leaves a function: every handle it returns must be attributed by now.
    pub(crate) fn leave<T: Handles>(&self, call: &Call, out: T) -> Result<T, Fault> {
        self.check(call, &out)?;
        Ok(out)
    }

    fn check(&self, call: &Call, value: &dyn Handles) -> Result<(), Fault> {
        let mut missing = None;
        value.each(&mut |rep| {
            if self.state.attribution.of(rep).is_none() {
                missing = Some(rep);
            }
        });
        missing.map_or(Ok(()), |rep| Err(Fault::Unattributed { import: call.row.id, rep }))
    }

    /// Puts an entry into the store's table and says who vouches for it.
    pub(crate) fn push<T: Send + 'static>(&mut self, entry: T, holder: Holder) -> Result<Resource<T>, Fail> {
        let pushed = self.state.table.push(entry);
        let handle = pushed.inspect_err(|error| self.tell_full(error))?;
        self.attribute(&handle, holder);
        Ok(handle)
    }

    /// Says who vouches for a handle that the table holds already.
    pub(crate) fn attribute<T: 'static>(&mut self, handle: &Resource<T>, holder: Holder) {
        self.state.attribution.set(handle.rep(), holder);
    }

    /// Who vouches for a handle.
    pub(crate) fn holder<T: 'static>(&self, call: &Call, handle: &Resource<T>) -> Result<Holder, Fault> {
        let missing = || Fault::Unattributed { import: call.row.id, rep: handle.rep() };
        self.state.attribution.of(handle.rep()).cloned().ok_or_else(missing)
    }

    /// True when what vouches for a handle was taken back: nobody may wait for it any more.
    pub(crate) fn is_revoked<T: 'static>(&self, handle: &Resource<T>) -> bool {
        // Entering has found a holder; a handle without one is not waited for either.
        self.state.attribution.of(handle.rep()).is_none_or(Holder::is_revoked)
    }

    /// Makes sure that one more handle fits into the table, before an effect whose handle it is to be.
    ///
    /// It stays so until the effect is done: while a host function runs, nobody else reaches the store.
    pub(crate) fn make_room(&mut self) -> Result<(), ResourceTableError> {
        self.make_room_for(1)
    }

    /// Makes sure that some more handles fit into the table, as [`Guarded::make_room`] does for one.
    pub(crate) fn make_room_for(&mut self, handles: usize) -> Result<(), ResourceTableError> {
        let table = &mut self.state.table;
        let probes: Vec<_> = (0..handles).map_while(|_| table.push(()).ok()).collect();
        let fit = probes.len() == handles;
        for probe in probes {
            table.delete(probe)?;
        }
        if fit { Ok(()) } else { Err(ResourceTableError::Full).inspect_err(|error| self.tell_full(error)) }
    }

    /// Records that there was no room for one handle more.
    fn tell_full(&self, error: &ResourceTableError) {
        if matches!(error, ResourceTableError::Full) {
            self.exceed(self.state.meter.limits.out_of_handles());
        }
    }

    /// Of a length that the guest asks for, how much one call hands it. wasmtime counts the other direction.
    pub(crate) fn at_most_in_one_call(&self, length: u64) -> u64 {
        length.min(self.state.meter.limits.host_call_bytes.get())
    }

    /// Records, once for each, a limit that was met by the function that was entered.
    pub(crate) fn exceed(&self, limit: LimitExceeded) {
        // It is refused whether or not this can be written.
        let _ = self.state.session.exceed(limit, self.import.get());
    }

    /// Ends a handle's attribution.
    pub(crate) fn release(&mut self, rep: u32) -> Result<(), Fault> {
        let import = "[resource-drop]";
        self.state.attribution.take(rep).map(drop).ok_or(Fault::Unattributed { import, rep })
    }

    /// The instance's session at the gate.
    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.state.session
    }

    /// Turns a denial into an empty value.
    pub(crate) fn or_empty<T: Default>(&self, out: Result<T, Fail>) -> Result<T, Fail> {
        match out {
            Err(Fail::Denied(_)) => Ok(T::default()),
            Ok(value) => Ok(value),
            Err(Fail::Trap(error)) => Err(Fail::Trap(error)),
        }
    }

    /// Turns a denial into a closed stream.
    pub(crate) fn or_closed<T: Closed>(
        &mut self,
        out: Result<Resource<T>, Fail>,
    ) -> Result<Resource<T>, Fail> {
        match out {
            Err(Fail::Denied(_)) => self.push(T::closed(), Holder::Instance),
            Ok(value) => Ok(value),
            Err(Fail::Trap(error)) => Err(Fail::Trap(error)),
        }
    }
}

/// A stream type that has a closed value.
pub(crate) trait Closed: Send + Sized + 'static {
    /// A stream that is closed from the start.
    fn closed() -> Self;
}
