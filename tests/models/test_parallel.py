from __future__ import annotations

import torch

from holdfast.models.parallel import ParallelExperts


def test_each_expert_runs_alone_on_one_input_or_on_its_own() -> None:
    torch.manual_seed(0)
    experts, rows = ParallelExperts(3, 6, [5, 4]), torch.randn(7, 6)
    together, apart = experts(rows), experts(torch.stack([rows, rows + 1.0, rows - 1.0]))
    for index, own in enumerate((rows, rows + 1.0, rows - 1.0)):
        for given, output in ((rows, together), (own, apart)):
            hidden = given
            for layer in experts:
                hidden = torch.relu(hidden @ layer.weight[index] + layer.bias[index])
            torch.testing.assert_close(output[index], hidden)


def test_units_are_left_out_in_training_alone() -> None:
    torch.manual_seed(0)
    experts, rows = ParallelExperts(2, 6, [500], dropout=0.5), torch.ones(1, 6)
    kept = experts.eval()(rows)
    trained = experts.train()(rows)
    left_out = (trained == 0) & (kept > 0)
    share = float(left_out.sum()) / float((kept > 0).sum())
    assert 0.4 < share < 0.6
    torch.testing.assert_close(trained[trained > 0], 2.0 * kept[trained > 0])
