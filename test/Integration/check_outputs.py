#!/usr/bin/env python3
# ===- check_outputs.py - What the compiler writes, and where --------------=== #
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Outputs are written whole or not at all, to whatever is at their path. Nodes
# of devices are made in a folder of the test: the machine's own are never an
# output.
# ===----------------------------------------------------------------------=== #
"""Check the outputs of sterna-compile.

  check_outputs.py MODEL.gguf FOLDER

FOLDER is emptied. What needs root (nodes, mounts) is left out without it.
"""

import fcntl
import os
import select
import shutil
import stat
import subprocess
import sys
import threading

FAST = ["--no-train", "--lora-rank=0", "--target=x86-64-v2"]
IR = ["--compile-to=import"]


class Checker:
    def __init__(self, model, folder):
        self.model, self.folder = os.path.abspath(model), folder
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.failed = 0

    def path(self, name):
        return os.path.join(self.folder, name)

    def compile(self, output, *flags, model=None, **options):
        command = ["sterna-compile", model or self.model, *flags]
        command += ["-o", output] if output else []
        options.setdefault("stdout", subprocess.PIPE)
        return subprocess.run(
            command, stderr=subprocess.PIPE, text=True, **options
        )

    def expect(self, what, condition, detail=""):
        if not condition:
            self.failed += 1
            print(f"wrong: {what} {detail}")

    def taken(self, what, run):
        self.expect(what, run.returncode == 0, run.stderr)

    def refused(self, what, run, text):
        lines = [line for line in run.stderr.splitlines() if "error:" in line]
        one = len(lines) == 1 and lines[0].startswith("sterna-compile: error: ")
        self.expect(
            what,
            run.returncode == 1 and one and text in lines[0],
            f"expected one error with '{text}', got {run.stderr}",
        )

    def only(self, what, folder, names):
        found = sorted(os.listdir(folder))
        self.expect(what, found == sorted(names), f"left {found}")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def check_files(c, kind, flags, expected):
    """Files, links and folders at the path."""
    folder = c.path(kind)
    os.mkdir(folder)
    plain, link = os.path.join(folder, "plain"), os.path.join(folder, "link")
    with open(plain, "w", encoding="utf-8") as file:
        file.write("old")
    os.chmod(plain, 0o640)
    os.symlink("plain", link)
    c.taken(f"{kind} to a link", c.compile(link, *flags))
    c.expect(f"{kind}: the link stays", os.path.islink(link))
    c.expect(f"{kind} through the link", read(plain) == expected)
    mode = stat.S_IMODE(os.stat(plain).st_mode)
    c.expect(f"{kind} keeps permissions", mode == 0o640, oct(mode))
    os.remove(plain)
    c.taken(f"{kind} to a dangling link", c.compile(link, *flags))
    c.expect(f"{kind}: that link stays", os.path.islink(link))
    c.expect(f"{kind} through that link", read(plain) == expected)
    os.mkdir(os.path.join(folder, "sub"))
    run = c.compile(os.path.join(folder, "sub"), *flags)
    c.refused(f"{kind} to a folder", run, "a folder is there")
    run = c.compile(os.path.join(folder, "absent", "x"), *flags)
    c.refused(f"{kind} to nowhere", run, "No such file or directory")
    c.only(f"{kind} leaves nothing", folder, ["link", "plain", "sub"])


def leave_when_written(end):
    """Close the only reading end of a pipe as soon as something is in it."""
    select.select([end], [], [], 300)
    os.close(end)


def check_pipe(c, kind, flags, expected):
    """A named pipe, and one whose reader goes away."""
    pipe = c.path(kind + ".pipe")
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(
        target=lambda: got.append(read(pipe)), daemon=True
    )
    reader.start()
    c.taken(f"{kind} to a pipe", c.compile(pipe, *flags))
    reader.join(timeout=300)
    c.expect(f"{kind} through the pipe", got == [expected])
    c.expect(f"{kind}: the pipe stays", stat.S_ISFIFO(os.stat(pipe).st_mode))
    # The pipe holds less than an output, so that the writer waits in it.
    end = os.open(pipe, os.O_RDWR)
    fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, 4096)
    leaver = threading.Thread(target=leave_when_written, args=(end,))
    leaver.start()
    run = c.compile(pipe, *flags)
    leaver.join()
    c.refused(f"{kind} without a reader", run, "Broken pipe")


