"""hpo clone-resolve and clone-tree against real servers: http, https, ssh, git's own daemon.

Whatever is refused or interrupted leaves neither files nor temporary repositories. What needs a
program that is not here is skipped and says so.
"""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import unittest

from clone_case import (ABSENT, HPO, SHARED, Backend, CloneTest, Dumb, free_port, needs, running,
                        serving)


class Http(CloneTest):
    def test_smart(self):
        with serving(Backend, self.repo.parent) as server:
            self.expect_all(server.url + "/r.git")

    def test_one_commit_is_asked_for_where_that_is_allowed(self):
        self.git("config", "uploadpack.allowAnySHA1InWant", "true")
        hidden = self.commit(self.tree({"h": b"hidden"}))
        with serving(Backend, self.repo.parent) as server:
            self.expect_all(server.url + "/r.git")
            self.expect_tree(server.url + "/r.git", hidden, {"h": b"hidden"})

    def test_a_commit_behind_no_name_is_not_found(self):
        hidden = self.commit(self.tree({"h": b"hidden"}))
        with serving(Backend, self.repo.parent) as server:
            self.expect_refusal(server.url + "/r.git", hidden, "no branch or tag leads to it", status=2)

    def test_mirror(self):
        with serving(Backend, self.repo.parent) as server:
            for options in (["--mirror", f"https://h.invalid/x={server.url}"],
                            ["--mirror", f"https://h.invalid/x={self.repo.parent}"],
                            ["--mirror", "https://h.invalid/x=srv"]):
                self.expect_tree("https://h.invalid/x/r.git", self.old, {"b": b"old"}, "b",
                                 options=options)

    def test_a_password_is_not_asked_for(self):
        with serving(Backend, self.repo.parent, password=True) as server:
            self.expect_refusal(server.url + "/r.git", self.new, "hpo never prompts", "--mirror")
            secret = server.url.replace("//", "//user:pa55word@")
            self.expect_tree(secret + "/r.git", self.old, {"b": b"old"}, "b")
            self.assertNotIn("pa55word", self.expect_refusal(secret + "/r.git", ABSENT, status=2))

    def test_no_such_repository_and_no_server(self):
        with serving(Backend, self.repo.parent) as server:
            self.expect_refusal(server.url + "/none.git", self.new, "cannot connect", "404")
        self.expect_refusal(f"http://localhost:{free_port()}/r", self.new, "cannot connect")
        self.expect_refusal("http://host.invalid/r", self.new, "cannot connect", "host.invalid")

    def test_dumb_servers_are_not_understood(self):
        self.git("update-server-info")
        handler = lambda *a, **k: Dumb(*a, directory=str(self.repo.parent), **k)
        with serving(handler, self.repo.parent) as server:
            self.expect_refusal(server.url + "/r.git", self.new, "gives only files")

    def test_hostile_trees_from_a_server(self):
        """libgit2's own checks may come first; whichever does, nothing is left."""
        evil = self.blob(b"pwned")
        link = self.blob(b"../../outside")
        inner = self.raw_tree(("100644", b"pwned", evil))
        good = ("100644", b"!", evil)
        for name, entries in {
            "slash": [good, ("100644", b"a/../../pwned", evil)],
            "up": [good, ("40000", b"..", inner)],
            "dot git": [good, ("40000", b".GIT", inner)],
            "link": [good, ("120000", b"l", link)],
            "link, then folder": [good, ("120000", b"l", link), ("40000", b"l", inner)],
            "twice": [good, ("100644", b"x", evil), ("100644", b"x", evil)],
            "device": [good, ("60000", b"x", evil)],
            "folder that is a file": [good, ("40000", b"x", evil)],
            "file that is a folder": [good, ("100644", b"x", inner)],
            "escape": [good, ("100644", b"\x1b[2J/x", evil)],
        }.items():
            with self.subTest(name):
                commit = self.commit(self.raw_tree(*entries))
                self.git("update-ref", "refs/heads/hostile", commit)
                self.assertNotIn("\x1b", self.expect_refusal(self.repo, commit, status=2))
                with serving(Backend, self.repo.parent) as server:
                    done = subprocess.run(
                        [str(HPO), "clone-tree", server.url + "/r.git", commit, "out"],
                        env=self.env, cwd=self.folder, capture_output=True, timeout=60)
                self.assertIn(done.returncode, (1, 2), done.stderr)
                self.assertEqual(list((self.folder / "out").iterdir()), [])
                self.assertEqual(list((self.folder / "tmp").iterdir()), [])
        self.assertEqual(list(self.folder.rglob("pwned")), [])
        self.assertEqual(list(self.folder.rglob("outside")), [])


