"""Inference is timed fairly: everybody gets the same bytes, and answers alike."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from backproof.bench import InferJob, Result, TrainJob
from backproof.bench.agreement import require_agreement
from backproof.bench.contenders import make
from backproof.bench.contenders.inference import PASSES
from backproof.bench.job import available, job_from_json
from backproof.bench.tables import tables
from backproof.cli import main
from backproof.errors import UserError
from backproof.graph import Shape, initial_parameters
from backproof.interchange import write_weights
from backproof.models import build

LIBRARIES = {"torch": "torch", "pytorch": "torch", "pytorch-tuned": "torch", "onnxruntime": "onnxruntime"}


@pytest.fixture
def job(tmp_path: Path) -> InferJob:
    graph = build("cnn", Shape("N", 3, 12, 12), 5, {})
    (tmp_path / "graph.json").write_text(graph.to_json())
    write_weights(tmp_path / "weights.safetensors", initial_parameters(graph, 0))
    files = {"graph": str(tmp_path / "graph.json"), "weights": str(tmp_path / "weights.safetensors")}
    return InferJob(model="cnn", batch_size=4, **files)


def changed(job: InferJob, contender: str, **more: object) -> InferJob:
    from dataclasses import replace

    return replace(job, contender=contender, **more)


def test_a_job_survives_json(job: InferJob) -> None:
    assert job_from_json(job.to_json()) == job
    assert job.settings == {"threads": 1, "batch size": 4}


@pytest.mark.parametrize("contender", LIBRARIES)
def test_everybody_answers_alike(job: InferJob, contender: str) -> None:
    if find_spec(LIBRARIES[contender]) is None:
        pytest.skip(f"{LIBRARIES[contender]} is not installed")
    ours, theirs = make(changed(job, "numpy")), make(changed(job, contender))
    (output,), (other,) = ours.evidence().values(), theirs.evidence().values()
    assert output.shape == (4, 5)
    assert np.allclose(other, output, atol=1e-5)
    assert theirs.first_loss() is None


def test_bytes_become_what_training_makes_of_them(job: InferJob) -> None:
    contender = make(job)
    x = contender._samples()
    assert (x.shape, x.dtype, x.flags.c_contiguous) == ((4, 3, 12, 12), np.float32, True)
    assert np.array_equal(x, np.moveaxis(contender._images, 3, 1).astype(np.float32) / np.float32(255))


def test_a_round_goes_on_for_a_while(job: InferJob) -> None:
    times = make(job).round(1)["pass"]
    assert PASSES[0] <= len(times) <= PASSES[1]
    assert all(time > 0 for time in times)


def test_what_disagrees_is_not_timed(job: InferJob, monkeypatch: pytest.MonkeyPatch) -> None:
    from backproof.bench import agreement

    class Far:
        def __init__(self, job: InferJob) -> None:
            self.job = job

        def __enter__(self) -> "Far":
            return self

        def __exit__(self, *_: object) -> None: ...
        def ready(self) -> None: ...
        def close(self) -> None: ...

        def evidence(self) -> dict[str, np.ndarray]:
            single = self.job.contender == "onnxruntime"
            return {"output": np.full(3, 1.001 if self.job.contender == "torch" else 1, "f4" if single else "f8")}

    monkeypatch.setattr(agreement, "Process", Far)
    assert require_agreement([changed(job, name) for name in ("numpy", "onnxruntime")]) == 0
    with pytest.raises(UserError, match=r"'torch' and 'numpy' disagree: their output are .* in float64"):
        require_agreement([changed(job, name) for name in ("numpy", "torch")])
    with pytest.raises(UserError, match=r"'torch' and 'onnxruntime' disagree: .* in float32"):
        require_agreement([changed(job, name) for name in ("onnxruntime", "torch")])


def test_who_cannot_take_part_is_told(job: InferJob) -> None:
    for name in ("scikit-learn", "jax-scan"):
        with pytest.raises(UserError, match=f"'{name}', which is timed in training alone"):
            make(changed(job, name))
    training = {"model": "mlp", "input_shape": (4,), "classes": 3, "batch_size": 2, "samples": 4}
    with pytest.raises(UserError, match="'pytorch-compiled', which is timed in inference alone"):
        make(TrainJob(contender="pytorch-compiled", **training))
    with pytest.raises(UserError, match="batch_sizes has 0"):
        changed(job, "numpy", batch_size=0)


def test_torch_compile_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backproof.bench.job.which", lambda _: None)
    assert not available("pytorch-compiled")
    assert available("numpy")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "bench infer one_layer --input 1,4,4 --classes 3 --contenders numpy,reference --batch-sizes 2 --rounds 1"
    words += " --against numpy"
    assert main([*words.split(), "-o", str(tmp_path / "b.json"), "--page", str(tmp_path / "b.html")]) == 0
    out = capsys.readouterr().out
    assert "Answers of one_layer" in out
    assert "samples/s" in out
    assert "Answers of one_layer" in (tmp_path / "b.html").read_text()
    (found,) = Result.read(tmp_path / "b.json").experiments
    assert found.agreement is not None
    assert found.agreement < 1e-9
    (table,) = tables(found)[:1]
    assert {row[0].value for row in table.rows} == {"numpy", "reference"}
    assert {(m.samples, m.part, m.subject) for m in found.measurements} == {(2, "pass", "one_layer")}
    assert [found.ratio(m) for m in found.measurements if m.contender == "numpy"] == [1]
    assert all(m.peak_memory_mb > 10 for m in found.measurements)
