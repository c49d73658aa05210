//! The library alone, under an engine set up as the kernel's is.

use crate::Subject;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;
use wasmtime::component::{Component, Instance, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store, UpdateDeadline};
use wasmtime_wasi::p2::pipe::SinkOutputStream;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// As long as the kernel's.
const TICK: Duration = Duration::from_millis(10);

/// An instance with a WASI context and nothing else.
pub(crate) struct Bare {
    name: &'static str,
    in_place: bool,
    store: Store<Host>,
    instance: Instance,
}

struct Host {
    context: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.context, table: &mut self.table }
    }
}

/// The settings of `src/kernel/engine.rs`, and a clock that interrupts as often.
pub(crate) fn engine() -> Engine {
    let mut config = Config::new();
    config
        .strategy(wasmtime::Strategy::Cranelift)
        .concurrency_support(false)
        .epoch_interruption(true)
        .wasm_component_model(true)
        .wasm_component_model_async(false)
        .wasm_gc(false)
        .wasm_exceptions(false)
        .wasm_threads(false)
        .wasm_memory64(false)
        .wasm_backtrace_max_frames(None);
    let engine = Engine::new(&config).unwrap();
    let weak = engine.weak();
    std::thread::spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    });
    engine
}

impl Bare {
    /// `in_place`: file calls on the calling thread, as the kernel does them; else as the builder comes, on another.
    pub(crate) fn new(
        engine: &Engine,
        component: &[u8],
        directory: &Path,
        in_place: bool,
        executor: &Runtime,
    ) -> Bare {
        let mut builder = WasiCtxBuilder::new();
        if in_place {
            builder.allow_blocking_current_thread(true);
        }
        builder.stdout(SinkOutputStream);
        builder.preopened_dir(directory, "/data", FsPerms::ReadWrite).unwrap();
        let mut store = Store::new(engine, Host { context: builder.build(), table: ResourceTable::new() });
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        store.set_epoch_deadline(1);
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        let component = Component::new(engine, component).unwrap();
        let instance = executor.block_on(linker.instantiate_async(&mut store, &component)).unwrap();
        let setup = instance.get_typed_func::<(), ()>(&mut store, "setup").unwrap();
        executor.block_on(setup.call_async(&mut store, ())).unwrap();
        let name = if in_place { "bare/in place" } else { "bare/as its builder comes" };
        Bare { name, in_place, store, instance }
    }
}

impl Subject for Bare {
    fn name(&self) -> &str {
        self.name
    }

    fn files_only(&self) -> bool {
        !self.in_place
    }

    fn run(&mut self, executor: &Runtime, export: &str, times: u32) {
        self.store.set_epoch_deadline(1);
        let function = self.instance.get_typed_func::<(u32,), ()>(&mut self.store, export).unwrap();
        executor.block_on(function.call_async(&mut self.store, (times,))).unwrap();
    }
}
