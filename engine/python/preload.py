"""An interpreter of hpo's that has loaded the libraries of a trainer, and forks a child for each run of it.

    python preload.py PROGRAM FOLDER SCRIPT SKIPPED [MODULE...]

PROGRAM is the interpreter's path. FOLDER is a working folder as the runs will find it, of which SCRIPT and names are read.
SKIPPED are names of modules, with commas, that are not imported. MODULEs are: then the folder this is started in has the inputs.

Standard input is a socket of records. This side says "ready", or "fresh REASON" and ends. Then a child is forked before it is
wanted, and says "child NUMBER". The next record from hpo is for it, with five descriptors: a file of lines, each with a NUL
behind it (the folder, how many arguments, these, the variables); standard input, output and error; and a socket, to which the
child says "begun". Where that is answered it becomes the run, else it ends; and the next child is forked. With six more, which
are namespaces, it goes into a room first (engine/room/room.h); the record is what it may do in there, in hexadecimal digits.
With one more, rules of Landlock, it restricts itself.
engine/process/interpreter.h has the other side.

A child is forked by a fork that ends at once: so hpo, which adopts orphans, is its parent.
"""
begun = list(globals())  # what a fresh __main__ has

import os  # noqa: E402
import sys  # noqa: E402

before = set(sys.modules)

import _imp  # noqa: E402
import _socket  # noqa: E402
from _weakref import ref as weakref  # noqa: E402
import ast  # noqa: E402
import atexit  # noqa: E402
import ctypes  # noqa: E402
import gc  # noqa: E402
import io  # noqa: E402
import stat  # noqa: E402
import time  # noqa: E402

sys.path.insert(0, os.path.dirname(__file__))
from room import enter, restrict  # noqa: E402

del sys.path[0], sys.modules["room"]  # a name that a script may have
ours = set(sys.modules) - before  # not the script's

MESSAGE = 500  # bytes of a reason
SUFFIXES = (".py", ".pyc", *_imp.extension_suffixes())
GPUS = ("/dev/nvidia", "/dev/kfd", "/dev/dri/")


class Shadowed(BaseException):
    """A library asks for a module whose name is an input's. No Exception: the library shall not go on without."""


class Fresh(Exception):
    """Why the script is to be run by a fresh interpreter each time."""


def names_of(folder):
    """What can be imported from a folder: modules, and folders that are none unless nothing else has the name."""
    modules, folders = set(), set()
    for entry in os.scandir(folder) if os.path.isdir(folder) else ():
        name, dot, suffix = entry.name.partition(".")
        if dot + suffix in SUFFIXES:
            modules.add(name)
        elif entry.is_dir():
            whole = any(os.path.exists(os.path.join(entry.path, "__init__" + suffix)) for suffix in SUFFIXES)
            (modules if whole else folders).add(entry.name)
    return modules, folders


class Guard:
    """A finder, in front of the one that looks for files, that refuses what an input shadows."""

    def __init__(self, names, folders):
        self.names, self.folders, self.hit = names, folders, None

    def find_spec(self, name, path=None, target=None):
        if path is not None:
            return None
        spec = self.finder.find_spec(name) if name in self.folders else None
        if name in self.names or name in self.folders and (spec is None or spec.loader is None):
            self.hit = name
            raise Shadowed(name)
        return spec

    def __enter__(self):
        self.finder = next(finder for finder in sys.meta_path if getattr(finder, "__name__", "") == "PathFinder")
        sys.meta_path.insert(sys.meta_path.index(self.finder), self)
        return self

    def __exit__(self, *_):
        sys.meta_path.remove(self)


class Variables(os._Environ):
    """os.environ while libraries are loaded: notes who asks for what a run alone has."""

    asked = None

    def __getitem__(self, key):
        try:
            return super().__getitem__(key)
        except KeyError:
            if key.startswith("HPO_") or key == "CUDA_VISIBLE_DEVICES":
                Variables.asked = key
            raise


