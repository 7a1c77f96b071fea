"""A process that forks for each mutant: `python -m mutation.worker TREE cold|hot compiled|python`.

A cold one has everything imported but backproof; the child imports that with the mutated file. A hot one has imported
backproof too, and the child exchanges the code of the functions that the mutant changes, or says that it cannot.

TREE is a copy of the project that belongs to this process alone; the mutated file lies in it while the mutant is
tried, so that processes which tests start see it too. A request is a line of JSON on stdin, its answer one on stdout:

    {"file": ..., "code": ..., "units": [{"check": ["numpy", "operations", "Conv2d"], "quick": true, "limit": 9}, ...]}
    -> {"by": the unit that found the mutant, or null, "why": "...", "asked": how many units were, "seconds": ...},
       or {"cold": true} from a hot one that cannot
    {"record": {"check": [...]} or {"tests": "tests/train/test_loop.py"}, "include": [...]}
    -> {"units": {name: {"seconds": ..., "places": [...]}}, "why": "..."}
"""

import importlib
import json
import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, TextIO

Message = dict[str, Any]

IMPORT_LIMIT = 60.0
"""Seconds that importing backproof may take, which a mutant can make endless."""

PARENT = os.getppid()
"""The session; without it a worker ends, and its child with it."""

MEMORY = 4 << 30
"""Bytes that a mutant may ask for: a shape times 1000 must not take the machine down."""


def check_unit(unit: Message, **settings: Any) -> str:
    """What `check` finds in one operation, optimizer or network, in one engine; empty if all is right."""
    from backproof.verify.everything import carry_out_task, everything

    engine, kind, name = unit["check"]
    if unit.get("quick"):
        settings = {"seeds": 1, "dtypes": ("float64",)}
    report = carry_out_task(replace(everything([engine]), **settings), (kind, name))
    return "; ".join(map(str, report.failures[:2]))


def name_of(unit: Message) -> str:
    """How a unit is called in the record and in results."""
    return "check " + " ".join(unit["check"]) if "check" in unit else str(unit["test"])


class Spoken:
    """The child's end of the pipe: one line of JSON a message."""

    def __init__(self, descriptor: int) -> None:
        self._to = os.fdopen(descriptor, "w", buffering=1)

    def __call__(self, **message: Any) -> None:
        self._to.write(json.dumps(message) + "\n")


