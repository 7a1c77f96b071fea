"""What can be chosen about inference, at the command line and from Python."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backproof.engines.base import DType
from backproof.errors import OptionError
from backproof.option import OptionGroup, option


@dataclass(frozen=True, kw_only=True)
class LoadingOptions(OptionGroup):
    """Which network with which weights. A run has all of it; a file of a network most."""

    weights: str = option("", "Of a registered model: its weights, a .safetensors or .pth file.")
    model_option: tuple[str, ...] = option(
        (), "Of a registered model: an option of its own, as KEY=VALUE; may be given many times."
    )
    input: tuple[int, ...] = option(
        (),
        "The shape of a sample, such as 3,224,224: of a registered model, or where an .onnx file leaves it open.",
        minimum=1,
    )
    classes: int = option(0, "Of a registered model: how many classes there are, if no labels are given.", minimum=0)
    labels: str = option("", "A file with the names of the classes: one a line, or .json.")
    task: Literal["", "classification", "segmentation", "regression"] = option(
        "", "What the output is taken for where nothing says it: classification, segmentation or regression."
    )
    which: Literal["", "last", "best"] = option(
        "", "Of a run: its last or its best weights; if not given the best with keep_best, else the last."
    )
    use_kept: bool = option(False, "Of a run: execute the copies of your own files that it keeps.")


@dataclass(frozen=True, kw_only=True)
class InferOptions(OptionGroup):
    """Who computes, and how."""

    engine: str = option("", "The run's own if not given, else numpy; `backproof engines` lists them.", alias="-e")
    agree: str = option(
        "", "Engines that compute all samples too, such as numpy,torch,onnxruntime; says how far apart they are."
    )
    device: str = option("", "cpu, cuda, cuda:1 or mps, as the engine has them.")
    dtype: DType | None = option(None, "float32 or float64; the run's own if not given, else float32.")
    threads: int = option(
        0, "Threads of the engine's linear algebra; 0 leaves it to the library.", minimum=1, zero="the library's choice"
    )
    batch_size: int = option(0, "Samples a pass.", minimum=1, zero="as many as are well")
    stretch_masks: bool = option(False, "Stretch each mask to 0 to 1, as the authors of U²-Net do.")


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(OptionGroup):
    """Why the network answers so, of the first images; all engines of `agree` compute it, and are compared."""

    explain: str = option(
        "", "Pictures of what matters to an answer: saliency, grad_cam, occlusion, several with commas, or all."
    )
    explain_images: int = option(12, "How many images to explain, the first ones.", minimum=1)
    explain_class: str = option("", "The class to explain, by name; the likeliest of each image if not given.")
    explain_layer: str = option(
        "",
        "The node whose maps Grad-CAM takes; the last convolution, with what follows it pixel by pixel, if not given.",
    )
    explain_patch: int = option(
        0, "Pixels of the side of occlusion's squares.", minimum=1, zero="a sixth of the shorter side"
    )

    def check_together(self) -> None:
        usual = ExplainOptions.__dataclass_fields__
        for name in ("explain_images", "explain_class", "explain_layer", "explain_patch"):
            if not self.explain and getattr(self, name) != usual[name].default:
                raise OptionError(f"{{{name}}} is for {{explain:METHODS}}, which is not given")


@dataclass(frozen=True, kw_only=True)
class AnswerOptions(OptionGroup):
    """What becomes of the answers."""

    output: Path | None = option(
        None, "A folder for the answers: a table, JSON, a page, and of masks pictures.", alias="-o"
    )
    write: str = option(
        "", "What to write there: csv,json,page,masks,cutouts,overlays,sheet, or some of these; all that fit if empty."
    )
    top: int = option(5, "How many classes to name of each image, the likeliest first.", minimum=1)
    show: int = option(10, "How many answers to print.", minimum=0)

    def check_together(self) -> None:
        if self.write and self.output is None:
            raise OptionError("{write} says what goes into a folder; name it with {output:FOLDER}")

    @property
    def what(self) -> tuple[str, ...]:
        """The names in `csv,page`; none of the empty text."""
        return tuple(filter(None, (name.strip() for name in self.write.split(","))))
