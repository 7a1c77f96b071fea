"""What the convolutional networks are made of: operations, shapes, and the names and numbers of parameters."""

import pytest

from backproof.graph import Graph, Shape
from backproof.models import build
from backproof.ops import Add, AvgPool2d, Flatten

IMAGENET = Shape("N", 3, 224, 224)


def operations(graph: Graph) -> list[str]:
    return [type(node.op).__name__ for node in graph.nodes]


def torchvision_names(blocks: tuple[int, ...], bottleneck: bool) -> dict[str, tuple[int, ...]]:
    """Names and shapes in a state dict of torchvision's ResNet for 1000 classes, `num_batches_tracked` left out.

    Written down from the rule by which `torchvision/models/resnet.py` (0.20) builds them, independent of our builder:
    a block's own layers in order, then `downsample`, a Sequential of 1x1 convolution and batch norm.
    """
    table: dict[str, tuple[int, ...]] = {}

    def conv(name: str, out: int, inside: int, kernel: int) -> None:
        table[f"{name}.weight"] = (out, inside, kernel, kernel)

    def bn(name: str, channels: int) -> None:
        table.update({f"{name}.{key}": (channels,) for key in ("weight", "bias", "running_mean", "running_var")})

    conv("conv1", 64, 3, 7)
    bn("bn1", 64)
    inplanes, expansion = 64, 4 if bottleneck else 1
    for layer, (planes, count) in enumerate(zip((64, 128, 256, 512), blocks, strict=True), 1):
        for block in range(count):
            prefix = f"layer{layer}.{block}"
            if bottleneck:
                sizes = [(planes, inplanes, 1), (planes, planes, 3), (planes * 4, planes, 1)]
            else:
                sizes = [(planes, inplanes, 3), (planes, planes, 3)]
            for i, size in enumerate(sizes, 1):
                conv(f"{prefix}.conv{i}", *size)
                bn(f"{prefix}.bn{i}", size[0])
            if block == 0 and (layer > 1 or inplanes != planes * expansion):
                conv(f"{prefix}.downsample.0", planes * expansion, inplanes, 1)
                bn(f"{prefix}.downsample.1", planes * expansion)
            inplanes = planes * expansion
    return table | {"fc.weight": (1000, inplanes), "fc.bias": (1000,)}


@pytest.mark.parametrize(
    ("name", "blocks", "bottleneck", "parameters", "nodes"),
    [
        ("resnet18", (2, 2, 2, 2), False, 11_689_512, 69),
        ("resnet34", (3, 4, 6, 3), False, 21_797_672, 125),
        ("resnet50", (3, 4, 6, 3), True, 25_557_032, 175),
        ("resnet101", (3, 4, 23, 3), True, 44_549_160, 345),
        ("resnet152", (3, 8, 36, 3), True, 60_192_808, 515),
    ],
)
def test_resnets_are_torchvisions(
    name: str, blocks: tuple[int, ...], bottleneck: bool, parameters: int, nodes: int
) -> None:
    """The numbers of parameters are those on torchvision's pages about the models."""
    graph = build(name, IMAGENET, 1000, {})
    assert graph.parameter_count == parameters
    assert len(graph.nodes) == nodes
    shapes = {path: spec.shape for path, spec in graph.parameters.items()}
    assert shapes == torchvision_names(blocks, bottleneck)
    assert list(shapes) == list(torchvision_names(blocks, bottleneck))


def test_resnet_halves_the_image_in_each_stage() -> None:
    shapes = build("resnet50", IMAGENET, 1000, {}).shapes
    found = [shapes[name] for name in ("conv1", "maxpool", "layer1.2.relu3", "layer2.3.relu3", "layer4.2.relu3")]
    sizes = [(64, 112), (64, 56), (256, 56), (512, 28), (2048, 7)]
    assert found == [Shape("N", channels, size, size) for channels, size in sizes]
    assert shapes["avgpool"] == Shape("N", 2048, 1, 1)


def test_stride_of_the_paper_and_of_torchvision() -> None:
    for option, strides in (("conv2", (1, 2)), ("conv1", (2, 1))):
        graph = build("resnet50", IMAGENET, 10, {"stride_on": option})
        ops = [graph.node[f"layer3.0.conv{i}"].op.attributes() for i in (1, 2)]
        assert tuple(op["stride"] for op in ops) == tuple([s, s] for s in strides)
        assert graph.node["layer3.0.downsample.0"].op.attributes()["stride"] == [2, 2]
        assert graph.node["layer3.1.conv2"].op.attributes()["stride"] == [1, 1]


