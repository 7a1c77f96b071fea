"""Users' own files in a run: executed before its parts are made, kept with it, and found again when it goes on.

Code is executed where somebody names it: `--use FILE`, an option such as `--optimizer FILE.py:CLASS`, or going on with
a run whose files lie unchanged where they lay, outside of its folder. A run's folder may come from anywhere, so reading
it executes nothing, and the copies that it keeps are executed only if asked for.
"""

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from itertools import count
from pathlib import Path
from typing import Any

from backproof import user_file
from backproof.engines import Engine, custom, get_engine
from backproof.errors import OptionError, RunError
from backproof.graph import INITIALIZERS, Graph, Op
from backproof.metrics import METRICS, Metric, metric
from backproof.models import MODELS
from backproof.optim import Optimizer
from backproof.registry import is_built_in
from backproof.runs.spec import RunSpec
from backproof.runs.toml import Tables, tables_of
from backproof.strict_json import loads
from backproof.train.checkpoint import write_atomically
from backproof.user_file import EXECUTED, INSTEAD, Source, execute, is_reference, split_reference

FOLDER = "use"
RECORD = "used.json"
SESSION = "session.py"
"""The source of what was defined in a notebook or a script, for people: it is not executed."""


@dataclass(frozen=True, kw_only=True)
class Used:
    """One line of used.json.

    Attributes:
        use: the file or package, as the run names it; "" for what was defined in a notebook or script.
        sha256: of the file that was executed.
        kept: the copy, beside used.json; "" for a package.
        beside: copies of what it imported from its folder.
        version: of a package.
        names: what was defined in a notebook or script.
    """

    use: str
    sha256: str = ""
    kept: str = ""
    beside: tuple[str, ...] = ()
    version: str = ""
    names: tuple[str, ...] = ()


def named(tables: Tables) -> list[str]:
    """Every file and package that options name, each once: in `use`, or as the file of a `FILE.py:NAME`."""
    found = dict.fromkeys(_texts(tables.get("model", {}).get("use", ())))
    for table, options in tables.items():
        if table != "output":
            texts = (text for key, value in options.items() if key != "use" for text in _texts(value))
            found |= dict.fromkeys(str(split_reference(text)[0]) for text in texts if is_reference(text))
    return list(found)


def _texts(value: object) -> Iterator[str]:
    values = value if isinstance(value, list | tuple) else (value,)
    return (text for text in values if isinstance(text, str))


def load(tables: Tables) -> list[Source]:
    """Execute all that options name. What has been executed, and has not changed, is not executed again.

    Raises `UserError` for a file or package that is not there, or fails.
    """
    return [user_file.use(name) for name in named(tables)]


def load_options(options: Mapping[str, object]) -> None:
    """`load`, of options that stand in no tables."""
    load({"model": {"use": options.get("use", ())}, "all": options})


def load_tokens(tokens: Sequence[str]) -> None:
    """Execute what a command line names, before it is parsed: a file may add options, such as an optimizer's."""
    previous = ""
    for token in tokens:
        option, equals, value = token.partition("=")
        text = value if equals and option.startswith("-") else token
        if previous == "--use" or (option == "--use" and equals):
            user_file.use(text)
        elif is_reference(text) and ".py:" in text:
            user_file.use(str(split_reference(text)[0]))
        previous = token


def parts(graph: Graph, optimizer: Optimizer, metrics: Iterable[Metric], spec: RunSpec) -> list[Any]:
    """The classes and functions that users wrote and a run consists of."""
    ops = dict.fromkeys(type(node.op) for node in graph.nodes)
    kernels = [type(custom.KERNELS["numpy"][op].inner) for op in ops if op in custom.KERNELS["numpy"]]
    update = custom.UPDATES["numpy"].get(type(optimizer))
    functions = [MODELS.get(spec.model.model), INITIALIZERS.get(spec.model.init), update]
    found = [*ops, *kernels, type(optimizer), *(f for f in functions if f is not None), *map(type, metrics)]
    return [part for part in found if not is_built_in(part.__module__)]


def replaced(sources: Iterable[Source]) -> tuple[type[Op] | type[Optimizer], ...]:
    """Operations and optimizers of backproof's own for which the sources have a NumPy kernel or update."""
    written: dict[Any, Any] = {op: kernel.inner for op, kernel in custom.KERNELS["numpy"].items()}
    written |= custom.UPDATES["numpy"].items()
    sources = list(sources)
    return tuple(
        kind
        for kind, by in written.items()
        if is_built_in(kind.__module__) and any(source.wrote(by) for source in sources)
    )


def engine_of(spec: RunSpec) -> Engine:
    """The engine of a run, which computes with the kernels of its user where these replace its own."""
    engine = get_engine(spec.engine.engine, **spec.engine.settings)
    if engine.capabilities.replaceable and (kinds := replaced(load(tables_of(spec)))):
        return get_engine(spec.engine.engine, **spec.engine.settings, replaced=kinds)
    return engine


def metrics_of(spec: RunSpec) -> list[Metric]:
    """Backproof's metrics, those of the session, and those of the files that the run uses, but of no other file."""
    for name in filter(is_reference, spec.training.metric):
        metric(METRICS.from_file(name))
    for name in spec.training.metric:
        METRICS.require(name)
    files = [source.module.__name__ for source in load(tables_of(spec))]
    return [
        measured
        for measured in METRICS.values()
        if not (module := type(measured).__module__).startswith(user_file.USER_MODULE) or module in files
    ]