def imports(tree):
    """The statements of import at the top of a script, one for each module: (its name, the statement)."""
    body = tree.body
    if body and isinstance(body[0], ast.Expr) and isinstance(getattr(body[0], "value", None), ast.Constant):
        body = body[1:]
    for statement in body:
        if isinstance(statement, ast.ImportFrom):
            if statement.module and not statement.level and statement.module != "__future__":
                yield statement.module, statement
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                yield alias.name, ast.Import([alias], lineno=statement.lineno, col_offset=0)
        else:
            return


def libraries():
    """The folders of the standard library and of site-packages."""
    standard = os.path.dirname(os.__file__)
    named = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
    return tuple(path + os.sep for path in [standard, *named])


def is_library(name, folders):
    """Whether the module of a statement belongs to the standard library or to site-packages."""
    top = name.partition(".")[0]
    if top in sys.modules:
        return True
    for finder in sys.meta_path:
        spec = finder.find_spec(top, None) if hasattr(finder, "find_spec") else None
        if spec is not None:
            places = [spec.origin] if spec.has_location else list(spec.submodule_search_locations or [])
            known = bool(places) and all(str(place).startswith(folders) for place in places)
            return known or spec.origin in ("built-in", "frozen")
    raise Fresh(f"there is no module {top}")


def begin_anew(skipped):
    """Without a module that wants one which an input shadows: half of it may be loaded."""
    with open("/proc/self/cmdline", "rb") as file:
        argv = file.read().split(b"\0")[:-1]
    with open("/proc/self/environ", "rb") as file:
        env = dict(entry.split(b"=", 1) for entry in file.read().split(b"\0") if b"=" in entry)
    argv[-1 - len(modules)] = ",".join(sorted(skipped)).encode()
    os.dup2(control.fileno(), 0)
    os.execve(program, argv, env)


def run(statement, scratch):
    """One import, and what went wrong."""
    try:
        exec(compile(ast.Module([statement], []), script, "exec"), scratch)
    except BaseException as error:
        return error
    return None


def load_libraries(tree, guard, skipped):
    """Up to the first import of something else: that may change what those behind it find."""
    folders, scratch = libraries(), {"__name__": "__main__", "__builtins__": __builtins__}
    for name, statement in imports(tree):
        top = name.partition(".")[0]
        if top == "hpo":  # of which no other module knows
            continue
        try:
            known = top in sys.modules or not (top in guard.names or top in skipped) and is_library(name, folders)
        except Shadowed:  # a folder of that name
            guard.hit, known = None, False
        if not known:
            return
        wrong = run(statement, scratch)
        if guard.hit:
            begin_anew(skipped | {top})
        if wrong is not None:
            raise Fresh(f"importing {name} fails: {type(wrong).__name__}: {wrong}")


def note_seeds():
    """Who gives a generator its seed while modules among the inputs are loaded: those are not seeded anew in each run."""
    def noting(library, function):
        def note(*arguments, **named):
            if arguments != (None,):
                seeded.add(library)
            return function(*arguments, **named)
        return note

    undo = []
    for library, names in (("random", ("seed", "setstate")), ("numpy.random", ("seed", "set_state")), ("torch", ("manual_seed", "set_rng_state"))):
        for name in names if library in sys.modules else ():
            module = sys.modules[library]
            undo.append((module, name, getattr(module, name)))
            setattr(module, name, noting(library, getattr(module, name)))
    return undo


def tree_of_module(path):
    for name in (path + ".py", os.path.join(path, "__init__.py")):
        try:
            with open(name, "rb") as file:
                return ast.parse(file.read())
        except (OSError, SyntaxError, ValueError):
            pass
    return None


def load_modules(guard):
    where = os.path.dirname(os.path.realpath(script))
    guard.hit = None
    sys.path.insert(0, where)
    for name in modules:
        guard.names.discard(name.partition(".")[0])
        guard.folders.discard(name.partition(".")[0])
    for name in modules:  # their libraries first, for note_seeds
        tree = tree_of_module(os.path.join(where, *name.split(".")))
        if tree is not None:
            load_libraries(tree, guard, set(skipped.split(",")))
    undo = note_seeds()
    for name in modules:
        try:
            __import__(name)
        except BaseException as error:
            if not guard.hit:
                raise Fresh(f"importing {name} fails: {type(error).__name__}: {error}")
        if guard.hit:
            raise Fresh(f"{name} imports {guard.hit}, an input that preload does not name")
    for module, name, function in undo:
        setattr(module, name, function)
    sys.path.remove(where)


