"""Which estimator errs least for a pair of policies, as far as their log can tell."""

from holdfast.evaluation.off_policy.selection.advise import Advice, advise
from holdfast.evaluation.off_policy.selection.pseudo_policies import PseudoPolicies, pseudo_policies

__all__ = ["Advice", "PseudoPolicies", "advise", "pseudo_policies"]
