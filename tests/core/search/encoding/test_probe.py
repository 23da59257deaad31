import pytest
import torch

from automtl_core.dataset.encodings import plain
from automtl_core.dataset.schema import DenseField, Schema, SparseField, Task
from automtl_core.search.encoding.probe import Small

SCHEMA = Schema((SparseField("a", 3), SparseField("b", 4)), (DenseField("x"),), (Task("t"), Task("u")))


@pytest.mark.parametrize("wide", [False, True])
def test_a_logit_a_task_from_fields_as_they_are_encoded(wide) -> None:
    net = Small(SCHEMA.encoded(plain().answered(statistics="folds", numbers="bins", wide=wide)))
    ids, dense = torch.tensor([[1, 2], [0, 0]]), torch.tensor([[0.5], [float("nan")]])
    logits = net(ids, dense)
    assert logits.shape == (2, 2)
    assert logits.isfinite().all()


def test_the_wide_term_is_linear_and_nothing_at_first() -> None:
    torch.manual_seed(0)
    net = Small(SCHEMA.encoded(plain().answered(wide=True))).eval()
    ids, dense = torch.tensor([[1, 2], [0, 0]]), torch.tensor([[0.5], [0.0]])
    before = net(ids, dense)
    net.wide.weight.data.fill_(1.0)
    x = net.inputs(ids, dense).flat()
    torch.testing.assert_close(net(ids, dense), before + x.sum(1, keepdim=True))
