"""Hostile files: each is refused in a sentence, soon, and in memory that the limits state."""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backproof.errors import UserError
from backproof.interchange.onnx import read_onnx
from backproof.interchange.onnx.read import limits

onnx = pytest.importorskip("onnx")

from .hostile import HOSTILE, node, of  # noqa: E402

SECONDS = 5.0
"""Within a second each on a machine at rest; this one may be busy."""


def written(name: str, folder: Path) -> Path:
    """The file of that name, in a folder of its own."""
    home = folder / name
    home.mkdir()
    path = home / "model.onnx"
    path.write_bytes(HOSTILE[name][0](home))
    return path


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        read_onnx(written(name, tmp_path))
    sentence = str(raised.value)
    assert HOSTILE[name][1] in sentence
    assert "\n" not in sentence
    assert not sentence.endswith(".")


def test_the_88_bytes_are_88_bytes_or_fewer(tmp_path: Path) -> None:
    assert len(HOSTILE["two_tebibytes_in_88_bytes"][0](tmp_path)) <= 88


def test_refusing_takes_seconds_and_the_memory_that_the_limits_state(tmp_path: Path) -> None:
    paths = [str(written(name, tmp_path)) for name in HOSTILE]
    code = """
import json, resource, sys, time
from backproof.errors import UserError
from backproof.interchange.onnx import read_onnx
from backproof.interchange.onnx.read import limits
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
found = {"before": peak(), "longest": 0}
for path in json.load(sys.stdin):
    start = time.process_time()
    try:
        read_onnx(path)
    except UserError:
        pass
    found["longest"] = max(found["longest"], time.process_time() - start)
print(json.dumps(found | {"after": peak()}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(paths), capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    largest = max(Path(path).stat().st_size for path in paths)
    assert found["longest"] < SECONDS
    assert found["after"] - found["before"] < limits.MEMORY_MULTIPLE * largest + limits.MEMORY_MORE


def test_weights_beside_the_file_are_read(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(np.arange(6, dtype="f").tobytes())
    tensor = onnx.TensorProto(name="w", dims=[4], data_type=1, data_location=1)
    for key, value in {"location": "data", "offset": "8", "length": "16"}.items():
        tensor.external_data.add(key=key, value=value)
    reshape = node("Reshape", "x to", "flat")
    (tmp_path / "m.onnx").write_bytes(of(reshape, node("Mul", "flat w"), w=tensor, to=np.array([1, 48, 4])))
    assert read_onnx(tmp_path / "m.onnx").parameters["w"].tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize("seed", range(4))
def test_a_file_with_some_bytes_changed_is_read_or_refused(seed: int, tmp_path: Path) -> None:
    weights: dict[str, Any] = {"w": np.ones((2, 3, 3, 3), "f"), "s": np.array([0, -1]), "c": np.array([2, 72])}
    nodes = [node("Conv", "x w", "a"), node("Relu", "a", "b"), node("Reshape", "b s", "d"), node("Expand", "d c")]
    content, rng = of(*nodes, **weights), np.random.default_rng(seed)
    path = tmp_path / "m.onnx"
    for _ in range(150):
        changed = bytearray(content)
        for place in rng.integers(len(changed), size=rng.integers(1, 4)):
            changed[place] = rng.integers(256)
        path.write_bytes(changed)
        with suppress(UserError):
            read_onnx(path)
