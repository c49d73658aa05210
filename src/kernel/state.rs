//! What a store holds.

use crate::kernel::attribution::Attribution;
use crate::kernel::instance::Grants;
use crate::kernel::limits::Meter;
use airssys_osl::Session;
use airssys_osl::{clock, random};
use std::sync::Arc;
use wasmtime::component::ResourceTable;

/// How many handles an instance may hold at once.
const MAX_HANDLES: usize = 10_000;

/// The data of one store.
///
/// Deliberately no `WasiView`: every unguarded way of linking WASI then fails to compile.
pub(crate) struct State {
    pub(crate) table: ResourceTable,
    pub(crate) attribution: Attribution,
    pub(crate) session: Arc<Session>,
    pub(crate) grants: Grants,
    pub(crate) ambient: Ambient,
    pub(crate) meter: Meter,
    /// Ticks of processor time left for the call under way.
    pub(crate) ticks: u64,
}

/// Standing permissions for what has no handle; each is made at its first allowed use.
#[derive(Default)]
pub(crate) struct Ambient {
    pub(crate) monotonic: Option<clock::Reader>,
    pub(crate) wall: Option<clock::Reader>,
    pub(crate) sleeper: Option<clock::Sleeper>,
    pub(crate) secure: Option<random::Source>,
    pub(crate) insecure: Option<random::Source>,
}

impl State {
    pub(crate) fn new(session: Arc<Session>, grants: Grants, meter: Meter) -> State {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let (attribution, ambient) = (Attribution::default(), Ambient::default());
        State { table, attribution, session, grants, ambient, meter, ticks: 0 }
    }
}
