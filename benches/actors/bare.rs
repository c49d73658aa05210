//! wasmtime alone: stores that call each other, and stores that come and go.

use crate::{guests, guests_of};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use wasmtime::component::{Component as Bare, Instance, InstancePre, Linker, ResourceTable};
use wasmtime::{Engine, PoolingAllocationConfig, Store, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// The settings of `src/kernel/engine.rs`, without its clock.
fn settings() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config.concurrency_support(false).wasm_component_model(true).epoch_interruption(true);
    config
}

pub(crate) fn engine() -> Engine {
    Engine::new(&settings()).unwrap()
}

struct Callee {
    store: Store<()>,
    instance: Instance,
}

pub(crate) async fn started<T: Send + 'static>(
    linker: &Linker<T>,
    bare: &Bare,
    data: T,
) -> (Store<T>, Instance) {
    let mut store = Store::new(linker.engine(), data);
    store.set_epoch_deadline(1 << 40);
    let instance = linker.instantiate_async(&mut store, bare).await.unwrap();
    (store, instance)
}

type Going<'a> = Box<dyn Future<Output = wasmtime::Result<()>> + Send + 'a>;

/// The host in between.
fn go(store: StoreContextMut<'_, Arc<Mutex<Callee>>>, (): ()) -> Going<'_> {
    let callee = Arc::clone(store.data());
    Box::new(async move {
        let mut callee = callee.lock().await;
        let Callee { store, instance } = &mut *callee;
        let run = instance.get_typed_func::<(), ()>(&mut *store, "run-empty")?;
        run.call_async(&mut *store, ()).await
    })
}

/// Bare wasmtime: one store whose guest calls the host, which calls the guest of another.
pub(crate) struct Pair {
    store: Store<Arc<Mutex<Callee>>>,
    instance: Instance,
}

impl Pair {
    pub(crate) async fn new(engine: &Engine) -> Pair {
        let callee = Bare::new(engine, guests::text("tiny")).unwrap();
        let (store, instance) = started(&Linker::<()>::new(engine), &callee, ()).await;
        let callee = Arc::new(Mutex::new(Callee { store, instance }));
        let mut linker = Linker::<Arc<Mutex<Callee>>>::new(engine);
        linker.root().func_wrap_async("go", go).unwrap();
        let caller = Bare::new(engine, guests_of::calling()).unwrap();
        let (store, instance) = started(&linker, &caller, callee).await;
        Pair { store, instance }
    }

    pub(crate) async fn run(&mut self, times: u32) -> Duration {
        let run = self.instance.get_typed_func::<(u32,), (u32,)>(&mut self.store, "run").unwrap();
        let begun = Instant::now();
        run.call_async(&mut self.store, (times,)).await.unwrap();
        begun.elapsed()
    }
}

/// What a host with a WASI context has for each instance.
pub(crate) struct Host {
    context: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.context, table: &mut self.table }
    }
}

/// Instances of one component, each with a WASI context.
pub(crate) struct Instances {
    engine: Engine,
    ready: InstancePre<Host>,
}

impl Instances {
    /// Pooled, with a little kept resident, or on demand.
    pub(crate) fn new(pooled: bool) -> Instances {
        let mut config = settings();
        if pooled {
            let mut pool = PoolingAllocationConfig::default();
            pool.linear_memory_keep_resident(64 << 10).table_keep_resident(8 << 10);
            config.allocation_strategy(pool);
        }
        let engine = Engine::new(&config).unwrap();
        let mut linker = Linker::<Host>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        let component = Bare::new(&engine, guests::text("tiny")).unwrap();
        let ready = linker.instantiate_pre(&component).unwrap();
        Instances { engine, ready }
    }

    /// One more that has answered its first call.
    pub(crate) async fn called(&self) -> (Store<Host>, Instance) {
        let host = Host { context: WasiCtxBuilder::new().build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, host);
        store.set_epoch_deadline(1 << 40);
        let instance = self.ready.instantiate_async(&mut store).await.unwrap();
        let run = instance.get_typed_func::<(), ()>(&mut store, "run-empty").unwrap();
        run.call_async(&mut store, ()).await.unwrap();
        (store, instance)
    }
}

/// One that was compiled for this alone.
pub(crate) async fn compiled_and_called(engine: &Engine, bytes: &[u8]) {
    let component = Bare::new(engine, bytes).unwrap();
    let (mut store, instance) = started(&Linker::<()>::new(engine), &component, ()).await;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run-empty").unwrap();
    run.call_async(&mut store, ()).await.unwrap();
}
