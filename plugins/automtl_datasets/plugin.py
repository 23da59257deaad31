"""The datasets that come with automtl."""

from automtl_core import hookimpl


@hookimpl
def automtl_register_datasets() -> dict[str, str]:
    """Return where each dataset is."""
    return {
        "aliccp": "automtl_datasets.aliccp:AliCCP",
        "ijcai15": "automtl_datasets.ijcai15:IJCAI15",
        "kuairand": "automtl_datasets.kuairand:KuaiRand",
        "qb-video": "automtl_datasets.qb_video:QBVideo",
        "synthetic": "automtl_datasets.synthetic:Synthetic",
        "table": "automtl_datasets.table:Table",
        "userbehavior": "automtl_datasets.userbehavior:UserBehavior",
    }
