"""Off-policy evaluation of logs that several policies made."""

from holdfast.evaluation.off_policy.loggers.estimators import BalancedLoggers, NaiveLoggers, WeightedLoggers
from holdfast.evaluation.off_policy.loggers.evaluate import evaluate_several_loggers

__all__ = ["BalancedLoggers", "NaiveLoggers", "WeightedLoggers", "evaluate_several_loggers"]
