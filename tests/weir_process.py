"""Running `weir` to its end.

A start of `weir` costs about as much as all else that a small command does, and nearly all of it
is the dynamic linker's work. Fast tests let a fork server (fork_server.c) do that once for each of
their threads; slow ones (--slow) start `weir` each time, as anybody would.
"""
import array
import os
import pathlib
import signal
import socket
import struct
import subprocess
import threading

import preloaded

ROOT = pathlib.Path(__file__).resolve().parent.parent
SECONDS_MAX = 120

# Set by conftest.py: each command is a process started from the program's file.
starts_afresh = False


def weir_bin() -> str:
    path = os.environ.get("WEIR_BIN") or str(ROOT / "build/dev/bin/weir")
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: build it (./dev build dev weir) or set WEIR_BIN")
    return path


def run_weir(*arguments, cwd=None, input: bytes = b"", env=None,
             timeout=SECONDS_MAX) -> subprocess.CompletedProcess:
    """`weir ARGUMENTS…` with these bytes on its standard input; `env` is added to the environment.
    Output is bytes; a negative return code is the signal that ended it."""
    arguments = [str(argument) for argument in arguments]
    environment = {**os.environ, **(env or {})}
    if starts_afresh:
        return subprocess.run([weir_bin(), *arguments], cwd=cwd, env=environment, input=input,
                              capture_output=True, timeout=timeout)
    server = _ForkServer.of_this_thread(environment.get("LD_PRELOAD", ""))
    return server.run(arguments, cwd or os.getcwd(), input, environment, timeout)


def text(done: subprocess.CompletedProcess) -> subprocess.CompletedProcess:
    """The same, with its output as text."""
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(),
                                       done.stderr.decode())


class _ForkServer:
    _threads = threading.local()

    @classmethod
    def of_this_thread(cls, libraries: str) -> "_ForkServer":
        servers = cls._threads.__dict__
        if libraries not in servers:
            servers[libraries] = cls(libraries)
        return servers[libraries]

    def __init__(self, libraries: str):
        self.socket, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [weir_bin()], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
            env={**os.environ, "LD_PRELOAD": f"{preloaded.library('fork_server.c')} {libraries}",
                 "LD_BIND_NOW": "1", "WEIR_TEST_FORK_SERVER": str(theirs.fileno())})
        theirs.close()

    def __del__(self):
        self.socket.close()  # which ends the process
        self.process.wait()

    def run(self, arguments, cwd, input, environment, timeout):
        parts = [str(cwd), str(len(arguments) + 1), weir_bin(), *arguments,
                 *map("=".join, environment.items()), ""]
        text = "\0".join(parts).encode()
        with _file(input) as stdin, _file() as out, _file() as err:
            fds = array.array("i", [file.fileno() for file in (stdin, out, err)])
            self.socket.sendmsg([struct.pack("=I", len(text))],
                                [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            self.socket.sendall(text)
            pid = self._answer(None)
            try:
                status = self._answer(timeout)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                self._answer(None)
                raise subprocess.TimeoutExpired(arguments, timeout) from None
            code = os.waitstatus_to_exitcode(status)
            return subprocess.CompletedProcess(arguments, code, _content(out), _content(err))

    def _answer(self, timeout) -> int:
        self.socket.settimeout(timeout)
        answer = self.socket.recv(4)
        assert len(answer) == 4, "the fork server has ended"
        return struct.unpack("=i", answer)[0]


def _file(content: bytes = b""):
    file = os.fdopen(os.memfd_create("weir-test"), "w+b", buffering=0)
    file.write(content)
    file.seek(0)
    return file


def _content(file) -> bytes:
    file.seek(0)
    return file.read()
