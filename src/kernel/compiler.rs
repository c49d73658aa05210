//! Who compiles: this process, or one of its own for each component, which ends when it has used up its time or memory.
//!
//! Compiling is the one thing of which the engine does not promise that it ends soon, whatever the component.

use crate::identity::{SEAL_BYTES, SealKey};
use crate::kernel::authentic::{AuthenticCode, Sealed, fingerprint_of, sealed};
use crate::kernel::engine::bare;
use crate::kernel::{Engine, EngineError};
use airssys_osl::host_child::{self, ChildError, ChildLimits};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;
use wasmtime::component::Component;

/// What the argument begins with by which a program is told that it is to compile.
const ARGUMENT: &str = "compile-for-parent";

/// Bytes of the digest of a component's file, in hexadecimal.
const DIGEST: usize = 64;

/// The compiler's own threads, at most: each takes memory.
const THREADS: &str = "4";

/// What an answer begins with.
const CODE: u8 = 0;
const INVALID: u8 = 1;

/// Bytes of the reason that are told, at most: nothing vouches for them.
const WHY: usize = 1024;

/// Who compiles components.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Compiler {
    /// This process, however long it takes and however much memory.
    #[default]
    InProcess,
    /// A process for each.
    Child(ChildCompiler),
}

/// A program that compiles: `airssys`, or any other whose `main` calls [`compile_for_parent`] first.
#[derive(Debug, Clone)]
pub struct ChildCompiler {
    program: PathBuf,
    limits: ChildLimits,
}

impl ChildCompiler {
    /// One that is given 2 minutes, 4 minutes of its processors' time, 4 GiB of memory, and 512 MiB for the code.
    pub fn new(program: impl Into<PathBuf>) -> ChildCompiler {
        let limits = ChildLimits {
            wall: Duration::from_secs(120),
            cpu: Duration::from_secs(240),
            memory: 4 << 30,
            output: 512 << 20,
        };
        ChildCompiler { program: program.into(), limits }
    }

    /// The same with other limits.
    #[must_use]
    pub fn limits(mut self, limits: ChildLimits) -> ChildCompiler {
        self.limits = limits;
        self
    }

    /// Compiles the component file with that SHA-256.
    pub(in crate::kernel) fn compile(
        &self,
        engine: &Engine,
        bytes: &[u8],
        digest: &str,
    ) -> Result<Component, EngineError> {
        let failed = |error: &dyn std::fmt::Display| EngineError::TooCostly(error.to_string());
        let key = SealKey::generate().map_err(|error| failed(&error))?;
        let ChildLimits { cpu, memory, .. } = self.limits;
        let argument = format!("{ARGUMENT}:{}:{memory}", cpu.as_secs());
        let stack = engine.stack_kib().get().to_le_bytes();
        let input: [&[u8]; 4] = [&stack, key.bytes(), digest.as_bytes(), bytes];
        let environment = [("RAYON_NUM_THREADS", THREADS)];
        let answer = host_child::run_ambient(&self.program, &argument, &environment, &input, &self.limits);
        let answer = answer.map_err(|error| self.told(&error))?;
        match answer.split_first() {
            Some((&CODE, entry)) => {
                let code = AuthenticCode::open(&key, &Sealed::new(engine, digest), entry);
                code.map_err(|why| failed(&format!("the compiler's answer was not used: {why}")))?
                    .component(engine)
                    .map_err(|error| failed(&error))
            }
            Some((&INVALID, why)) => {
                let why = why.get(..WHY).unwrap_or(why);
                Err(EngineError::Invalid(String::from_utf8_lossy(why).into_owned()))
            }
            Some(_) | None => Err(failed(&"the compiler gave no answer")),
        }
    }

    fn told(&self, error: &ChildError) -> EngineError {
        match error {
            ChildError::Start { .. } => EngineError::Unavailable(error.to_string()),
            ChildError::Died(how) => {
                let ChildLimits { cpu, memory, .. } = self.limits;
                EngineError::TooCostly(format!(
                    "the compiler ended ({how}), as it does after {} s of processor time or with more than {} MiB of memory",
                    cpu.as_secs(),
                    memory >> 20
                ))
            }
            _ => EngineError::TooCostly(error.to_string()),
        }
    }
}

/// In a process that was started as a compiler: compiles, and says with what status to end. None in any other. To be called
/// first of all in `main`, while the process has one thread.
pub fn compile_for_parent(arguments: &[std::ffi::OsString]) -> Option<u8> {
    let [_, argument] = arguments else { return None };
    let (cpu, memory) = argument.to_str()?.strip_prefix(ARGUMENT)?.strip_prefix(':')?.split_once(':')?;
    let limits = ChildLimits {
        wall: Duration::MAX,
        cpu: Duration::from_secs(cpu.parse().ok()?),
        memory: memory.parse().ok()?,
        output: u64::MAX,
    };
    let done = host_child::confine_ambient(&limits).and_then(|()| host_child::answer_ambient(answer));
    Some(if done.is_ok() { 0 } else { 1 })
}

/// The answer to what the parent has handed over.
fn answer(work: &[u8]) -> Vec<u8> {
    let told = |tag: u8, what: &[u8]| [&[tag], what].concat();
    match compiled(work) {
        Ok(entry) => told(CODE, &entry),
        Err(why) => told(INVALID, why.as_bytes()),
    }
}

fn compiled(work: &[u8]) -> Result<Vec<u8>, String> {
    let short = || "the compiler was handed too little".to_owned();
    let (stack, rest) = work.split_first_chunk::<8>().ok_or_else(short)?;
    let (key, rest) = rest.split_first_chunk::<SEAL_BYTES>().ok_or_else(short)?;
    let (digest, bytes) = rest.split_first_chunk::<DIGEST>().ok_or_else(short)?;
    let stack = NonZeroU64::new(u64::from_le_bytes(*stack)).ok_or_else(short)?;
    let key = SealKey::from_bytes(key).ok_or_else(short)?;
    let digest = std::str::from_utf8(digest).map_err(|error| error.to_string())?;
    let engine = bare(stack).map_err(|error| error.to_string())?;
    // It takes text and machine code too; neither was verified as a component.
    if !wasmparser::Parser::is_component(bytes) {
        return Err("it is no component".to_owned());
    }
    let code = engine.precompile_component(bytes).map_err(|error| error.root_cause().to_string())?;
    let origin = Sealed::of(fingerprint_of(&engine, stack), digest);
    sealed(&key, &origin, &code).ok_or_else(|| "it could not be sealed".to_owned())
}
