"""The datasets, and the kinds of fields and tasks, that come with automtl."""

from automtl_core.plugin import hookimpl


@hookimpl
def automtl_register_datasets() -> dict[str, str]:
    """Register the dataset adapters."""
    return {
        "aliccp": "automtl_datasets.aliccp:AliCCP",
        "ijcai15": "automtl_datasets.ijcai15:IJCAI15",
        "kuairand": "automtl_datasets.kuairand:KuaiRand",
        "qb-video": "automtl_datasets.qb_video:QBVideo",
        "synthetic": "automtl_datasets.synthetic.dataset:Synthetic",
        "table": "automtl_datasets.table:Table",
        "userbehavior": "automtl_datasets.userbehavior:UserBehavior",
    }


@hookimpl
def automtl_register_field_kinds() -> dict[str, str]:
    """Register the kinds of fields."""
    return {
        "bag": "automtl_core.fields.sparse:Bag",
        "time-part": "automtl_core.fields.sparse:TimePart",
        "dense": "automtl_core.fields.numeric:Dense",
        "sparse": "automtl_core.fields.sparse:Sparse",
    }


@hookimpl
def automtl_register_task_kinds() -> dict[str, str]:
    """Register the kinds of tasks."""
    return {
        "binary": "automtl_core.tasks.builtin:Binary",
        "regression": "automtl_core.tasks.builtin:Regression",
    }


@hookimpl
def automtl_register_presets() -> dict[str, str]:
    """Register the default settings."""
    return {"default": "automtl_datasets:presets/default.yaml"}
