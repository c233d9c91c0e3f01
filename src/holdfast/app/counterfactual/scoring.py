"""What models say of everything that could have been shown, and how likely that makes what was.

N rows, Q requests, M candidates of all requests, C candidates of one, K slots, D predictions of a candidate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.app.counterfactual.candidate_rows import CandidateRows
from holdfast.app.counterfactual.requests import Candidates, LoggedRequests
from holdfast.app.simulating.ensemble import SCORE, RowModel
from holdfast.core.arrays import Floats, Ints
from holdfast.core.errors import UserError
from holdfast.simulation.policies.scored import SlotChances

CHUNK_CELLS = 2_000_000
"""Chances of requests, slots and candidates that are held at a time."""


@dataclass(frozen=True)
class Scored:
    """What models said of candidates.

    Attributes:
        score: by policy, ``[M]``.
        predictions: of the run's own model, inputs of the reward model, ``[M, D]``.
    """

    score: dict[str, Floats]
    predictions: Floats


def score_candidates(
    rows: CandidateRows, models: Mapping[str, RowModel], *, own: str, outputs: Mapping[str, str]
) -> Scored:
    """Ask every model about every candidate.

    Args:
        rows: of the candidates.
        models: by policy.
        own: the policy whose model's predictions the reward model may look at.
        outputs: of that model, by objective.

    Raises:
        UserError: a model gave a score that is not a number.
    """
    num_candidates = len(rows.candidates.item)
    score: dict[str, Floats] = {name: np.empty(num_candidates) for name in models}
    parts = []
    for some, chunk in rows.chunks():
        for name, model in models.items():
            said = model.outputs(chunk)
            score[name][some] = np.asarray(said[SCORE], dtype=np.float64)
            if name == own:
                parts.append(_inputs(said, outputs))
    for name, values in score.items():
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise UserError(f"policy {name!r}: {bad} of {len(values)} scores are NaN or infinite")
    return Scored(score, np.concatenate(parts))


def _inputs(said: Mapping[str, Floats], outputs: Mapping[str, str]) -> Floats:
    """The score, what each head says, and clicks times seconds, which is what dwell is worth, ``[M, D]``."""
    of = {name: np.asarray(said[output], dtype=np.float64) for name, output in outputs.items()}
    columns = [np.asarray(said[SCORE], dtype=np.float64), *of.values()]
    if {"click", "dwell"} <= set(of):
        columns.append(of["click"] * of["dwell"])
    return np.nan_to_num(np.stack(columns, axis=1), nan=0.0, posinf=0.0, neginf=0.0)


@dataclass(frozen=True)
class Block:
    """Requests that have the same numbers of candidates and of slots.

    Attributes:
        row: their rows, ``[R]``.
        request: of each row among these, ``[R]``.
        slot: of each row, ``[R]``.
        place: which of its request's candidates each row showed, ``[R]``.
        candidate: all candidates, counted over all requests, ``[Q, C]``.
        num_slots: K.
    """

    row: Ints
    request: Ints
    slot: Ints
    place: Ints
    candidate: Ints
    num_slots: int


def blocks_of(requests: LoggedRequests, candidates: Candidates) -> Iterator[Block]:
    """All requests, alike beside alike, few enough at a time for tables ``[Q, K, C]``."""
    order = np.argsort(requests.request, kind="stable")
    row_ends = np.searchsorted(requests.request[order], np.arange(len(requests) + 1))
    shapes = np.stack([candidates.num_candidates, requests.num_slots], axis=1)
    for num_candidates, num_slots in np.unique(shapes, axis=0).tolist():
        alike = np.flatnonzero((shapes == (num_candidates, num_slots)).all(axis=1))
        step = max(1, CHUNK_CELLS // (num_candidates * num_slots))
        for start in range(0, len(alike), step):
            some = alike[start : start + step]
            sizes = row_ends[some + 1] - row_ends[some]
            within = np.repeat(np.arange(len(some)), sizes)
            offset = np.arange(len(within)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            row = order[row_ends[some][within] + offset]
            begin = candidates.ends[some]
            yield Block(
                row=row,
                request=within,
                slot=requests.slot[row],
                place=candidates.shown[row] - begin[within],
                candidate=begin[:, None] + np.arange(num_candidates),
                num_slots=num_slots,
            )


@dataclass(frozen=True)
class Chances:
    """How a policy would have filled the slots of the log.

    Attributes:
        logged: its chance to show what was shown in the slot, ``[N]``.
        expected: by objective, a prediction averaged over what it would show in the slot, ``[N]``.
    """

    logged: Floats
    expected: dict[str, Floats]


def chances_of(
    blocks: Sequence[Block],
    exploration: SlotChances,
    score: Floats,
    predicted: Mapping[str, Floats],
    *,
    num_rows: int,
) -> Chances:
    """The chances of an exploration around scores.

    Args:
        blocks: all requests.
        exploration: of the policy.
        score: of the candidates, ``[M]``.
        predicted: by objective, what a candidate would bring in in each slot, ``[M, K]``, K the most.
        num_rows: N.
    """
    logged = np.empty(num_rows)
    expected: dict[str, Floats] = {name: np.empty(num_rows) for name in predicted}
    for block in blocks:
        table = exploration.slot_chances(score[block.candidate][None], num_slots=block.num_slots)
        logged[block.row] = table[block.request, block.slot, block.place]
        for name, values in predicted.items():
            mean = np.einsum("qkc,qck->qk", table, values[block.candidate][:, :, : block.num_slots])
            expected[name][block.row] = mean[block.request, block.slot]
    # A marginal that was added up may be above 1 by a rounding error.
    return Chances(np.clip(logged, 0.0, 1.0), expected)
