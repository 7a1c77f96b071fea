"""The databases of samples that PyTorch tests itself with, and that its wheel brings: op_db, module_db, optim_db."""

import warnings
from functools import cache
from importlib.util import find_spec
from types import SimpleNamespace

import pytest


@cache
def databases():
    """All three, each by name. Skips the test where PyTorch, or what its databases import, is not installed."""
    for library in ("torch", "expecttest"):
        if find_spec(library) is None:
            pytest.skip(f"PyTorch's databases need {library}: pip install {library}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from torch.testing._internal.common_methods_invocations import op_db
        from torch.testing._internal.common_modules import module_db
        from torch.testing._internal.common_optimizers import optim_db
    # PyTorch forbids its own tests to set flags such as `cudnn.deterministic`; ours, which may run after these, may.
    vars(torch.backends)["__allow_nonbracketed_mutation_flag"] = True
    return SimpleNamespace(
        operations={".".join(filter(None, (info.name, info.variant_test_name))): info for info in op_db},
        modules={info.name: info for info in module_db},
        optimizers={info.optim_cls.__name__: info for info in optim_db},
    )


def entry(database, name):
    """An entry of one of the databases, "operations", "modules" or "optimizers"."""
    entries = getattr(databases(), database)
    if name not in entries:
        import torch

        pytest.skip(f"the database of {database} of PyTorch {torch.__version__} has no entry '{name}'")
    return entries[name]


def seeded(make):
    """What a database gives, drawn from one seed: PyTorch draws from its global generator."""
    import torch

    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        return list(make())
