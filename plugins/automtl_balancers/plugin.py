"""Hooks of the balancers plugin. They return references, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_balancers() -> Mapping[str, str]:
    """Register the weighted mean, learned weights, and the balancers of TorchJD."""
    return {
        "weighted-mean": "automtl_core.training.balancer:WeightedMean",
        "uncertainty": "automtl_balancers.uncertainty:Uncertainty",
        "aligned-mtl": "automtl_balancers.torchjd:AlignedMTL",
        "cagrad": "automtl_balancers.torchjd:CAGrad",
        "fairgrad": "automtl_balancers.torchjd:FairGrad",
        "graddrop": "automtl_balancers.torchjd:GradDrop",
        "imtl-g": "automtl_balancers.torchjd:IMTLG",
        "mgda": "automtl_balancers.torchjd:MGDA",
        "pcgrad": "automtl_balancers.torchjd:PCGrad",
        "upgrad": "automtl_balancers.torchjd:UPGrad",
        "geometric-mean": "automtl_balancers.torchjd:GeometricMean",
        "random-weights": "automtl_balancers.torchjd:Random",
        "smooth-tchebycheff": "automtl_balancers.torchjd:STCH",
    }
