"""Scores raw rows with a bundle: the encoder and onnxruntime, without PyTorch.

B rows, H steps of an output that has more than one number a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import onnxruntime
import pandas as pd
from numpy.typing import NDArray

from holdfast.core.errors import UserError
from holdfast.core.features import InputSchema
from holdfast.data.encoder import load_encoder
from holdfast.serving.bundle import Bundle
from holdfast.serving.signature import input_columns

if TYPE_CHECKING:
    from holdfast.data.encoder import EncodedInputs

Array = NDArray[Any]
_NUMPY_TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(bool)": np.bool_}


Device = Literal["cpu", "cuda", "auto"]
"""Where a graph runs: ``auto`` is a GPU if onnxruntime was built for one, and else the CPU."""


def open_session(path: Path, *, num_threads: int = 1, device: Device = "cpu") -> onnxruntime.InferenceSession:
    """Open an ONNX graph.

    Args:
        path: the graph; weights that lie in a file of their own are found beside it.
        num_threads: threads that one call may use; one is best where many calls run at a time.
        device: where it runs; what a GPU cannot do runs on the CPU.

    Raises:
        ValueError: ``num_threads`` is below 1, or there is no such device.
    """
    if num_threads < 1:
        raise ValueError(f"num_threads is {num_threads}; it must be at least 1")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin while they wait take the cores from whatever else the process does.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=_providers(device))


def _providers(device: Device) -> list[str]:
    if device not in get_args(Device):
        raise ValueError(f"device is {device!r}; choose one of {', '.join(get_args(Device))}")
    gpu = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if device == "cuda" and not gpu:
        raise ValueError(
            "device is 'cuda', and this onnxruntime is without it; install onnxruntime-gpu, or take cpu"
        )
    return (["CUDAExecutionProvider"] if gpu and device != "cpu" else []) + ["CPUExecutionProvider"]


class Scorer:
    """Scores raw rows; safe to share between threads."""

    def __init__(self, bundle: Bundle, *, num_threads: int = 1, device: Device = "cpu") -> None:
        """Open the bundle's encoder and graph.

        Args:
            bundle: a bundle that was checked by ``load_bundle``.
            num_threads: threads that one call may use, at least 1.
            device: where the graph runs; see ``open_session``.

        Raises:
            ValueError: there is no such device.
            UserError: this version of holdfast encodes rows otherwise than the one that exported the bundle.
        """
        self.bundle = bundle
        self.encoder = load_encoder(bundle.encoder_folder)
        _refuse_other_columns(bundle, self.encoder.schema)
        self._session = open_session(bundle.model_path, num_threads=num_threads, device=device)
        self._inputs = tuple(each.name for each in self._session.get_inputs())

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, ``score`` the last."""
        return tuple(each.name for each in self._session.get_outputs())

    def score(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Every output for every row, with the rows' own index.

        An id that training never saw and a missing value are no errors. An output of H numbers a row becomes
        H columns, ``<name>_1`` to ``<name>_H``. No rows give a frame of the same columns and no rows.

        Args:
            rows: raw rows with the columns that ``signature.json`` lists; other columns are ignored.

        Raises:
            UserError: columns are missing, all of which are named, or one cannot be read at all.
        """
        return outputs_frame(self.score_arrays(rows), index=rows.index)

    def score_arrays(self, rows: pd.DataFrame) -> dict[str, Array]:
        """The outputs as arrays, ``[B]`` or ``[B, H]``; see ``score``."""
        self._refuse_incomplete(rows)
        if len(rows) == 0:
            return self._no_outputs()
        given = graph_inputs(self.encoder.transform(rows), [each.name for each in self.encoder.schema.lists])
        # An input that no output depends on may have been dropped from the graph.
        values = self._session.run(None, {name: given[name] for name in self._inputs})
        return dict(zip(self.outputs, values, strict=True))

    def _no_outputs(self) -> dict[str, Array]:
        return {
            each.name: np.zeros((0, *each.shape[1:]), dtype=_NUMPY_TYPES.get(each.type, np.int64))
            for each in self._session.get_outputs()
        }

    def _refuse_incomplete(self, rows: pd.DataFrame) -> None:
        missing = [each for each in self.bundle.signature["rows"] if each["name"] not in rows]
        if missing:
            names = ", ".join(f"{each['name']} ({each['kind']}, {each['type']})" for each in missing)
            raise UserError(
                f"the rows lack {len(missing)} of the columns that the model was trained on: {names}. "
                "Add them; a value that is not known may be null."
            )


def _refuse_other_columns(bundle: Bundle, schema: InputSchema) -> None:
    """A graph cannot tell that its columns were swapped: the scores would only be wrong."""
    found = input_columns(schema)
    for each in bundle.signature["model"]["inputs"]:
        if each.get("columns", []) != found.get(each["name"], []):
            raise UserError(
                f"holdfast {version('holdfast')} encodes the input {each['name']!r} of the bundle "
                f"{bundle.folder} otherwise than holdfast {bundle.manifest['versions']['holdfast']}, "
                "which exported it; "
                "install that version, or re-export the run with this one"
            )


def graph_inputs(encoded: EncodedInputs, list_names: list[str]) -> dict[str, Array]:
    """Encoded arrays by the name of the graph's input."""
    return {
        "categorical": encoded.categorical,
        "numeric": encoded.numeric,
        "content_seconds": encoded.content_seconds,
        **{f"list_{name}": each for name, each in zip(list_names, encoded.lists, strict=True)},
    }


def outputs_frame(outputs: Mapping[str, Array], *, index: pd.Index | None = None) -> pd.DataFrame:
    """Outputs ``[B]`` as columns of their name, ``[B, H]`` as columns ``<name>_1`` to ``<name>_H``."""
    columns: dict[str, Array] = {}
    for name, values in outputs.items():
        if values.ndim == 1:
            columns[name] = values
        else:
            flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
            columns.update({f"{name}_{step + 1}": flat[:, step] for step in range(flat.shape[1])})
    return pd.DataFrame(columns, index=index)
