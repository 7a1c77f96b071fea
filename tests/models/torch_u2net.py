"""U²-Net as a PyTorch module, written from figure 5 and table 1 of Qin et al. 2020, under the authors' names."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

FULL = {
    "1": (7, 32, 64),
    "2": (6, 32, 128),
    "3": (5, 64, 256),
    "4": (4, 128, 512),
    "5": (0, 256, 512),
    "6": (0, 256, 512),
    "5d": (0, 256, 512),
    "4d": (4, 128, 256),
    "3d": (5, 64, 128),
    "2d": (6, 32, 64),
    "1d": (7, 16, 64),
}
"""Table 1: of each stage the height of its block, 0 for the dilated one, and channels inside and out."""

SMALL = {name: (height, 16, 64) for name, (height, _, _) in FULL.items()}
"""U²-Net-P, written `U²-Net†` in the paper."""


class Convolution(nn.Sequential):
    """3x3, BatchNorm, ReLU."""

    def __init__(self, channels: int, out: int, dilation: int = 1) -> None:
        super().__init__()
        self.add_module("conv_s1", nn.Conv2d(channels, out, 3, padding=dilation, dilation=dilation))
        self.add_module("bn_s1", nn.BatchNorm2d(out))
        self.add_module("relu_s1", nn.ReLU())


class ResidualU(nn.Module):
    """RSU-L; with a height of 0 RSU-4F."""

    def __init__(self, channels: int, height: int, mid: int, out: int) -> None:
        super().__init__()
        self.pools, self.height = height > 0, height or 4
        self.rebnconvin = Convolution(channels, out)
        for level in range(1, self.height + 1):
            dilation = (2 if level == self.height else 1) if self.pools else 2 ** (level - 1)
            self.add_module(f"rebnconv{level}", Convolution(out if level == 1 else mid, mid, dilation))
            if level < self.height:
                up = Convolution(2 * mid, out if level == 1 else mid, 1 if self.pools else dilation)
                self.add_module(f"rebnconv{level}d", up)

    def forward(self, x: Tensor) -> Tensor:
        x = self.rebnconvin(x)
        return x + self.descend(x, 1)

    def descend(self, x: Tensor, level: int) -> Tensor:
        """The U from a level downwards, as large as x."""
        here = getattr(self, f"rebnconv{level}")(x)
        if level == self.height:
            return here
        halves = self.pools and level < self.height - 1
        below = self.descend(pool(here) if halves else here, level + 1)
        return getattr(self, f"rebnconv{level}d")(torch.cat((like(below, here) if halves else below, here), 1))


class U2Net(nn.Module):
    """Stages by name, as in `FULL`. Gives seven maps of logits, the fused one first."""

    def __init__(self, stages: dict[str, tuple[int, int, int]] = FULL, channels: int = 3, classes: int = 1) -> None:
        super().__init__()
        self.depth = sum(not name.endswith("d") for name in stages)
        outs = {name: out for name, (_, _, out) in stages.items()}
        for level in range(1, self.depth + 1):
            taken = channels if level == 1 else outs[str(level - 1)]
            self.add_module(f"stage{level}", ResidualU(taken, *stages[str(level)]))
            top = str(level) if level == self.depth else f"{level}d"
            if level < self.depth:
                below = str(level + 1) if level + 1 == self.depth else f"{level + 1}d"
                self.add_module(f"stage{top}", ResidualU(outs[below] + outs[str(level)], *stages[top]))
            self.add_module(f"side{level}", nn.Conv2d(outs[top], classes, 3, padding=1))
        self.outconv = nn.Conv2d(self.depth * classes, classes, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        passed = []
        for level in range(1, self.depth + 1):
            x = getattr(self, f"stage{level}")(pool(x) if passed else x)
            passed.append(x)
        sides = [getattr(self, f"side{self.depth}")(x)]
        for level in range(self.depth - 1, 0, -1):
            beside = passed[level - 1]
            x = getattr(self, f"stage{level}d")(torch.cat((like(x, beside), beside), 1))
            sides.insert(0, getattr(self, f"side{level}")(x))
        sides = [like(side, sides[0]) for side in sides]
        return self.outconv(torch.cat(sides, 1)), *sides


def pool(x: Tensor) -> Tensor:
    """Half as large, rounded up."""
    return nn.functional.max_pool2d(x, 2, ceil_mode=True)


def like(x: Tensor, other: Tensor) -> Tensor:
    """As large as the other, bilinear."""
    return interpolate(x, size=other.shape[2:], mode="bilinear", align_corners=False)


def drawn(module: nn.Module, seed: int) -> nn.Module:
    """In float64, with random scales, shifts and statistics, because ones and zeros hide faults.

    Shifts are above 0 mostly, so that no narrow layer is dead: of 0 everywhere a gradient shows nothing.
    """
    torch.manual_seed(seed)
    module = module.double()
    for name, value in module.state_dict().items():
        if value.ndim == 1:
            draw = torch.rand(value.shape, dtype=torch.float64)
            value.copy_(draw + 0.5 if name.endswith(("weight", "running_var")) else draw - 0.2)
    return module
