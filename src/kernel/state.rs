//! What a store holds.

use crate::kernel::attribution::Attribution;
use crate::kernel::instance::Grants;
use crate::kernel::limits::{Meter, count};
use crate::kernel::{Row, Tenure};
use airssys_osl::net::Network;
use airssys_osl::{Principal, Session};
use airssys_osl::{clock, random};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;
use wasmtime::component::ResourceTable;

/// How many threads of the blocking pool an instance may occupy at once; the pool is shared by all.
pub(crate) const MAX_POOLED: usize = 4;

/// The data of one store.
///
/// Deliberately no `WasiView`: every unguarded way of linking WASI then fails to compile.
pub(crate) struct State {
    pub(crate) table: ResourceTable,
    pub(crate) attribution: Attribution,
    pub(crate) session: Arc<Session>,
    /// Who the session is for.
    pub(crate) principal: Arc<Principal>,
    pub(crate) grants: Grants,
    pub(crate) ambient: Ambient,
    /// The network, once something was asked of it.
    pub(crate) network: Option<Network>,
    pub(crate) meter: Meter,
    /// Ticks of processor time left for the call under way.
    pub(crate) ticks: u64,
    /// Places for open files, directories and listings, those being closed among them. The process's own descriptors are
    /// few, and shared by all.
    pub(crate) open_files: Arc<Semaphore>,
    /// Places on the blocking pool.
    pub(crate) pooled: Arc<Semaphore>,
    pub(crate) current: Current,
    /// What the embedder's interfaces keep for this instance, by the interface's number.
    pub(crate) own: BTreeMap<u64, Arc<dyn Any + Send + Sync>>,
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

/// Which function the guest is in, shared with its streams: they are called through interfaces that do not say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Current(Arc<AtomicUsize>);

impl Current {
    pub(crate) fn enter(&self, row: &Row) {
        // One store runs on one thread at a time; what goes to another thread takes the name along.
        self.0.store(row.index, Ordering::Relaxed);
    }

    /// The row's place in the table.
    pub(crate) fn index(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl State {
    pub(crate) fn new(tenure: &Tenure, grants: Grants, meter: Meter) -> State {
        let mut table = ResourceTable::new();
        table.set_max_capacity(count(meter.limits.handles));
        let places = |most: usize| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        let open_files = places(count(meter.limits.open_files));
        State {
            table,
            attribution: Attribution::default(),
            session: Arc::clone(tenure.session()),
            principal: Arc::clone(tenure.principal()),
            grants,
            ambient: Ambient::default(),
            network: None,
            meter,
            ticks: 0,
            open_files,
            pooled: places(MAX_POOLED),
            current: Current::default(),
            own: BTreeMap::new(),
        }
    }
}
