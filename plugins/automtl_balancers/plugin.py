"""Hooks of the balancers plugin. They return references, so that a list of plugins needs no imports."""

from collections.abc import Mapping

from automtl_core.plugin import hookimpl


@hookimpl
def automtl_register_balancers() -> Mapping[str, str]:
    """Register the weighted mean, learned weights, and the balancers of TorchJD."""
    return {
        "weighted-mean": "automtl_core.training.balancer:WeightedMean",
        "uncertainty": "automtl_balancers.balancers:Uncertainty",
        "aligned-mtl": "automtl_balancers.balancers:AlignedMTL",
        "cagrad": "automtl_balancers.balancers:CAGrad",
        "fairgrad": "automtl_balancers.balancers:FairGrad",
        "graddrop": "automtl_balancers.balancers:GradDrop",
        "imtl-g": "automtl_balancers.balancers:IMTLG",
        "mgda": "automtl_balancers.balancers:MGDA",
        "pcgrad": "automtl_balancers.balancers:PCGrad",
        "upgrad": "automtl_balancers.balancers:UPGrad",
        "geometric-mean": "automtl_balancers.balancers:GeometricMean",
        "random-weights": "automtl_balancers.balancers:Random",
        "smooth-tchebycheff": "automtl_balancers.balancers:STCH",
    }