def count_threads():
    """But jemalloc's, which it ends in a child of a fork, and begins again."""
    names = []
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/comm") as file:
                names.append(file.read().strip())
        except OSError:
            pass  # it has just ended
    return len(names) - names.count("jemalloc_bg_thd")


def check_threads():
    """Those that a library ends before a fork, to begin them again when they are wanted, survive it."""
    if count_threads() == 1:
        return
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    for _ in range(100):  # what was joined is listed for a moment
        if count_threads() == 1:
            return
        time.sleep(0.001)
    raise Fresh("what it imports starts threads")


def check_files():
    """A GPU, and a place in a file that is read, are no two runs' at once."""
    for name in os.listdir("/proc/self/fd"):
        path = "/proc/self/fd/" + name
        try:
            target = os.readlink(path)
            mode = os.stat(path).st_mode
        except FileNotFoundError:
            continue
        if target.startswith(GPUS):
            raise Fresh("what it imports opens a GPU")
        if int(name) > 2 and (stat.S_ISREG(mode) or stat.S_ISDIR(mode) and not target.startswith("/proc/")):
            raise Fresh(f"what it imports keeps a file open: {os.path.basename(target)}")


def shadows():
    """What the inputs shadow: the folders of the script, and those of PYTHONPATH among the inputs."""
    names, folders = names_of(os.path.dirname(os.path.realpath(os.path.join(folder, script))))
    for path in map(os.path.normpath, sys.path):
        if path == here or path.startswith(here + os.sep):
            inside = folder + path[len(here):]
            if os.path.isfile(inside):
                raise Fresh("an archive among the inputs is on its PYTHONPATH")
            more = names_of(inside)
            names, folders = names | more[0], folders | more[1]
    return Guard(names, folders)


