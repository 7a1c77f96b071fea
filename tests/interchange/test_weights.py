"""Files of weights: written and read back, and what is said of files that are none."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from backproof.errors import UserError
from backproof.graph import Array
from backproof.interchange import pth as pth_module
from backproof.interchange import read_weights, write_weights


@pytest.fixture
def weights() -> dict[str, Array]:
    rng = np.random.default_rng(0)
    return {
        "conv1.weight": rng.standard_normal((4, 3, 5, 5)),
        "conv1.bias": rng.standard_normal(4).astype(np.float32),
        "bn1.num_batches_tracked": np.array(7),
        "fc.weight": np.asfortranarray(rng.standard_normal((6, 8))),
    }


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt"])
def test_round_trip(tmp_path: Path, weights: dict[str, Array], suffix: str) -> None:
    if suffix != ".safetensors":
        pytest.importorskip("torch")
    path = tmp_path / f"weights{suffix}"
    write_weights(path, weights)
    read = read_weights(path)
    assert read.keys() == weights.keys()
    for name, array in weights.items():
        assert read[name].dtype == array.dtype
        assert np.array_equal(read[name], array)
        assert read[name].flags.writeable


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("none.pth", r"there is no file of weights '.*none.pth'"),
        ("none.h5", r"weights '.*none.h5' must be a file that ends in .safetensors, .pth, .pt"),
        ("none", r"must be a file that ends in .safetensors, .pth, .pt"),
    ],
)
def test_no_such_file(tmp_path: Path, name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_weights(tmp_path / name)


def test_a_folder_that_is_not_there(tmp_path: Path, weights: dict[str, Array]) -> None:
    with pytest.raises(UserError, match=r"cannot write '.*': No such file or directory"):
        write_weights(tmp_path / "none" / "weights.safetensors", weights)


@pytest.mark.parametrize("content", [b"", b"weights", b"hello", b"X\0", b"\xff" * 100])
def test_a_file_of_something_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"'.*a.safetensors' cannot be read as safetensors"):
        read_weights(tmp_path / "a.safetensors")
    pytest.importorskip("torch")
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(UserError, match=r"'.*a.pth' holds no weights, or more than weights"):
        read_weights(tmp_path / "a.pth")


def test_a_checkpoint_of_a_run_gives_its_weights(tmp_path: Path, weights: dict[str, Array]) -> None:
    entries = {f"parameters/{name}": np.ascontiguousarray(a) for name, a in weights.items()}
    save_file(entries | {"optimizer/m/fc.weight": np.zeros((6, 8))}, tmp_path / "last.safetensors")
    assert read_weights(tmp_path / "last.safetensors").keys() == weights.keys()


class TestPyTorch:
    """What `torch.save` may have put into a `.pth` file."""

    def test_state_dict_of_a_module(self, tmp_path: Path) -> None:
        torch = pytest.importorskip("torch")
        module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
        torch.save(module.state_dict(), tmp_path / "a.pth")
        read = read_weights(tmp_path / "a.pth")
        assert list(read) == list(module.state_dict())
        assert all(np.array_equal(read[name], value.numpy()) for name, value in module.state_dict().items())

    @pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict", "model"])
    def test_beside_what_else_a_script_keeps(self, tmp_path: Path, wrapper: str) -> None:
        torch = pytest.importorskip("torch")
        torch.save({"epoch": 3, wrapper: {"module.fc.bias": torch.ones(2)}}, tmp_path / "a.pth")
        assert read_weights(tmp_path / "a.pth").keys() == {"fc.bias"}

    def test_half_precision(self, tmp_path: Path) -> None:
        torch = pytest.importorskip("torch")
        halves = {"a": torch.tensor([1.5, 2.0], dtype=torch.bfloat16), "b": torch.tensor([0.5], dtype=torch.float16)}
        torch.save(halves, tmp_path / "a.pth")
        read = read_weights(tmp_path / "a.pth")
        assert read["a"].dtype == np.float32
        assert read["a"].tolist() == [1.5, 2.0]
        assert read["b"].dtype == np.float16

    def test_bfloat16_in_safetensors_is_refused(self, tmp_path: Path) -> None:
        torch = pytest.importorskip("torch")
        from safetensors.torch import save_file

        save_file({"a": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "a.safetensors")
        with pytest.raises(UserError, match=r"'a' in '.*' is bfloat16, which NumPy has not"):
            read_weights(tmp_path / "a.safetensors")

    def test_parameters_that_have_gradients(self, tmp_path: Path) -> None:
        torch = pytest.importorskip("torch")
        module = torch.nn.Linear(3, 2)
        torch.save(dict(module.named_parameters()), tmp_path / "a.pth")
        assert np.array_equal(read_weights(tmp_path / "a.pth")["weight"], module.weight.detach().numpy())

    def test_a_file_that_cannot_be_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        torch = pytest.importorskip("torch")
        torch.save({"a": torch.ones(2)}, tmp_path / "a.pth")

        def refuse(*args: object, **options: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(torch, "load", refuse)
        with pytest.raises(UserError, match=r"'.*a.pth' cannot be read: Permission denied"):
            read_weights(tmp_path / "a.pth")

    def test_code_is_not_run(self, tmp_path: Path) -> None:
        torch = pytest.importorskip("torch")
        torch.save(torch.nn.Linear(2, 2), tmp_path / "whole.pth")  # the module itself: unpickling it would run code
        with pytest.raises(UserError, match=r"more than weights, .* write one with torch.save\(model.state_dict\(\)"):
            read_weights(tmp_path / "whole.pth")

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            ([1, 2], r"holds a list, not a state dict"),
            ({}, r"holds a dict, not a state dict"),
            ({"epoch": 3, "lr": 0.1}, r"is no state dict: 'epoch' in it is no tensor"),
            ({3: 0.1}, r"is no state dict: 3 in it is no name"),
        ],
    )
    def test_something_else(self, tmp_path: Path, content: object, sentence: str) -> None:
        torch = pytest.importorskip("torch")
        torch.save(content, tmp_path / "a.pth")
        with pytest.raises(UserError, match=sentence):
            read_weights(tmp_path / "a.pth")

    def test_not_installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "a.pth").write_bytes(b"")
        monkeypatch.setattr(pth_module, "find_spec", lambda name: None)
        with pytest.raises(UserError, match=r"'.*a.pth' needs PyTorch, .* pip install 'backproof\[torch\]'"):
            read_weights(tmp_path / "a.pth")
        with pytest.raises(UserError, match=r"a file of PyTorch needs PyTorch"):
            write_weights(tmp_path / "b.pth", {"a": np.ones(1)})


def test_safetensors_need_no_pytorch(tmp_path: Path, weights: dict[str, Array]) -> None:
    write_weights(tmp_path / "a.safetensors", weights)
    code = "import sys; from backproof.interchange import read_weights; read_weights(sys.argv[1])"
    check = "; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code + check, str(tmp_path / "a.safetensors")], check=True)
