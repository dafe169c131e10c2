"""The seccomp profile that containers get: which system calls, on what conditions.

Everything that is not named fails with EPERM. The facts are those of the profile that docker and podman share
(github.com/moby/profiles, seccomp/default.json): which calls reach so much of the kernel that a container must
hold a capability for them, and which never belong in one. Left out on purpose are io_uring (its operations pass
by every filter), keyrings, userfaultfd, kexec, swap, old calls that no program of today makes.

Names are those of all processors; a runtime passes over the ones that its own processor does not have.
"""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["ARCHITECTURES", "PROFILE", "Argument", "Profile", "Rule"]


class Argument(msgspec.Struct, frozen=True):
    """A condition on one argument of a call.

    Attributes:
        index: of the argument, from 0.
        operator: libseccomp's word: `SCMP_CMP_EQ`.
        value: to compare with; for a masked comparison the mask.
        value_two: for a masked comparison what must remain.
    """

    index: int
    operator: str
    value: int
    value_two: int = 0


class Rule(msgspec.Struct, frozen=True):
    """Some calls, what to do with them, and when the rule holds at all.

    Attributes:
        names: of the calls.
        action: libseccomp's word.
        errno: what a call that is refused fails with; None for the profile's.
        arguments: all must hold.
        capabilities: all of which the container must have.
        without_capabilities: none of which it may have.
        architectures: one of which it must be, in Go's words; empty for all.
        without_architectures: none of which it may be.
        kernel: the least version of the kernel.
        before_kernel: a version of the kernel that it must be older than.
    """

    names: tuple[str, ...]
    action: str = "SCMP_ACT_ALLOW"
    errno: int | None = None
    arguments: tuple[Argument, ...] = ()
    capabilities: frozenset[str] = frozenset()
    without_capabilities: frozenset[str] = frozenset()
    architectures: frozenset[str] = frozenset()
    without_architectures: frozenset[str] = frozenset()
    kernel: tuple[int, int] = (0, 0)
    before_kernel: tuple[int, int] | None = None


class Profile(msgspec.Struct, frozen=True):
    """A whole profile.

    Attributes:
        default_action: for calls that no rule names.
        default_errno: what they fail with.
        rules: in order.
        architectures: what processors run: libseccomp's word for one, and those of others whose programs it
            runs too.
    """

    default_action: str
    default_errno: int | None
    rules: tuple[Rule, ...]
    architectures: tuple[tuple[str, tuple[str, ...]], ...]


# Not x32: kernels have it switched off, its calls are refused by a filter that does not name it, and with it
# runc takes a third longer to start a container.
ARCHITECTURES: Final = (
    ("SCMP_ARCH_X86_64", ("SCMP_ARCH_X86",)),
    ("SCMP_ARCH_AARCH64", ("SCMP_ARCH_ARM",)),
    ("SCMP_ARCH_MIPS64", ("SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64N32")),
    ("SCMP_ARCH_MIPS64N32", ("SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64")),
    ("SCMP_ARCH_MIPSEL64", ("SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64N32")),
    ("SCMP_ARCH_MIPSEL64N32", ("SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64")),
    ("SCMP_ARCH_S390X", ("SCMP_ARCH_S390",)),
    ("SCMP_ARCH_RISCV64", ()),
    ("SCMP_ARCH_LOONGARCH64", ()),
)

_FILES: Final = """
    access brk cachestat chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3
    faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown
    fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64
    fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64 getxattr
    getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl lchown lchown32 lgetxattr
    link linkat listmount listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64
    mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 pread64 preadv preadv2 pwrite64
    pwritev pwritev2 read readahead readlink readlinkat readv removexattr removexattrat rename renameat
    renameat2 rmdir sendfile sendfile64 setxattr setxattrat splice stat stat64 statfs statfs64 statmount statx
    symlink symlinkat sync sync_file_range syncfs tee truncate truncate64 umask unlink unlinkat utime utimensat
    utimensat_time64 utimes vmsplice write writev
"""
_WAITING: Final = """
    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old
    eventfd eventfd2 io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit
    _newselect pipe pipe2 poll ppoll ppoll_time64 pselect6 pselect6_time64 select
"""
_MEMORY: Final = """
    madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2
    mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease
    remap_file_pages
"""
_PROCESSES: Final = """
    capget capset execve execveat exit exit_group fork futex futex_requeue futex_time64 futex_wait futex_waitv
    futex_wake getcpu getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getpgid getpgrp
    getpid getppid getpriority getresgid getresgid32 getresuid getresuid32 getrlimit get_robust_list getrusage
    getsid get_thread_area gettid getuid getuid32 ioprio_get ioprio_set landlock_add_rule
    landlock_create_ruleset landlock_restrict_self pidfd_open prctl prlimit64 riscv_hwprobe rseq
    sched_getaffinity sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min
    sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr
    sched_setparam sched_setscheduler sched_yield seccomp setfsgid setfsgid32 setfsuid setfsuid32 setgid
    setgid32 setgroups setgroups32 setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid
    setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid set_thread_area set_tid_address setuid
    setuid32 sysinfo ugetrlimit uname uretprobe vfork wait4 waitid waitpid
"""
_SIGNALS: Final = """
    kill pause pidfd_send_signal restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo
    rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack signalfd
    signalfd4 sigprocmask sigreturn tgkill tkill
"""
_TIME: Final = """
    adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 getitimer getrandom gettimeofday nanosleep setitimer time
    timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64
    timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times
"""
_TALKING: Final = """
    accept accept4 bind connect getpeername getsockname getsockopt ipc listen mq_getsetattr mq_notify mq_open
    mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv
    msgsnd recv recvfrom recvmmsg recvmmsg_time64 recvmsg semctl semget semop semtimedop semtimedop_time64 send
    sendmmsg sendmsg sendto setsockopt shmat shmctl shmdt shmget shutdown socketcall socketpair
"""