def load():
    """Imports what the runs will."""
    if sys.version_info < (3, 8):
        raise Fresh("its Python is older than 3.8")
    try:
        with open(os.path.join(folder, script), "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError) as error:
        raise Fresh(f"it cannot be read: {error}")
    guard = shadows()
    for name in ours:  # what the script imports of them it finds itself
        sys.modules.pop(name)
    os.environ.__class__ = Variables
    with guard:
        load_libraries(tree, guard, set(skipped.split(",")))
        load_modules(guard)
    os.environ.__class__ = os._Environ
    if Variables.asked:
        raise Fresh(f"what it imports asks for {Variables.asked}, which a run alone has")
    sys.stdout.flush()
    sys.stderr.flush()
    check_threads()
    check_files()


def is_a(thing, kinds):
    """By its type alone: a proxy that is asked for its class may load what it stands for."""
    return issubclass(type(thing), kinds)


def names_in(module):
    return object.__getattribute__(module, "__dict__") if is_a(module, type(sys)) else {}


def is_here(text):
    return is_a(text, str) and (here in text or home in text)


def remember():
    """What the modules know of this interpreter's folder: (dictionary, name, text), and lists of paths."""
    texts, lists = [], [sys.path]
    for module in list(sys.modules.values()):
        names = names_in(module)
        if names is globals():
            continue
        texts += [(names, name, value) for name, value in list(names.items()) if is_here(value)]
        if is_a(names.get("__path__"), list) and any(map(is_here, names["__path__"])):
            lists.append(names["__path__"])
    return texts, lists


def move(place, its_home):
    """Puts the run's folder in the place of this one."""
    def moved(text):
        return text.replace(here, place).replace(home, its_home)

    texts, lists = remembered
    for names, name, text in texts:
        names[name] = moved(text)
    for paths in lists:
        paths[:] = map(moved, paths)
    for path in [path for path in sys.path_importer_cache if is_here(path)]:
        del sys.path_importer_cache[path]


def read_request(descriptor):
    with open(descriptor, "rb") as file:
        lines = [os.fsdecode(line) for line in file.read().split(b"\0")[:-1]]
    n = int(lines[1])
    return lines[0], lines[2:2 + n], dict(line.split("=", 1) for line in lines[2 + n:])


def show_home(its_home):
    """In the variables that the kernel shows of this process: strays are known by them."""
    with open("/proc/self/stat", "rb") as file:
        start = int(file.read().rsplit(b")", 1)[1].split()[47])
    with open("/proc/self/environ", "rb") as file:
        block = b"\0" + file.read()
    if len(its_home) != len(home):
        raise ValueError("its HOME has another length")
    with open("/proc/self/mem", "r+b", buffering=0) as memory:
        memory.seek(start + block.index(b"\0HOME=") + len("HOME="))
        memory.write(os.fsencode(its_home))


def set_variables(env):
    """Those of the run, and what the libraries have made of them."""
    for name in started.keys() - env.keys():
        os.environ.pop(name, None)
    for name, value in env.items():
        if started.get(name) != value:
            os.environ[name] = value


def open_input():
    """sys.stdin, as a fresh interpreter opens it."""
    buffer = open(0, "rb", closefd=False)
    buffer.raw.name = "<stdin>"
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(buffer, encoding=sys.stdin.encoding, errors=sys.stdin.errors, newline="\n")
    sys.stdin.mode = "r"


def fresh_main(path):
    main = type(sys)("__main__")
    for name in begun:
        setattr(main, name, globals()[name])
    main.__doc__, main.__file__, main.__loader__ = None, path, type(__loader__)("__main__", path)
    if "__annotations__" in begun:
        main.__annotations__ = {}
    return main


def seed_anew():
    """As a fresh interpreter would; but what was given a seed keeps it."""
    if "random" in sys.modules:
        if "random" in seeded:
            sys.modules["random"].setstate(state_of_random)
        else:
            sys.modules["random"].seed()
    if "numpy.random" in sys.modules and "numpy.random" not in seeded:
        sys.modules["numpy.random"].seed()
    if hasattr(sys.modules.get("torch"), "default_generator") and "torch" not in seeded:
        sys.modules["torch"].default_generator.seed()


def become(fds, rights):
    """What a fresh interpreter is that is about to run the script. Returns its __main__ and the code."""
    place, argv, env = read_request(fds[0])
    if len(fds) > 5:
        (enter if len(fds) > 6 else restrict)(fds[5:], rights)
    reply = _socket.socket(fileno=fds[4])
    if os.getsid(0) != os.getpid():
        os.setpgid(0, 0)
    for number in range(3):
        os.dup2(fds[1 + number], number)
        os.close(fds[1 + number])
    os.chdir(place)
    place = os.getcwd()
    show_home(env["HOME"])
    set_variables(env)
    move(place, env["HOME"])
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, os.path.dirname(os.path.realpath(script)))
    sys.argv[:] = argv
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = [sys.orig_argv[0], *argv]
    open_input()
    reply.send(b"begun")
    if not reply.recv(1):
        os._exit(1)
    reply.close()
    with open(script, "rb") as file:
        source = file.read()
    path = os.path.join(place, script) if sys.version_info >= (3, 9) else script
    sys.modules["__main__"] = main = fresh_main(path)
    return main.__dict__, compile(source, path, "exec", dont_inherit=True)


def receive():
    """The descriptors of the next request, and its rights in a room; None: hpo has gone."""
    rights, ancillary, _, _ = control.recvmsg(24, _socket.CMSG_SPACE(11 * 4))
    for _, _, data in ancillary:
        return [int.from_bytes(data[i:i + 4], sys.byteorder) for i in range(0, len(data), 4)], int(rights, 16)
    return None


def wait_for_request(parent):
    """In a child, once hpo is its parent. None: hpo has gone."""
    seed_anew()
    while os.getppid() == parent:  # it takes a moment to end
        time.sleep(0.0002)
    control.send(b"child %d" % os.getpid())
    return receive()


