"""The whole check: every operation, optimizer, small network and small model, shared out among processes."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Literal

import numpy as np

from backproof.engines import DType, Engine, engine_for_checks, reference_engine, variants
from backproof.graph import OPERATIONS, Shape, initial_parameters
from backproof.models import build
from backproof.ops import SoftmaxCrossEntropy
from backproof.optim import OPTIMIZERS
from backproof.user_file import all_used, use_all
from backproof.verify.core.finding import CheckReport, Finding
from backproof.verify.custom.file import check_custom
from backproof.verify.networks.check import check_model
from backproof.verify.operations.check import check_ops
from backproof.verify.optimizers.check import check_optimizers
from backproof.verify.replay import Keeper
from backproof.verify.steps.check import check_networks
from backproof.verify.steps.networks import NETWORKS

SMALL_MODELS: dict[str, tuple[tuple[int, ...], dict[str, object]]] = {
    "one_layer": ((1, 4, 4), {}),
    "mlp": ((1, 4, 4), {"layers": (6, 5), "batch_norm": True, "dropout": 0.3}),
    "neurose": ((1, 4, 4), {}),
    "cnn": ((1, 6, 6), {}),
    "lenet5": ((1, 12, 12), {}),
    "resnet": ((3, 8, 8), {"blocks": (1, 1), "width": 4, "stem": "small"}),
    "unet": ((2, 8, 8), {"depth": 2, "width": 2, "deep_supervision": True}),
    "u2net": ((2, 7, 6), {"heights": (3,), "width": 4}),
}
"""Registered models, small enough for plain loops: shape of their samples, and options."""


Kind = Literal["operations", "optimizers", "networks", "models"]


@dataclass(frozen=True)
class CheckPlan:
    """What is to be checked, and how; it travels to other processes.

    Attributes:
        engines: their names.
        operations: names of operations.
        optimizers: names of optimizers.
        networks: names of `verify.steps.networks.NETWORKS`.
        models: names of `SMALL_MODELS`.
        dtypes: in which the engines compute.
        seeds: how many cases are drawn of each sample of an operation.
        save: where failing tensors go, if anywhere.
    """

    engines: tuple[str, ...]
    operations: tuple[str, ...] = ()
    optimizers: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    dtypes: tuple[DType, ...] = ("float64", "float32")
    seeds: int = 3
    save: Path | None = None

    @property
    def tasks(self) -> list[tuple[Kind, str]]:
        """Kind and name of everything."""
        kinds: dict[Kind, tuple[str, ...]] = {
            "operations": self.operations,
            "optimizers": self.optimizers,
            "networks": self.networks,
            "models": self.models,
        }
        return [(kind, name) for kind, names in kinds.items() for name in names]


def everything(engines: Sequence[str], **settings: object) -> CheckPlan:
    """The plan of all there is."""
    names = tuple(OPERATIONS), tuple(OPTIMIZERS), tuple(NETWORKS), tuple(SMALL_MODELS)
    return CheckPlan(tuple(engines), *names, **settings)  # type: ignore[arg-type]


def carry_out(plan: CheckPlan, processes: int = 1) -> Iterator[tuple[Kind, CheckReport]]:
    """Kind and report of every task, in the plan's order, each as soon as it and those before it are there."""
    if processes < 2 or len(plan.tasks) < 2:
        for task in plan.tasks:
            yield task[0], carry_out_task(plan, task)
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), use_all, (all_used(),)) as pool:
        # What takes long begins first, so that no process is left alone with it at the end.
        tasks = {task: pool.submit(carry_out_task, plan, task) for task in reversed(plan.tasks)}
        for task in plan.tasks:
            yield task[0], tasks[task].result()


def carry_out_task(plan: CheckPlan, task: tuple[Kind, str]) -> CheckReport:
    """One operation, optimizer, network or model. Tensors are tiny, so one thread is the fastest."""
    kind, name = task
    engines = [engine_for_checks(engine) for engine in plan.engines]
    for engine in engines:
        engine.set_threads(1)
    keep = Keeper(plan.save) if plan.save else None
    match kind:
        case "operations" if OPERATIONS.is_custom(name):
            return check_custom(OPERATIONS[name], engines, seeds=range(plan.seeds), keep=keep)
        case "optimizers" if OPTIMIZERS.is_custom(name):
            return check_custom(OPTIMIZERS[name], engines, keep=keep)
        case "operations":
            return check_ops(engines, [OPERATIONS[name]], seeds=range(plan.seeds), dtypes=plan.dtypes, keep=keep)
        case "optimizers":
            return check_optimizers(engines, [OPTIMIZERS[name]], dtypes=plan.dtypes, keep=keep)
        case "networks":
            return check_networks(engines, [name], dtypes=plan.dtypes, keep=keep)
        case "models":
            return _check_small(name, engines, plan.dtypes)


def _check_small(name: str, engines: Sequence[Engine], dtypes: Sequence[DType]) -> CheckReport:
    """A small model, node by node, as one subject; in the variants of engines too."""
    start = perf_counter()
    shape, options = SMALL_MODELS[name]
    graph = build(name, Shape("N", *shape), 3, options).with_loss(SoftmaxCrossEntropy())
    rng = np.random.default_rng(0)
    n = 4
    labels = graph.inputs[1].shape.bind(n)
    inputs = {"x": rng.standard_normal((n, *shape)), "y": rng.integers(0, 3, labels)}
    arrays = reference_engine(vectorised=True)
    by_variant: dict[str, list[Engine]] = {}
    for engine in engines:
        for variant, varied in variants(engine).items():
            if not variant or varied.name != arrays.name:
                by_variant.setdefault(variant, []).append(varied)
    findings: list[Finding] = []
    for (variant, varied_ones), dtype in product(by_variant.items(), dtypes):
        reference = arrays if variant else None
        found = check_model(
            graph, initial_parameters(graph), inputs, varied_ones, dtype=dtype, title=name, reference=reference
        ).findings
        said = f", {variant}" if variant else ""
        findings += (replace(f, subject=name, case=f"node {f.subject}, {f.case}{said}") for f in found)
    return CheckReport(name, tuple(findings), {name: perf_counter() - start})
