"""Models to train and compare, by name: each is the lowest layer of a configuration.

mmoe                 a space without choices
mmoe+uncertainty     a model with the balancer that trains it
desan:pd-darts       a space and its search strategy
random-architecture  a preset
runs/first           the architecture of a run, trained again
runs/first@2         the second point of the Pareto front of its search
runs/first@cost      the cheapest point whose score is close to the best, see `search.evidence`
runs/first@2.5ms     the best point that predicts 1,000 rows in this time on this machine
mine.yaml            a file with `space` and optionally `strategy`, `training.balancer` and `training.losses`

Values of `space` and `strategy` in files and flags apply to every model with such a setting. If the values
contain the name of a space or strategy, they apply only to the models that use it.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from automtl_core.choices import Architecture
from automtl_core.dataset.schema import Schema
from automtl_core.errors import ArtifactError, UsageError, did_you_mean, listing
from automtl_core.modules.cost import latency
from automtl_core.registry.kinds import BALANCERS, PRESETS, SPACES
from automtl_core.registry.registry import Registry
from automtl_core.run_dir.config import (
    COMPONENTS,
    Common,
    Layer,
    RunConfig,
    Shared,
    check_named,
    load_common,
    merge,
    split,
)
from automtl_core.run_dir.facts import Data, Search
from automtl_core.run_dir.run import Run
from automtl_core.search.evidence import CONCESSIONS, Point, preferred
from automtl_core.system.strict_yaml import read_yaml
from automtl_core.workflow.components import check_model, is_file, parts, run_of
from automtl_core.workflow.job import Job, check_read


def models(
    names: Sequence[str], registry: Registry, *layers: Layer, below: Sequence[Layer] = ()
) -> dict[str, Job]:
    """Return the job of each model by its name; all have equal `Common` settings.

    Args:
        names: Names of models, as above.
        registry: Registry of spaces, strategies and presets.
        layers: Configuration layers for all models, the strongest last. Settings of spaces and strategies in
            a `Shared` one may be those of other models.
        below: Lowest layers; their settings may be unused by a model.

    Raises:
        UsageError: a duplicate or unknown name, or a setting that no model has or reads.
        ArtifactError: a run has no architecture.

    """
    common, _ = load_common(*below, *layers)
    _, shared = split(merge(*(layer for layer in layers if isinstance(layer, Shared))))
    _, own = split(merge(*(layer for layer in layers if not isinstance(layer, Shared))))
    model_layers: dict[str, Layer] = {}
    for given in names:
        model, _ = parts(given)
        name = Path(given).name if is_file(model) or run_of(model) else given
        if name in model_layers:
            raise UsageError(f"two models are called {name!r}", "name each model once")
        model_layers[name] = layer(given, registry)
    _check_known(shared, model_layers, registry, of_others=True)
    _check_known(own, model_layers, registry)
    jobs = {}
    for name, chosen in model_layers.items():
        taken = [_taken(values, chosen, registry) for values in (shared, own)]
        config = RunConfig.parse(merge(common.model_dump(), merge(chosen, *taken)))
        jobs[name] = Job.resolve(config, registry)
    check_read(layers, jobs.values())
    return jobs


def layer(name: str, registry: Registry) -> Layer:
    """Return the configuration layer of a model.

    Raises:
        UnknownNameError: the name is unknown.
        UsageError: a preset or a file sets values that all models share, or has no space; or a run has no
            such point.
        InputMissingError: there is no such file.
        ArtifactError: a run has no architecture.

    """
    model, balancer = parts(name)
    if balancer:
        registry.supplier(BALANCERS, balancer)
        return merge(layer(model, registry), {"training": {"balancer": balancer}})
    if run := run_of(name):
        return _architecture_of(*run, registry)
    if is_file(name):
        return _checked(name, read_yaml(Path(name)))
    if name in registry.names(PRESETS):
        return _checked(name, registry.get(PRESETS, name))
    check_model(name, registry)
    space, colon, strategy = name.partition(":")
    return {"space": {"name": space}, "strategy": {"name": strategy} if colon else None}


def common(name: str, registry: Registry) -> Layer:
    """Return data and recipe of a run among the models, as a layer; empty for other models.

    The recipe of a point of a Pareto front is the one that the point was trained with.
    """
    if not (found := run_of(parts(name)[0])):
        return {}
    run = Run.open(found[0])
    config = run.config().model_dump(exclude={"device", "prepared_dir"})
    shared, _ = split(merge(config, _point(run, found[1], registry).overrides if found[1] else {}))
    return shared


def _architecture_of(path: Path, number: str | None, registry: Registry) -> Layer:
    run = Run.open(path)
    architecture = run.architecture()
    if architecture.origin is None:
        raise ArtifactError(f"{path}: the architecture does not name its search space", "use another run")
    with registry.expecting(architecture.origin.plugins):
        registry.get(SPACES, architecture.origin.space)
    space = {"name": architecture.origin.space, **architecture.origin.settings}
    if number is None:
        return {"space": space, "strategy": None, "decisions": dict(architecture.decisions)}
    point = _point(run, number, registry)
    found = merge({"space": run.initial_config().space.model_dump()}, point.overrides)["space"]
    return {"space": found, "strategy": None, "decisions": dict(point.decisions)}


def milliseconds(run: Run, registry: Registry, point: Point) -> float:
    """Return the time of a prediction of the network of a point."""
    job = Job.resolve(RunConfig.parse(merge(run.initial_config().model_dump(), point.overrides)), registry)
    space = job.space(Schema.from_json(run.read(Data).schema))
    return latency(space.network(Architecture(point.decisions)), space.schema)


def _point(run: Run, number: str, registry: Registry) -> Point:
    """Return a point of the Pareto front of a run, by its number or a preference.

    Raises:
        UsageError: there is no such point; the message lists the points.

    """
    front = run.read(Search).front if run.has(Search) else ()
    points = {str(k): point for k, point in enumerate(front, 1)}
    if point := points.get(number) or preferred(front, number, partial(milliseconds, run, registry)):
        return point
    listed = [f"{k} ({point.name}, {point.flops_per_row:,} FLOPs per row)" for k, point in points.items()]
    raise UsageError(
        f"{run.path}@{number}: the run has no such point",
        f"choose a point of its Pareto front by its number, by a preference ({', '.join(CONCESSIONS)}) or by "
        f"a bound such as 200000flops or 2.5ms: {', '.join(listed)}"
        if listed
        else f"its search has no Pareto front; leave out @{number}",
    )


def _checked(name: str, found: Layer) -> Layer:
    recipe = set(found.get("training") or ())
    own = {"training"} if recipe and recipe <= {"balancer", "losses"} else set()
    if shared := [key for key in Common.model_fields if key in found and key not in own]:
        what = f"{name} sets {listing(shared)}, which all models of a comparison share"
        raise UsageError(what, "leave it out there, and set it for all by --set or in FILE")
    found = merge(found)
    check_named(found, SPACES)
    return found


def _taken(settings: Layer, model: Layer, registry: Registry) -> Layer:
    """Return the settings that a model has."""
    layers: list[Layer] = []
    for key, value in settings.items():
        known = _known(model, key, value, registry)
        if isinstance(value, Mapping) and key in COMPONENTS:
            layers += [{key: {name: entry}} for name, entry in value.items() if name in known]
        elif key in known:
            layers.append({key: value})
    return merge(*layers)


def _known(model: Layer, key: str, value: object, registry: Registry) -> Collection[str]:
    """Return the names of settings that a model has in the place of a value.

    These are settings of its space or strategy, unless the value names another one, or the key itself.
    """
    if key not in COMPONENTS:  # `retrain` needs a search, `decisions` replace one
        return {key} if (key == "decisions") == (model.get("strategy") is None) else ()
    name = model[key]["name"] if model.get(key) else None
    if name is None or not isinstance(value, Mapping) or value.get("name", name) != name:
        return ()
    return {"name", *registry.get(COMPONENTS[key], name).settings_class.model_fields}


def _check_known(
    settings: Layer, models: Mapping[str, Layer], registry: Registry, of_others: bool = False
) -> None:
    """Check that some model has each setting; with `of_others`, one that is not compared may have it too.

    Raises:
        UsageError: no model has it; the message lists their settings.

    """
    for key, value in settings.items():
        is_part = isinstance(value, Mapping) and key in COMPONENTS
        parts: Mapping[str, Any] = value if is_part else {} if value is None else {key: value}
        known = {name for model in models.values() for name in _known(model, key, value, registry)}
        if of_others and not parts.keys() <= known:
            kind = COMPONENTS.get(key)
            classes = [registry.get(kind, one).settings_class for one in registry.names(kind)] if kind else []
            known |= {"name" if kind else key, *(field for one in classes for field in one.model_fields)}
        if not (unknown := [name for name in parts if name not in known]):
            continue
        name = unknown[0]
        own = {m: {*_known(model, key, {}, registry)} - {"name", key} for m, model in models.items()}
        hint = did_you_mean(name, {setting for names in own.values() for setting in names})
        there = "; ".join(f"{model} takes for {key}: {listing(names)}" for model, names in own.items())
        of = f" of the {key} {parts['name']!r}" if is_part and "name" in parts else ""
        others = f" with all settings of that {key}" if of and "name" not in known else ", or correct it"
        what = f"{f'{key}.{name}' if is_part else key}{of} is not a setting of {listing(models)}{hint}"
        raise UsageError(what, f"leave it out{others}; {there}")
