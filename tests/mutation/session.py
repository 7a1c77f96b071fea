"""A session: which mutants there are, what came of each, and the processes that find out. It lies on disk."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha1
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal, TypeVar

from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkItem, WorkResult

from mutation.mutants import Mutant, Outline, changed_lines, mutants
from mutation.rooms import ROOMS, SOURCE, files_of_source, files_of_tests

Message = dict[str, Any]
Key = TypeVar("Key")
Kind = Literal["check", "tests"]

EQUIVALENT = Path(__file__).with_name("equivalent.toml")

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA")

SECONDS_OF_TESTS = 240.0
"""A mutant that `check` has not found is given the quickest tests that reach it, as many as take this long together."""


@dataclass(frozen=True)
class Result:
    """What came of a mutant.

    Attributes:
        by: who found it, `check` or `tests`; `import` if backproof could not even be imported, `equivalent` if the file
            of equivalent mutants has it, `same` if Python makes the same of it, empty if it survived.
        unit: the task of `check`, or the test.
        why: the finding, the error of the test, the reason of the equivalent one.
        was: the lines that the mutant takes out.
        now: the lines that it puts in.
        asked: how many tasks and tests were run.
        seconds: how long they took together.
    """

    by: str
    unit: str = ""
    why: str = ""
    was: str = ""
    now: str = ""
    asked: int = 0
    seconds: float = 0.0


class Worker:
    """A copy of the project, with the processes of `worker` that try mutants in it, each started when it is needed."""

    def __init__(self, root: Path, tree: Path) -> None:
        self._root, self.tree = root, tree
        copy_of_the_project(root, tree)
        self._processes: dict[tuple[str, str], subprocess.Popen[str]] = {}

    def _process(self, kind: str, loops: str) -> "subprocess.Popen[str]":
        if (kind, loops) not in self._processes:
            environment = {f"{name}_NUM_THREADS": "1" for name in THREADS} | {
                "PYTHONPATH": os.pathsep.join([str(self.tree / "src"), str(self._root / "tests")]),
                "PYTHONDONTWRITEBYTECODE": "1",
                "NUMBA_CACHE_DIR": str(self.tree.parent / f"{self.tree.name}-numba"),
                "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false",
            }
            command = [sys.executable, "-m", "mutation.worker", str(self.tree), kind, loops]
            self._processes[kind, loops] = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | environment
            )
            _answer_of(self._processes[kind, loops])
        return self._processes[kind, loops]

    def ask(self, *, compiled: bool = True, **request: Any) -> Message:
        """A mutant is put into a process that has imported backproof where that can be; else one imports it."""
        loops, answer = ("compiled" if compiled else "python"), Message()
        for kind in ("hot", "cold") if "file" in request else ("cold",):
            process = self._process(kind, loops)
            assert process.stdin is not None
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            answer = _answer_of(process)
            if "cold" not in answer:
                break
        return answer

    def close(self) -> None:
        for process in self._processes.values():
            process.communicate()


def _answer_of(process: "subprocess.Popen[str]") -> Message:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a worker ended; what it said stands above")
    return json.loads(line)  # type: ignore[no-any-return]


def copy_of_the_project(root: Path, tree: Path) -> None:
    """What git would commit, as it lies there, with Python's caches of it."""
    shutil.rmtree(tree, ignore_errors=True)
    git = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(git, check=True, capture_output=True, text=True).stdout.splitlines():
        if (root / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, tree / name)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(tree / "src")], check=True)


class Pool:
    """Some workers, each of which answers one request at a time."""

    def __init__(self, root: Path, folder: Path, workers: int) -> None:
        self._workers = [Worker(root, folder / f"tree-{i}") for i in range(workers)]
        self._threads = ThreadPoolExecutor(workers)
        self._free: SimpleQueue[Worker] = SimpleQueue()
        for worker in self._workers:
            self._free.put(worker)

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.close()

    def answers(self, requests: Mapping[Key, Message]) -> Iterator[tuple[Key, Message]]:
        """Each with its key, as they come."""
        futures = {self._threads.submit(self._answer, request): key for key, request in requests.items()}
        for future in as_completed(futures):
            yield futures[future], future.result()

    def _answer(self, request: Message) -> Message:
        worker = self._free.get()
        try:
            return worker.ask(**request)
        finally:
            self._free.put(worker)


