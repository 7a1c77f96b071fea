"""Run folders written by hand, as training would leave them: real digits, made-up learning."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from backproof.graph import Graph, Sequential, Shape
from backproof.ops import Flatten, Linear, ReLU, SoftmaxCrossEntropy
from backproof.runs.spec import EngineOptions, ModelOptions, OutputOptions, RunSpec, TrainingOptions
from backproof.runs.store import Run, open_run
from backproof.runs.toml import to_toml
from backproof.train.progress import Progress

DIGITS = tuple("0123456789")
SHAPES = {"input_shape": [1, 8, 8], "image_shape": [1, 8, 8]}
TRAIN, DEV, TEST = 1257, 270, 270


def spec_of(name: str, engine: str = "numpy", seed: int = 0, epochs: int = 6, **options: Any) -> RunSpec:
    """The specification of a fake run; `options` replace whole tables."""
    base = RunSpec(
        engine=EngineOptions(engine=engine),
        model=ModelOptions(layers=(32,), model_seed=seed),
        training=TrainingOptions(epochs=epochs, early_stopping=2),
        output=OutputOptions(name=name, track_layer=("layer1,8",), show_samples=12),
    )
    return replace(base, **options)


def network(width: int = 32, classes: int = 10) -> Graph:
    """Flatten, Linear, ReLU, Linear and the loss, on 8x8 images."""
    layers = {"flatten": Flatten(), "layer1": Linear(width), "relu1": ReLU(), "output": Linear(classes)}
    return Sequential(*layers.items()).build(Shape("N", 1, 8, 8)).with_loss(SoftmaxCrossEntropy())


def write_run(
    folder: Path,
    spec: RunSpec,
    *,
    epochs: int | None = None,
    finished: bool = True,
    classes: tuple[str, ...] = DIGITS,
    dataset: str = "digits",
    speed: float = 0.45,
    noise: int = 0,
) -> Path:
    """A run of `epochs` epochs (all, unless given) under `folder`; without result.json unless `finished`."""
    path = folder / spec.output.name
    (path / "epochs").mkdir(parents=True)
    rng = np.random.default_rng(noise)
    graph = network(classes=len(classes))
    (path / "spec.toml").write_text(to_toml(spec))
    (path / "graph.json").write_text(graph.to_json())
    write_json(path / "environment.json", environment(spec))
    write_json(path / "dataset.json", dataset_record(dataset, classes))
    done = spec.training.epochs if epochs is None else epochs
    records = [epoch_record(epoch, speed, rng, marked=epoch == 5) for epoch in range(1, done + 1)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    first = rng.standard_normal((8, 64)).astype(np.float32) / 8
    for record in records:
        arrays = epoch_arrays(record, first, rng, len(classes))
        np.savez(path / "epochs" / f"{record['epoch']:04d}.npz", **arrays)
    weights = {f"parameters/{name}": draw(spec, name, p.shape) for name, p in graph.parameters.items()}
    progress = Progress(epoch=done + 1, step=20 * done).to_json()
    save_file(weights, path / "last.safetensors", metadata={"progress": json.dumps(progress)})
    if finished:
        test = confusion(records[-1]["dev"]["accuracy"], TEST, len(classes), rng)
        np.savez(path / "final.npz", confusion=test)
        write_json(path / "result.json", result_of(graph, records, test))
    return path


def draw(spec: RunSpec, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The same weights for every engine, but for a little rounding."""
    weights = np.random.default_rng([spec.model.model_seed, len(name)]).standard_normal(shape)
    return (weights * (1 + 1e-6 * (spec.engine.engine == "torch"))).astype(np.float32)