def serve():
    """Returns in each child, with its __main__ and code. One is always forked ahead, so that a run need not wait for a fork."""
    while True:
        seen, says = os.pipe()
        between = os.fork()
        if between == 0:
            parent = os.getpid()
            if os.fork():
                os._exit(0)
            os.close(seen)
            request = wait_for_request(parent)
            if request is None:
                os._exit(1)
            try:
                os.write(says, b"1")
            except OSError:
                pass  # nobody forks another one
            os.close(says)
            control.close()
            try:
                return become(*request)
            except BaseException:
                sys.excepthook(*sys.exc_info())
                os._exit(1)
        os.close(says)
        os.waitpid(between, 0)
        if not os.read(seen, 1):  # the child has ended
            os._exit(0)
        os.close(seen)


def clear(names):
    """Takes a module's names away, in the order in which Python does."""
    for private in (True, False):
        for name in list(names):
            if name != "__builtins__" and (not private or name.startswith("_") and not name.startswith("__")):
                names[name] = None


def drop_names():
    """Of the script, and of what it has imported itself: what it made goes, files are closed."""
    own = []
    for name in reversed(sys.modules):  # the latest first, and no further: to look at what was loaded here copies its page
        if name in before or loaded.get(name) is sys.modules[name]:
            break
        own.append(name)
    own.reverse()
    modules = [sys.modules.pop(name) for name in ["__main__", *own]]
    alive = [weakref(module) for module in modules if isinstance(module, type(sys))]
    del modules
    atexit._clear()  # it has called all of them
    files = [thing for thing in gc.get_objects() if isinstance(thing, io.IOBase)]  # but those that were frozen
    for file in sorted(files, key=lambda file: not isinstance(file, io.TextIOBase)):  # into what stands behind it
        try:
            if not file.closed:
                file.flush()
        except (OSError, ValueError):
            pass
    del files
    scope.clear()
    gc.collect()
    for module in reversed([module() for module in alive]):
        if module is not None:
            clear(module.__dict__)


def flush():
    """The status that the process ends with."""
    status = 0
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except Exception:
            status = 120 if stream is sys.stdout else status
    c_library.fflush(None)
    return status


def leave():
    """
    The last thing that Python calls before it takes an interpreter down. To take to pieces what was loaded here it would
    be copied first, page by page, so where all went well the process ends as those of multiprocessing do: what the script
    made goes, and what was written is written out.
    """
    if went_well:
        drop_names()
        os._exit(flush())


def hide_ours(error):
    """Its traceback begins in the script."""
    shown, trace = sys.excepthook, error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename in (__file__, "sys", "<sys>"):
        trace = trace.tb_next
    sys.excepthook = lambda kind, value, _: shown(kind, value.with_traceback(trace), trace)


program, folder, script, skipped, *modules = sys.argv[1:]
seeded = set()  # libraries whose generators a module among the inputs has given a seed
here, home, started = os.getcwd(), os.environ["HOME"], dict(os.environ)
control = _socket.socket(fileno=os.dup(0))
with open("/dev/null", "rb") as nothing:
    os.dup2(nothing.fileno(), 0)
if not getattr(sys.flags, "safe_path", False):
    del sys.path[0]  # where this file lies
c_library, went_well = ctypes.CDLL(None), False
atexit.register(leave)  # before anybody else: it is called last
try:
    load()
except Fresh as why:
    control.send(b"fresh " + " ".join(str(why).split()).encode(errors="replace")[:MESSAGE])
    os._exit(1)
remembered = remember()
loaded = {name: module for name, module in sys.modules.items() if name not in before}
state_of_random = sys.modules["random"].getstate() if "random" in seeded else None  # each fork gives it another
gc.collect()
gc.freeze()
control.send(b"ready")
scope = {"__name__": "sys", "__builtins__": __builtins__}
scope["main"], scope["code"] = serve()
# Who looks further up than the script, as warnings do, finds what stands there in a fresh interpreter.
outermost = compile("exec(code, main)", "sys", "exec")
if sys.version_info >= (3, 13):
    outermost = outermost.replace(co_filename="<sys>", co_firstlineno=0)
try:
    exec(outermost, scope)
except BaseException as error:
    if not isinstance(error, SystemExit):
        hide_ours(error)
    went_well = isinstance(error, SystemExit) and (error.code is None or type(error.code) is int and error.code == 0)
    if not went_well:
        scope.clear()  # what the script made goes when Python takes its __main__ down
    raise
went_well = True
