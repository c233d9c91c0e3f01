"""A ranker and its fusion as one ONNX graph.

B rows, F categorical inputs, D numeric inputs, L values of a list input.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import math
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from holdfast.core.batch import Inputs
from holdfast.core.features import InputSchema
from holdfast.core.protocols import Fusion

if TYPE_CHECKING:
    from holdfast.models.ranker import Ranker

OPSET = 18
SCORE = "score"
LARGEST_SINGLE_FILE = 1_800_000_000
"""Bytes of weights above which they go into a file of their own: a protobuf message ends at 2 GiB."""
_EXAMPLE_ROWS = 3  # An example of one row would fix the batch axis at 1.


@dataclass(frozen=True)
class ExportedGraph:
    """What was written, and how it is called.

    Attributes:
        inputs: names of the graph's inputs, in order.
        outputs: names of the graph's outputs, in order; ``score`` is the last.
        files: the model's file, and the file of its weights where they did not fit into the first.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    files: tuple[Path, ...]


class ScoringGraph(nn.Module):
    """Ranker and fusion as a function of tensors, in the order of ``input_names``."""

    def __init__(self, model: Ranker, fusion: Fusion, schema: InputSchema) -> None:
        super().__init__()
        self.model = model
        self.fusion = fusion
        self.schema = schema

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """All outputs of the heads, then the fused score."""
        outputs, score = self.named(tensors)
        return (*outputs.values(), score)

    def named(self, tensors: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], Tensor]:
        """The heads' outputs by name, and the fused score ``[B]``."""
        given = dict(zip(input_names(self.schema), tensors, strict=True))
        content_seconds = given["content_seconds"]
        # A kind of input that the schema lacks is no input of the graph, but a tensor of no columns here.
        no_ids = content_seconds.new_zeros((content_seconds.shape[0], 0), dtype=torch.int32)
        no_numbers = content_seconds.new_zeros((content_seconds.shape[0], 0))
        inputs = Inputs(
            given.get("categorical", no_ids),
            given.get("numeric", no_numbers),
            tuple(given[f"list_{field.name}"] for field in self.schema.lists),
            content_seconds,
        )
        predicted = self.model.predict(inputs)
        return predicted, self.fusion.fuse(self.model.scores_of(predicted), inputs)


def input_names(schema: InputSchema) -> tuple[str, ...]:
    """Inputs of the graph: ``categorical``, ``numeric``, one ``list_<name>`` each, ``content_seconds``.

    A kind of input of which the schema has no column is left out.
    """
    names = ["categorical"] if schema.categorical else []
    names += ["numeric"] if schema.numeric else []
    return (*names, *(f"list_{field.name}" for field in schema.lists), "content_seconds")


def export_onnx(
    model: Ranker,
    fusion: Fusion,
    schema: InputSchema,
    path: Path,
    *,
    largest_single_file: int = LARGEST_SINGLE_FILE,
) -> ExportedGraph:
    """Write ranker and fusion as an ONNX file that takes any number of rows.

    Ids are int32 and numbers float32, as the encoder makes them. ``content_seconds`` is ``inf`` where nothing
    caps dwell: ONNX knows it, and the graph must give what the model gives. The model is left as it is: a
    copy is exported, on the CPU and in evaluation mode.

    Args:
        model: the trained ranker.
        fusion: makes ``score`` of the heads' scores.
        schema: the inputs that the model was built for.
        path: where to write; weights that do not fit into one file go to ``<path>.data``, beside it.
        largest_single_file: bytes of weights from which on they get their own file.

    Raises:
        ValueError: two outputs have one name, or an output has the name of an input.
        RuntimeError: the model, or the fusion, does something that ONNX cannot express.
    """
    graph = ScoringGraph(copy.deepcopy(model), copy.deepcopy(fusion), schema).cpu().eval()
    example = _example(schema)
    with torch.no_grad():
        names = tuple(graph.named(example)[0])
    _refuse_ambiguous(names, input_names(schema))
    outputs = (*names, SCORE)
    weights = sum(each.numel() * each.element_size() for each in graph.state_dict().values())
    program = _traced(graph, example, inputs=input_names(schema), outputs=outputs)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.part-") as folder:
        # The file name stands in the graph where weights lie outside, so it must not be a temporary one.
        with _quiet():
            program.save(str(Path(folder, path.name)), external_data=weights > largest_single_file)
        parts = sorted(Path(folder).iterdir(), key=lambda part: part.name, reverse=True)
        files = tuple(part.replace(path.with_name(part.name)) for part in parts)
    return ExportedGraph(input_names(schema), outputs, files[::-1])


def _example(schema: InputSchema) -> tuple[Tensor, ...]:
    rows = _EXAMPLE_ROWS
    tensors = {
        "categorical": torch.zeros((rows, len(schema.categorical)), dtype=torch.int32),
        "numeric": torch.zeros((rows, len(schema.numeric))),
        "content_seconds": torch.tensor([1.0, 60.0, math.inf]),
    }
    for field in schema.lists:
        tensors[f"list_{field.name}"] = torch.zeros((rows, field.max_length), dtype=torch.int32)
    return tuple(tensors[name] for name in input_names(schema))


def _refuse_ambiguous(outputs: tuple[str, ...], inputs: tuple[str, ...]) -> None:
    taken = sorted(set(outputs) & {*inputs, SCORE})
    if taken:
        raise ValueError(f"heads name outputs {taken}, which are names of the graph's own; rename them")


def _traced(
    graph: ScoringGraph, example: tuple[Tensor, ...], *, inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> Any:
    # Brings the exporter's language along, which takes its time and only an export needs.
    from holdfast.serving.exact_operations import exact_operations

    batch = torch.export.Dim("batch")
    try:
        with _quiet(), torch.no_grad():
            return torch.onnx.export(
                graph,
                example,
                dynamo=True,
                dynamic_shapes=(tuple({0: batch} for _ in example),),
                input_names=list(inputs),
                output_names=list(outputs),
                opset_version=OPSET,
                custom_translation_table=exact_operations(),
                verbose=False,
            )
    except Exception as error:
        raise RuntimeError(
            "the model could not be exported to ONNX; heads' predict and fusions may use only operations "
            f"that ONNX can express, without branching on values: {error}"
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks about its own internals off the user's screen; errors still come."""
    loggers = [logging.getLogger(name) for name in ("torch", "torch.onnx", "onnxscript", "onnx_ir")]
    loggers += [
        logging.getLogger(name)
        for name in list(logging.root.manager.loggerDict)
        if name.startswith(("torch.", "onnxscript.", "onnx_ir."))
    ]
    before = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)