_MOUNTING: Final = (
    "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree", "umount",
    "umount2",
)  # fmt: skip
_ADMINISTRATION: Final = (
    "bpf", "clone", "clone3", "fanotify_init", "lookup_dcookie", "lsm_get_self_attr", "lsm_list_modules",
    "lsm_set_self_attr", "perf_event_open", "quotactl", "quotactl_fd", "setdomainname", "sethostname", "setns",
    "syslog", "unshare",
)  # fmt: skip
_TRACING: Final = ("process_vm_readv", "process_vm_writev", "ptrace")

_WITH_CAPABILITY: Final = (
    ("CAP_BPF", ("bpf",)),
    ("CAP_DAC_READ_SEARCH", ("open_by_handle_at",)),
    ("CAP_PERFMON", ("perf_event_open",)),
    ("CAP_SYSLOG", ("syslog",)),
    ("CAP_SYS_ADMIN", _MOUNTING + _ADMINISTRATION),
    ("CAP_SYS_BOOT", ("reboot",)),
    ("CAP_SYS_CHROOT", ("chroot",)),
    ("CAP_SYS_MODULE", ("delete_module", "finit_module", "init_module")),
    ("CAP_SYS_NICE", ("get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node")),
    ("CAP_SYS_PACCT", ("acct",)),
    ("CAP_SYS_PTRACE", ("kcmp", "pidfd_getfd", "process_madvise", *_TRACING)),
    ("CAP_SYS_RAWIO", ("ioperm", "iopl")),
    ("CAP_SYS_TIME", ("clock_settime", "clock_settime64", "settimeofday", "stime")),
    ("CAP_SYS_TTY_CONFIG", ("vhangup",)),
)

_ON_ARCHITECTURE: Final = (
    (("amd64", "x32"), ("arch_prctl",)),
    (("amd64", "x32", "x86"), ("modify_ldt",)),
    (
        ("arm", "arm64"),
        ("arm_fadvise64_64", "arm_sync_file_range", "breakpoint", "cacheflush", "set_tls", "sync_file_range2"),
    ),
    (("ppc64le",), ("swapcontext", "sync_file_range2")),
    (("riscv64",), ("riscv_flush_icache",)),
    (("s390", "s390x"), ("s390_pci_mmio_read", "s390_pci_mmio_write", "s390_runtime_instr")),
)

_NEW_NAMESPACES: Final = 0x7E020000
"""The CLONE_NEW* flags that make a namespace (linux/sched.h), but for time, which clone(2) cannot make."""
_AF_ALG: Final = 38
_AF_VSOCK: Final = 40
_LOW_32_BITS: Final = 0xFFFFFFFF
_ENOSYS: Final = 38
_LINUX: Final = 0x0
_UNAME26: Final = 0x0020000
_LINUX32: Final = 0x0008
_QUERY: Final = 0xFFFFFFFF
_S390: Final = frozenset({"s390", "s390x"})
_ADMIN: Final = frozenset({"CAP_SYS_ADMIN"})


def _namespaceless(index: int) -> tuple[Argument, ...]:
    return (Argument(index, "SCMP_CMP_MASKED_EQ", _NEW_NAMESPACES),)


def _sockets() -> tuple[Rule, ...]:
    """All families but two.

    AF_ALG has let programs write to pages of files that they could only read (CVE-2026-31431), and AF_VSOCK
    leads out of a virtual machine. What goes by socketcall(2) cannot be told apart here.

    The kernel takes the low 32 bits of the family, a filter is shown all 64: a comparison of the whole would be
    passed by a family with a bit above them. So the low ones are compared alone, in blocks that end before 38,
    between the two, and at 47, beyond the last family that there is.
    """
    blocks = ((0, 32), (32, 4), (36, 2), (_AF_ALG + 1, 1), (_AF_VSOCK + 1, 1), (42, 2), (44, 4))
    return tuple(
        Rule(("socket",), arguments=(Argument(0, "SCMP_CMP_MASKED_EQ", _LOW_32_BITS & -count, first),))
        for first, count in blocks
    )


def _clones() -> tuple[Rule, ...]:
    """Processes and threads, but no namespaces.

    The flags of clone3 are in memory, where no filter can look: it is said not to exist, and the C library
    then uses clone.
    """
    return (
        Rule(("clone",), arguments=_namespaceless(0), without_capabilities=_ADMIN, without_architectures=_S390),
        Rule(("clone",), arguments=_namespaceless(1), without_capabilities=_ADMIN, architectures=_S390),
        Rule(("clone3",), "SCMP_ACT_ERRNO", _ENOSYS, without_capabilities=_ADMIN),
    )


PROFILE: Final = Profile(
    default_action="SCMP_ACT_ERRNO",
    default_errno=1,
    rules=(
        Rule(tuple(f"{_FILES}{_WAITING}{_MEMORY}{_PROCESSES}{_SIGNALS}{_TIME}{_TALKING}".split())),
        # Before 4.8 a tracer could change a call after the filter had seen it.
        Rule(_TRACING, kernel=(4, 8)),
        *_sockets(),
        *(
            Rule(("personality",), arguments=(Argument(0, "SCMP_CMP_EQ", persona),))
            for persona in (_LINUX, _LINUX32, _UNAME26, _UNAME26 | _LINUX32, _QUERY)
        ),
        *(Rule(names, architectures=frozenset(where)) for where, names in _ON_ARCHITECTURE),
        *(Rule(names, capabilities=frozenset({capability})) for capability, names in _WITH_CAPABILITY),
        *_clones(),
    ),
    architectures=ARCHITECTURES,
)