def check_nodes(c, kind, flags):
    """Devices: one that takes all, and one that is always full."""
    null, full = c.path(kind + ".null"), c.path(kind + ".full")
    try:
        os.mknod(null, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        os.mknod(full, stat.S_IFCHR | 0o600, os.makedev(1, 7))
        os.close(os.open(null, os.O_WRONLY))
    except PermissionError:
        return
    c.taken(f"{kind} to a device", c.compile(null, *flags))
    c.refused(
        f"{kind} to a full device",
        c.compile(full, *flags),
        "No space left on device",
    )
    for node in (null, full):
        c.expect(f"{kind}: {node} stays", stat.S_ISCHR(os.stat(node).st_mode))
    if kind == "ir":
        with open(full, "w", encoding="utf-8") as out:
            run = c.compile(None, *flags, stdout=out)
        c.refused("standard output is full", run, "No space left on device")


def on_small_disk(c, name, size, check):
    """Call `check` with a folder that has room for `size`, if one can be."""
    disk = c.path(name)
    os.makedirs(disk, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", disk]
    if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
        return
    try:
        check(disk)
        c.only(f"{name} of {size}", disk, [])
    finally:
        subprocess.run(["umount", disk], check=True)


def check_full_disk(c, kind, flags, name):
    """A disk that has no room for all, or only for some."""

    def check(disk):
        run = c.compile(os.path.join(disk, name), *flags)
        c.refused(f"{kind} on a small disk", run, "No space left on device")

    for size in ("4k", "256k"):
        on_small_disk(c, kind + ".disk", size, check)


def check_temporaries(c):
    """No room for what the compiler keeps for itself."""

    def check(disk):
        environment = {**os.environ, "TMPDIR": disk}
        run = c.compile(c.path("t.stn"), *FAST, env=environment)
        c.refused("temporaries on a small disk", run, reason)
        c.expect("no output is left", not os.path.exists(c.path("t.stn")))

    # The first has no room for the object, the second for the library beside.
    for size, reason in (
        ("4k", "No space left on device"),
        ("256k", "name a folder for temporary files with TMPDIR"),
    ):
        on_small_disk(c, "temporaries", size, check)


def check_inputs(c):
    """An output that is an input, by any name."""
    model, link, twin = c.path("m.gguf"), c.path("l"), c.path("twin.stn")
    shutil.copy(c.model, model)
    os.symlink("m.gguf", link)
    os.link(model, twin)
    for name in (model, link, twin, os.path.join(c.folder, ".", "m.gguf")):
        for flags in (FAST, IR):
            run = c.compile(name, *flags, model=model)
            c.refused(f"{name} in and out", run, "another file for the output")
    run = c.compile(c.path("twin.o"), "--emit=obj", *FAST, model=model)
    c.refused("an object's part in and out", run, "another file for the output")
    c.expect("the model is as it was", read(model) == read(c.model))
    c.expect("no part was written", not os.path.exists(c.path("twin.o")))


def check_object(c):
    """Four files, all or none."""
    folder = c.path("object")
    os.makedirs(os.path.join(folder, "m.txt"))
    flags = ["--emit=obj", *FAST]
    run = c.compile(os.path.join(folder, "m.o"), *flags)
    c.refused("a part's name is a folder's", run, "a folder is there")
    c.only("object", folder, ["m.txt"])
    os.rmdir(os.path.join(folder, "m.txt"))
    c.taken("an object", c.compile(os.path.join(folder, "m.o"), *flags))
    c.only("object", folder, ["m.h", "m.o", "m.stn", "m.txt"])


def main():
    model, folder = sys.argv[1:]
    c = Checker(model, folder)
    kinds = {"ir": IR, "stn": FAST, "exe": ["--emit=exe", *FAST[:2]]}
    for kind, flags in kinds.items():
        first = c.path("first." + kind)
        c.taken(kind, c.compile(first, *flags))
        runs = os.stat(first).st_mode & 0o100 != 0
        c.expect(f"{kind} is a program or not", runs == (kind == "exe"))
        if kind == "exe":
            continue
        check_files(c, kind, flags, read(first))
        check_pipe(c, kind, flags, read(first))
        check_nodes(c, kind, flags)
        if kind == "stn":
            check_full_disk(c, kind, flags, "m.stn")
    check_full_disk(c, "obj", ["--emit=obj", *FAST], "m.o")
    check_temporaries(c)
    check_inputs(c)
    check_object(c)
    return c.failed != 0


if __name__ == "__main__":
    sys.exit(main())
