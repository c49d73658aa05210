//! Linux's seccomp: the system calls that are left, and with which arguments.
//!
//! Two filters. The first is a list of what a host of components has use for; the rest is answered as by a system that does
//! not have it (`ENOSYS`), for which libraries know a second way: above all `clone3`, whose arguments no filter can read. The
//! second refuses (`EPERM`) what is on the list by its arguments.

use super::{HardenError, HostNeeds, unsupported};
use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

pub(super) fn restrict(needs: &HostNeeds) -> Result<(), HardenError> {
    let nowhere = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    apply(by_arguments(needs).map_err(unsupported)?, SeccompAction::Allow, refused)?;
    // The last, since it leaves nothing by which a filter is put in, but where a child puts in its own.
    apply(by_name(needs), nowhere, SeccompAction::Allow)
}

fn apply(rules: Rules, otherwise: SeccompAction, matched: SeccompAction) -> Result<(), HardenError> {
    let architecture = std::env::consts::ARCH.try_into().map_err(unsupported)?;
    let filter = SeccompFilter::new(rules, otherwise, matched, architecture);
    let program: BpfProgram = filter.and_then(TryInto::try_into).map_err(unsupported)?;
    seccompiler::apply_filter(&program).map_err(unsupported)
}

/// What is left.
fn by_name(needs: &HostNeeds) -> Rules {
    let mut lists = vec![MEMORY, THREADS, FILES, EVENTS, SOCKETS, OF_THIS_ARCHITECTURE];
    if !needs.execute.is_empty() {
        lists.push(CHILDREN);
    }
    lists.into_iter().flatten().map(|call| (*call, Vec::new())).collect()
}

/// What is refused of that.
fn by_arguments(needs: &HostNeeds) -> Result<Rules, BackendError> {
    let mut rules = Rules::new();
    rules.insert(libc::SYS_socket, sockets(needs)?);
    rules.insert(libc::SYS_socketpair, vec![none_of(0, &[libc::AF_UNIX])?]);
    // Connections that Landlock is not asked about: with the first bytes that are sent.
    for (call, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
        rules.insert(call, vec![with(flags, libc::MSG_FASTOPEN)?]);
    }
    rules.insert(libc::SYS_clone, clones(needs)?);
    rules.insert(libc::SYS_ioctl, vec![none_of(1, REQUESTS)?]);
    rules.insert(libc::SYS_prctl, vec![none_of(0, PROCESS)?]);
    rules.insert(libc::SYS_kill, vec![none_of(1, &[libc::SIGKILL])?]);
    rules.insert(libc::SYS_pidfd_send_signal, vec![none_of(1, &[libc::SIGKILL])?]);
    if needs.execute.is_empty() {
        // Signals go to this process alone.
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        rules.insert(libc::SYS_tgkill, vec![none_of(0, &[own])?]);
    }
    Ok(rules)
}

/// Processes where none is started, and namespaces everywhere.
fn clones(needs: &HostNeeds) -> Result<Vec<SeccompRule>, BackendError> {
    let mut rules = NAMESPACES.iter().map(|flag| with(0, *flag)).collect::<Result<Vec<_>, _>>()?;
    if needs.execute.is_empty() {
        rules.push(SeccompRule::new(vec![masked(0, libc::CLONE_THREAD, 0)?])?);
    }
    Ok(rules)
}

fn masked(argument: u8, mask: i32, value: i32) -> Result<SeccompCondition, BackendError> {
    let (mask, value) = (u64::from(mask.cast_unsigned()), u64::from(value.cast_unsigned()));
    SeccompCondition::new(argument, Dword, SeccompCmpOp::MaskedEq(mask), value)
}

/// An argument that has this flag.
fn with(argument: u8, flag: i32) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![masked(argument, flag, flag)?])
}

/// An argument that is none of these.
fn none_of(argument: u8, values: &[i32]) -> Result<SeccompRule, BackendError> {
    let is_not = |value: &i32| {
        SeccompCondition::new(argument, Dword, SeccompCmpOp::Ne, u64::from(value.cast_unsigned()))
    };
    SeccompRule::new(values.iter().map(is_not).collect::<Result<Vec<_>, _>>()?)
}

