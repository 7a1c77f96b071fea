"""The optimizer of a run: its options, which are those that optimizers and schedules declare, and how it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from backproof.errors import OptionError
from backproof.optim import OPTIMIZERS, SCHEDULES, Optimizer, require_optimizer
from backproof.option import Declared, OptionGroup, option, options_of
from backproof.registry import Registry
from backproof.user_file import EXECUTED, is_reference, split_reference

NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, init=False)
class OptimizerOptions(OptionGroup):
    """How weights move: an optimizer and a schedule, and what was given of the settings that they declare.

    A setting is read as an attribute too, such as `learning_rate`; None if it was not given, so that the default of
    the optimizer or schedule holds. Whether they have it is checked when the optimizer is made: a kept run can be read
    without the file of a custom one.
    """

    optimizer: str = option("sgd", "How weights move.")
    schedule: str = option("constant", "How the learning rate changes.")
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __init__(
        self, *, optimizer: str = "sgd", schedule: str = "constant", settings: Mapping[str, Any] = NONE, **more: Any
    ) -> None:
        given = {name: value for name, value in {**settings, **more}.items() if value is not None}
        for name, value in (("optimizer", optimizer), ("schedule", schedule), ("settings", given)):
            object.__setattr__(self, name, value)
        self.__post_init__()

    def check_together(self) -> None:
        for name, declared in self.declared.items():
            declared.check(self.settings.get(name))

    @property
    def declared(self) -> dict[str, Declared]:
        """The settings that optimizer and schedule have, as far as they are known in this process."""
        kinds = (_registered(OPTIMIZERS, self.optimizer), _registered(SCHEDULES, self.schedule))
        return {name: setting for kind in kinds if kind for name, setting in options_of(kind).items()}

    @property
    def known(self) -> bool:
        """Whether both optimizer and schedule are registered."""
        return bool(_registered(OPTIMIZERS, self.optimizer) and _registered(SCHEDULES, self.schedule))

    @property
    def effective(self) -> dict[str, Any]:
        """All options: those that were given, and the defaults of the others."""
        defaults = {name: setting.default for name, setting in self.declared.items()}
        return {"optimizer": self.optimizer, **defaults, **self.settings, "schedule": self.schedule}

    def __getattr__(self, name: str) -> Any:
        if name in (settings := self.__dict__.get("settings", NONE)):
            return settings[name]
        if name in optimizer_options():
            return None
        raise AttributeError(f"OptimizerOptions has no '{name}'")


def optimizer_options() -> dict[str, Declared]:
    """The options of every optimizer and schedule there is, by name, as none that has to be given."""
    own, found = options_of(OptimizerOptions), dict[str, Declared]()
    for name, kinds in (("optimizer", _known(OPTIMIZERS)), ("schedule", _known(SCHEDULES))):
        choices = f"{own[name].option.help[:-1]}: {', '.join(kinds)}."
        found[name] = replace(own[name], option=replace(own[name].option, help=choices))
        found |= {setting.name: setting for setting in _settings(kinds)}
    return found


def make_optimizer(options: OptimizerOptions, steps_per_epoch: int, epochs: int) -> Optimizer:
    """The optimizer with what was given; what was not is the optimizer's own default.

    Raises `OptionError` for a setting that the optimizer or schedule does not have, naming those that it has.
    """
    optimizer, schedule = require_optimizer(options.optimizer), SCHEDULES.require(options.schedule)
    has, has_too = options_of(optimizer), options_of(schedule)
    for name, value in options.settings.items():
        if name in has or name in has_too:
            (has.get(name) or has_too[name]).check(value)
            continue
        others = [of[name] for kind in _known(SCHEDULES).values() if name in (of := options_of(kind))]
        if not others:
            raise _has_not("optimizer", options.optimizer, name, has)
        if value not in [setting.default for setting in others]:  # earlier versions kept those of all schedules
            raise _has_not("schedule", options.schedule, name, has_too)
    own = {setting.field: options.settings[name] for name, setting in has.items() if name in options.settings}
    timed = {setting.field: options.settings[name] for name, setting in has_too.items() if name in options.settings}
    return optimizer(**own, schedule=schedule.from_epochs(timed, steps_per_epoch=steps_per_epoch, epochs=epochs))


def _has_not(kind: str, name: str, setting: str, has: Mapping[str, Declared]) -> OptionError:
    listed = ", ".join(f"{{{own}}}" for own in has)
    return OptionError(f"{kind} '{{}}' has no {{{setting}}}; it has {listed}", name)


def _registered(registry: Registry[Any], name: str) -> type[OptionGroup] | None:
    """What a name, or FILE.py:NAME, stands for, if it is known; no file is executed."""
    return _known(registry).get((split_reference(name)[1] if is_reference(name) else name).lower())


def _known(registry: Registry[Any]) -> dict[str, type[OptionGroup]]:
    """What is registered, and what users' files that were executed hold."""
    found = {
        part.__name__.lower(): part
        for source in EXECUTED.values()
        for part in vars(source.module).values()
        if registry.fits(part) and part.__module__ == source.module.__name__
    }
    return {**registry, **found}


def _settings(kinds: Mapping[str, type[OptionGroup]]) -> list[Declared]:
    """The settings of all `kinds`, each once; the help says whose they are and their defaults."""
    owners: dict[str, dict[str, Declared]] = {}
    for kind, group in kinds.items():
        for name, setting in options_of(group).items():
            owners.setdefault(name, {})[kind] = setting
    found = []
    for of in owners.values():
        defaults: dict[str, list[str]] = {}
        for kind, setting in of.items():
            defaults.setdefault(str(setting.default), []).append(kind)
        if len(of) == len(kinds):  # the most common default goes first and without names
            common = max(defaults, key=lambda default: len(defaults[default]))
            defaults = {common: ["default"]} | {text: names for text, names in defaults.items() if text != common}
        text = "; ".join(f"{', '.join(names)}: {default}" for default, names in defaults.items())
        first = next(iter(of.values()))
        known = replace(first.option, help=f"{first.option.help} [{text}]".strip())
        found.append(replace(first, kind=first.kind | None, default=None, option=known))
    return found
