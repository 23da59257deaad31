"""What is not a valid command: one message, one remedy, exit code 2, and nothing is written."""

import re
import shlex
from pathlib import Path

import pytest
from failures import check

CAGRAD = (
    r"balancer.cc is not a setting \(did you mean 'c'.*\n  fix: training.balancer takes: c; .*balancer cag"
)
WRONG = (
    ("serach", "No such command 'serach'"),
    ("search --sed 1", "No such option: --sed"),
    ("export", "Missing argument 'RUN'"),
    ("show a b", "see `automtl show --help`"),
    ("predict mine new.csv", "Missing option '--out'"),
    ("search --seed x", "Invalid value for '--seed': it must be a valid integer\\n"),
    ("search --space desam", r"no space is called 'desam' \(did you mean 'desan'"),
    ("search --strategy x", "no strategy is called 'x'; known: .*pd-darts"),
    ("search --dataset x", "no dataset is called 'x'; known: .*synthetic"),
    ("search --preset papr", r"no preset is called 'papr' \(did you mean 'paper'"),
    ("search --set engine=process", r"'process' \(did you mean 'processes'"),
    ("search --set training.epoch=3", r"training.epoch is not a setting \(did you mean 'epochs'"),
    ("search --strategy random --set strategy.rounds=2", "strategy.rounds is not a setting"),
    ("search --set training.epochs=many", "training.epochs: .*given 'many'"),
    ("search --set training.epochs", "is not of the form a.b=value"),
    ("search --set 'training.epochs=[1'", "not valid YAML"),
    ("search --set precision=fp8", "precision: expected fp32 or bf16"),
    ("search --set retrain=anew", "retrain"),
    ("search --time-budget 30", "give one such as 30s, 30m or 1h30m"),
    ("compare --models mmoe --time-budget soon", "--time-budget 'soon' is not a duration"),
    ("search --space mmoe", "mmoe leaves nothing to search"),
    ("search --space average --strategy random", "average is not searched"),
    (
        "search --strategy darts --set strategy.ensemble=3",
        "ensemble is not a setting\n  fix: .*takes: epochs",
    ),
    ("search --strategy random --set strategy.ensemble=0", "strategy.ensemble"),
    ("search --dataset table", "fix: give the table, such as automtl search FILE"),
    ("search --anyway", "--anyway belongs to --resume"),
    ("search feed.csv --dataset synthetic", "leave one of them out"),
    ("search mine.yaml --labels click", "--labels are columns of a table"),
    ("search log.csv --dataset x", "leave one of them out"),
    ("search --config small.yaml", "in its place: the file alone"),
    ("data prepare shop", "fix: automtl data describe DATA"),
    ("runs", "fix: automtl list runs"),
    ("search --name a/b", "is not a plain name"),
    ("train small.yaml", "train needs a model"),
    ("train mmoe", "mmoe: no such file\n  fix: .* a model by --model"),
    ("train", "train needs a model"),
    ("train --model desan", "choices open"),
    ("train --model mmo", r"did you mean 'mmoe'\?"),
    ("train --model esmm", "ESMM needs a funnel"),
    ("train --model mmoe --epochs 3", "fix: it is a setting: --set training.epochs=VALUE"),
    ("train --model mmoe --set 'space.expert_layers=[-5]'", "a whole number from 1 to 65536, given -5"),
    (f"train --model mmoe --set 'space.expert_layers={[8] * 5000}'", "space.expert_layers: "),
    ("train --model mmoe --set space.expert=2", r"did you mean 'experts'\?"),
    ("train --model mmoe --set training.balancer=pcgrda", r"did you mean 'pcgrad'\?"),
    ("train --model mmoe --set 'training.balancer={name: cagrad, cc: 1}'", CAGRAD),
    ("train --model mmoe --set strategy.epochs=2", "strategy.epochs is not"),
    ("train --model boosting --set training.learning_rate=5", "learning_rate would be ignored by boosting"),
    ("train --model average --set 'space.models=[{name: ple, levels: 0}]'", "models, ple.levels: expected"),
    ("train --model average --set 'space.models=[mmoee]'", "did you mean 'mmoe'"),
    ("train --model average --set 'space.models=[average]'", "list the models themselves"),
    ("train --model average --set 'space.models=[desan]'", "average leaves"),
    ("compare", "Missing option '--models'"),
    ("compare --models a,b --history x.csv", "--history belongs to --on"),
    ("compare --models ,", "no model to compare"),
    ("compare --models mmoe,mmoe", "two models are called 'mmoe'"),
    ("compare --models LightGBM", r"called 'LightGBM' \(did you mean 'boosting'\?"),
    ("compare --models mmoe,paper", "paper sets training"),
    ("compare --models mmoe --splits 0", "--splits"),
    ("compare --models mmoe --workers 0", "--workers"),
    ("compare --models mmoe --workers 2 --set engine.thread=1", "engine.thread is not a setting"),
    ("compare --models mmoe,ple --set space.blocks=2", "is not a setting of mmoe, ple"),
    ("compare --on new.csv --models runs/a", "at least two models"),
    ("compare --on new.csv --models runs/a,runs/b --out x", "--out is for trainings"),
    ("update runs/x --name x", "fix: see `automtl update --help`"),
    ("new swish", "give one of op, space, "),
    ("list spac desan", r"nothing is called 'spac' \(did you mean 'spaces'"),
    ("list space desam", r"no space is called 'desam' \(did you mean 'desan'"),
    ("list desan", "fix: automtl list spaces desan"),
    ("list run x", "leave it out: automtl list run"),
    ("list opps", r"nothing is called 'opps' \(did you mean 'ops'\?\)\n  fix: known: balancers, commands, "),
    ("doctor small.yaml", "`automtl doctor` has another name now\n  fix: automtl check"),
    ("plugins new automtl-x --kind op", "fix: automtl new NAME"),
)


@pytest.mark.parametrize(("command", "told"), WRONG, ids=[f"{command:.60}" for command, _ in WRONG])
def test_it_is_refused_before_anything_is_written(automtl, command, told):
    Path("log.csv").write_text('at,click\n"12:30",1\n')
    Path("new.csv").write_text("a\n1\n")
    ended = automtl(*shlex.split(command))
    check(ended, 2, "")
    assert re.search(told, ended.err), ended.err
    assert sorted(path.name for path in Path().iterdir()) == ["log.csv", "new.csv", "small.yaml"]