class Interrupt(CloneTest):
    def start(self, server):
        process = subprocess.Popen(
            [str(HPO), "clone-tree", server.url + "/r.git", self.new, "out"], env=self.env,
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True)
        self.assertTrue(server.stalled.wait(30))
        self.assertNotEqual(list((self.folder / "tmp").iterdir()), [])
        return process

    def expect_nothing_left(self, process, status):
        _, message = process.communicate(timeout=10)
        self.assertIn(process.returncode, status, message)
        self.assertEqual(list((self.folder / "out").iterdir()), [])
        self.assertEqual(list((self.folder / "tmp").iterdir()), [])

    def test_signals_in_the_middle_of_a_pack(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            for send in (os.kill, os.killpg):
                with serving(Backend, self.repo.parent, stall=threading.Event()) as server:
                    process = self.start(server)
                    begin = time.monotonic()
                    send(process.pid, number)
                    self.expect_nothing_left(process, (130, -number))
                    self.assertLess(time.monotonic() - begin, 2)

    def test_a_worker_that_is_killed(self):
        with serving(Backend, self.repo.parent, stall=threading.Event()) as server:
            process = self.start(server)
            children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            os.kill(int(children.split()[0]), signal.SIGSEGV)
            self.expect_nothing_left(process, (1,))

    def test_a_killed_program_leaves_no_worker(self):
        with serving(Backend, self.repo.parent, stall=threading.Event()) as server:
            process = self.start(server)
            children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            process.kill()
            process.communicate()
            for _ in range(100):
                if not os.path.exists(f"/proc/{children.split()[0]}"):
                    return
                time.sleep(0.05)
            self.fail("the worker still runs")

    def test_a_connection_that_breaks(self):
        stall = threading.Event()
        stall.set()  # half of the pack, then the end
        with serving(Backend, self.repo.parent, stall=stall) as server:
            self.expect_refusal(server.url + "/r.git", self.new, "cannot fetch")

    def test_a_full_disk(self):
        done = subprocess.run(["sh", "-c", 'ulimit -f 100; exec "$@"', "sh", str(HPO), "clone-tree",
                               str(self.repo), self.new, "out"], env=self.env, cwd=self.folder,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(list((self.folder / "out").iterdir()), [])


@needs("openssl")
class Https(CloneTest):
    def setUp(self):
        super().setUp()
        self.certificate = self.certify("localhost")

    def certify(self, host):
        key, certificate = self.folder / f"{host}.key", self.folder / f"{host}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        return certificate

    def context(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        return context

    def test_certificates(self):
        with serving(Backend, self.repo.parent, self.context(self.certificate)) as server:
            url = server.url + "/r.git"
            self.expect_refusal(url, self.new, "no valid certificate of localhost", "SSL_CERT_FILE")
            for name in ("GIT_SSL_CAINFO", "SSL_CERT_FILE"):
                self.expect_tree(url, self.old, {"b": b"old"}, "b", **{name: str(self.certificate)})
            self.expect_all(url, SSL_CERT_FILE=str(self.certificate))
            self.expect_refusal(url, self.new, "cannot read the certificates", "none.pem",
                                status=2, SSL_CERT_FILE=str(self.folder / "none.pem"))

    def test_a_certificate_of_another_host(self):
        other = self.certify("other.example")
        with serving(Backend, self.repo.parent, self.context(other)) as server:
            self.expect_refusal(server.url + "/r.git", self.new, "no valid certificate",
                                SSL_CERT_FILE=str(other))


@needs("sshd", "ssh-keygen")
class Ssh(CloneTest):
    def setUp(self):
        super().setUp()
        self.ssh = self.folder / "home/.ssh"
        self.ssh.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        self.port = free_port()
        self.keygen(self.folder / "host_key")
        (self.folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder}/host_key\n"
            f"AuthorizedKeysFile {self.folder}/authorized\nStrictModes no\nUsePAM no\n"
            f"PasswordAuthentication no\nPidFile none\nPermitRootLogin yes\n")
        self.url = f"ssh://127.0.0.1:{self.port}{self.repo}"
        sshd = shutil.which("sshd", path="/usr/sbin:" + os.environ["PATH"])
        server = running([sshd, "-D", "-f", str(self.folder / "sshd_config")], self.port)
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)

    def keygen(self, path, *options, passphrase=""):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path, *options],
                       check=True)
        return pathlib.Path(f"{path}.pub").read_text()

    def know_the_host(self, key=None):
        key = key or (self.folder / "host_key.pub").read_text()
        kind, value = key.split()[:2]
        (self.ssh / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {kind} {value}\n")

    def authorize(self, public):
        (self.folder / "authorized").write_text(public)

    def test_a_default_key(self):
        self.know_the_host()
        self.authorize(self.keygen(self.ssh / "id_ed25519"))
        self.expect_all(self.url)

    def test_host_and_path(self):
        """user@host:path has no port, so only how it is read can be seen: ssh is spoken."""
        self.expect_refusal(f"nobody@host.invalid:{self.repo}", self.new, "cannot connect")

    def test_hashed_known_hosts(self):
        self.know_the_host()
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", self.ssh / "known_hosts"], check=True,
                       capture_output=True)
        self.authorize(self.keygen(self.ssh / "id_ed25519"))
        self.expect_tree(self.url, self.old, {"b": b"old"}, "b")

    def test_an_unknown_and_a_changed_host(self):
        self.authorize(self.keygen(self.ssh / "id_ed25519"))
        for known in (None, self.keygen(self.folder / "other")):
            if known:
                self.know_the_host(known)
            self.expect_refusal(self.url, self.new, "known_hosts does not hold the key", "ssh-keyscan")

    def test_no_key_is_taken(self):
        self.know_the_host()
        self.keygen(self.ssh / "id_ed25519")
        self.authorize("")
        self.expect_refusal(self.url, self.new, "the server accepts none of our ssh keys", "agent")

    def test_a_locked_key_does_not_hide_the_next(self):
        self.know_the_host()
        self.keygen(self.ssh / "id_ed25519", passphrase="secret")
        self.authorize(self.keygen(self.ssh / "id_rsa"))
        self.expect_tree(self.url, self.old, {"b": b"old"}, "b")

    def test_an_agent_that_is_gone(self):
        self.know_the_host()
        self.authorize(self.keygen(self.ssh / "id_ed25519"))
        self.expect_tree(self.url, self.old, {"b": b"old"}, "b",
                         SSH_AUTH_SOCK=str(self.folder / "none"))

    @needs("ssh-agent")
    def test_the_agent(self):
        self.know_the_host()
        self.authorize(self.keygen(self.folder / "mine"))
        self.keygen(self.ssh / "id_ed25519")
        agent = self.folder / "agent"
        process = subprocess.Popen(["ssh-agent", "-D", "-a", agent], stdout=subprocess.DEVNULL)
        try:
            env = {"SSH_AUTH_SOCK": str(agent)}
            add = ["ssh-add", "-q", self.folder / "mine"]
            for _ in range(100):  # until it listens
                if subprocess.run(add, env=self.env | env, stderr=subprocess.DEVNULL).returncode == 0:
                    break
                time.sleep(0.05)
            self.expect_tree(self.url, self.old, {"b": b"old"}, "b", **env)
        finally:
            process.terminate()
            process.wait()