/// The families, kinds and protocols that are of no use here, or that no policy could grant.
fn sockets(needs: &HostNeeds) -> Result<Vec<SeccompRule>, BackendError> {
    let streams = needs.names || !(needs.connect.is_none() && needs.bind.is_none());
    let datagrams = needs.names || needs.datagrams;
    let mut families = vec![libc::AF_INET, libc::AF_INET6];
    families.extend(needs.local.then_some(libc::AF_UNIX));
    // By which the resolver asks what addresses the host has.
    families.extend(needs.names.then_some(libc::AF_NETLINK));
    // A protocol of streams that is not TCP is one that Landlock is not asked about.
    let protocols = [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP];
    let mut rules = vec![none_of(0, &families)?, none_of(2, &protocols)?];
    for family in [libc::AF_INET, libc::AF_INET6] {
        for kind in 0..=KINDS {
            let is_needed = match kind {
                libc::SOCK_STREAM => streams,
                libc::SOCK_DGRAM => datagrams,
                _ => false,
            };
            if !is_needed {
                let conditions = vec![masked(0, -1, family)?, masked(1, KINDS, kind)?];
                rules.push(SeccompRule::new(conditions)?);
            }
        }
    }
    Ok(rules)
}

/// The bits of a socket's kind; beside them stand flags.
const KINDS: i32 = 0xf;

const NAMESPACES: &[i32] = &[
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWUTS,
    libc::CLONE_PTRACE,
];

/// What is asked of a device: whether it is a terminal and how wide, what can be read, and not to wait.
const REQUESTS: &[i32] = &[
    libc::TCGETS as i32,
    libc::TIOCGWINSZ as i32,
    libc::FIONREAD as i32,
    libc::FIONBIO as i32,
    libc::FIOCLEX as i32,
];

/// What a process says of itself: names of threads and of memory, that it ends with its parent, and that it gives up more.
const PROCESS: &[i32] = &[
    libc::PR_SET_NAME,
    libc::PR_GET_NAME,
    libc::PR_SET_VMA,
    libc::PR_SET_PDEATHSIG,
    libc::PR_GET_DUMPABLE,
    libc::PR_SET_NO_NEW_PRIVS,
    libc::PR_GET_NO_NEW_PRIVS,
    libc::PR_SET_SECCOMP,
];

const MEMORY: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_memfd_create,
    libc::SYS_mincore,
    libc::SYS_mlock,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_msync,
    libc::SYS_munlock,
    libc::SYS_munmap,
];

const THREADS: &[i64] = &[
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_clone,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_nanosleep,
    libc::SYS_prctl,
    libc::SYS_prlimit64,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_tgkill,
    libc::SYS_uname,
];

const FILES: &[i64] = &[
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_copy_file_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_inotify_add_watch,
    libc::SYS_inotify_init1,
    libc::SYS_inotify_rm_watch,
    libc::SYS_ioctl,
    libc::SYS_linkat,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_sendfile,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_symlinkat,
    libc::SYS_sync_file_range,
    libc::SYS_umask,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
    libc::SYS_write,
    libc::SYS_writev,
];

const EVENTS: &[i64] = &[
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_gettime,
    libc::SYS_timerfd_settime,
];

const SOCKETS: &[i64] = &[
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_listen,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_socket,
    libc::SYS_socketpair,
];

/// By which a child is started that confines itself, and ended. What may be executed is Landlock's.
const CHILDREN: &[i64] = &[
    libc::SYS_chdir,
    libc::SYS_execve,
    libc::SYS_kill,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_seccomp,
    libc::SYS_setrlimit,
    libc::SYS_wait4,
    libc::SYS_waitid,
];

/// What newer architectures have under other names alone.
#[cfg(target_arch = "x86_64")]
const OF_THIS_ARCHITECTURE: &[i64] = &[
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_chmod,
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_getdents,
    libc::SYS_link,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_symlink,
    libc::SYS_time,
    libc::SYS_unlink,
];

#[cfg(not(target_arch = "x86_64"))]
const OF_THIS_ARCHITECTURE: &[i64] = &[];

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// By which a process reaches beyond itself, around Landlock or into the kernel's newest corners.
    const NEVER: &[i64] = &[
        libc::SYS_bpf,
        libc::SYS_capset,
        libc::SYS_clone3,
        libc::SYS_execveat,
        libc::SYS_io_uring_setup,
        libc::SYS_keyctl,
        libc::SYS_mount,
        libc::SYS_mount_setattr,
        libc::SYS_name_to_handle_at,
        libc::SYS_open_by_handle_at,
        libc::SYS_open_tree,
        libc::SYS_perf_event_open,
        libc::SYS_personality,
        libc::SYS_pidfd_getfd,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_ptrace,
        libc::SYS_setns,
        libc::SYS_setuid,
        libc::SYS_unshare,
        libc::SYS_userfaultfd,
    ];

    #[test]
    fn no_needs_leave_a_call_that_reaches_beyond_the_process() {
        let execute = [PathBuf::from("/")].into();
        let most = HostNeeds { datagrams: true, names: true, local: true, execute, ..HostNeeds::default() };
        for needs in [HostNeeds::default(), most] {
            let left = by_name(&needs);
            assert_eq!(NEVER.iter().find(|call| left.contains_key(call)), None);
            assert_eq!(left.contains_key(&libc::SYS_execve), !needs.execute.is_empty());
        }
    }
}
