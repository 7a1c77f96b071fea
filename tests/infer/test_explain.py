"""Saliency, Grad-CAM and occlusion: against PyTorch's autograd, by hand where that can be done, and between engines."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import backproof as bp
from backproof.cli import main
from backproof.data import PreprocessingOptions
from backproof.engines import get_engine, installed
from backproof.engines.numpy.kernels import KERNELS
from backproof.errors import UserError
from backproof.graph import Array, Builder, Graph, Shape, initial_parameters
from backproof.infer import LoadedModel, load_model
from backproof.infer.explain import METHODS, explain
from backproof.infer.explain.maps import layer_of_maps
from backproof.infer.explain.score import ending_in_score
from backproof.models import MODELS, build
from backproof.ops import Conv2d, ReLU, Sigmoid, Softmax
from backproof.plots.heat import HEAT, heat_over
from backproof.runs.store import Run


def lenet() -> LoadedModel:
    return load_model("lenet5", input=(3, 14, 12), classes=4)


def sample(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal((1, *shape)).astype(np.float32)


def behind(model: LoadedModel, op: Any, **changes: Any) -> LoadedModel:
    """The model with one more operation at its end."""
    net = Builder(model.input)
    values = {net.x.name: net.x}
    for node in model.graph.nodes:
        values[node.name] = net(node.name, node.op, *(values[name] for name in node.inputs))
    return replace(model, graph=net.graph(net("last", op, values[model.graph.output])), **changes)


@pytest.mark.parametrize("target", [None, 2])
@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_gradients_are_those_of_autograd(engine: str, target: int | None) -> None:
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    model, x = lenet(), sample(3, 14, 12)
    p = {name: torch.tensor(value, dtype=torch.float64) for name, value in model.parameters.items()}
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    h = f.max_pool2d(f.conv2d(leaf, p["conv1.weight"], p["conv1.bias"], padding=2).relu(), 2)
    maps = f.conv2d(h, p["conv2.weight"], p["conv2.bias"]).relu()
    maps.retain_grad()
    h = f.linear(f.max_pool2d(maps, 2).flatten(1), p["fc1.weight"], p["fc1.bias"]).relu()
    scores = f.linear(f.linear(h, p["fc2.weight"], p["fc2.bias"]).relu(), p["fc3.weight"], p["fc3.bias"])
    chosen = int(scores.argmax()) if target is None else target
    scores[0, chosen].backward()
    weighed = (maps.grad.mean((2, 3), keepdim=True) * maps).sum(1)[0].relu().detach().numpy()

    found = explain(model, x, methods=("saliency", "grad_cam"), engines=(engine,), target=target, dtype="float64")
    assert found.target == chosen
    assert found.score == pytest.approx(scores[0, chosen].item(), rel=1e-12)
    assert found.layer == "relu2"
    right = leaf.grad[0].abs().amax(0).numpy()
    np.testing.assert_allclose(found.values["saliency"], right, rtol=1e-9, atol=1e-12 * right.max())
    np.testing.assert_allclose(found.values["grad_cam"], weighed, rtol=1e-9, atol=1e-12 * weighed.max())
    assert weighed.max() > 0
    for heat in found.maps.values():
        assert heat.shape == (14, 12)
        assert heat.dtype == np.float32
        assert (heat.min(), heat.max()) >= (0, 0.5)
        assert heat.max() <= 1


def linear(weights: Array) -> LoadedModel:
    """One linear layer over the pixels of an image: its score is a sum that can be done by hand."""
    classes, *shape = weights.shape
    model = load_model("one_layer", input=shape, classes=classes)
    return replace(
        model, parameters={"fc1.weight": weights.reshape(classes, -1), "fc1.bias": np.ones(classes, np.float32)}
    )


def test_what_a_linear_score_says_is_its_weights() -> None:
    rng = np.random.default_rng(0)
    weights, x = rng.standard_normal((3, 2, 6, 9)).astype(np.float32), sample(2, 6, 9)
    found = explain(linear(weights), x, methods=("saliency", "occlusion"), target=1, patch=3, dtype="float64")
    np.testing.assert_allclose(found.values["saliency"], np.abs(weights[1]).max(0), rtol=1e-12)
    loss_of = weights[1].astype(np.float64) * (x[0] - x[0].mean((1, 2), keepdims=True))
    fall, count = np.zeros((6, 9)), np.zeros((6, 9))
    for top in (0, 1, 2, 3):
        for left in range(7):
            inside = np.s_[top : top + 3, left : left + 3]
            fall[inside] += loss_of[:, *inside].sum()
            count[inside] += 1
    np.testing.assert_allclose(found.values["occlusion"], fall / count, rtol=1e-4, atol=1e-4)  # grey is float32
    assert (fall < 0).any()
    assert found.maps["occlusion"].min() == 0
    assert found.maps["occlusion"].max() == 1


def test_occlusion_finds_the_only_square_that_matters() -> None:
    weights = np.zeros((2, 1, 12, 12), np.float32)
    weights[1, 0, 4:6, 6:8] = 1
    x = np.zeros((1, 1, 12, 12), np.float32)
    x[0, 0, 4:6, 6:8] = 1
    found = explain(linear(weights), x, methods=("occlusion",))
    assert found.target == 1
    assert np.array_equal(np.argwhere(found.maps["occlusion"] == 1), [[4, 6], [4, 7], [5, 6], [5, 7]])


def test_a_softmax_or_sigmoid_at_the_end_is_taken_off() -> None:
    plain, x = lenet(), sample(3, 14, 12)
    soft = behind(plain, Softmax(), scores="probabilities")
    assert ending_in_score(soft.graph).output == "fc3"
    for method, values in explain(plain, x).values.items():
        assert np.array_equal(values, explain(soft, x).values[method]), method
    net = Builder(Shape("N", 1, 5, 5))
    graph = net.graph(net("last", Sigmoid(), net("conv", Conv2d(1, 3, padding=1), net.x)))
    assert ending_in_score(graph).output == "conv"
    alone = Builder(Shape("N", 4))
    assert ending_in_score(alone.graph(alone("last", Sigmoid(), alone.x))).output == "last"


@pytest.mark.parametrize("classes", [1, 3])
def test_of_masks_the_pixels_of_one_class_are_explained(classes: int) -> None:
    options = ("width=2", "depth=1", "batch_norm=false")
    model = load_model("unet", input=(2, 8, 8), classes=classes, model_options=options, task="segmentation")
    x = sample(2, 8, 8, seed=3)
    found = explain(model, x, engines=("numpy", "reference"), patch=4)
    output = model.predictor("reference", dtype="float64").forward({"x": x.astype(np.float64)})[model.graph.output]
    inside = output[:, 0] > 0 if classes == 1 else output.argmax(1) == found.target
    assert 0 < inside.sum() < 64
    if classes > 1:
        assert found.target == np.bincount(output.argmax(1).ravel(), minlength=3)[1:].argmax() + 1
    assert found.score == pytest.approx(output[:, found.target][inside].sum(), rel=1e-9)
    assert max(found.apart.values()) < 1e-10
    direction = np.random.default_rng(1).standard_normal(x.shape)
    ends = [
        model.predictor("reference", dtype="float64").forward({"x": x + step * direction})[model.graph.output]
        for step in (1e-5, -1e-5)
    ]
    slope = (ends[0] - ends[1])[:, found.target][inside].sum() / 2e-5
    # by one pixel at a time saliency is the gradient's size; along a direction it bounds the slope from above
    assert abs(slope) <= np.sum(found.values["saliency"] * np.abs(direction).sum(1)[0]) * (1 + 1e-6)
    for row, column in ((0, 0), (3, 5)):
        steepest = 0.0
        for channel in range(2):
            moved = [x.astype(np.float64) for _ in range(2)]
            moved[0][0, channel, row, column] += 1e-6
            moved[1][0, channel, row, column] -= 1e-6
            scores = [
                model.predictor("reference", dtype="float64").forward({"x": m})[model.graph.output] for m in moved
            ]
            steepest = max(steepest, abs((scores[0] - scores[1])[:, found.target][inside].sum() / 2e-6))
        assert found.values["saliency"][row, column] == pytest.approx(steepest, rel=1e-5, abs=1e-6)


def test_masks_of_nothing_and_of_another_class() -> None:
    options = ("width=2", "depth=1", "batch_norm=false")
    model = load_model("unet", input=(1, 4, 4), classes=2, model_options=options, task="segmentation")
    x = sample(1, 4, 4)
    output = model.predictor().forward({"x": x})[model.graph.output]
    absent = 1 - int(np.bincount(output.argmax(1).ravel(), minlength=2).argmax())
    never = replace(model, parameters=dict(model.parameters))
    never.parameters["head.bias"] = np.where(np.arange(2) == absent, -100, 0).astype(np.float32)  # type: ignore[index]
    found = explain(never, x, methods=("saliency",), target=absent)
    assert found.score == pytest.approx(never.predictor().forward({"x": x})["head"][0, absent].sum(), rel=1e-5)
    assert explain(never, x, methods=("saliency",)).target == 1 - absent


@pytest.mark.parametrize("other", ["torch", "numba", "jax"])
def test_engines_are_held_against_each_other(other: str) -> None:
    if not installed(other):
        pytest.skip(f"engine '{other}' is not installed")
    found = explain(lenet(), sample(3, 14, 12), engines=("numpy", other))
    assert set(found.apart) == set(METHODS)
    assert max(found.apart.values()) < 1e-9
    assert set(found.engines.values()) == {("numpy", other)}


def test_a_wrong_gradient_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(type(KERNELS[ReLU])):
        def backward(self, op, dy, saved, p, g, call):
            return tuple(None if dx is None else 2 * dx for dx in super().backward(op, dy, saved, p, g, call))

    monkeypatch.setitem(KERNELS, ReLU, Wrong())
    model = load_model("cnn", input=(1, 6, 6), classes=3)
    found = explain(model, sample(1, 6, 6), engines=("reference", "numpy"))
    assert found.apart["saliency"] == pytest.approx(1)
    assert found.apart["occlusion"] < 1e-10


def test_the_layer_of_grad_cam_is_the_last_convolution_with_what_follows_it() -> None:
    def layer(name: str, shape: Shape, classes: int, **options: Any) -> str:
        return layer_of_maps(ending_in_score(build(name, shape, classes, options)))

    assert layer("lenet5", Shape("N", 1, 12, 12), 10) == "relu2"
    assert layer("resnet18", Shape("N", 3, 64, 64), 10) == "layer4.1.relu2"
    assert layer("unet", Shape("N", 3, 16, 16), 1) == "up1.relu2"
    assert layer("u2net", Shape("N", 3, 16, 16), 1, width=4) == "stage1d.add"


def test_another_layer_may_be_named() -> None:
    found = explain(lenet(), sample(3, 14, 12), methods=("grad_cam",), layer="pool1")
    assert found.values["grad_cam"].shape == (7, 6)
    assert found.maps["grad_cam"].shape == (14, 12)
    assert found.layer == "pool1"


def test_a_network_of_a_fixed_batch_gives_the_same_maps() -> None:
    model, x = lenet(), sample(3, 14, 12)
    fixed = replace(model, graph=MODELS["lenet5"](Shape(3, 3, 14, 12), 4))
    free, found = (explain(m, x, dtype="float64") for m in (model, fixed))
    for method in METHODS:
        np.testing.assert_allclose(found.values[method], free.values[method], rtol=1e-9, atol=1e-12)


def test_images_as_vectors_have_maps_too(digits: Run) -> None:
    model = load_model(digits.path)
    found = explain(model, sample(64), methods=("saliency", "occlusion"), engines=("numpy", "reference"))
    assert {heat.shape for heat in found.maps.values()} == {(8, 8)}
    with pytest.raises(UserError, match="maps of a convolution, and the network has none"):
        explain(model, sample(64), methods=("grad_cam",))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"methods": ("salency",)}, "unknown method to explain with 'salency'; did you mean saliency"),
        ({"target": 4}, "there is no class 4 to explain; the network puts out 4, counted from 0"),
        ({"layer": "fc1"}, r"Grad-CAM takes maps .*, and 'fc1' puts out \(N, 120\)"),
        ({"layer": "cnov2"}, "unknown layer 'cnov2'; did you mean conv2"),
    ],
)
def test_what_cannot_be_explained_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        explain(lenet(), sample(3, 14, 12), **given)


def test_only_images_are_explained() -> None:
    model = load_model("mlp", input=(7,), classes=3)
    with pytest.raises(UserError, match=r"model 'mlp' takes \(N, 7\), no images"):
        explain(model, sample(7))
    with pytest.raises(UserError, match=r"is explained on one sample of \(N, 3, 14, 12\), not on \(1, 3, 12, 14\)"):
        explain(lenet(), sample(3, 12, 14))


def test_an_engine_without_gradients_has_occlusion_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = get_engine("reference")
    monkeypatch.setattr(type(engine), "capabilities", replace(engine.capabilities, trains=False))
    model, x = load_model("cnn", input=(1, 6, 6), classes=3), sample(1, 6, 6)
    found = explain(model, x, engines=("numpy", engine))
    assert found.engines == {
        "saliency": ("numpy",),
        "grad_cam": ("numpy",),
        "occlusion": ("numpy", "reference"),
    }
    assert found.apart["occlusion"] < 1e-10
    with pytest.raises(UserError, match="saliency needs gradients, and reference does not compute any"):
        explain(model, x, engines=(engine,))


def test_heat_covers_a_gray_picture() -> None:
    picture = np.full((2, 2, 3), [30, 60, 90], np.uint8)
    over = heat_over(picture, np.array([[0, 1], [0.5, 0]]))
    assert over.dtype == np.uint8
    assert np.array_equal(over[0, 0], [60, 60, 60])
    assert np.array_equal(over[0, 1], np.round(0.15 * 60 + 0.85 * HEAT[-1]))
    assert over[1, 0, 0] > over[1, 0, 2]
    assert np.array_equal(heat_over(picture[..., 1], np.zeros((2, 2))), np.full((2, 2, 3), 60))


def test_a_model_of_a_users_graph_keeps_its_weights() -> None:
    graph: Graph = build("cnn", Shape("N", 1, 6, 6), 3, {})
    drawn = initial_parameters(graph, 5)
    model = replace(load_model("cnn", input=(1, 6, 6), classes=3), parameters=drawn)
    before = {name: value.copy() for name, value in drawn.items()}
    explain(model, sample(1, 6, 6))
    assert all(np.array_equal(before[name], value) for name, value in drawn.items())


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(3):
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder


def test_explanations_are_pictures_beside_the_answers(
    shapes: Run, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    tokens = ["infer", str(shapes.path), str(photos), "-o", str(out), "--explain", "all", "--explain-images", "2"]
    assert main([*tokens, "--agree", "numpy,reference", "--explain-class", "square", "--explain-patch", "8"]) == 0
    assert re.search(
        r"explanations of numpy and reference are apart by at most: saliency \de[-+]\d\d, grad_cam \de[-+]\d\d, occl",
        capsys.readouterr().out,
    )
    pictures = {path.relative_to(out / "explain").as_posix() for path in (out / "explain").rglob("*.png")}
    assert pictures == {f"{method}/{i}.png" for method in METHODS for i in (0, 1)}
    for name in pictures:
        with Image.open(out / "explain" / name) as picture:
            assert picture.size == (224, 224)
    listed = json.loads((out / "explain" / "explain.json").read_text())
    assert [entry["explained"] for entry in listed] == ["square", "square"]
    assert all(max(entry["apart"].values()) < 1e-9 for entry in listed)
    page = (out / "index.html").read_text()
    assert page.count("saliency; numpy and reference ") >= 2
    assert "Grad-CAM of up1.relu2; numpy and reference" in page


def test_explanations_from_python(digits: Run, photos: Path, tmp_path: Path) -> None:
    gray = {"preprocessing": PreprocessingOptions(grayscale=True, resize=(8, 8), flatten=True)}
    bp.infer(digits.path, photos, output=tmp_path / "out", explain="saliency,occlusion", **gray)
    assert len([*(tmp_path / "out" / "explain" / "occlusion").glob("*.png")]) == 3
    assert not (tmp_path / "out" / "explain" / "grad_cam").exists()
    with pytest.raises(UserError, match="explain=saliency draws pictures; name a folder for them with output=FOLDER"):
        bp.infer(digits.path, photos, explain="saliency")


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        (["--explain", "salency"], "--explain has 'salency'; did you mean saliency"),
        (["--explain", "all", "--explain-class", "7a"], "--explain-class is '7a'; "),
        (["--explain-images", "3"], "--explain-images is for --explain METHODS, which is not given"),
        (["--explain", "grad_cam"], "Grad-CAM takes the maps of a convolution, and the network has none"),
    ],
)
def test_mistakes_in_explaining_get_one_line(
    digits: Run, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tokens: list[str], sentence: str
) -> None:
    given = ["--grayscale", "--resize", "8,8", "-o", str(tmp_path / "out")]
    assert main(["infer", str(digits.path), str(photos), *given, *tokens]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
