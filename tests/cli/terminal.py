"""A terminal of a test's own: a program in a pty, typed to and read from."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

SECONDS_MAX = 20


class Terminal:
    def __init__(self, argv, cwd, columns=100, env=None):
        self.screen = ""
        self.code = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.environ.update({"TERM": "xterm", **(env or {})})
            os.execv(argv[0], argv)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def _read(self, seconds) -> bool:
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the program's side is closed
            return False
        self.screen += data.decode(errors="replace")
        return bool(data)

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def expect(self, pattern: str, after: int = 0) -> int:
        """Waits until the screen shows the pattern; where it ends."""
        until = time.monotonic() + SECONDS_MAX
        while True:
            found = re.compile(pattern).search(self.screen, after)
            if found:
                return found.end()
            assert time.monotonic() < until, f"no {pattern!r} in {self.screen[after:]!r}"
            assert self._read(0.2) or re.search(pattern, self.screen[after:]), \
                f"ended without {pattern!r}: {self.screen[after:]!r}"

    def wait_until_it_reads(self, reads: bool = True) -> None:
        """Until the program edits a line itself (its tty is not in line mode), or no longer does:
        before that the kernel would echo what is typed."""
        until = time.monotonic() + SECONDS_MAX
        while bool(termios.tcgetattr(self.fd)[3] & termios.ICANON) == reads:
            assert time.monotonic() < until, self.screen
            self._read(0.01)

    def ask(self, text: str, pattern: str) -> str:
        """Types a line and waits for the pattern and for the next prompt; what was shown."""
        self.wait_until_it_reads()
        start = len(self.screen)
        self.type(text)
        self.expect(pattern, start)
        self.wait_until_it_reads()
        return self.screen[start:]

    def end(self) -> int:
        """Waits for the program's end; its exit code."""
        until = time.monotonic() + SECONDS_MAX
        while self._read(0.2):
            assert time.monotonic() < until, self.screen
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code