class Tests:
    """A pytest plugin that says which test begins, and which fails."""

    def __init__(self, say: Spoken, limits: dict[str, float], context: Callable[[str], None] = lambda _: None) -> None:
        self.say, self.limits, self.context = say, limits, context
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.say(begun=nodeid, limit=self.limits.get(nodeid, 600.0))
        self.context(nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.context("")

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed.add(report.nodeid)
            self.say(by=report.nodeid, why=str(report.longrepr).strip().splitlines()[-1][:300])

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.say(by=report.nodeid, why=str(report.longrepr).strip().splitlines()[-1][:300])


def pytest_main(arguments: list[str], plugin: Tests) -> int:
    import pytest

    options = ["-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return int(pytest.main([*options, *arguments], plugins=[plugin]))


def ask(request: Message, say: Spoken) -> None:
    """In the child: get the mutant in, and ask the units until one finds something."""
    say(begun="import", limit=IMPORT_LIMIT)
    try:
        if HOT:
            if not exchanged(request):
                say(cold=True)
                return
        else:
            import_backproof()
    except BaseException as error:
        say(by="import", why=repr(error)[:300])
        return
    for unit in request["units"]:
        if "check" in unit:
            say(begun=name_of(unit), limit=unit["limit"])
            try:
                found = check_unit(unit)
            except BaseException as error:
                traceback.print_exc()
                found = repr(error)
            if found:
                say(by=name_of(unit), why=found[:300])
                return
    tests = {u["test"]: u["limit"] for u in request["units"] if "test" in u}
    if tests:
        say(begun="collection", limit=120.0)
        code = pytest_main(["-x", *tests], Tests(say, tests))
        if code:
            say(by="collection", why=f"pytest ended with {code}")
            return
    say(done=True)


def record(request: Message, say: Spoken) -> None:
    """In the child: run units under coverage, and say what each takes and which functions it enters."""
    import coverage

    cov = coverage.Coverage(data_file=None, include=request["include"], config_file=False)
    cov.start()
    cov.switch_context("")
    taken: dict[str, Message] = {}
    wrong = ""
    if "check" in request["record"]:
        import backproof.verify.everything  # noqa: F401

        unit = {"check": request["record"]["check"]}
        name = name_of(unit)
        say(begun=name, limit=1200.0)
        cov.switch_context(name)
        begun = perf_counter()
        wrong = check_unit(unit, seeds=1)
        taken[name] = {"seconds": perf_counter() - begun}
    else:
        plugin = Tests(say, {}, cov.switch_context)
        pytest_main([request["record"]["tests"]], plugin)
        taken = {test: {"seconds": s} for test, s in plugin.seconds.items() if test not in plugin.failed}
        wrong = ", ".join(sorted(plugin.failed))
    cov.stop()
    places = entered(cov.get_data())
    for name, unit in taken.items():
        unit["places"] = sorted(places.get(name, ()))
    if "check" in request["record"] and wrong:
        taken = {}
    say(done=True, units=taken, why=wrong)


def entered(data: Any) -> dict[str, set[str]]:
    """The functions, as file::name, that were entered in each context."""
    from mutation.mutants import Outline

    root, found = Path.cwd(), dict[str, set[str]]()
    for file in data.measured_files():
        path = Path(file).relative_to(root).as_posix()
        bodies = Outline(Path(file).read_text())
        functions = set(bodies.functions)
        for line, contexts in data.contexts_by_lineno(file).items():
            name = bodies.definition(line)
            if name in functions:
                for context in contexts:
                    found.setdefault(context, set()).add(f"{path}::{name}")
    return found


def child(request: Message, descriptor: int) -> None:
    """What a fork does; it never returns."""
    code = 1
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        say = Spoken(descriptor)
        (record if "record" in request else ask)(request, say)
        code = 0
    except BaseException:
        with suppress(Exception):
            say(by="crash", why=traceback.format_exc()[-1500:])
    finally:
        os._exit(code)


def heard(descriptor: int) -> Iterator[Message | None]:
    """The child's messages; None once the limit of what it does has passed, longer where many share the machine."""
    buffer, limit = b"", perf_counter() + IMPORT_LIMIT
    while True:
        ready, _, _ = select.select([descriptor], [], [], min(2.0, max(0.0, limit - perf_counter())))
        if os.getppid() != PARENT:
            raise KeyboardInterrupt  # nobody is left to hear the answer
        if not ready and perf_counter() < limit:
            continue
        if not ready:
            yield None
            return
        got = os.read(descriptor, 1 << 20)
        if not got:
            return
        buffer += got
        *lines, buffer = buffer.split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "limit" in message:
                crowd = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
                limit = perf_counter() + message["limit"] * crowd
            yield message


def forked(request: Message) -> Message:
    """The answer to a request."""
    start = perf_counter()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        child(request, writer)
    os.close(writer)
    begun, asked, answer = "import", 0, Message()
    try:
        for message in heard(reader):
            if message is None:
                answer = {"by": begun, "why": "no end"}
            elif "begun" in message:
                begun, asked = message["begun"], asked + (message["begun"] not in ("import", "collection"))
            elif "by" in message and "record" in request:
                continue
            else:
                answer = message
            if answer:
                break
        else:
            answer = {"by": begun, "why": "the process died"}
    finally:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
    return {"by": None, "why": "", **answer, "asked": asked, "seconds": round(perf_counter() - start, 1)}


def answered(request: Message, tree: Path) -> Message:
    """With the mutated file in its place while the child runs."""
    if "file" not in request:
        return forked(request)
    path = tree / request["file"]
    original = path.read_bytes()
    request["original"] = original.decode()
    stat = path.stat()
    for cached in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        cached.unlink()
    try:
        path.write_text(request["code"])
        return forked(request)
    finally:
        path.write_bytes(original)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def import_backproof() -> None:
    """All of it, but what runs when it is imported."""
    import pkgutil

    import backproof

    for module in pkgutil.walk_packages(backproof.__path__, "backproof."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def import_libraries() -> None:
    """All modules of others that backproof and its tests import, found out by a child that does."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            import_backproof()
            import coverage  # noqa: F401
            import hypothesis.strategies  # noqa: F401
            import pytest  # noqa: F401

            with os.fdopen(writer, "w") as out:
                out.write("\n".join(m for m in sys.modules if m.split(".")[0] not in ("backproof", "__main__")))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as names:
        found = names.read().split("\n")
    os.waitpid(pid, 0)
    for name in found:
        with suppress(Exception):
            importlib.import_module(name)
    assert not any(name.split(".")[0] == "backproof" for name in sys.modules)


HOT: dict[str, Any] = {}
"""Of a hot worker: the functions that live, and those that ran during the import."""


def heat(source: str) -> None:
    """Import backproof here."""
    from mutation.swap import live_functions, run_while

    HOT["ran"] = set(run_while(import_backproof, source))
    HOT["live"] = live_functions(source)


def exchanged(request: Message) -> bool:
    """Whether the functions that a mutant changes now have its code."""
    from mutation.swap import exchange, exchanges

    path = str(Path.cwd() / request["file"])
    pairs = exchanges(request["original"], request["code"], path)
    if pairs is None or any(f"{path}::{old.co_qualname}" in HOT["ran"] for old, _ in pairs):
        return False
    return exchange(pairs, HOT["live"])


def main(tree: Path, kind: str, loops: str, requests: TextIO, answers: TextIO) -> None:
    os.chdir(tree)
    sys.path[:0] = [str(tree / "src"), str(tree)]
    sys.dont_write_bytecode = True
    import_libraries()
    if loops == "python":
        os.environ["NUMBA_DISABLE_JIT"] = "1"
        sys.modules["numba"].config.DISABLE_JIT = True
    if kind == "hot":
        heat(str(tree / "src"))
    print(json.dumps({"ready": len(sys.modules)}), file=answers, flush=True)
    while line := requests.readline():
        print(json.dumps(answered(json.loads(line), tree)), file=answers, flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(Path(sys.argv[1]).resolve(), *sys.argv[2:], sys.stdin, os.fdopen(os.dup(1), "w"))
