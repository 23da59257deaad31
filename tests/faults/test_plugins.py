"""Plugins that misbehave: the error names them."""

import os

import pytest

from .programme import CODES, fault, tried

BEGIN = """
import os, sys, torch
from torch import nn
from automtl_core import hookimpl
from automtl_core.search.strategy import SearchStrategy
from automtl_core.training.balancer import Balancer
from automtl_core.training.metric import Metric
from automtl_core.training.events import RunListener
from automtl_core.settings.settings import Settings

def interrupt():
    raise KeyboardInterrupt

def misbehave():
    {body}

"""
KINDS = {
    "op": """
class Op(nn.Module):
    def __init__(self, in_dim, out_dim, dropout):
        super().__init__()
        self.linear = nn.Linear(in_dim, out_dim)
    def forward(self, x):
        if len(x) > 9:
            misbehave()
        return self.linear(x)

@hookimpl
def automtl_register_ops():
    return {"bad": Op}
""",
    "strategy": """
class Bad(SearchStrategy):
    def search(self, listener):
        return misbehave()
    def state_dict(self): return {}
    def load_state_dict(self, state): pass

@hookimpl
def automtl_register_strategies():
    return {"bad": Bad}
""",
    "balancer": """
class Bad(Balancer):
    def backward(self, losses, penalty, inputs):
        misbehave()
        torch.autograd.backward(losses.sum() + penalty, inputs=list(inputs))

@hookimpl
def automtl_register_balancers():
    return {"bad": Bad}
""",
    "metric": """
def bad(labels, predictions, users):
    return misbehave()

@hookimpl
def automtl_register_metrics():
    return {"bad": Metric("bad", bad)}
""",
    "listener": """
class Bad(RunListener):
    def receive(self, event):
        misbehave()

@hookimpl
def automtl_register_listeners():
    return {"bad": Bad}
""",
    "report section": """
def bad(record):
    return misbehave()

@hookimpl
def automtl_register_report_sections():
    return {"bad": bad}
""",
}
USED = {
    "op": ["search", "--strategy", "darts", "--set", "strategy.epochs=1",
           "--set", "space.blocks=1", "--set", "space.ops=[identity, bad]", "--set", "space.experts=2"],
    "strategy": ["search", "--strategy", "bad", "--set", "space.experts=2"],
    "balancer": ["train", "--model", "mmoe", "--set", "training.balancer=bad"],
    "metric": ["train", "--model", "mmoe", "--set", "metrics=[bad]"],
    "listener": ["train", "--model", "mmoe", "--set", "listeners=[bad]"],
    "report section": ["train", "--model", "mmoe"],
}  # fmt: skip
SMALL = ("--dataset", "synthetic", "--set", "dataset.rows=600", "--set", "features=ids", "--set",
         "training.epochs=1", "--name", "bad", "--json")  # fmt: skip
BODIES = {
    "None": "return None",
    "a text": "return 'x'",
    "not a number": "return float('nan')",
    "a control character": "return '\\x1b[2J'",
    "ValueError": "raise ValueError('\\x1b[2J\\nerror: forged')",
    "an error without text": "raise type('', (Exception,), {'__str__': lambda self: 1 / 0})",
    "SystemExit": "sys.exit(0)",
    "KeyboardInterrupt": "interrupt()",
    "GeneratorExit": "raise GeneratorExit",
    "recursion": "misbehave()",
    "memory": "torch.zeros(1 << 62)",
    "print": "print('noise')",
    "environment": "os.environ.clear()",
    "seed": "torch.manual_seed(0)",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BODIES)
def test_a_plugin(capsys, install, tmp_path, monkeypatch, kind, name):
    monkeypatch.chdir(tmp_path)
    install(BEGIN.replace("{body}", BODIES[name]) + KINDS[kind], "mine")

    def one(words):
        environment = dict(os.environ)
        problem = fault(capsys, words, (*CODES, 3))
        os.environ.update(environment)
        return problem

    tried("plugins that misbehave", [[*USED[kind], *SMALL]], one, f"search and train: {kind}, {name}")
