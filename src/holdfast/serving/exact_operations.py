"""Operations that ONNX lacks, or that onnxruntime gets right only in absolute terms, in parts that are exact.

A probability of 1e-6 has to be right in its leading digits: a product takes its logarithm. onnxruntime's
``Sigmoid`` is off by 1e-8, whatever the probability; ``expm1`` and ``log1p`` are exported as the subtraction
from 1 that they exist to avoid, and ``logsigmoid`` as the logarithm of a ``Sigmoid`` that may be 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from onnxscript import opset18 as op


def exact_operations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """How PyTorch's operations are written in ONNX, for ``torch.onnx.export``."""
    aten = torch.ops.aten
    return {
        aten.sigmoid.default: _sigmoid,
        aten.silu.default: _silu,
        aten.log_sigmoid.default: _log_sigmoid,
        aten.expm1.default: _expm1,
        aten.log1p.default: _log1p,
    }


def _constant(value: float, like: Any) -> Any:
    number: Any = op.Constant(value_float=value)
    return op.CastLike(number, like)


def _sigmoid(x: Any) -> Any:
    return op.Reciprocal(op.Add(_constant(1.0, x), op.Exp(op.Neg(x))))


def _silu(x: Any) -> Any:
    return op.Mul(x, _sigmoid(x))


def _log_sigmoid(x: Any) -> Any:
    return op.Neg(op.Softplus(op.Neg(x)))


def _expm1(x: Any) -> Any:
    # (e^x - 1) x / log(e^x): what rounding did to e^x, it does to both.
    one = _constant(1.0, x)
    power = op.Exp(x)
    less = op.Sub(power, one)
    unmoved = op.Equal(less, _constant(0.0, x))
    # Beyond 1 on either side nothing cancels out, and the power may be 0, whose logarithm is no number.
    plain = op.Greater(op.Abs(x), one)
    inside = op.Where(op.Or(unmoved, plain), _constant(2.0, x), power)
    near = op.Div(op.Mul(less, x), op.Log(inside))
    return op.Where(plain, less, op.Where(unmoved, x, near))


def _log1p(x: Any) -> Any:
    # log(1 + x) x / ((1 + x) - 1), likewise.
    one = _constant(1.0, x)
    more = op.Add(one, x)
    added = op.Sub(more, one)
    unmoved = op.Equal(added, _constant(0.0, x))
    plain = op.Greater(op.Abs(x), one)
    inside = op.Where(op.Or(unmoved, plain), one, added)
    near = op.Div(op.Mul(op.Log(more), x), inside)
    return op.Where(plain, op.Log(more), op.Where(unmoved, x, near))