@dataclass(frozen=True)
class Program:
    """A mutant as a file: its text, and the lines that are changed."""

    mutant: Mutant
    code: str
    was: str
    now: str


class Session:
    """Mutants and results in cosmic-ray's database, what reaches what in `record.json`, both in `folder`."""

    def __init__(self, root: Path, folder: Path, rooms: Iterable[str], *, quick: bool = False) -> None:
        self.root, self.folder, self.rooms, self.quick = root, folder, list(rooms), quick
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
        self.mutants: dict[str, list[Mutant]] = {
            room: [m for file in files_of_source(root, room) for m in mutants(root, file)] for room in self.rooms
        }
        for found in self.mutants.values():
            found.sort(key=lambda m: sha1(m.id.encode()).hexdigest())
        self._db = WorkDB(folder / "session.sqlite", WorkDB.Mode.create)
        known = {item.job_id for item in self._db.work_items}
        new = [m for found in self.mutants.values() for m in found if m.id not in known]
        self._db.add_work_items(WorkItem.single(m.id, _spec(m)) for m in new)
        self.results: dict[str, Result] = {
            job: Result(**json.loads(result.output)) for job, result in self._db.results if result.output
        }
        self._record_file = folder / "record.json"
        kept = self._record_file.read_text() if self._record_file.exists() else "{}"
        self.record: dict[str, Message] = json.loads(kept)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def run(
        self,
        workers: int,
        sample: int | None,
        files: str,
        survivors: bool,
        record: bool,
        kinds: Sequence[Kind] = ("check", "tests"),
    ) -> None:
        """Try what has not been tried yet: the first `sample` of each room, in files whose path contains `files`."""
        wanted = [m for room in self.rooms for m in self.drawn(room, sample) if files in m.file]
        wanted = [m for m in wanted if m.id not in self.results or (survivors and not self.results[m.id].by)]
        programs = [program for m in wanted if (program := self._program(m))]
        if not programs:
            return
        with Pool(self.root, self.folder.resolve(), workers) as pool:
            for kind in kinds:
                self._record(pool, kind, {self._rooms[p.mutant.id] for p in programs}, record)
                programs = list(self._survivors(pool, kind, programs, kind == kinds[-1]))

    def _record(self, pool: Pool, kind: Kind, rooms: Iterable[str], again: bool) -> None:
        """Find out what each task of `check`, or each test, enters of the rooms."""
        wanted: dict[str, Message] = {}
        for room in rooms:
            wanted |= self._tasks(room) if kind == "check" else self._tests(room)
        wanted = {key: request for key, request in wanted.items() if again or key not in self.record}
        for n, (key, answer) in enumerate(pool.answers(wanted), 1):
            if "units" not in answer:
                answer = {"units": {}, "why": f"{answer['by']}: {answer['why']}"}
            self.record[key] = answer
            self._record_file.write_text(json.dumps(self.record))
            _tell(f"recorded {n} of {len(wanted)}, {key}", answer["why"])
        self.__dict__.pop("_reached", None)

    def _tasks(self, room: str) -> dict[str, Message]:
        requests = {}
        for engine in ROOMS[room].engines:
            include = [_pattern(name) for name in ROOMS if engine in ROOMS[name].engines]
            for kind, name in _tasks_of_check(self.root, engine):
                request = {"record": {"check": [engine, kind, name]}, "include": include}
                requests[f"check {engine} {kind} {name}"] = request | {"compiled": ROOMS[room].compiled}
        return requests

    def _tests(self, room: str) -> dict[str, Message]:
        include, compiled = [_pattern(name) for name in ROOMS], ROOMS[room].compiled
        files = files_of_tests(self.root, room)
        return {
            self._key(file, compiled): {"record": {"tests": file}, "include": include, "compiled": compiled}
            for file in files
        }

    def _survivors(self, pool: Pool, kind: Kind, programs: list[Program], last: bool) -> Iterator[Program]:
        """Those that the units of one kind did not find; what came of the others is kept, of all if it is the last."""
        requests = {p: self._request(p, kind) for p in programs}
        for n, (p, answer) in enumerate(pool.answers({p: r for p, r in requests.items() if r["units"]}), 1):
            by, unit = ("import" if answer["by"] == "import" else kind), answer["by"]
            if not unit:
                _tell(f"{kind} {n} of {len(programs)}, {p.mutant.file}", f"SURVIVED {p.was!r} -> {p.now!r}")
                if last:
                    self._keep(p.mutant, Result("", "", "", p.was, p.now, answer["asked"], answer["seconds"]))
                yield p
                continue
            self._keep(p.mutant, Result(by, unit, answer["why"], p.was, p.now, answer["asked"], answer["seconds"]))
            _tell(f"{kind} {n} of {len(programs)}, {p.mutant.file}", by)
        for p, request in requests.items():
            if not request["units"]:
                if last:
                    self._keep(p.mutant, Result("", "", "", p.was, p.now))
                yield p

    def _program(self, mutant: Mutant) -> "Program | None":
        """The mutated file, or None where there is nothing to find, which is kept."""
        source = (self.root / mutant.file).read_text()
        code = mutant.code(source)
        if code is None:
            self._keep(mutant, Result("same"))
            return None
        was, now = changed_lines(source, code)
        if reason := self.equivalent(mutant, was, now, source):
            self._keep(mutant, Result("equivalent", why=reason, was=was, now=now))
            return None
        return Program(mutant, code, was, now)

    def drawn(self, room: str, sample: int | None) -> list[Mutant]:
        """The first of the room's mutants, in an order by chance that is always the same."""
        return self.mutants[room][:sample]

    def _keep(self, mutant: Mutant, result: Result) -> None:
        self.results[mutant.id] = result
        skipped = result.by in ("same", "equivalent")
        outcomes = {"import": TestOutcome.INCOMPETENT, "": TestOutcome.SURVIVED}
        self._db.set_result(
            mutant.id,
            WorkResult(
                WorkerOutcome.SKIPPED if skipped else WorkerOutcome.NORMAL,
                json.dumps(vars(result)),
                None if skipped else outcomes.get(result.by, TestOutcome.KILLED),
                f"--- {mutant.file}\n- {result.was}\n+ {result.now}",
            ),
        )

    @cached_property
    def _equivalents(self) -> list[Message]:
        return list(tomllib.loads(EQUIVALENT.read_text()).get("equivalent", []))

    def equivalent(self, mutant: Mutant, was: str, now: str, source: str) -> str:
        """Why the mutant computes the same, if the file of equivalent ones says so."""
        below = source.splitlines()[mutant.start[0]].strip() if mutant.start[0] < source.count("\n") else ""
        for entry in self._equivalents:
            if (
                mutant.file.endswith(entry.get("file", ""))
                and ("was" not in entry or was in _each(entry["was"]))
                and ("now" not in entry or now in _each(entry["now"]))
                and ("in" not in entry or entry["in"] in was)
                and ("below" not in entry or any(one in below for one in _each(entry["below"])))
                and re.search(entry.get("pattern", ""), now)
                and ("operator" not in entry or mutant.operator.split("/")[1] == entry["operator"])
                and ("definition" not in entry or mutant.definition == entry["definition"])
            ):
                return str(entry["reason"])
        return ""

    def _key(self, file: str, compiled: bool) -> str:
        """Of a file of tests in the record: another one once it is edited."""
        return f"{file} {sha1((self.root / file).read_bytes()).hexdigest()[:8]}{'' if compiled else ' as Python'}"

    def units(self, mutant: Mutant, kind: Kind) -> list[Message]:
        """What is asked about a mutant: the tasks of `check` that reach it, quick ones first, then whole; or tests.

        What reaches is recorded by function. Of a change outside of functions it is all that has to do with the file;
        so it is of a function that is newer than the record.
        """
        room = ROOMS[self._rooms[mutant.id]]
        inside = self._reached.get(f"{mutant.file}::{mutant.definition}") if mutant.definition else None
        reached = inside or self._of_the_file(mutant.file)
        files = {self._key(file, room.compiled) for file in files_of_tests(self.root, self._rooms[mutant.id])}
        checks, tests = [], []
        for key, name in sorted(reached, key=lambda r: self.record[r[0]]["units"][r[1]]["seconds"]):
            seconds = self.record[key]["units"][name]["seconds"]
            if key.startswith("check ") and key.split(" ")[1] in room.engines:
                checks.append({"check": key.split(" ")[1:], "limit": 20 + 24 * seconds})
            elif key in files:
                tests.append({"test": name, "limit": 20 + 8 * seconds, "seconds": seconds})
        quick = [{**unit, "quick": True} for unit in checks]
        if kind == "check":
            return quick if self.quick else quick + checks
        return list(_first(tests))

    def _of_the_file(self, file: str) -> list[tuple[str, str]]:
        """What enters a function of it, the tasks named as a class of it, and the files of tests that mention one."""
        classes = Outline((self.root / file).read_text()).classes
        found = dict.fromkeys(self._reached.get(f"{file}::", []))
        for key, entry in self.record.items():
            first, *_, last = key.split(" ")
            mentions = {last.lower()} if first == "check" else self._words(first)
            if any(name.lower() in mentions for name in classes):
                found |= dict.fromkeys((key, name) for name in entry["units"])
        return list(found)

    @cache  # noqa: B019  # a session is as long as its process
    def _words(self, file: str) -> set[str]:
        """In lower case, those of a file; none if it is gone."""
        path = self.root / file
        return set(re.findall(r"\w+", path.read_text().lower())) if path.exists() else set()

    @cached_property
    def _reached(self) -> dict[str, list[tuple[str, str]]]:
        """Where in the record the units stand that enter a function (file::name), or any of a file (file::)."""
        found: dict[str, list[tuple[str, str]]] = {}
        for key, entry in self.record.items():
            for name, unit in entry["units"].items():
                for place in {*unit["places"], *(p.split("::")[0] + "::" for p in unit["places"])}:
                    found.setdefault(place, []).append((key, name))
        return found

    @cached_property
    def _rooms(self) -> dict[str, str]:
        return {m.id: room for room, found in self.mutants.items() for m in found}

    def _request(self, program: Program, kind: Kind) -> Message:
        m, compiled = program.mutant, ROOMS[self._rooms[program.mutant.id]].compiled
        return {"file": m.file, "code": program.code, "units": self.units(m, kind), "compiled": compiled}


def _pattern(room: str) -> str:
    return f"*/{SOURCE}/{ROOMS[room].files}"


def _first(tests: list[Message]) -> Iterator[Message]:
    left = SECONDS_OF_TESTS
    for test in tests:
        left -= test["seconds"]
        if left < 0:
            return
        yield test


def _spec(m: Mutant) -> MutationSpec:
    return MutationSpec(m.file, m.operator, m.occurrence, m.start, m.end, {}, m.definition or None)


def _each(entry: object) -> list[str]:
    return [entry] if isinstance(entry, str) else list(entry)  # type: ignore[call-overload]


def _tell(what: str, more: str) -> None:
    print(f"{what}{': ' if more else ''}{more}", file=sys.stderr, flush=True)


def _tasks_of_check(root: Path, engine: str) -> list[tuple[str, str]]:
    """Kind and name of all that `check` looks at."""
    code = (
        "import json; from backproof.verify.everything import everything; "
        f"print(json.dumps(everything(['{engine}']).tasks))"
    )
    environment = os.environ | {"PYTHONPATH": str(root / "src")}
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    return [(kind, name) for kind, name in json.loads(out.stdout)]
