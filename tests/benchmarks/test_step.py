"""Steps that are timed are steps of training, and what they are compared with is counted rightly."""

import numpy as np
import pytest

import embedding
import scaling
from step import PROBLEMS, derived, mmoe, operations, space_of, supernet, training_step

UB = PROBLEMS[0]


def test_operations_are_three_times_those_of_a_prediction():
    step = training_step(mmoe(UB), [UB.batch(64)])
    per_row = space_of("mmoe", UB).cost(space_of("mmoe", UB).supernet().architecture()).flops_per_row
    assert operations(step) == pytest.approx(3 * 64 * per_row, rel=0.05)


def test_a_step_moves_the_network():
    net = derived(UB)
    before = [p.detach().clone() for p in net.parameters()]
    training_step(net, [UB.batch(64)])()
    assert all((p != was).any() for p, was in zip(net.parameters(), before, strict=True))


def test_the_supernet_is_that_of_the_paper():
    choices = supernet(UB, nested=False).choices()
    assert len(choices["layer1/expert3/block2"].options) == 8


def test_ids_are_drawn_from_all_and_tables_are_as_they_are_called():
    case = embedding.Case("UB", 3, 4, 600_000, "alike", "rows")
    ids = embedding.draw(case, np.random.default_rng(0))
    assert 250_000 < int(ids[:, :2].max()) < 300_000
    assert int(embedding.draw(case._replace(draw="zipf"), np.random.default_rng(0)).min()) >= 0
    steps = {table: embedding.step_of(case._replace(ids=1000, table=table)) for table in ("rows", "whole")}
    for step in steps.values():
        step()


def test_sizes_are_those_of_the_problem():
    sizes = scaling.Sizes(rows=9000, fields=3, ids=300, experts=2, tasks=2, candidates=3)
    space = scaling.space_of("desan", sizes)
    assert len(space.choices()["layer0/expert1/block0"].options) == 3
    for step in scaling.steps_of(sizes).values():
        step()
