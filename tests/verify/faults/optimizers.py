"""Optimizers gone wrong, for one scalar weight as in the reference engine."""

from dataclasses import dataclass, replace
from math import sqrt

from backproof.engines.reference import optimizers as right
from backproof.engines.reference.trainer import ReferenceTrainer
from backproof.optim import SGD, AdaBound, Adagrad, Adam, AdamW, AMSBound, Momentum, Nesterov, RMSprop
from backproof.optim.schedules import Schedule
from faults.fault import wrong_trainer, wrong_update


@wrong_update(SGD, at="weight")
def uphill(o, w, g, lr, t):
    """The step is taken along the gradient, not against it."""
    return (w + lr * g,)


@wrong_update(Momentum, at="weight, state v")
def dampened(o, w, g, lr, t, v):
    """The gradient enters the velocity with the factor 1 - μ, as in an average."""
    v = o.momentum * v + (1 - o.momentum) * g
    return w - lr * v, v


@wrong_update(Momentum, at="weight, state v")
def wrong_direction(o, w, g, lr, t, v):
    """The velocity is taken off where it should be added: it brakes."""
    v = g - o.momentum * v
    return w - lr * v, v


@wrong_update(Nesterov, at="weight")
def no_look_ahead(o, w, g, lr, t, v):
    """Plain momentum."""
    v = o.momentum * v + g
    return w - lr * v, v


@wrong_update(Momentum, at="state v")
def velocity_never_kept(o, w, g, lr, t, v):
    """The new velocity moves the weight and is forgotten."""
    w, _ = right.momentum(o, w, g, lr, t, v)
    return w, v


@wrong_update(Adam, AdamW, at="weight, state m, state v")
def betas_exchanged(o, w, g, lr, t, m, v):
    """β₂ averages the gradients, and β₁ their squares."""
    return right.adam(replace(o, beta1=o.beta2, beta2=o.beta1), w, g, lr, t, m, v)


def moments(o, g, m, v):
    """m and v of the next step, rightly."""
    return o.beta1 * m + (1 - o.beta1) * g, o.beta2 * v + (1 - o.beta2) * g**2


@wrong_update(Adam, AdamW, at="weight")
def no_bias_correction(o, w, g, lr, t, m, v):
    """m and v are used as they are, which is too small at first."""
    m, v = moments(o, g, m, v)
    return w - lr * m / (sqrt(v) + o.epsilon), m, v


@wrong_update(Adam, AdamW, at="weight")
def bias_correction_a_step_late(o, w, g, lr, t, m, v):
    """t counts one step too many."""
    return right.adam(o, w, g, lr, t + 1, m, v)


@wrong_update(Adam, AdamW, at="weight")
def epsilon_inside_the_root(o, w, g, lr, t, m, v):
    """ε is added to v, not to its root."""
    m, v = moments(o, g, m, v)
    return w - lr * m / (1 - o.beta1**t) / sqrt(v / (1 - o.beta2**t) + o.epsilon), m, v


@wrong_update(Adam, AdamW, at="weight")
def epsilon_before_the_correction(o, w, g, lr, t, m, v):
    """ε is added to √v before the bias correction, as in the paper's shortcut."""
    m, v = moments(o, g, m, v)
    return w - lr * sqrt(1 - o.beta2**t) / (1 - o.beta1**t) * m / (sqrt(v) + o.epsilon), m, v


@wrong_update(RMSprop, at="weight")
def rmsprop_epsilon_inside_the_root(o, w, g, lr, t, v):
    """ε is added to v, not to its root."""
    v = o.alpha * v + (1 - o.alpha) * g**2
    return w - lr * g / sqrt(v + o.epsilon), v


@wrong_update(Adagrad, at="weight")
def adagrad_epsilon_inside_the_root(o, w, g, lr, t, s):
    """ε is added to the sum, not to its root."""
    s = s + g**2
    return w - lr * g / sqrt(s + o.epsilon), s


@wrong_update(Adagrad, at="weight, state s")
def sum_forgotten(o, w, g, lr, t, s):
    """The last square stands for the sum of all."""
    return w - lr * g / (sqrt(g**2) + o.epsilon), g**2


@wrong_update(AdaBound, at="weight")
def bounds_exchanged(o, w, g, lr, t, m, v):
    """The rate is held below the lower bound and above the upper one."""
    m, v = moments(o, g, m, v)
    final = o.final_lr * lr / o.lr if o.lr else 0.0
    lower, upper = final * (1 - 1 / (o.gamma * t + 1)), final * (1 + 1 / (o.gamma * t))
    rate = lr * sqrt(1 - o.beta2**t) / (1 - o.beta1**t) / (sqrt(v) + o.epsilon)
    return w - max(min(rate, lower), upper) * m, m, v


@wrong_update(AdaBound, AMSBound, at="weight")
def schedule_forgotten_in_the_bounds(o, w, g, lr, t, m, v, *rest):
    """The final rate does not follow the schedule."""
    return right.UPDATES[type(o)](replace(o, lr=lr), w, g, lr, t, m, v, *rest)


@wrong_update(AMSBound, at="weight, state v_max")
def largest_forgotten(o, w, g, lr, t, m, v, v_max):
    """The last v stands for the largest so far: AdaBound."""
    w, m, v = right.adabound(o, w, g, lr, t, m, v)
    return w, m, v, v


@wrong_trainer(Momentum, at="state v")
@wrong_trainer(RMSprop, at="weight, state v")
@wrong_trainer(Adam, AdamW, at="weight, state m, state v")
class DecayConfused(ReferenceTrainer):
    """Coupled decay is computed for decoupled, and the reverse; for plain SGD the two are one."""

    def train_step(self, inputs, optimizer, mode, watch=None):
        other = "coupled" if optimizer.decay == "decoupled" else "decoupled"
        return super().train_step(inputs, replace(optimizer, decay=other), mode, watch)


@wrong_trainer(SGD, at="weight")
@wrong_trainer(AdamW, at="weight, state m, state v")
class BiasesDecayed(ReferenceTrainer):
    """Weight decay is applied to biases too."""

    def train_step(self, inputs, optimizer, mode, watch=None):
        return super().train_step(inputs, replace(optimizer, decay_all=True), mode, watch)


@wrong_trainer(SGD, at="weight")
@wrong_trainer(Adam, AdaBound, at="weight")
class RateOfTheNextStep(ReferenceTrainer):
    """The schedule is asked for the rate of the step that comes next."""

    def train_step(self, inputs, optimizer, mode, watch=None):
        late = _Late(schedule=optimizer.schedule)
        return super().train_step(inputs, replace(optimizer, schedule=late), mode, watch)


@dataclass(frozen=True)
class _Late(Schedule):
    """A schedule one step ahead."""

    schedule: Schedule

    def factor(self, step):
        return self.schedule.factor(step + 1)
