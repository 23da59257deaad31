"""What is wrong with a search space is found, and said."""

from collections.abc import Mapping

import pytest
import torch
from torch import nn

from automtl_core.choices import Architecture
from automtl_core.settings.settings import Settings
from automtl_core.space import SearchSpace
from automtl_testing import check_space, plain_schema


class Net(nn.Module):
    def __init__(self, gate, shared):
        super().__init__()
        self.gate, self.shared = gate, shared

    def forward(self, features):
        x = features.ids.to(features.dense.dtype)[:, list(self.gate.kept)] / 30
        sums = self.gate(x, dim=1).sum(1, keepdim=True)
        return self.shared(sums)


class Space(SearchSpace):
    """One gate over the fields."""

    net = Net
    outputs = 2

    def build(self, choose):
        fields = [field.name for field in self.schema.sparse]
        return self.net(choose.any_of("fields", fields), nn.Linear(1, self.outputs))


class OneOutput(Space):
    outputs = 1


class NoGradient(Space):
    class net(Net):  # noqa: N801 - stands for a class
        def forward(self, features):
            self.gate(features.ids[:, list(self.gate.kept)].double(), dim=1)
            return self.shared(features.dense[:, :1])


class OtherFunction(Space):
    class net(Net):  # noqa: N801
        def forward(self, features):
            return super().forward(features) * (2 if hasattr(self.gate, "relaxation") else 1)


class AlwaysRandom(Space):
    class net(Net):  # noqa: N801
        def forward(self, features):
            return nn.functional.dropout(super().forward(features), 0.5, True)


class OnlyInMemory(Space):
    class net(Net):  # noqa: N801
        def __init__(self, gate, shared):
            super().__init__(gate, shared)
            self.scale = torch.rand(())

        def forward(self, features):
            return super().forward(features) * self.scale


class Landmarks(Space):
    points: Mapping[str, tuple[str, ...]] = {"all": ("user", "item", "tab"), "user": ("user",)}

    def landmarks(self):
        return {name: Architecture({"fields": fields}) for name, fields in self.points.items()}


class NoAnswer(Landmarks):
    points: Mapping[str, tuple[str, ...]] = {"all": ("user", "number")}


class Equal(Landmarks):
    points: Mapping[str, tuple[str, ...]] = {"user": ("user",), "one": ("user",)}


class Infinite(Landmarks):
    class net(Net):  # noqa: N801
        def forward(self, features):
            return super().forward(features) / (len(self.gate.kept) != 1)


def made(space):
    return space(plain_schema(), Settings(), {}.__getitem__)


def test_a_good_space_passes():
    check_space(made(Space))
    check_space(made(Landmarks))


@pytest.mark.parametrize(
    ("space", "promise"),
    [
        (OneOutput, r"expected \(16, 2\)"),
        (NoGradient, "no gradient reaches the logits of fields"),
        (OtherFunction, "must equal the fixed supernet"),
        (AlwaysRandom, "evaluation must be deterministic"),
        (OnlyInMemory, "must equal the fixed supernet|weights must load"),
        (NoAnswer, "the landmark all must decide all of"),
        (Equal, "landmarks must differ: one, user"),
        (Infinite, "the landmark user must give finite logits"),
    ],
)
def test_a_broken_promise_is_named(space, promise):
    with pytest.raises(AssertionError, match=promise):
        check_space(made(space), architectures=2)
