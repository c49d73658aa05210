//! The host process itself, held by the system to what it needs: Linux's Landlock for files and TCP ports, seccomp for system
//! calls.
//!
//! A second wall behind the gate: should guest code ever run without its wrappers, it finds a process that can reach no more
//! than the mounts and ports that the policies could ever grant, and the host's own files. It covers this thread and those
//! that it starts from then on, so it comes first of all, while the process has one.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "looks at its own process, never at what a guest names"
)]

#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod system_calls;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

/// Ports that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ports {
    /// These, or none.
    These(BTreeSet<u16>),
    /// Any.
    All,
}

impl Default for Ports {
    fn default() -> Ports {
        Ports::These(BTreeSet::new())
    }
}

impl Ports {
    /// Both.
    #[must_use]
    pub fn and(self, other: Ports) -> Ports {
        match (self, other) {
            (Ports::These(one), Ports::These(other)) => Ports::These(one.into_iter().chain(other).collect()),
            (Ports::All, _) | (_, Ports::All) => Ports::All,
        }
    }

    /// Whether all of `other` are among these.
    pub fn cover(&self, other: &Ports) -> bool {
        match (self, other) {
            (Ports::All, _) => true,
            (Ports::These(_), Ports::All) => false,
            (Ports::These(these), Ports::These(others)) => others.is_subset(these),
        }
    }

    fn is_none(&self) -> bool {
        matches!(self, Ports::These(ports) if ports.is_empty())
    }
}

/// What a process needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostNeeds {
    /// Files, and directories with all beneath them, that it reads.
    pub read: BTreeSet<PathBuf>,
    /// The same, that it reads and changes.
    pub write: BTreeSet<PathBuf>,
    /// Programs that it starts.
    pub execute: BTreeSet<PathBuf>,
    /// TCP ports of others that it connects to.
    pub connect: Ports,
    /// TCP ports of its own.
    pub bind: Ports,
    /// Whether it sends or receives datagrams.
    pub datagrams: bool,
    /// Whether it looks names up.
    pub names: bool,
    /// Whether it has a Unix socket of its own to listen on.
    pub local: bool,
}

/// Why a process is not held.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HardenError {
    /// The system has not what it takes.
    #[error("this system cannot hold the process to what it needs: {0}")]
    Unsupported(String),
    /// A file that it needs cannot be had.
    #[error("`{}` is needed and cannot be opened: {source}", path.display())]
    Path {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Some thread of the process is not held.
    #[error("{0} of this process's threads are older than that and not held to it")]
    Threads(usize),
}

/// Holds this process to these needs, for good.
///
/// # Errors
/// [`HardenError`]; the process may then be held in part and must end.
#[cfg(target_os = "linux")]
pub fn harden_ambient(needs: &HostNeeds) -> Result<(), HardenError> {
    landlock::restrict(needs)?;
    system_calls::restrict(needs)?;
    match threads_at_large() {
        0 => Ok(()),
        threads => Err(HardenError::Threads(threads)),
    }
}

/// There is no such thing elsewhere.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn harden_ambient(_: &HostNeeds) -> Result<(), HardenError> {
    Err(HardenError::Unsupported("it is not Linux".to_owned()))
}

/// What a program needs of the system by itself: its own code, and where names are looked up.
pub fn surroundings_ambient(names: bool) -> BTreeSet<PathBuf> {
    let mut found: BTreeSet<PathBuf> = code_ambient();
    let mut paths = vec![
        "/dev/null",
        "/proc/self",
        "/etc/ld.so.cache",
        "/sys/fs/cgroup",
        "/usr/share/zoneinfo",
        "/etc/localtime",
    ];
    if names {
        paths.extend([
            "/etc/resolv.conf",
            "/etc/hosts",
            "/etc/host.conf",
            "/etc/nsswitch.conf",
            "/etc/gai.conf",
        ]);
        paths.extend(["/etc/services", "/etc/protocols"]);
    }
    found.extend(paths.into_iter().map(PathBuf::from).filter(|path| path.exists()));
    found
}

/// The files that this process runs: its program, the loader and libraries.
pub fn code_ambient() -> BTreeSet<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let code = |line: &str| {
        // Addresses, mode, offset, device and inode have no slash; the path may have anything in it.
        let (facts, path) = line.split_at(line.find('/')?);
        facts.split_ascii_whitespace().nth(1)?.contains('x').then(|| PathBuf::from(path))
    };
    maps.lines().filter_map(code).filter(|path| path.exists()).collect()
}

#[cfg(target_os = "linux")]
fn unsupported(error: impl std::fmt::Display) -> HardenError {
    let help = "it takes Linux 6.7 with Landlock and seccomp; or run without `--harden`";
    HardenError::Unsupported(format!("{error}; {help}"))
}

/// Threads that have no filter.
#[cfg(target_os = "linux")]
fn threads_at_large() -> usize {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return usize::MAX };
    let is_held = |status: String| {
        let says =
            |line: &str| status.lines().any(|said| said.split_whitespace().eq(line.split_whitespace()));
        says("Seccomp: 2") && says("NoNewPrivs: 1")
    };
    let status = |task: &std::fs::DirEntry| std::fs::read_to_string(task.path().join("status"));
    tasks.filter_map(Result::ok).filter(|task| !status(task).is_ok_and(is_held)).count()
}
