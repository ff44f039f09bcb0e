"""refuse.py CALL,CALL,... COMMAND...: runs a command for which the kernel refuses these system calls, with EPERM.

    refuse.py docker COMMAND...    those that the default profile of Docker refuses who is not privileged

What a container's seccomp profile does, without a container."""
import ctypes
import os
import platform
import struct
import sys

NUMBERS = {  # x86_64, aarch64
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "keyctl": (250, 219),
    "landlock_create_ruleset": (444, 444), "seccomp": (317, 277), "pidfd_getfd": (438, 438),
}
DOCKER = ["unshare", "setns", "mount", "umount2", "pivot_root", "keyctl", "pidfd_getfd"]
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, EQUAL, RETURN, ALLOW, ERRNO, EPERM = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000, 1


def program(names):
    """Load the call's number; where it is one of these, refuse it."""
    numbers = [NUMBERS[name][platform.machine() != "x86_64"] for name in names]
    steps = [(LOAD, 0, 0, 0)]
    for i, number in enumerate(numbers):
        steps.append((EQUAL, len(numbers) - i, 0, number))
    return b"".join(struct.pack("HBBI", *s) for s in [*steps, (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, ERRNO | EPERM)])


def main():
    names = DOCKER if sys.argv[1] == "docker" else sys.argv[1].split(",")
    steps = program(names)
    text = ctypes.create_string_buffer(steps, len(steps))
    filter = struct.pack("H6xP", len(steps) // 8, ctypes.addressof(text))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter, 0, 0):
        sys.exit(f"no filter: {os.strerror(ctypes.get_errno())}")
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
