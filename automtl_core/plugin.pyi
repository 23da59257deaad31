"""The names of `automtl_core.plugin`, and the module that each of them comes from."""

from automtl_core import __version__ as __version__, errors as errors, hookimpl as hookimpl
from automtl_core.choices import (
    AnyOf as AnyOf,
    Architecture as Architecture,
    Choice as Choice,
    Decision as Decision,
    OneOf as OneOf,
    Origin as Origin,
    draw as draw,
    member_name as member_name,
)
from automtl_core.data.encoder import Encoder as Encoder
from automtl_core.data.event_log import label_of as label_of, outcome_of as outcome_of
from automtl_core.data.part import (
    Bags as Bags,
    Events as Events,
    Histories as Histories,
    Padded as Padded,
    Part as Part,
)
from automtl_core.dataset.dataset import (
    BIT as BIT,
    FLAG as FLAG,
    INTEGER as INTEGER,
    NUMBER as NUMBER,
    TEXT as TEXT,
    UNUSED as UNUSED,
    WEIGHT as WEIGHT,
    Bag as Bag,
    Column as Column,
    Count as Count,
    Dataset as Dataset,
    DatasetSettings as DatasetSettings,
    Dense as Dense,
    KindOf as KindOf,
    Label as Label,
    RawFile as RawFile,
    Scaling as Scaling,
    Sparse as Sparse,
    Vectors as Vectors,
    column_of as column_of,
    columns_of_lists as columns_of_lists,
    declaration_faults as declaration_faults,
    event_columns_of as event_columns_of,
    label_column as label_column,
    reading as reading,
    reads_of as reads_of,
)
from automtl_core.dataset.declarations import (
    EventFacts as EventFacts,
    History as History,
    is_event as is_event,
    label_faults as label_faults,
    source_of as source_of,
)
from automtl_core.dataset.encodings import Aggregate as Aggregate, Encodings as Encodings
from automtl_core.dataset.lists import Lists as Lists, ListSettings as ListSettings
from automtl_core.dataset.schema import (
    DenseField as DenseField,
    Pretrained as Pretrained,
    Schema as Schema,
    SparseField as SparseField,
    Task as Task,
    is_encoder as is_encoder,
)
from automtl_core.errors import (
    AutoMTLError as AutoMTLError,
    DataError as DataError,
    FaultyRowError as FaultyRowError,
    InputMissingError as InputMissingError,
    OutOfMemoryError as OutOfMemoryError,
    PluginError as PluginError,
    SetupError as SetupError,
    UnknownNameError as UnknownNameError,
    UsageError as UsageError,
    WorkerError as WorkerError,
    did_you_mean as did_you_mean,
    listing as listing,
    one_line as one_line,
    together as together,
)
from automtl_core.fields.encode import (
    AGE as AGE,
    OWN as OWN,
    FieldEncoder as FieldEncoder,
    Reading as Reading,
    hashed as hashed,
)
from automtl_core.fields.field import (
    FieldKind as FieldKind,
    FieldLearner as FieldLearner,
    Read as Read,
    Source as Source,
    field_from_settings as field_from_settings,
)
from automtl_core.fields.sparse import TimePart as TimePart
from automtl_core.modules.batch_ensemble import (
    BatchEnsemble as BatchEnsemble,
    Scales as Scales,
    mlp as mlp,
    tower as tower,
)
from automtl_core.modules.cost import Cost as Cost, meta as meta
from automtl_core.modules.dropout import Dropout as Dropout, dropout as dropout
from automtl_core.modules.embedding import FieldEmbedding as FieldEmbedding
from automtl_core.modules.features import Features as Features, Past as Past
from automtl_core.modules.histories import HistoryEncoder as HistoryEncoder
from automtl_core.modules.inputs import EncodedFields as EncodedFields, Inputs as Inputs, Widths as Widths
from automtl_core.modules.network import (
    Averaging as Averaging,
    Ensemble as Ensemble,
    Mixed as Mixed,
    Mixture as Mixture,
    Penalised as Penalised,
    Separate as Separate,
    WithOutputs as WithOutputs,
)
from automtl_core.modules.relaxation import (
    Gate as Gate,
    MixedOp as MixedOp,
    Relaxation as Relaxation,
    Softmax as Softmax,
    Weighed as Weighed,
)
from automtl_core.modules.supernet import FixedGate as FixedGate, Fixing as Fixing, Supernet as Supernet
from automtl_core.modules.transfer import indices as indices
from automtl_core.ops import (
    Candidates as Candidates,
    JointOp as JointOp,
    Narrowable as Narrowable,
    OpFactory as OpFactory,
    OpFamily as OpFamily,
    SharingOp as SharingOp,
    ZeroFilled as ZeroFilled,
    narrowed as narrowed,
    share_alike as share_alike,
    standalone as standalone,
)
from automtl_core.raw.sql import (
    count as count,
    form_of as form_of,
    literal as literal,
    numbered as numbered,
    own as own,
    quoted as quoted,
    typed_time as typed_time,
)
from automtl_core.registry.kinds import Reference as Reference
from automtl_core.run_dir.facts import Costs as Costs, Fact as Fact, Result as Result
from automtl_core.run_dir.run import Run as Run
from automtl_core.search.evidence import (
    EVERYWHERE as EVERYWHERE,
    Action as Action,
    DecisionMade as DecisionMade,
    Evidence as Evidence,
    Point as Point,
    Verdict as Verdict,
    judged as judged,
)
from automtl_core.search.held_out import (
    Difference as Difference,
    HeldOut as HeldOut,
    HeldOutSettings as HeldOutSettings,
    Losses as Losses,
    Scored as Scored,
    difference as difference,
    shortfall as shortfall,
)
from automtl_core.search.parameters import (
    Parameters as Parameters,
    Suggests as Suggests,
    parameters_of_settings as parameters_of_settings,
    suggested_settings as suggested_settings,
    usable as usable,
)
from automtl_core.search.relaxed_search import RelaxedSearch as RelaxedSearch
from automtl_core.search.scheduler import (
    Proposals as Proposals,
    Scheduler as Scheduler,
    TrialLoop as TrialLoop,
)
from automtl_core.search.strategy import (
    Retrain as Retrain,
    SearchResult as SearchResult,
    SearchStrategy as SearchStrategy,
)
from automtl_core.search.trained import trained_fit as trained_fit, trials_of as trials_of
from automtl_core.search.trial import (
    Engine as Engine,
    Executor as Executor,
    OnEvent as OnEvent,
    Problem as Problem,
    RunTrial as RunTrial,
    Training as Training,
    TrialEnded as TrialEnded,
    TrialResult as TrialResult,
    Trials as Trials,
)
from automtl_core.settings.settings import (
    NAMED as NAMED,
    Component as Component,
    S as S,
    Search as Search,
    Settings as Settings,
)
from automtl_core.settings.words import Takes as Takes
from automtl_core.space import Chooser as Chooser, SearchSpace as SearchSpace
from automtl_core.system import seeds as seeds
from automtl_core.system.files import write_atomic as write_atomic
from automtl_core.system.seeds import generator as generator
from automtl_core.system.state import State as State, cpu_copy as cpu_copy
from automtl_core.tasks.builtin import Binary as Binary, Regression as Regression
from automtl_core.tasks.kind import (
    Array as Array,
    Floats as Floats,
    Groups as Groups,
    Measure as Measure,
    Measured as Measured,
    TaskKind as TaskKind,
)
from automtl_core.tasks.kinds import kind_names as kind_names
from automtl_core.tasks.loss import Loss as Loss
from automtl_core.training.balancer import (
    Balancer as Balancer,
    TaskLosses as TaskLosses,
    task_losses as task_losses,
)
from automtl_core.training.batches import Batch as Batch, Rows as Rows, batches as batches, steps as steps
from automtl_core.training.compute import Compute as Compute, recalibrate_batchnorm as recalibrate_batchnorm
from automtl_core.training.events import (
    SILENT as SILENT,
    EpochEnded as EpochEnded,
    Event as Event,
    EventHandler as EventHandler,
    Listener as Listener,
    Noted as Noted,
    PhaseBegan as PhaseBegan,
    RunBegan as RunBegan,
    RunListener as RunListener,
    StepEnded as StepEnded,
    Warned as Warned,
)
from automtl_core.training.fit import Checkpoint as Checkpoint, Fit as Fit
from automtl_core.training.learner import GoingOn as GoingOn, Learner as Learner, TrainingData as TrainingData
from automtl_core.training.loop import evaluate as evaluate, objective as objective
from automtl_core.training.metric import (
    ByUser as ByUser,
    Counted as Counted,
    Metric as Metric,
    MetricValue as MetricValue,
)
from automtl_core.training.metrics import (
    Metrics as Metrics,
    TaskMetrics as TaskMetrics,
    mean_over_tasks as mean_over_tasks,
    metrics_from_json as metrics_from_json,
    relative_change as relative_change,
)
from automtl_core.training.optimisers import WeightAverage as WeightAverage
from automtl_core.training.process import set_up as set_up
from automtl_core.training.recipe import Recipe as Recipe
from automtl_core.workflow.stage import OnTestRows as OnTestRows, Stage as Stage
from automtl_inspection.sections import (
    Bar as Bar,
    Bars as Bars,
    Block as Block,
    Curves as Curves,
    Figures as Figures,
    Grid as Grid,
    Matrix as Matrix,
    Section as Section,
    Text as Text,
    table as table,
)