class Local(CloneTest):
    def test_paths_and_file_urls(self):
        for url in (self.repo, f"file://{self.repo}", "srv/r.git"):
            self.expect_all(url)
            begin = time.monotonic()
            self.expect_tree(url, self.old, {"b": b"old"}, "b")
            self.assertLess(time.monotonic() - begin, 1)

    def test_gits_daemon(self):
        port = free_port()
        with running(["git", "daemon", "--export-all", f"--port={port}", "--listen=127.0.0.1",
                      f"--base-path={self.repo.parent}", str(self.repo.parent)], port, env=self.env):
            self.expect_all(f"git://127.0.0.1:{port}/r.git")

    @unittest.skipUnless(os.geteuid() == 0, "only root can give a repository to another user")
    def test_a_repository_of_another_user(self):
        os.chown(self.repo, 12345, 12345)
        self.expect_refusal(self.repo, self.new, "belongs to another user (number 12345)",
                            "safe.directory", status=2)
        (self.folder / "home/.gitconfig").write_text(f"[safe]\n\tdirectory = {self.repo}\n")
        self.expect_tree(self.repo, self.old, {"b": b"old"}, "b")
        (self.folder / "home/.gitconfig").write_text("[safe]\n\tdirectory = /elsewhere\n")
        self.expect_refusal(self.repo, self.new, "belongs to another user", status=2)

    def test_a_shallow_clone(self):
        shallow = self.folder / "shallow"
        subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{self.repo}", shallow],
                       env=self.env, check=True)
        self.expect_tree(shallow, self.new, {"a/one": b"two\r\n"}, "a")
        self.expect_refusal(shallow, self.old, "there is no commit", status=2)

    def test_a_partial_clone(self):
        self.git("config", "uploadpack.allowFilter", "true")
        partial = self.folder / "partial"
        subprocess.run(["git", "clone", "-q", "--bare", "--filter=blob:none", f"file://{self.repo}",
                        partial], env=self.env, check=True)
        self.expect_refusal(partial, self.new, "its object is not in the repository", status=2)

    def test_damaged_packs(self):
        self.git("gc", "-q", "--aggressive", "--prune=now")
        (pack,) = (self.repo / "objects/pack").glob("*.pack")
        os.chmod(pack, 0o644)
        data = bytearray(pack.read_bytes())
        for at in range(12, len(data) - 20, len(data) // 40):
            damaged = bytearray(data)
            damaged[at] ^= 0x55
            pack.write_bytes(damaged)
            done = subprocess.run([str(HPO), "clone-tree", str(self.repo), self.new, "out"],
                                  env=self.env, cwd=self.folder, capture_output=True, timeout=60)
            if done.returncode == 0:  # bytes that this tree does not need
                self.assertEqual(len(self.out()), 2)
                shutil.rmtree(self.folder / "out")
                (self.folder / "out").mkdir()
            self.assertIn(done.returncode, (0, 1, 2, 4), done.stderr)
            self.assertEqual(list((self.folder / "out").iterdir()), [])

    def test_command_line(self):
        for argv, text in ((["clone-tree", "u", "c"], "expected [--mirror"),
                           (["clone-resolve", "u"], "expected [--mirror"),
                           (["clone-tree", "--mirror", "x", "u", "c", "out"], "expected FROM=TO"),
                           (["clone-tree", self.repo, "master", "out"], "40 digits"),
                           (["clone-tree", self.repo, self.new, "none"], "none")):
            self.assertIn(text, self.hpo(*argv, status=2))
        (self.folder / "out/mine").write_text("mine")
        self.assertIn("expected an empty folder", self.hpo("clone-tree", self.repo, self.new, "out",
                                                           status=2))
        self.assertEqual(self.out(), {"mine": b"mine"})

    @unittest.skipUnless(SHARED.is_dir(), "the shared data is not here")
    def test_squad(self):
        mirror = self.folder / "squad.git"
        made = subprocess.run([SHARED / "tools/make-squad-mirror", mirror], check=True,
                              capture_output=True, text=True).stdout.strip()
        url = "https://github.com/rajpurkar/SQuAD-explorer"
        options = ["--mirror", f"{url}={mirror}"]
        commit = self.hpo("clone-resolve", *options, url, "master")
        self.assertEqual(commit, made)
        self.hpo("clone-tree", *options, url, commit, "out", "dataset")
        found = {k: hashlib.sha256(v).hexdigest() for k, v in self.out().items()}
        self.assertEqual(found, {f"dataset/{n}-v1.1.json": hashlib.sha256(
            (SHARED / f"data/squad/dataset/{n}-v1.1.json").read_bytes()).hexdigest()
            for n in ("dev", "train")})


class Recipe(CloneTest):
    """hpo.clone in a recipe: the pin, and a key that holds neither URL nor mirror."""

    def setUp(self):
        super().setUp()
        (self.folder / "x.lua").write_text(
            'local hpo = require "hpo"\n'
            'return { default = hpo.clone { url = hpo.param("url", "https://h.invalid/r"),'
            ' rev = hpo.param("rev", "master"), paths = { "a" } } }\n')
        self.mirror = ["--mirror", f"https://h.invalid={self.repo.parent}"]

    def build(self, *options):
        return json.loads(self.hpo("build", "x.lua", "--json", *options))["ran"]

    def pin(self):
        (pin,) = json.loads((self.folder / "hpo.lock").read_text())["pins"]
        self.assertEqual((pin["kind"], pin["rev"]), ("git", "master"))
        return pin["url"], pin["commit"]

    def test_a_pin_stays_until_update(self):
        url = "https://h.invalid/r"
        self.assertEqual(self.build(*self.mirror), 1)
        self.assertEqual(self.pin(), (url, self.new))
        self.assertEqual(self.out(), {"x/default/a/one": b"two\r\n"})
        newer = self.commit(self.tree({"a/one": b"three"}), self.new)
        self.git("update-ref", "refs/heads/master", newer)
        self.assertEqual(self.build(*self.mirror), 0)
        self.assertEqual(self.build(), 0)  # nobody is asked
        self.assertEqual(self.pin(), (url, self.new))
        self.assertEqual(self.build("--update", *self.mirror), 1)
        self.assertEqual(self.pin(), (url, newer))
        self.assertEqual(self.out(), {"x/default/a/one": b"three"})

    def test_neither_url_nor_mirror_reach_the_key(self):
        self.assertEqual(self.build(*self.mirror), 1)
        (self.folder / "hpo.lock").unlink()
        with serving(Backend, self.repo.parent) as server:
            self.assertEqual(self.build("--mirror", f"https://h.invalid={server.url}"), 0)
            (self.folder / "hpo.lock").unlink()
            self.assertEqual(self.build("--set", f"url={server.url}/r.git"), 0)
            self.assertEqual(self.pin(), (f"{server.url}/r.git", self.new))
        self.assertEqual(self.build("--set", f"url={self.repo}", "--set", f"rev={self.new}"), 0)

    def test_a_broken_lock_file_is_named(self):
        (self.folder / "hpo.lock").write_text('{"version": 1, "pins": [\n<<<<<<<\n]}')
        self.assertIn("hpo.lock:2", self.hpo("build", "x.lua", *self.mirror, status=2))


if __name__ == "__main__":
    if not SHARED.is_dir():
        print("SKIP: no ../shared, so no SQuAD", file=sys.stderr)
    if not shutil.which("git"):
        print("SKIP: git is not here", file=sys.stderr)
        sys.exit(77)
    if not HPO.exists():
        sys.exit(f"{HPO} is not there: build it first, or set HPO_BIN")
    unittest.main()
