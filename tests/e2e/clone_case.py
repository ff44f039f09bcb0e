"""What the tests of clone stand on: servers of git, and a repository to clone from."""
import contextlib
import http.server
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HPO = pathlib.Path(os.environ.get("HPO_BIN", ROOT / "build/bin")).resolve() / "hpo"
SHARED = ROOT / "../shared"
ABSENT = "0123456789012345678901234567890123456789"


def needs(*programs):
    missing = [p for p in programs if not shutil.which(p, path=os.environ["PATH"] + ":/usr/sbin")]
    if missing:
        print("SKIP:", ", ".join(missing), "is not here", file=sys.stderr)
    return unittest.skipIf(missing, "needs " + ", ".join(missing))


class Backend(http.server.BaseHTTPRequestHandler):
    """git http-backend as a CGI program; `server.stall` stops an answer in the middle."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while (n := int(self.rfile.readline(), 16)) or self.rfile.readline() is None:
                body += self.rfile.read(n)
                self.rfile.readline()
        self.server.requests.append(self.path)
        if self.server.password and not self.headers.get("Authorization"):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        env = dict(os.environ, GIT_PROJECT_ROOT=self.server.folder, GIT_HTTP_EXPORT_ALL="1",
                   PATH_INFO=path, QUERY_STRING=query, REQUEST_METHOD=self.command,
                   CONTENT_TYPE=self.headers.get("Content-Type", ""),
                   HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""))
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.server.stall and self.command == "POST":
            self.wfile.write(content[:len(content) // 2])
            self.wfile.flush()
            self.server.stalled.set()
            self.server.stall.wait()
            self.close_connection = True
            return
        self.wfile.write(content)

    do_GET = do_POST = answer


class Dumb(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):  # a client that goes away is what some tests are about
        pass


@contextlib.contextmanager
def serving(handler, folder, context=None, password=False, stall=None):
    server = Server(("127.0.0.1", 0), handler)
    server.folder, server.password, server.requests = str(folder), password, []
    server.stall, server.stalled = stall, threading.Event()
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        server.url = f"http{'s' if context else ''}://localhost:{server.server_address[1]}"
        yield server
    finally:
        if stall:
            stall.set()
        server.shutdown()
        server.server_close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def running(argv, port, **options):
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        for _ in range(200):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        else:
            raise AssertionError(f"{argv[0]} does not answer")
        yield process
    finally:
        process.terminate()
        process.wait()


class CloneTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hpo-clone-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        for name in ("home", "tmp", "out"):
            (self.folder / name).mkdir()
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"),
                    "TMPDIR": str(self.folder / "tmp"), "GIT_CONFIG_NOSYSTEM": "1",
                    "no_proxy": "localhost,127.0.0.1"}
        for role in ("AUTHOR", "COMMITTER"):
            self.env |= {f"GIT_{role}_NAME": "a", f"GIT_{role}_EMAIL": "a@example.org",
                         f"GIT_{role}_DATE": "2016-06-16T00:00:00Z"}
        self.repo = self.folder / "srv/r.git"
        self.repo.mkdir(parents=True)
        self.git("init", "-q", "--bare", "-b", "master", ".")
        self.old = self.commit(self.tree({"a/one": b"one", "b": b"old"}))
        self.git("tag", "-a", "-m", "t", "v1", self.old)
        self.new = self.commit(self.tree({"a/one": b"two\r\n", "b": os.urandom(300000)}), self.old)
        self.git("update-ref", "refs/heads/master", self.new)

    # Making repositories

    def git(self, *argv, data=None):
        done = subprocess.run(["git", *argv], cwd=self.repo, env=self.env, input=data,
                              capture_output=True, check=True)
        return done.stdout.decode().strip()

    def blob(self, data):
        return self.git("hash-object", "-w", "--stdin", data=data)

    def raw_tree(self, *entries):
        """A tree of (mode, name, id), whatever they are: git itself would refuse some."""
        data = b"".join(b"%s %s\0" % (m.encode(), n) + bytes.fromhex(i) for m, n, i in entries)
        return self.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", data=data)

    def tree(self, files):
        index = self.folder / "index"
        env, self.env = self.env, dict(self.env, GIT_INDEX_FILE=str(index))
        for path, data in files.items():
            self.git("update-index", "--add", "--cacheinfo", f"100644,{self.blob(data)},{path}")
        tree = self.git("write-tree")
        index.unlink()
        self.env = env
        return tree

    def commit(self, tree, *parents):
        return self.git("commit-tree", tree, "-m", "m", *[w for p in parents for w in ("-p", p)])

    # Running the program

    def hpo(self, *argv, status=0, **env):
        done = subprocess.run([str(HPO), *map(str, argv)], env=self.env | env, cwd=self.folder,
                              capture_output=True, text=True, timeout=100)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(list((self.folder / "tmp").iterdir()), [], "temporary files are left")
        return done.stdout.strip() if status == 0 else done.stderr

    def out(self):
        top = self.folder / "out"
        return {str(p.relative_to(top)): p.read_bytes() for p in sorted(top.rglob("*"))
                if p.is_file() and ".hpo-out" not in p.parts}

    def expect_tree(self, url, commit, expected, *paths, options=(), **env):
        self.hpo("clone-tree", *options, url, commit, "out", *paths, **env)
        self.assertEqual(self.out(), expected)
        shutil.rmtree(self.folder / "out")
        (self.folder / "out").mkdir()

    def expect_refusal(self, url, commit, *texts, status=1, paths=(), **env):
        message = self.hpo("clone-tree", url, commit, "out", *paths, status=status, **env)
        for text in texts:
            self.assertIn(text, message)
        self.assertEqual(list((self.folder / "out").iterdir()), [], "files are left")
        return message

    def expect_all(self, url, **env):
        """Everything a good server must give, whatever its protocol."""
        for rev, commit in (("master", self.new), ("HEAD", self.new), ("v1", self.old),
                            (self.old[:9], self.old), ("refs/tags/v1", self.old)):
            self.assertEqual(self.hpo("clone-resolve", url, rev, **env), commit)
        message = self.hpo("clone-resolve", url, "nope", status=2, **env)
        self.assertIn('no branch, tag or commit is called "nope"\n', message)
        self.assertIn("there are: master, v1\n", message)
        self.expect_tree(url, self.new, {"a/one": b"two\r\n"}, "a", **env)
        self.expect_tree(url, self.old, {"a/one": b"one", "b": b"old"}, **env)
        self.expect_refusal(url, ABSENT, "there is no commit " + ABSENT, status=2, **env)
        self.expect_refusal(url, self.new, "c of commit", status=2, paths=["b", "c"], **env)
