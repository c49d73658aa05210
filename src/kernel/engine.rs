//! One engine for all components, and the clock that interrupts them.

use crate::kernel::authentic::fingerprint_of;
use crate::kernel::background::Pool;
use crate::kernel::code_cache::CodeCache;
use crate::kernel::compiler::Compiler;
use crate::kernel::limits::TICK;
use crate::kernel::recent::Recent;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;

/// The engine could not be made, or would not take a component.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum EngineError {
    /// This machine cannot run the engine with the kernel's settings.
    #[error("the WebAssembly engine could not be made: {0}")]
    Unavailable(String),
    /// The bytes are no valid component.
    #[error("the component is not valid here: {0}")]
    #[diagnostic(help(
        "rebuild it with a current tool chain and without asynchronous functions, garbage collection, exceptions, threads or 64-bit memories"
    ))]
    Invalid(String),
    /// Compiling it was given up: it took too much time or memory.
    #[error("the component was not compiled: {0}")]
    #[diagnostic(help(
        "what takes so much to compile is not compiled here; ask its author for a smaller one, or split it"
    ))]
    TooCostly(String),
    /// The directory for compiled code cannot be used.
    #[error("the code cache cannot be used: {0}")]
    Cache(String),
}

impl EngineError {
    pub(crate) fn invalid(error: &wasmtime::Error) -> EngineError {
        EngineError::Invalid(error.root_cause().to_string())
    }
}

/// Compiler and runtime settings shared by all instances of a [`ComponentRuntime`](crate::ComponentRuntime).
///
/// Epoch interruption is always on and ticks every 10 ms; the proposals for garbage collection, exceptions, threads
/// and 64-bit memories are closed; only Cranelift compiles. Asynchronous components need another engine, which comes
/// with WASI 0.3. With the engine comes the background pool, where calls go on that have used up a tick.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    background: Arc<Pool>,
    recent: Arc<Recent<wasmtime::component::Component>>,
    stack_kib: NonZeroU64,
    fingerprint: [u8; 32],
    compiler: Compiler,
    cache: Option<Arc<CodeCache>>,
}

impl Engine {
    /// An engine with the kernel's settings, whose guests have so much stack, and whose background pool has at most so
    /// many threads: as many as there are cores but one, unless it is said.
    ///
    /// # Errors
    /// [`EngineError`] when this machine cannot run it.
    pub fn new(stack_kib: NonZeroU64, background: Option<NonZeroUsize>) -> Result<Engine, EngineError> {
        let failed = |error: &dyn std::fmt::Display| EngineError::Unavailable(error.to_string());
        let inner = bare(stack_kib).map_err(|error| failed(&error))?;
        start_clock(inner.weak()).map_err(|error| failed(&error))?;
        let fingerprint = fingerprint_of(&inner, stack_kib);
        let (background, recent) = (Arc::new(Pool::new(background)), Arc::default());
        let compiler = Compiler::default();
        Ok(Engine { inner, background, recent, stack_kib, fingerprint, compiler, cache: None })
    }

    /// The same, whose components somebody else compiles.
    #[must_use]
    pub fn with_compiler(self, compiler: Compiler) -> Engine {
        Engine { compiler, ..self }
    }

    /// Who compiles.
    pub(in crate::kernel) fn compiler(&self) -> &Compiler {
        &self.compiler
    }

    /// The stack of its guests.
    pub(in crate::kernel) fn stack_kib(&self) -> NonZeroU64 {
        self.stack_kib
    }

    /// The same, which keeps on disk what it compiles.
    #[must_use]
    pub fn with_cache(self, cache: CodeCache) -> Engine {
        Engine { cache: Some(Arc::new(cache)), ..self }
    }

    /// What of a compiled component is the same as another's: version, settings, processor.
    pub(in crate::kernel) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Where it keeps on disk what it compiles.
    pub(in crate::kernel) fn cache(&self) -> Option<&CodeCache> {
        self.cache.as_deref()
    }

    pub(crate) fn inner(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// What it has compiled lately.
    pub(crate) fn recent(&self) -> &Recent<wasmtime::component::Component> {
        &self.recent
    }

    pub(crate) fn background(&self) -> &Arc<Pool> {
        &self.background
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

/// What host functions have of a stack, beyond the guest's part of it.
const HOST_STACK: usize = 1536 << 10;

/// An engine with the kernel's settings and nothing around it.
pub(in crate::kernel) fn bare(stack_kib: NonZeroU64) -> wasmtime::Result<wasmtime::Engine> {
    wasmtime::Engine::new(&settings(stack_kib))
}

fn settings(stack_kib: NonZeroU64) -> wasmtime::Config {
    let stack = usize::try_from(stack_kib.get()).unwrap_or(usize::MAX).saturating_mul(1 << 10);
    let mut config = wasmtime::Config::new();
    config
        .max_wasm_stack(stack)
        .async_stack_size(stack.saturating_add(HOST_STACK))
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
    config
}

/// Starts the thread that moves the epoch on; it ends with the last engine.
fn start_clock(engine: wasmtime::EngineWeak) -> std::io::Result<()> {
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new().name("airssys-epoch".into()).spawn(tick).map(drop)
}
