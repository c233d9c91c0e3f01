"""The contenders: one word of the configuration differs from the base, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.core.shipped import shipped_folder

BASE_MIXTURE = "shared_bottom"
BASE_WORD = f"model/mixture={BASE_MIXTURE}"
REFERENCE = "single_task, own embeddings"
BASE = BASE_MIXTURE
FAMILIES = {
    "mixture": "model/mixture",
    "interaction": "model/interaction",
    "sequence": "model/sequence",
    "balance": "objective/balance",
}
DEFAULTS = {"interaction": "none", "sequence": "mean_pooling", "balance": "static"}
"""What the base has in the other families: no contender of its own, because it is the base."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One contender.

    Attributes:
        name: of the option that differs.
        family: mixture, interaction, sequence or balance.
        words: what to type after ``holdfast run`` to have it.
    """

    name: str
    family: str
    words: tuple[str, ...]

    @property
    def folder(self) -> str:
        """A name for files."""
        return f"{self.family}_{self.name.replace(', ', '_').replace(' ', '_')}"


def variants() -> dict[str, Variant]:
    """Every option of every family by name, the reference and the base first."""
    found = {
        REFERENCE: Variant(
            name=REFERENCE,
            family="mixture",
            words=("model/mixture=single_task", "model.mixture.own_embeddings=true"),
        ),
        BASE: Variant(name=BASE, family="mixture", words=(BASE_WORD,)),
    }
    for family, group in FAMILIES.items():
        for path in sorted((shipped_folder("configs") / group).glob("*.yaml")):
            if path.stem in found or path.stem == DEFAULTS.get(family):
                continue
            word = f"{group}={path.stem}"
            words = (word,) if family == "mixture" else (BASE_WORD, word)
            found[path.stem] = Variant(name=path.stem, family=family, words=words)
    return found


def chosen(names: tuple[str, ...]) -> dict[str, Variant]:
    """The contenders of these names with the reference and the base; all where there are no names.

    Raises:
        ValueError: a name is not known.
    """
    known = variants()
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"--only names {unknown}; choose from {list(known)}")
    wanted = {*(names or known), REFERENCE, BASE}
    return {name: each for name, each in known.items() if name in wanted}
