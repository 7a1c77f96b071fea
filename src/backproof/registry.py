"""Parts of one kind by name: those that backproof has, and those that users add, in one table."""

import sys
from collections.abc import Callable
from inspect import getsourcefile
from pathlib import Path
from typing import Any, Generic, TypeVar

from backproof.errors import UserError, unknown
from backproof.user_file import FORGETTERS, USER_MODULE, execute, is_reference, split_reference

Part = TypeVar("Part")


class Registry(dict[str, Part], Generic[Part]):
    """The parts of one kind, such as optimizers, by name.

    Attributes:
        kind: what one is called in messages, such as "optimizer".
        fits: whether something that a user's file holds is such a part.
    """

    def __init__(self, kind: str, fits: Callable[[Any], bool] = callable) -> None:
        super().__init__()
        self.kind = kind
        self.fits = fits
        self._modules: dict[str, str] = {}
        FORGETTERS.append(self.forget)

    def add(self, name: str, part: Part, source: object = None) -> None:
        """Enter `part`; `source` is the class or function that a user wrote, where that is not the part itself.

        The same name from the same file or notebook replaces the earlier part. Raises `UserError` for a name that
        backproof itself or another file has given away.
        """
        module = getattr(part if source is None else source, "__module__", "")
        before = self._modules.get(name, "backproof") if name in self else module
        if module != before:
            if is_built_in(before):
                raise UserError(f"{self.kind} '{name}' is one of backproof's own; give yours another name")
            if USER_MODULE in module + before:
                raise UserError(
                    f"two {self.kind}s are called '{name}', in {_file(before)} and in {_file(module)}; rename one"
                )
        self[name] = part
        self._modules[name] = module

    def require(self, name: str) -> Part:
        """The part `name`, or `FILE.py:NAME` from a user's file, which is executed.

        Raises `UserError` with the nearest names, or for a file that is not there or fails.
        """
        if is_reference(name):
            part: Part = self.from_file(name)
            return part
        if name not in self:
            raise unknown(self.kind, name, self)
        return self[name]

    def from_file(self, reference: str) -> Any:
        """What `FILE.py:NAME` names. Raises `UserError` if the file has nothing of that name that fits."""
        path, name = split_reference(reference)
        module = execute(path, f"{self.kind} '{reference}'").module
        written = {
            key: part
            for key, part in vars(module).items()
            if getattr(part, "__module__", None) == module.__name__ and self.fits(part)
        }
        if name in written:
            return written[name]
        if not written:
            raise UserError(f"{self.kind} '{reference}': '{path}' has no {self.kind}")
        if not name:
            listed = ", ".join(written)
            raise UserError(f"{self.kind} '{reference}' says only the file; write {path}:NAME with one of: {listed}")
        raise unknown(f"{self.kind} of '{path}'", name, written)

    def is_custom(self, name: str) -> bool:
        """Whether a user added the part of this name."""
        return not is_built_in(self._modules.get(name, "backproof"))

    @property
    def built_in(self) -> dict[str, Part]:
        """Those that backproof itself has."""
        return {name: part for name, part in self.items() if not self.is_custom(name)}

    def forget(self, module: str) -> None:
        """Take out what a module has entered."""
        for name in [name for name in self if self._modules.get(name) == module]:
            del self._modules[name], self[name]


def is_built_in(module: str) -> bool:
    """Whether the module of this name belongs to backproof."""
    return module.partition(".")[0] == "backproof"


def _file(module: str) -> str:
    """Where a user wrote something, in words."""
    try:
        path = Path(getsourcefile(sys.modules[module]) or module)
    except (KeyError, TypeError):
        return "a notebook" if module == "__main__" else module
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
