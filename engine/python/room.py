"""The way into a room (engine/room/room.h), for a process that was forked from a loaded interpreter."""
import ctypes
import errno
import os

c_library = ctypes.CDLL(None, use_errno=True)
KEYCTL = {"x86_64": 250, "aarch64": 219}


def must(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"cannot {what}")


def give_up_rights(rights):
    """But these, as bits of capabilities, where the user is root: see capabilities(7)."""
    kept = rights if os.geteuid() == 0 else 0
    for capability in range(64):
        if not kept >> capability & 1:
            c_library.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; there are fewer than 64
    low, high = kept & 0xffffffff, kept >> 32
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # of version 3, this process
    must(c_library.capset(header, (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)), "give up rights")
    must(c_library.prctl(38, 1, 0, 0, 0), "give up rights")  # PR_SET_NO_NEW_PRIVS


def enter(ways, rights):
    """Goes into a room. Who returns is a child of this process, which ends, and so of hpo, which adopts orphans."""
    for way in ways:
        must(c_library.setns(way, 0), "enter a room")
        os.close(way)
    if os.fork():  # its child alone is in the namespace of processes
        os._exit(0)
    os.setsid()
    if c_library.syscall(KEYCTL[os.uname().machine], 1, None) < 0 and ctypes.get_errno() != errno.ENOSYS:  # JOIN_SESSION_KEYRING
        raise OSError(ctypes.get_errno(), "cannot have keys of its own")
    must(c_library.unshare(0x08000000), "have an IPC of its own")  # CLONE_NEWIPC
    give_up_rights(rights)


def restrict(rules, _):
    """By rules of Landlock, where there are no rooms."""
    must(c_library.prctl(38, 1, 0, 0, 0), "give up rights")  # PR_SET_NO_NEW_PRIVS
    must(c_library.syscall(446, rules[0], 0), "be restricted")  # landlock_restrict_self
    os.close(rules[0])
