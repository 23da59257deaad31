"""Hooks of the balancers plugin. They return references, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core import hookimpl


@hookimpl
def automtl_register_balancers() -> Mapping[str, str]:
    """Register the weighted mean, learned weights, and the balancers of TorchJD."""
    return {
        "weighted-mean": "automtl_core.training.balancer:WeightedMean",
        "uncertainty": "automtl_balancers.uncertainty:Uncertainty",
        "aligned-mtl": "automtl_balancers.aggregators:AlignedMTL",
        "cagrad": "automtl_balancers.aggregators:CAGrad",
        "fairgrad": "automtl_balancers.aggregators:FairGrad",
        "graddrop": "automtl_balancers.aggregators:GradDrop",
        "imtl-g": "automtl_balancers.aggregators:IMTLG",
        "mgda": "automtl_balancers.aggregators:MGDA",
        "pcgrad": "automtl_balancers.aggregators:PCGrad",
        "upgrad": "automtl_balancers.aggregators:UPGrad",
        "geometric-mean": "automtl_balancers.scalarizers:GeometricMean",
        "random-weights": "automtl_balancers.scalarizers:Random",
        "smooth-tchebycheff": "automtl_balancers.scalarizers:STCH",
    }
