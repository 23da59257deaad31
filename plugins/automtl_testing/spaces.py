"""The contract of search spaces."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from automtl_core.choices import Architecture
from automtl_core.errors import ArtifactError, listing
from automtl_core.modules.features import Features
from automtl_core.modules.network import Output, fault_of_outputs, outputs_of
from automtl_core.modules.supernet import Reuse
from automtl_core.space import SearchSpace
from automtl_core.training.batches import take
from automtl_testing.requirements import close
from automtl_testing.samples import sample_architectures, sample_part


def check_space(space: SearchSpace[Any], architectures: int = 6) -> None:
    """Check the supernet, the derived network, that both compute the same function, and the landmarks.

    Args:
        space: Built for any schema; `sample_schema()` is small.
        architectures: Number of derived networks; the first two have all and none of the options.

    Raises:
        AssertionError: a requirement is violated.

    """
    batch = take(sample_part(space.schema, 16, seed=0), np.arange(16), torch.device("cpu"))
    features = batch.features._replace(dense=batch.features.dense.double())
    choices = space.choices()
    assert choices == space.supernet().choices(), "choices() must not depend on the device or on chance"
    assert all(len(choice.options) > 0 for choice in choices.values()), "a choice needs an option"
    _check_gradients(space, features)
    for architecture in sample_architectures(space, architectures):
        again = Architecture.from_json(architecture.to_json())
        assert again == architecture, "architectures must survive JSON"
        _check_derived(space, architecture, features)
        _check_outputs(space, architecture, features)
    _check_landmarks(space, features)
    _check_reuse(space, list(sample_architectures(space, architectures)), features)


def _check_reuse(space: SearchSpace[Any], architectures: Sequence[Architecture], features: Features) -> None:
    """Check that parts which are computed again only for other decisions have the same outputs as ever."""
    supernet, reuse = space.supernet().double().eval(), Reuse()
    for first in architectures[:-1]:
        last = architectures[-1].decisions.items()
        for name, decision in (one for one in last if one[1] != first.decisions[one[0]]):
            decisions = {**first.decisions, name: decision}
            with supernet.holding(decisions):
                with reuse.evaluation(supernet.network, decisions):
                    reused = supernet(features)
                missing = f"reusable_parts must name all choices that its parts depend on, as {name!r}"
                assert torch.equal(reused, supernet(features)), missing


def _check_landmarks(space: SearchSpace[Any], features: Features) -> None:
    choices, points = space.choices(), space.landmarks()
    for name, architecture in points.items():
        try:
            architecture.check(choices)
        except ArtifactError as error:
            raise AssertionError(f"the landmark {name} must decide all of choices(): {error}") from None
        same = [other for other, decided in points.items() if decided == architecture]
        assert same == [name], f"landmarks must differ: {listing(same)}"
        logits = space.network(architecture).double().eval()(features)
        assert logits.isfinite().all(), f"the network of the landmark {name} must give finite logits"


def _check_outputs(space: SearchSpace[Any], architecture: Architecture, features: Features) -> None:
    """Check the outputs of a network beside its logits: names, shapes, and numbers that are missing."""
    network = space.network(architecture).double().eval()
    outputs = outputs_of(network, features)
    assert (fault := fault_of_outputs(outputs, len(features.dense))) is None, fault
    first = space.network(next(iter(sample_architectures(space, 1)))).double().eval()
    same = outputs_of(first, features).keys() == outputs.keys()
    assert same, "the names of outputs must not depend on the decisions"
    missing = features._replace(dense=torch.full_like(features.dense, torch.nan))
    for name in outputs:
        finite = Output(network, name)(missing).isfinite().all()
        assert finite, f"the output {name!r} must be finite where numbers are missing"


def _check_gradients(space: SearchSpace[Any], features: Features) -> None:
    supernet = space.supernet().double().train()
    logits = supernet(features)
    expected = (len(features.dense), len(space.schema.tasks))
    assert logits.shape == expected, f"logits must be [B, T]: expected {expected}, got {logits.shape}"
    logits.square().sum().backward()
    for label, logit in supernet.logits().items():
        assert logit.grad is not None, f"no gradient reaches the logits of {label}"
        assert logit.grad.isfinite().all(), f"the gradient of {label} must be finite"
    supernet.eval()
    assert torch.equal(supernet(features), supernet(features)), "evaluation must be deterministic"


def _check_derived(space: SearchSpace[Any], architecture: Architecture, features: Features) -> None:
    supernet = space.supernet().double()
    with torch.no_grad():  # so that weights with equal initial values, such as 0, differ
        for weights in supernet.parameters():
            weights.add_(0.1 * torch.randn_like(weights))
    supernet.train()(features)  # so that batch normalisation has other statistics than its initial ones
    for label, decision in architecture.decisions.items():
        supernet.fix(label, decision)
    assert not supernet.logits(), "a supernet whose choices are all fixed must have no logits"
    assert supernet.architecture() == architecture, "a fixed supernet must report its decisions"
    network = space.network(architecture, inherit=supernet).double().eval()
    close(network(features), supernet.eval()(features), "the derived network must equal the fixed supernet")
    small, large = (sum(p.numel() for p in module.parameters()) for module in (network, supernet))
    assert small <= large, "the derived network must not be larger than the fixed supernet"
    fresh = space.network(architecture).double()
    fresh.load_state_dict(network.state_dict())
    assert torch.equal(fresh.eval()(features), network(features)), "weights must load into a new network"