def epoch_record(epoch: int, speed: float, rng: np.random.Generator, *, marked: bool) -> dict[str, Any]:
    train = 0.03 + 2.2 * np.exp(-speed * epoch) + 0.01 * rng.random()
    dev = 0.09 + 2.2 * np.exp(-speed * epoch) + 0.01 * max(0, epoch - 3) + 0.02 * rng.random()
    figures = [
        {"cost": float(cost), "loss": float(cost), "accuracy": float(round(1 - 0.28 * cost, 4))}
        for cost in (train, dev)
    ]
    seconds = 0.05 + 0.004 * rng.random()
    return {
        "epoch": epoch,
        "step": 20 * epoch,
        "train": figures[0],
        "dev": figures[1],
        "learning_rate": 0.05,
        "seconds": seconds,
        "samples_per_second": TRAIN / seconds,
        "early_stop": marked,
    }


def confusion(accuracy: float, samples: int, classes: int, rng: np.random.Generator) -> np.ndarray:
    """Row = true class."""
    matrix = np.zeros((classes, classes), np.int64)
    for sample in range(samples):
        true = sample % classes
        matrix[true, true if rng.random() < accuracy else rng.integers(classes)] += 1
    return matrix


def epoch_arrays(record: dict[str, Any], first: np.ndarray, rng: np.random.Generator, classes: int) -> dict[str, Any]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = (digits.images[100:112, None] / 16).astype(np.float32)
    truth = digits.target[100:112] % classes
    predicted = np.where(rng.random(12) < record["dev"]["accuracy"], truth, (truth + 1) % classes)
    grown = first + 0.3 * (1 - np.exp(-0.3 * record["epoch"])) * digits.images[:8].reshape(8, 64) / 16
    return {
        "confusion_dev": confusion(record["dev"]["accuracy"], DEV, classes, rng),
        "track.layer1": grown.astype(np.float32),
        "samples_x": images,
        "samples_y": truth,
        "samples_predicted": predicted,
        "samples_probability": rng.uniform(0.5, 1, 12).astype(np.float32),
    }


def result_of(graph: Graph, records: list[dict[str, Any]], test: np.ndarray) -> dict[str, Any]:
    last = records[-1]
    accuracy = float(np.trace(test) / test.sum())
    return {
        "status": "finished",
        "parameters": graph.parameter_count,
        "train_samples": TRAIN,
        "parameters_per_sample": graph.parameter_count / TRAIN,
        "train": {"cost": last["train"]["cost"], "accuracy": last["train"]["accuracy"]},
        "dev": {"cost": last["dev"]["cost"], "accuracy": last["dev"]["accuracy"]},
        "test": {"cost": last["dev"]["cost"], "accuracy": accuracy, "macro_f1": accuracy - 0.001},
        "early_stop_epoch": 5,
        "best_epoch": min(records, key=lambda record: record["dev"]["cost"])["epoch"],
        "epochs": len(records),
        "seconds": sum(record["seconds"] for record in records),
        "peak_memory_mb": 104.2,
    }


def environment(spec: RunSpec) -> dict[str, Any]:
    versions = {"torch": "2.13.0"} if spec.engine.engine == "torch" else {}
    return {
        "backproof": "0.1.0",
        "python": "3.12.3",
        "numpy": "2.3.1",
        **versions,
        "blas": "OpenBLAS 0.3.29",
        "threads": 1,
        "platform": "Linux-6.8-x86_64",
        "cpu": "AMD EPYC",
        "commit": "0123456789abcdef",
        "dirty": False,
        "started": "2026-01-31T12:00:00Z",
    }


def dataset_record(name: str, classes: tuple[str, ...]) -> dict[str, Any]:
    counts = {"train": TRAIN, "dev": DEV, "test": TEST}
    return {
        "name": name,
        "targets": {"kind": "class", "names": classes},
        **counts,
        **SHAPES,
        "skipped": [],
        "fingerprint": "f00d",
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content))


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Run]:
    """Write a fake run and open it: `make_run("name", engine="torch", seed=1, finished=False, ...)`."""

    def make(name: str, engine: str = "numpy", seed: int = 0, planned: int = 6, tables: Any = (), **how: Any) -> Run:
        return open_run(write_run(tmp_path / "runs", spec_of(name, engine, seed, planned, **dict(tables)), **how))

    return make
