"""The lines of the hand-written engines and of the optimizers that `backproof check` does not take, each with why.

A place is a function, of which any line may be left out, or one of its lines: "function: text". Of a branch, the line
is the one that branches.
"""

INFORMATION = "says what is installed; `backproof engines` prints it, and nothing is computed with it"
ABSTRACT = "an abstract method: kernels override it"
USERS = "users' kernels and updates: `backproof check FILE` takes them, tests/verify/test_custom_file.py"
SHAPES = "made by fusing, with the shape of the chain's last node: nobody asks for it"

NOT_TAKEN: dict[str, dict[str, str]] = {
    "engines/numba/__init__.py": {"NumbaEngine.info": INFORMATION},
    "engines/numba/compiled.py": {
        "compiled": "where no folder can be written to, every process compiles anew: tests/engines/numba",
        "is_kept": INFORMATION,
    },
    "engines/numpy/__init__.py": {
        "NumpyEngine.compile: raise OptionError(": "a device that is none: tests/engines/test_engines.py",
        "NumpyEngine.info": INFORMATION,
        "_blas": INFORMATION,
    },
    "engines/numpy/fusion.py": {
        "BatchNormReLU.output_shape": SHAPES,
        "LinearReLU.output_shape": SHAPES,
        "fuse: continue": USERS,
    },
    "engines/numpy/kernels/activation.py": {
        "_Activation.compute": ABSTRACT,
        "_Activation.differentiate": ABSTRACT,
    },
    "engines/numpy/kernels/arithmetic.py": {
        "ArithmeticKernel.compute": ABSTRACT,
        "ArithmeticKernel.slope": ABSTRACT,
        "SelectingKernel.loses": ABSTRACT,
    },
    "engines/numpy/kernels/reduce.py": {
        "ReductionKernel.compute": ABSTRACT,
        "ReductionKernel.differentiate": ABSTRACT,
    },
    "engines/numpy/kernels/kernel.py": {
        "UserKernel.__init__": USERS,
        "UserKernel.forward": USERS,
        "UserKernel.backward": USERS,
        "_borrowed": USERS,
    },
    "engines/numpy/kernels/label_loss.py": {"LabelLossKernel.terms": ABSTRACT, "LabelLossKernel.slopes": ABSTRACT},
    "engines/numpy/kernels/loss.py": {
        "ElementWiseLossKernel.terms": ABSTRACT,
        "ElementWiseLossKernel.slopes": ABSTRACT,
    },
    "engines/numpy/kernels/norm.py": {
        "_WithinSample.fold": ABSTRACT,
        "_WithinSample.over": ABSTRACT,
        "_WithinSample.spread": ABSTRACT,
    },
    "engines/numpy/kernels/rearrange.py": {"Rearranging.view": ABSTRACT, "Rearranging.gradient": ABSTRACT},
    "engines/numpy/kernels/shape.py": {"_Rearrange.shape": ABSTRACT},
    "engines/numpy/optimizers.py": {"blockwise": USERS, "blockwise.update": USERS},
    "engines/numpy/products.py": {
        "largest_batch": "asks which BLAS there is; the sizes of a check cut products whatever it is"
    },
    "engines/numpy/trainer.py": {
        "NumpyTrainer.__init__: self._replace(replaced)": USERS,
        "NumpyTrainer._replace": USERS,
    },
    "engines/numpy/tuning.py": {"Tuning.__post_init__": "a size that is none: tests/engines/numpy/test_tuning.py"},
    "optim/optimizer.py": {"require_optimizer": "finds an optimizer by its name"},
    "optim/schedules.py": {"Schedule.from_epochs": "turns options of a run into steps: tests/optim, tests/runs"},
}
