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
    linux::landlock(needs)?;
    linux::seccomp(needs)?;
    match linux::threads_at_large() {
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
mod linux {
    use super::{HardenError, HostNeeds, Ports};
    use landlock::{
        ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, PathFd,
        Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus,
    };
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule,
    };
    use std::collections::BTreeMap;
    use std::io;
    use std::path::Path;

    /// With files, links between directories, shortening, and TCP ports: Linux 6.7.
    const NEEDED: ABI = ABI::V4;

    fn unsupported(error: impl std::fmt::Display) -> HardenError {
        let help = "it takes Linux 6.7 with Landlock and seccomp; or run without `--harden`";
        HardenError::Unsupported(format!("{error}; {help}"))
    }

    pub(super) fn landlock(needs: &HostNeeds) -> Result<(), HardenError> {
        let ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(NEEDED))
            .map_err(unsupported)?;
        let mut net = BitFlags::<AccessNet>::empty();
        if needs.connect != Ports::All {
            net |= AccessNet::ConnectTcp;
        }
        if needs.bind != Ports::All {
            net |= AccessNet::BindTcp;
        }
        let ruleset =
            if net.is_empty() { ruleset } else { ruleset.handle_access(net).map_err(unsupported)? };
        let mut rules = ruleset.create().map_err(unsupported)?;
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let write =
            AccessFs::from_all(NEEDED) & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock);
        for (paths, access) in
            [(&needs.read, read), (&needs.write, write), (&needs.execute, read | AccessFs::Execute)]
        {
            for path in paths {
                rules = beneath(rules, path, access)?;
            }
        }
        for (ports, access) in [(&needs.connect, AccessNet::ConnectTcp), (&needs.bind, AccessNet::BindTcp)] {
            let Ports::These(ports) = ports else { continue };
            for port in ports {
                rules = rules.add_rule(NetPort::new(*port, access)).map_err(unsupported)?;
            }
        }
        let status = rules.restrict_self().map_err(unsupported)?;
        match status.ruleset {
            RulesetStatus::FullyEnforced => Ok(()),
            other => Err(unsupported(format!("Landlock is {other:?}"))),
        }
    }

    fn beneath(
        rules: RulesetCreated,
        path: &Path,
        access: BitFlags<AccessFs>,
    ) -> Result<RulesetCreated, HardenError> {
        let fd = PathFd::new(path)
            .map_err(|error| HardenError::Path { path: path.to_owned(), source: io::Error::other(error) })?;
        let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEEDED) };
        rules.add_rule(PathBeneath::new(fd, access)).map_err(unsupported)
    }

    pub(super) fn seccomp(needs: &HostNeeds) -> Result<(), HardenError> {
        let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let architecture = std::env::consts::ARCH.try_into().map_err(unsupported)?;
        let filter = SeccompFilter::new(
            rules(needs).map_err(unsupported)?,
            SeccompAction::Allow,
            refused,
            architecture,
        );
        let program: BpfProgram = filter.and_then(TryInto::try_into).map_err(unsupported)?;
        seccompiler::apply_filter(&program).map_err(unsupported)
    }

    type Rules = BTreeMap<i64, Vec<SeccompRule>>;

    /// What is refused: nothing of it has a place in a host of components.
    fn rules(needs: &HostNeeds) -> Result<Rules, seccompiler::BackendError> {
        let mut rules: Rules = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
        if needs.execute.is_empty() {
            rules.extend([libc::SYS_execve, libc::SYS_execveat].map(|call| (call, Vec::new())));
        }
        rules.insert(libc::SYS_socket, sockets(needs)?);
        // Connections that Landlock is not asked about: with the first bytes that are sent.
        for (call, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
            let fast_open = u64::from(libc::MSG_FASTOPEN.unsigned_abs());
            let asks = SeccompCmpOp::MaskedEq(fast_open);
            let asks = SeccompCondition::new(flags, SeccompCmpArgLen::Dword, asks, fast_open)?;
            rules.insert(call, vec![SeccompRule::new(vec![asks])?]);
        }
        Ok(rules)
    }

    /// The sockets that are refused: families that are of no use here, and kinds that no policy could grant.
    fn sockets(needs: &HostNeeds) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
        let streams = !(needs.connect.is_none() && needs.bind.is_none());
        let inner = streams || needs.datagrams || needs.names;
        let mut families = vec![libc::AF_UNIX];
        if inner {
            families.extend([libc::AF_INET, libc::AF_INET6]);
        }
        if needs.names {
            // By which the resolver asks what addresses the host has.
            families.push(libc::AF_NETLINK);
        }
        let is_not = |family: i32| {
            SeccompCondition::new(
                0,
                SeccompCmpArgLen::Dword,
                SeccompCmpOp::Ne,
                u64::from(family.unsigned_abs()),
            )
        };
        let others = families.iter().map(|family| is_not(*family)).collect::<Result<Vec<_>, _>>()?;
        // A kind of TCP that Landlock does not know for one.
        let multipath = u64::from(libc::IPPROTO_MPTCP.unsigned_abs());
        let multipath = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, multipath)?;
        let mut rules = vec![SeccompRule::new(others)?, SeccompRule::new(vec![multipath])?];
        for (kind, is_needed) in [
            (libc::SOCK_STREAM, streams || needs.names),
            (libc::SOCK_DGRAM, needs.datagrams || needs.names),
            (libc::SOCK_RAW, false),
        ] {
            for family in [libc::AF_INET, libc::AF_INET6] {
                if !is_needed {
                    rules.push(of_kind(family, kind)?);
                }
            }
        }
        Ok(rules)
    }

    fn of_kind(family: i32, kind: i32) -> Result<SeccompRule, seccompiler::BackendError> {
        let (family, kind) = (u64::from(family.unsigned_abs()), u64::from(kind.unsigned_abs()));
        SeccompRule::new(vec![
            SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, family)?,
            // Beside the kind stand flags.
            SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(0xf), kind)?,
        ])
    }

    const REFUSED: &[i64] = &[
        libc::SYS_acct,
        libc::SYS_add_key,
        libc::SYS_adjtimex,
        libc::SYS_bpf,
        libc::SYS_capset,
        libc::SYS_chroot,
        libc::SYS_clock_adjtime,
        libc::SYS_clock_settime,
        libc::SYS_delete_module,
        libc::SYS_finit_module,
        libc::SYS_fsconfig,
        libc::SYS_fsmount,
        libc::SYS_fsopen,
        libc::SYS_init_module,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_io_uring_setup,
        libc::SYS_kcmp,
        libc::SYS_kexec_load,
        libc::SYS_keyctl,
        libc::SYS_mount,
        libc::SYS_mount_setattr,
        libc::SYS_move_mount,
        libc::SYS_name_to_handle_at,
        libc::SYS_open_by_handle_at,
        libc::SYS_open_tree,
        libc::SYS_perf_event_open,
        libc::SYS_personality,
        libc::SYS_pidfd_getfd,
        libc::SYS_pivot_root,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_ptrace,
        libc::SYS_quotactl,
        libc::SYS_reboot,
        libc::SYS_request_key,
        libc::SYS_setdomainname,
        libc::SYS_setgid,
        libc::SYS_setgroups,
        libc::SYS_sethostname,
        libc::SYS_setns,
        libc::SYS_setregid,
        libc::SYS_setresgid,
        libc::SYS_setresuid,
        libc::SYS_setreuid,
        libc::SYS_settimeofday,
        libc::SYS_setuid,
        libc::SYS_swapoff,
        libc::SYS_swapon,
        libc::SYS_syslog,
        libc::SYS_umount2,
        libc::SYS_unshare,
        libc::SYS_userfaultfd,
        libc::SYS_vhangup,
    ];

    /// Threads that have no filter.
    pub(super) fn threads_at_large() -> usize {
        let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return usize::MAX };
        let is_held = |status: String| {
            let says =
                |line: &str| status.lines().any(|said| said.split_whitespace().eq(line.split_whitespace()));
            says("Seccomp: 2") && says("NoNewPrivs: 1")
        };
        let status = |task: &std::fs::DirEntry| std::fs::read_to_string(task.path().join("status"));
        tasks.filter_map(Result::ok).filter(|task| !status(task).is_ok_and(is_held)).count()
    }
}