def keep(folder: Path, tables: Tables, parts: Iterable[Any]) -> None:
    """Put what a run uses into its folder: files, versions of packages, and the text of those `parts` of a session."""
    names, sources = named(tables), load(tables)
    records = [_keep(folder / FOLDER, name, source) for name, source in zip(names, sources, strict=True)]
    text, defined = _session(parts, sources)
    if defined:
        _write(folder / FOLDER / SESSION, text)
        records.append(Used(use="", kept=SESSION, sha256=sha256(text).hexdigest(), names=defined))
    if records:
        content = json.dumps([asdict(record) for record in records], indent=1)
        _write(folder / FOLDER / RECORD, content.encode() + b"\n")


def _keep(folder: Path, name: str, source: Source) -> Used:
    if source.package:
        package = source.module.__name__.partition(".")[0]
        return Used(use=name, sha256=source.sha256, version=_version(package))
    place = next(p for p in (folder / str(i or "") for i in count()) if not (p / source.path.name).exists())
    files = {source.path.name: source.content}
    files |= {o.relative_to(source.path.parent).as_posix(): o.read_bytes() for o in source.beside if o.is_file()}
    for relative, content in files.items():
        _write(place / relative, content)
    kept = [(place / relative).relative_to(folder).as_posix() for relative in files]
    return Used(use=name, sha256=source.sha256, kept=kept[0], beside=tuple(kept[1:]))


def _session(parts: Iterable[Any], sources: Sequence[Source]) -> tuple[bytes, tuple[str, ...]]:
    """The text of what stands in no file or package that the run names, and what is defined in it."""
    loose = dict.fromkeys(p for p in parts if not any(source.wrote(p) for source in sources))
    texts = [_source_text(part) for part in loose]
    return ("\n\n\n".join(texts) + "\n").encode(), tuple(part.__name__ for part in loose)


def _source_text(part: Any) -> str:
    try:
        return inspect.getsource(part).rstrip()
    except (OSError, TypeError):  # typed at a prompt that keeps none
        return f"# {part.__name__}: its source was not at hand"


def _version(package: str) -> str:
    try:
        return version(packages_distributions().get(package, [package])[0])
    except PackageNotFoundError:
        return ""


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)


def used(folder: Path) -> list[Used]:
    """What a run uses; empty where all is backproof's own. Raises `UserError` for a damaged record."""
    path = folder / FOLDER / RECORD
    try:
        return loads(path.read_text(), list[Used]) if path.exists() else []
    except (OSError, ValueError) as error:
        raise RunError(f"'{path}' is damaged: {error}") from error


@contextmanager
def again(folder: Path, tables: Tables, *, kept: bool = False) -> Iterator[None]:
    """Execute what a run uses, by its options: its files where they lay, or with `kept` its copies of them.

    Meanwhile a copy, or the same file at another place that was executed before, stands in for each. Raises `UserError`
    for a file that is not there any more, has changed, or lies in the run's folder.
    """
    before = dict(INSTEAD)
    try:
        records = {record.use: record for record in used(folder) if record.use}
        for name in named(tables):
            record = records.get(name)
            if record is None and Path(name).resolve() not in EXECUTED:
                raise OptionError(
                    "run '{}' uses '{}', but keeps no record of it; name it by {use:{}}", folder.name, name, name
                )
            if record is not None and not _stands_in(record):
                _again(record, folder, kept)
        yield
    finally:
        INSTEAD.clear()
        INSTEAD.update(before)


def _stands_in(record: Used) -> bool:
    """Whether the very file has been executed in this process already, wherever it lies."""
    for path, source in EXECUTED.items():
        if record.kept and source.sha256 == record.sha256:
            if path != Path(record.use).resolve():
                INSTEAD[Path(record.use).resolve()] = path
            return True
    return False


def _again(record: Used, folder: Path, kept: bool) -> None:
    path, copy, run = Path(record.use), folder / FOLDER / record.kept, f"run '{folder.name}'"
    trust = "or, if you trust its maker, take the copy that the run keeps: {use_kept}"
    if not record.kept:
        if user_file.use(record.use).sha256 != record.sha256:
            raise RunError(f"{run} used version {record.version} of '{record.use}', and another one is installed now")
    elif kept:
        if not copy.resolve().is_relative_to((folder / FOLDER).resolve()) or _sha256(copy) != record.sha256:
            raise RunError(f"'{copy}', the copy that {run} keeps, is damaged")
        INSTEAD[path.resolve()] = copy.resolve()
        execute(copy, f"'{copy}'")
    elif not path.is_file():
        raise OptionError(
            f"{{}} uses '{{}}', which is not there any more; say where it is by {{use}}, {trust}", run, path
        )
    elif path.resolve().is_relative_to(folder.resolve()):
        raise OptionError(f"{{}} uses '{{}}' in its own folder; name it by {{use}}, {trust}", run, path)
    elif _sha256(path) != record.sha256:
        raise OptionError(f"'{{}}' is not what it was when {{}} began; begin a new run, {trust}", path, run)
    else:
        execute(path, f"'{path}'")


def _sha256(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def check_session(folder: Path, parts: Iterable[Any], tables: Tables) -> None:
    """Raise `UserError` if what a notebook or script had defined for the run is defined otherwise now."""
    then = next((record for record in used(folder) if not record.use), None)
    text, defined = _session(parts, load(tables))
    if then is not None and sha256(text).hexdigest() != then.sha256:
        raise RunError(
            f"{', '.join(then.names)} of run '{folder.name}' were defined otherwise when it began: see "
            f"'{folder / FOLDER / SESSION}'; define them so again, or begin a new run"
        )
    if then is None and defined:
        raise RunError(f"run '{folder.name}' began without your {', '.join(defined)}; begin a new run")
