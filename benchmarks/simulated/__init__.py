"""Raw files of generated rows in the layouts of the public datasets, with their quirks."""

from simulated import aliccp, ijcai15, kuairand, qb_video, userbehavior

SIMULATORS = {
    "userbehavior": userbehavior.simulate,
    "ijcai15": ijcai15.simulate,
    "kuairand": kuairand.simulate,
    "qb-video": qb_video.simulate,
    "aliccp": aliccp.simulate,
}
"""Dataset -> what writes `rows` rows, drawn from a seed, to a folder."""
