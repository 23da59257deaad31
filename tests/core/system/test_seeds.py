import torch

from automtl_core.system import seeds


def test_a_seed_follows_from_the_seed_of_the_run_and_from_every_word_of_the_purpose():
    found = [
        seeds.derive(0, "shuffle", 1),
        seeds.derive(0, "shuffle", 2),
        seeds.derive(1, "shuffle", 1),
        seeds.derive(0, "train", 1),
        seeds.derive(0, "shuffle"),
    ]
    assert len(set(found)) == len(found)
    assert all(0 <= seed < 2**63 for seed in found)


def test_seeds_are_the_same_on_every_machine_and_torch_draws_by_their_purpose():
    assert seeds.derive(7, "shuffle", 3) == 1607239670037233798
    seeds.seed_torch(0, "train", 1)
    first = torch.rand(3)
    seeds.seed_torch(0, "train", 2)
    assert not torch.equal(torch.rand(3), first)
    seeds.seed_torch(0, "train", 1)
    assert torch.equal(torch.rand(3), first)
