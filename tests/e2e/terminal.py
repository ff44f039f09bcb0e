"""A terminal of our own for tests: a program runs in it, and what stands on its screen can be asked.

It knows what hpo uses: text, colours, carriage return, up, home, erase, the second screen. Like most of today it wraps
anew when its width changes (what was one line stays one), and cuts off nothing."""
import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

SEQUENCE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])")


class Screen:
    """Rows of text; a row that goes on in the next is marked."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.lines, self.goes_on = [""], [False]
        self.top = self.y = self.x = 0  # of the screen, and the cursor: row of all, column
        self.other = None
        self.hidden = False  # the cursor
        self.rest = ""

    def feed(self, text):
        text, self.rest = self.rest + text, ""
        while text:
            if text[0] == "\x1b":
                match = SEQUENCE.match(text)
                if not match:
                    assert len(text) < 16, f"a sequence that this terminal does not know: {text[:16]!r}"
                    self.rest = text
                    return
                self.obey(match.group(1), match.group(2))
                text = text[match.end():]
            else:
                self.put(text[0])
                text = text[1:]

    def put(self, c):
        if c == "\r":
            self.x = 0
        elif c == "\n":
            self.down()
        else:
            assert c.isprintable(), f"the terminal is sent {c!r}"
            if self.x == self.columns:
                self.goes_on[self.y] = True
                self.down()
                self.x = 0
            line = self.lines[self.y].ljust(self.x)
            self.lines[self.y] = line[:self.x] + c + line[self.x + 1:]
            self.x += 1

    def down(self):
        self.y += 1
        if self.y == len(self.lines):
            self.lines.append("")
            self.goes_on.append(False)
        self.top = max(self.top, self.y - self.rows + 1)

    def obey(self, argument, letter):
        if letter == "A":
            self.y = max(self.top, self.y - int(argument or 1))
        elif letter == "H" and not argument:
            self.y, self.x = self.top, 0
        elif letter == "K" and not argument:
            self.lines[self.y] = self.lines[self.y][:self.x]
        elif letter == "J" and argument in ("", "2"):
            first = self.top if argument else self.y + 1
            if not argument:
                self.lines[self.y], self.goes_on[self.y] = self.lines[self.y][:self.x], False
            del self.lines[max(first, self.y + 1):], self.goes_on[max(first, self.y + 1):]
            for i in range(first, self.y + 1 if argument else 0):
                self.lines[i] = ""
        elif letter == "h" and argument == "?1049":
            self.other = (self.lines, self.goes_on, self.top, self.y, self.x)
            self.lines, self.goes_on, self.top, self.y, self.x = [""], [False], 0, 0, 0
        elif letter == "l" and argument == "?1049":
            (self.lines, self.goes_on, self.top, self.y, self.x), self.other = self.other, None
        else:
            if argument == "?25":
                self.hidden = letter == "l"
            assert letter == "m" or argument == "?25", f"a sequence that this terminal does not know: {argument}{letter}"

    def resize(self, columns, rows):
        if self.other:  # the second screen does not wrap anew: what does not fit is gone
            self.lines, self.goes_on = [line[:columns] for line in self.lines[:rows]], [False] * min(rows, len(self.lines))
            self.columns, self.rows, self.y, self.x = columns, rows, min(self.y, rows - 1), min(self.x, columns)
            return
        whole, at, offset = [""], 0, 0
        for i, line in enumerate(self.lines):
            if i == self.y:
                at, offset = len(whole) - 1, len(whole[-1]) + self.x
            whole[-1] += line.ljust(self.columns) if self.goes_on[i] else line
            if not self.goes_on[i] and i + 1 < len(self.lines):
                whole.append("")
        self.columns, self.rows = columns, rows
        self.lines, self.goes_on = [], []
        for i, line in enumerate(whole):
            parts = [line[k:k + columns] for k in range(0, max(len(line), 1), columns)]
            if i == at:
                self.y = len(self.lines) + min(offset // columns, len(parts) - 1)
                self.x = offset - (self.y - len(self.lines)) * columns
            self.lines += parts
            self.goes_on += [True] * (len(parts) - 1) + [False]
        self.top = max(0, len(self.lines) - rows, self.y - rows + 1)

    def shown(self):
        """The rows of the screen."""
        return [line.rstrip() for line in self.lines[self.top:]]

    def text(self):
        """Everything, with what has scrolled away."""
        return "\n".join(line.rstrip() for line in self.lines)


class Program:
    """A program that runs in a terminal."""

    def __init__(self, argv, folder, environment, columns=80, rows=24):
        self.screen = Screen(columns, rows)
        self.decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            self.set_size(0, columns, rows)
            os.chdir(folder)
            os.execve(argv[0], [str(a) for a in argv], {**environment, "TERM": "xterm"})

    @staticmethod
    def set_size(fd, columns, rows):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        """As a window does: it wraps anew, and then tells the program."""
        self.read(0)
        self.screen.resize(columns, rows)
        self.set_size(self.fd, columns, rows)

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def read(self, seconds):
        """Shows what comes; false at its end."""
        while select.select([self.fd], [], [], seconds)[0]:
            try:
                got = os.read(self.fd, 65536)
            except OSError:
                got = b""
            if not got:
                return False
            self.screen.feed(self.decoder.decode(got))
            seconds = 0
        return True

    def until(self, condition, timeout=20):
        """Reads until the condition holds of the screen; its rows then."""
        end = time.monotonic() + timeout
        while not condition(self.screen):
            more = self.read(0.05)
            assert condition(self.screen) or (more and time.monotonic() < end), "\n".join(self.screen.shown())
        return self.screen.shown()

    def finish(self, timeout=20):
        """Reads to the end; the exit status."""
        end = time.monotonic() + timeout
        while self.read(0.2):
            if time.monotonic() > end:
                self.kill()
                raise AssertionError("it runs on:\n" + "\n".join(self.screen.shown()))
        _, status = os.waitpid(self.pid, 0)
        self.status = os.waitstatus_to_exitcode(status)
        os.close(self.fd)
        return self.status

    def kill(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
