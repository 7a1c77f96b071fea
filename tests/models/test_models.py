"""The registered models, what they are made of, and how they refuse what they cannot do."""

import inspect
from pathlib import Path

import pytest

from backproof.errors import UserError
from backproof.graph import Graph, Shape, initial_parameters
from backproof.models import MODELS, build, options_of, read_options
from backproof.models.activation import activations, require_activation
from backproof.ops import LeakyReLU

IMAGE = Shape("N", 1, 8, 8)


DENSE = ("one_layer", "mlp", "neurose")


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_takes_images(name: str) -> None:
    for shape in (Shape("N", 1, 16, 16), Shape("N", 3, 13, 20)):
        graph = build(name, shape, 3, {})
        scores = Shape("N", 3, *shape[2:]) if name in ("unet", "u2net", "u2netp") else Shape("N", 3)
        assert graph.shapes[graph.output] == scores
        assert graph.loss is None
        assert Graph.from_json(graph.to_json()).hash == graph.hash


@pytest.mark.parametrize("name", sorted(MODELS))
def test_vectors_are_for_dense_models(name: str) -> None:
    if name in DENSE:
        graph = build(name, Shape("N", 7), 3, {})
        assert graph.shapes[graph.output] == Shape("N", 3)
    else:
        with pytest.raises(UserError, match=rf"model '{name}': it takes images .* leave out flatten"):
            build(name, Shape("N", 7), 3, {})


def test_every_model_documents_itself() -> None:
    for name, function in MODELS.items():
        assert inspect.getdoc(function), name


def test_one_layer_is_softmax_regression() -> None:
    graph = build("one_layer", IMAGE, 10, {})
    assert [type(node.op).__name__ for node in graph.nodes] == ["Flatten", "Linear"]
    assert list(graph.parameters) == ["fc1.weight", "fc1.bias"]
    assert graph.parameter_count == 64 * 10 + 10


def test_neurose_on_mnist() -> None:
    graph = build("neurose", Shape("N", 1, 28, 28), 10, {})
    weights = [spec.shape for name, spec in graph.parameters.items() if name.endswith("weight")]
    assert weights == [(256, 784), (120, 256), (64, 120), (10, 64)]
    assert graph.parameter_count == 240_194


def test_mlp_layers_in_order() -> None:
    options = {"layers": (12, 6), "activation": "tanh", "batch_norm": True, "dropout": 0.25}
    graph = build("mlp", Shape("N", 5), 2, options)
    names = [node.name for node in graph.nodes]
    assert names == ["fc1", "bn1", "tanh1", "dropout1", "fc2", "bn2", "tanh2", "dropout2", "fc3"]
    assert "fc1.bias" not in graph.parameters
    assert graph.parameters["fc3.bias"].shape == (2,)
    assert graph.node["dropout2"].op.attributes() == {"p": 0.25}


