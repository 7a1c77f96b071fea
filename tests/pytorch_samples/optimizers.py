"""PyTorch's optimizers in our words: each takes what PyTorch's takes, and gives ours that is the same."""

from backproof.optim import SGD, Adagrad, Adam, AdamW, AMSGrad, CenteredRMSprop, Momentum, Nesterov, RMSprop
from pytorch_samples.translation import UnsupportedError


def common(options):
    """The options that all take; those that choose among implementations change no number. All weights decay."""
    if options.pop("maximize", False):
        raise UnsupportedError("maximize")
    options.pop("foreach", None)
    return {"decay_all": True, **options}


def sgd(momentum=0.0, dampening=0.0, nesterov=False, **options):
    ours = {"lr": 1e-3, **common(options)}
    if nesterov:
        if dampening:
            raise UnsupportedError("dampening of Nesterov's momentum")
        return Nesterov(momentum=momentum, **ours)
    return Momentum(momentum=momentum, dampening=dampening, **ours) if momentum else SGD(**ours)


def adam(cls, betas=(0.9, 0.999), eps=1e-8, amsgrad=False, **options):
    ours = {"beta1": betas[0], "beta2": betas[1], "epsilon": eps, **common(options)}
    if amsgrad:
        usual = cls()
        return AMSGrad(**{"decay": usual.decay, "weight_decay": usual.weight_decay} | ours)
    return cls(**ours)


def rmsprop(alpha=0.99, eps=1e-8, momentum=0.0, centered=False, **options):
    ours = {"lr": 1e-2, "alpha": alpha, "epsilon": eps, **common(options)}
    return CenteredRMSprop(momentum=momentum, **ours) if centered or momentum else RMSprop(**ours)


def adagrad(lr_decay=0.0, initial_accumulator_value=0.0, eps=1e-10, **options):
    return Adagrad(lr_decay=lr_decay, initial_sum=initial_accumulator_value, epsilon=eps, **common(options))


OPTIMIZERS = {
    "SGD": sgd,
    "Adam": lambda **options: adam(Adam, **options),
    "AdamW": lambda **options: adam(AdamW, **options),
    "RMSprop": rmsprop,
    "Adagrad": adagrad,
}
"""Every optimizer of optim_db that is one of ours."""
