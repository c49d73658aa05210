//! Work of the host's that is done in a process of its own, so that its time and memory have an end: such as compiling what a
//! stranger wrote.
//!
//! The parent hands the work over on the child's standard input and takes the result from its standard output, as many bytes
//! of it as it allows; the child confines itself before it looks at either.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a process of the host's own, never a guest's"
)]

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// What a child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildLimits {
    /// Time until it must be done.
    pub wall: Duration,
    /// Processor time of all its threads.
    pub cpu: Duration,
    /// Memory, in bytes of address space.
    pub memory: u64,
    /// Bytes of its result.
    pub output: u64,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// It could not be started.
    #[error("`{program}` could not be started: {source}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// Its time was up.
    #[error("it took longer than {} s", .0.as_secs())]
    TookTooLong(Duration),
    /// Its result was too long.
    #[error("its result has more than {0} bytes")]
    TooMuch(u64),
    /// It ended without a result, as one does that is out of memory or processor time.
    #[error("it ended by itself: {0}")]
    Died(String),
}

/// Has `program`, which gets one argument and nothing of this process's environment, do the work in `input`.
///
/// # Errors
/// [`ChildError`].
pub fn run_ambient(
    program: &Path,
    argument: &str,
    environment: &[(&str, &str)],
    input: &[&[u8]],
    limits: &ChildLimits,
) -> Result<Vec<u8>, ChildError> {
    let started = Command::new(program)
        .arg(OsStr::new(argument))
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let wrong = |source| ChildError::Start { program: program.display().to_string(), source };
    let mut child = started.map_err(wrong)?;
    let (out, is_late) = conversed(&mut child, input, limits);
    if is_late || out.len() as u64 > limits.output {
        // It may have ended already.
        let _ = child.kill();
    }
    let status = child.wait().map_err(wrong)?;
    match (is_late, out.len() as u64 > limits.output, status.success()) {
        (true, _, _) => Err(ChildError::TookTooLong(limits.wall)),
        (false, true, _) => Err(ChildError::TooMuch(limits.output)),
        (false, false, false) => Err(ChildError::Died(status.to_string())),
        (false, false, true) => Ok(out),
    }
}

/// Hands over the work and takes the result, until the time is up.
fn conversed(child: &mut Child, input: &[&[u8]], limits: &ChildLimits) -> (Vec<u8>, bool) {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (done, waits) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let Some(mut stdin) = stdin else { return };
            // Who does not read to the end ends without a result.
            let _ = input.iter().try_for_each(|part| stdin.write_all(part));
        });
        let watch = scope.spawn(move || {
            let is_late = waits.recv_timeout(limits.wall) == Err(mpsc::RecvTimeoutError::Timeout);
            if is_late {
                // It was not waited for yet, so the number is still its own; the reader below then comes to the end.
                let _ = child.kill();
            }
            is_late
        });
        let mut out = Vec::new();
        if let Some(stdout) = stdout {
            // What was read before an error is judged as all the rest.
            let _ = stdout.take(limits.output.saturating_add(1)).read_to_end(&mut out);
        }
        drop(done);
        (out, watch.join().unwrap_or(true))
    })
}

/// The program that this process runs.
///
/// # Errors
/// When the system does not tell.
pub fn program_ambient() -> io::Result<std::path::PathBuf> {
    std::env::current_exe()
}

/// Confines this process, which must have one thread: from here on it has so much time and memory, reads and writes what it has
/// open, makes threads, and can do nothing else, above all open nothing, connect to nothing and start nothing. What it tries is
/// refused. It ends with its parent.
///
/// # Errors
/// When the system cannot confine it.
#[cfg(target_os = "linux")]
pub fn confine_ambient(limits: &ChildLimits) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, Signal, setrlimit};
    let at_most = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    setrlimit(Resource::As, at_most(limits.memory))?;
    setrlimit(Resource::Cpu, at_most(limits.cpu.as_secs().max(1)))?;
    setrlimit(Resource::Core, at_most(0))?;
    setrlimit(Resource::Fsize, at_most(0))?;
    setrlimit(Resource::Nofile, at_most(16))?;
    let filter = system_calls().map_err(io::Error::other)?;
    seccompiler::apply_filter(&filter).map_err(io::Error::other)
}

/// Elsewhere only time is bounded, and the result.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn confine_ambient(_: &ChildLimits) -> io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
const ALLOWED: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_read,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_write,
];

/// What a program needs that computes: memory, threads, and what it has open.
#[cfg(target_os = "linux")]
fn system_calls() -> Result<seccompiler::BpfProgram, seccompiler::BackendError> {
    use seccompiler::{SeccompAction, SeccompFilter};
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let architecture = std::env::consts::ARCH.try_into()?;
    let rules = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    SeccompFilter::new(rules, refused, SeccompAction::Allow, architecture)?.try_into()
}

/// In a child: takes the work from standard input, and puts what `does` makes of it on standard output.
///
/// # Errors
/// When one of the two ends early.
pub fn answer_ambient(does: impl FnOnce(&[u8]) -> Vec<u8>) -> io::Result<()> {
    let mut work = Vec::new();
    io::stdin().lock().read_to_end(&mut work)?;
    let mut out = io::stdout().lock();
    out.write_all(&does(&work))?;
    out.flush()
}