def test_small_stem_keeps_the_image() -> None:
    graph = build("resnet18", Shape("N", 1, 28, 28), 10, {"stem": "small"})
    assert "maxpool" not in graph.node
    assert graph.parameters["conv1.weight"].shape == (64, 1, 3, 3)
    assert graph.shapes["layer1.1.relu2"] == Shape("N", 64, 28, 28)
    assert graph.shapes["layer4.1.relu2"] == Shape("N", 512, 4, 4)


def test_a_block_ends_in_add_and_relu() -> None:
    graph = build("resnet18", IMAGENET, 10, {})
    assert graph.node["layer1.0.add"].inputs == ("layer1.0.bn2", "maxpool")
    assert graph.node["layer1.0.relu2"].inputs == ("layer1.0.add",)
    assert graph.node["layer2.0.add"].inputs == ("layer2.0.bn2", "layer2.0.downsample.1")
    assert sum(isinstance(node.op, Add) for node in graph.nodes) == 8


def test_resnet_takes_an_image_of_one_pixel() -> None:
    assert build("resnet18", Shape("N", 1, 1, 1), 2, {}).shapes["layer4.1.relu2"] == Shape("N", 512, 1, 1)


def test_blocks_and_width_are_free() -> None:
    graph = build("resnet", Shape("N", 3, 9, 11), 5, {"blocks": (1, 2), "width": 8, "stem": "small"})
    assert graph.shapes["layer2.1.relu3"] == Shape("N", 64, 5, 6)
    assert "layer1.0.downsample.0" in graph.node
    basic = build("resnet", Shape("N", 3, 9, 11), 5, {"blocks": (1, 2), "width": 8, "bottleneck": False})
    assert "layer1.0.downsample.0" not in basic.node


def test_lenet5_on_mnist() -> None:
    graph = build("lenet5", Shape("N", 1, 28, 28), 10, {})
    assert graph.parameter_count == 61_706
    assert graph.shapes["flatten"] == Shape("N", 400)
    weights = {name: spec.shape for name, spec in graph.parameters.items() if name.endswith("weight")}
    assert weights == {
        "conv1.weight": (6, 1, 5, 5),
        "conv2.weight": (16, 6, 5, 5),
        "fc1.weight": (120, 400),
        "fc2.weight": (84, 120),
        "fc3.weight": (10, 84),
    }


def test_lenet5_nearer_to_the_paper() -> None:
    graph = build("lenet5", Shape("N", 3, 12, 31), 10, {"activation": "tanh", "pooling": "avg"})
    assert operations(graph).count("Tanh") == 4
    assert graph.node["pool1"].op == graph.node["pool2"].op == AvgPool2d(2)
    assert graph.shapes["pool2"] == Shape("N", 16, 1, 5)


def test_cnn_is_three_layers() -> None:
    graph = build("cnn", Shape("N", 1, 28, 28), 10, {"channels": 4, "kernel_size": 5, "stride": 2, "padding": 0})
    assert operations(graph) == ["Conv2d", "ReLU", "Flatten", "Linear"]
    assert graph.shapes["conv1"] == Shape("N", 4, 12, 12)
    assert list(graph.parameters) == ["conv1.weight", "conv1.bias", "fc1.weight", "fc1.bias"]


@pytest.mark.parametrize("up", ["transpose", "resize"])
@pytest.mark.parametrize(("height", "width"), [(16, 24), (17, 23), (8, 15)])
def test_unet_gives_every_pixel_a_score(up: str, height: int, width: int) -> None:
    graph = build("unet", Shape("N", 1, height, width), 4, {"up": up, "width": 4})
    assert graph.shapes["head"] == Shape("N", 4, height, width)
    assert graph.shapes["bottom.conv2"] == Shape("N", 32, height // 8, width // 8)
    for level in (1, 2, 3):
        assert graph.node[f"up{level}.concat"].inputs == (f"down{level}.relu2", f"up{level}.up")
    assert not any(isinstance(node.op, Flatten) for node in graph.nodes)


def test_unet_without_batch_norm_has_biases() -> None:
    plain = build("unet", Shape("N", 1, 16, 16), 2, {"batch_norm": False, "activation": "silu", "depth": 1})
    assert "BatchNorm" not in operations(plain)
    assert operations(plain).count("SiLU") == 6
    assert plain.parameters["down1.conv1.bias"].shape == (16,)