def test_options_are_listed_with_their_defaults() -> None:
    assert options_of("mlp") == {"layers": (100,), "activation": "relu", "batch_norm": False, "dropout": 0.0}
    assert options_of("one_layer") == {}


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("mpl", {}, r"unknown model 'mpl'; did you mean mlp"),
        ("one_layer", {"layers": (3,)}, r"model 'one_layer' takes no option 'layers'; it has none"),
        ("mlp", {"width": 3}, r"takes no option 'width'; its options are layers, activation, batch_norm, dropout"),
        ("mlp", {"activation": "relo"}, r"model 'mlp': unknown activation 'relo'; did you mean relu"),
        ("mlp", {"layers": (3, 0)}, r"model 'mlp': layers is 3,0; every hidden layer needs 1 unit"),
        ("mlp", {"dropout": 1.0}, r"model 'mlp': dropout is 1.0; it must be 0 or more and below 1"),
        ("mlp", {"dropout": True}, r"model 'mlp': dropout is True; it must be a number"),
        ("mlp", {"layers": 3}, r"model 'mlp': layers is 3; it must be whole numbers, such as 2,3"),
        ("mlp", {"batch_norm": 1}, r"model 'mlp': batch_norm is 1; it must be true or false"),
        ("cnn", {"channels": "many"}, r"model 'cnn': channels is 'many'; it must be a whole number"),
        ("cnn", {"channels": 0}, r"model 'cnn': Conv2d needs 1 output channel or more, not 0"),
        ("cnn", {"kernel_size": 11}, r"model 'cnn': it takes images of 9x9 pixels or more, not 8x8"),
        ("lenet5", {}, r"model 'lenet5': it takes images of 12x12 pixels or more, not 8x8"),
        ("resnet50", {"stem": "smal"}, r"unknown stem of model 'resnet50' 'smal'; did you mean small"),
        ("resnet18", {"stride_on": "conv1"}, r"model 'resnet18' takes no option 'stride_on'; its options are stem"),
        ("resnet", {"blocks": (2, 0)}, r"model 'resnet': blocks is 2,0; every stage needs 1 block or more"),
        ("resnet", {"width": 0}, r"model 'resnet': .*Conv2d needs 1 output channel or more, not 0"),
        ("unet", {"depth": 4}, r"model 'unet': it takes images of 16x16 pixels or more, not 8x8"),
        ("unet", {"depth": 0}, r"model 'unet': depth is 0 and width is 16; both must be 1 or more"),
    ],
)
def test_bad_choices_get_one_sentence(name: str, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        build(name, IMAGE, 10, options)


def test_key_value_options() -> None:
    given = ["blocks=2,3", "one=4,", "rate=1e-2", "wide=true", "deep=false", "kind=a=b", "empty="]
    assert read_options(given) == {
        "blocks": (2, 3),
        "one": (4,),
        "rate": 0.01,
        "wide": True,
        "deep": False,
        "kind": "a=b",
        "empty": "",
    }
    with pytest.raises(UserError, match="model_option is 'width'; it must be KEY=VALUE"):
        read_options(["width"])
    with pytest.raises(UserError, match="gives 'a' twice"):
        read_options(["a=1", "a=2"])


RESIDUAL = """
from backproof.graph import Builder
from backproof.ops import Add, Concat, Flatten, Linear, ReLU

def residual(input, classes, width=4):
    net = Builder(input)
    x = net("flatten", Flatten(), net.x)
    x = net("stem", Linear(width), x)
    h = net("block.fc", Linear(width), x)
    h = net("block.relu", ReLU(), h)
    x = net("block.add", Add(), x, h)
    x = net("both", Concat(), x, h)
    return net.graph(net("head", Linear(classes), x))

def broken(input, classes):
    return 1 / 0

def misfit(input, classes):
    net = Builder(input)
    return net.graph(net("head", Linear(classes), net.x))

def no_graph(input, classes):
    return [input, classes]

def wrong_classes(input, classes):
    return residual(input, classes + 1)

def needs(input, classes, depth):
    return residual(input, classes)

def any_option(input, classes, **options):
    return residual(input, classes, **options)

def too_few(input):
    return None
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(RESIDUAL)
    return path


def test_own_branching_network(own: Path) -> None:
    graph = build(f"{own}:residual", IMAGE, 10, {"width": 6})
    assert graph.node["block.add"].inputs == ("stem", "block.relu")
    assert graph.parameters["block.fc.weight"].shape == (6, 6)
    assert graph.shapes["both"] == Shape("N", 12)
    assert set(initial_parameters(graph, 0)) == set(graph.parameters)
    assert options_of(f"{own}:residual") == {"width": 4}
    assert build(f"{own}:any_option", IMAGE, 10, {"width": 6}).hash == graph.hash


def test_own_file_may_import_its_neighbour(own: Path) -> None:
    (own.parent / "neighbour_of_mine.py").write_text("from own import residual\n")
    other = own.parent / "other.py"
    other.write_text("import neighbour_of_mine\n\ndef net(i, c):\n    return neighbour_of_mine.residual(i, c)\n")
    assert build(f"{other}:net", IMAGE, 3, {}).shapes["head"] == Shape("N", 3)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (":broken", r"model '.*own.py:broken', line 16: ZeroDivisionError: division by zero"),
        (
            ":misfit",
            r"own.py:misfit' puts out \(N, 1, 8, 10\); 10 classes need \(N, 10\); .* put Flatten\(\) before it",
        ),
        (":no_graph", r"own.py:no_graph' returned a list; it must return a Graph"),
        (":wrong_classes", r"puts out \(N, 11\); 10 classes need \(N, 10\)"),
        (":needs", r"needs its option 'depth'; give model_option depth=VALUE"),
        (":too_few", r"must take \(input, classes\)"),
        (":residul", r"unknown model of '.*own.py' 'residul'; did you mean residual"),
        ("", r"says only the file; write .*own.py:NAME with one of: residual, broken"),
    ],
)
def test_own_file_at_fault(own: Path, function: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        build(f"{own}{function}", IMAGE, 10, {})


def test_own_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no file '.*none.py'"):
        build(f"{tmp_path}/none.py:net", IMAGE, 10, {})
    bad = tmp_path / "bad.py"
    bad.write_text("\ndef net(input, classes:\n")
    with pytest.raises(UserError, match=r"bad.py:net', line 2: SyntaxError"):
        build(f"{bad}:net", IMAGE, 10, {})
    bad.write_text("import numpyy\n")
    with pytest.raises(UserError, match=r"bad.py:net', line 1: ModuleNotFoundError: No module named 'numpyy'"):
        build(f"{bad}:net", IMAGE, 10, {})


def test_every_element_wise_operation_is_an_activation() -> None:
    assert activations().keys() >= {
        "relu",
        "leaky_relu",
        "relu6",
        "elu",
        "gelu",
        "silu",
        "softplus",
        "hardtanh",
        "tanh",
        "selu",
        "celu",
        "mish",
        "softsign",
        "hardsigmoid",
        "hardswish",
        "thresholded_relu",
        "prelu",
    }
    assert not activations().keys() & {"softmax", "log_softmax", "dropout"}
    assert require_activation("leaky_relu") == LeakyReLU()
