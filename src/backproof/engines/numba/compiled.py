"""How this engine's loops are compiled.

Sums may be reordered, products and sums contracted, divisions by a loop's constant made multiplications, the sign of a
zero lost: that is what vector instructions need. NaN and infinity keep their meaning, since the anomaly checks look for
them, so the whole of LLVM's "fast" is not asked for. One thread: what these loops wait for is memory.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., None])

OPTIONS: dict[str, Any] = {"fastmath": {"reassoc", "contract", "arcp", "nsz"}, "error_model": "numpy"}


def compiled(function: AnyFunction) -> AnyFunction:
    """Decorator: compile at the first call with arrays of a dtype, and keep the code on disk for later processes.

    The code lies beside the source, or in the user's cache, or in the folder NUMBA_CACHE_DIR. Where none of them can
    be written to, every process compiles anew.
    """
    try:
        return cast(AnyFunction, numba.njit(function, cache=True, **OPTIONS))
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        return cast(AnyFunction, numba.njit(function, **OPTIONS))


def is_kept(function: Callable[..., None]) -> bool:
    """Whether the code of a compiled function is kept on disk."""
    return cast(Any, function).stats.cache_path is not None
