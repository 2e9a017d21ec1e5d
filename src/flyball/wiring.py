"""Hands each part its ports: the one place that knows which adapter stands behind which promise, and what time it is."""

import sys
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flyball.adapters.local.executor import LocalExecutor
from flyball.core.surroundings import FOR_ADMINS
from flyball.settings import Settings, admin_tokens, admin_tokens_before, chosen_language, read_settings, secret, signing_key, tools_beside
from flyball.stores import Followed, Stores, open_stores, wall_clock

if TYPE_CHECKING:
    from flyball.adapters.child.behaving import ChildTests
    from flyball.adapters.cloudevents.listener import CloudEvents
    from flyball.adapters.mlflow.store import MlflowStore
    from flyball.adapters.notify.sender import NotifySender
    from flyball.dashboard.records import DashboardPorts, Project
    from flyball.loop.adopt import Shelf
    from flyball.loop.backtest.records import BacktestReport, Request
    from flyball.loop.making.training import Workshop
    from flyball.loop.past.reproduce import Studio
    from flyball.loop.world import World
    from flyball.ports.training import Lineage
    from flyball.server.admin.tokens import AdminToken
    from flyball.server.settings import AdminPorts, ServerPorts
    from flyball.spec.records import Spec


def open_world(settings: Settings) -> "World":
    """Everything a tick needs. MLflow is imported when the registry is first asked."""
    from flyball.adapters.mlflow.registry import MlflowRegistry
    from flyball.loop.world import Post, World

    stores = open_stores(settings)
    return World(
        journal=stores.journal,
        predictions=stores.predictions,
        outcomes=stores.outcomes,
        deployments=stores.deployments,
        bundles=stores.bundles,
        registry=MlflowRegistry(_mlflow(settings)),
        executor=_executor(settings),
        reports=stores.reports,
        looks=stores.looks,
        traffic=stores.traffic,
        counts=stores.counts,
        guards=stores.guards,
        post=Post(outbox=stores.outbox, sender=open_sender(settings), listener=open_listener(settings)),
        leases=stores.leases,
    )


def _executor(settings: Settings) -> LocalExecutor:
    return LocalExecutor(settings.jobs, keep=(FOR_ADMINS,) if settings.is_shared else ())


def admitted(settings: Settings, spec: "Spec") -> None:
    """RefusedError unless an admin token is at hand that may act on this model in its shared stores; nothing where none are shared."""
    if not settings.is_shared:
        return
    from flyball.loop.admission import admit
    from flyball.server.admin.tokens import read_tokens

    tokens, before = ([one.digest for one in read_tokens(text)] for text in (admin_tokens(), admin_tokens_before()))
    admit(open_stores(settings).journal, spec.model.name, tokens, before=before, now=wall_clock(), actor=settings.actor)


def may_upgrade(settings: Settings, spec: "Spec") -> None:
    """RefusedError where a shared database that is in use would be changed, and no token is at hand that is kept there.

    Tables that are not there yet are made for anybody, and those that are as they should be stay so.
    """
    from flyball.loop.admission import must_be_known
    from flyball.server.admin.tokens import read_tokens
    from flyball.stores import look_at_database, older_journal

    if not settings.shared:
        return
    held = look_at_database(settings)
    if 0 < held.version < held.needs:
        tokens = [one.digest for text in (admin_tokens(), admin_tokens_before()) for one in read_tokens(text)]
        with older_journal(settings) as journal:
            must_be_known(journal, spec.model.name, tokens)


def _tokens_of_server(settings: Settings, stores: Stores) -> "tuple[AdminToken, ...]":
    """What opens a server's admin routes. In shared stores only tokens that are kept there do: a server anybody starts is no way around."""
    from flyball.core.errors import FlyballError
    from flyball.loop.admission import is_admitted, kept_tokens
    from flyball.server.admin.tokens import read_tokens
    from flyball.spec.load import load_spec

    tokens = read_tokens(admin_tokens())
    if not settings.is_shared or not tokens:
        return tokens
    try:
        model = load_spec(settings.folder, settings.environment).model.name
        found = tuple(one for one in tokens if is_admitted(stores.journal, model, [one.digest]))
        if not found and not kept_tokens(stores.journal.read(model)):
            _say(
                f"no admin token is kept with {model} in these shared stores yet, so the admin routes stay closed: let a verb that acts "
                f"run once with {FOR_ADMINS}, such as `flyball tick`, and start the server again"
            )
            return ()
    except FlyballError as error:
        _say(f"the admin routes stay closed until the server starts again: who may use them cannot be read: {error.message}")
        return ()
    if len(found) < len(tokens):
        left = len(tokens) - len(found)
        _say(f"{left} of {len(tokens)} tokens in {FOR_ADMINS} may not act in these shared stores: they open no admin route")
    return found


def open_sender(settings: Settings) -> "NotifySender":
    """Who carries notifications. Lines for people go to stderr."""
    from flyball.adapters.notify.sender import NotifySender

    return NotifySender(folder=settings.folder, language=settings.language, secret=secret, echo=_say)


def open_listener(settings: Settings) -> "CloudEvents":
    """Who tells other systems of the journal."""
    from flyball.adapters.mirrors import listener

    return listener(settings.folder, "zh" if settings.language == "zh" else "en", secret=secret)


def open_workshop(settings: Settings, spec: "Spec", *, echo: Callable[[str], None]) -> "Workshop":
    """Everything a training needs; `echo` gets what the project's own functions print."""
    from flyball.adapters.child.trainer import ChildTrainer
    from flyball.adapters.dvc.snapshots import DvcSnapshots
    from flyball.adapters.elsewhere import ExternalTraining
    from flyball.adapters.local.workspace import LocalWorkspace
    from flyball.adapters.mirrors import fetched, mirrored
    from flyball.adapters.mlflow.registry import MlflowRegistry
    from flyball.adapters.mlflow.tracker import MlflowTracker
    from flyball.loop.making.training import Workshop
    from flyball.registry.signing import load_key
    from flyball.words.sentences import sentence

    stores, store = open_stores(settings), _mlflow(settings)
    beside = (settings.folder / spec.data.place,) if spec.data.connection else ()
    return Workshop(
        journal=stores.journal,
        predictions=stores.predictions,
        bundles=stores.bundles,
        registry=MlflowRegistry(store),
        trainer=ChildTrainer(
            settings.folder,
            tracking_uri=store.uri,
            artifacts=store.artifacts,
            experiment=spec.model.name,
            echo=echo,
            resources=spec.resources,
            fetch=partial(fetched, secret=secret, say=echo),
        ),
        snapshots=DvcSnapshots(settings.folder, remote=secret(settings.stores.remote), beside=beside),
        tracker=mirrored(MlflowTracker(store), spec, say=echo),
        workspace=LocalWorkspace(settings.folder),
        key=load_key(signing_key(settings)),
        elsewhere=ExternalTraining(store, secret=secret),
        sentence=partial(sentence, language=settings.language),
    )


def open_project_tests(settings: Settings, spec: "Spec", *, echo: Callable[[str], None]) -> "ChildTests":
    """What runs the project's own test functions; `echo` gets what they print."""
    from flyball.adapters.child.behaving import ChildTests

    store = _mlflow(settings)
    return ChildTests(settings.folder, tracking_uri=store.uri, artifacts=store.artifacts, timeout=spec.train.timeout, echo=echo)


def open_lineage(spec: "Spec", *, say: Callable[[str], None]) -> "Lineage | None":
    """Who follows which data made which model; None where the spec names nobody."""
    from flyball.adapters.mirrors import lineage

    return lineage(spec, secret=secret, clock=wall_clock, say=say)


def open_studio(settings: Settings, spec: "Spec", scratch: Path, *, echo: Callable[[str], None]) -> "Studio":
    """What training a version again needs: the project's ports to read from, and a trainer whose runs go to the scratch folder."""
    from flyball.adapters.child.trainer import ChildTrainer
    from flyball.adapters.git import GitSources
    from flyball.loop.past.reproduce import Studio

    def trainer(folder: Path) -> ChildTrainer:
        away, artifacts = f"sqlite:///{scratch / 'mlflow.db'}", (scratch / "mlartifacts").as_uri()
        return ChildTrainer(folder, tracking_uri=away, artifacts=artifacts, experiment=spec.model.name, echo=echo, resources=spec.resources)

    workshop = open_workshop(settings, spec, echo=echo)
    return Studio(project=settings.folder, workshop=workshop, sources=GitSources(settings.folder), trainer=trainer, scratch=scratch)


def run_backtest(
    settings: Settings,
    request: "Request",
    *,
    data: Path | None = None,
    from_log: bool = False,
    processes: int | None = None,
    on: str = "local",
    say: Callable[[str], None] = lambda _: None,
) -> "BacktestReport":
    """Replay a project's history under each policy of the request: the spec's own data, those of a file, or the prediction log.

    Nothing of the project changes but its cache of prepared rows. `processes`: how many policies at a time (None: one for each core);
    `on`: the engine the replays run on, as `--on` names it.
    """
    import tempfile

    from flyball.adapters.engines import open_mapper
    from flyball.adapters.replay.benches import ReplayBenches
    from flyball.adapters.replay.source import history_text
    from flyball.loop.backtest.run import backtest
    from flyball.spec.load import FILE, load_spec, parse_spec

    spec = load_spec(settings.folder, settings.environment)
    text = (settings.folder / FILE).read_text(encoding="utf-8")
    shared = None if on == "local" else settings.state  # a cluster sees what lies in the project's folder
    if shared is not None:
        shared.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="flyball-backtest-", dir=shared) as folder:
        scratch = Path(folder)
        log = open_stores(settings).predictions if from_log else None
        text = history_text(text, spec, scratch, data=data, log=log, now=wall_clock())
        with open_mapper(on, settings.state, processes=processes) as mapper:
            return backtest(
                text,
                parse_spec(text, folder=settings.folder, environment=settings.environment),
                request,
                benches=ReplayBenches(project=settings.folder, scratch=scratch),
                mapper=mapper,
                say=say,
            )


def open_shelf(settings: Settings) -> "Shelf":
    """Where a model that was made elsewhere is put."""
    from flyball.loop.adopt import Shelf
    from flyball.registry.signing import load_key

    stores = open_stores(settings)
    return Shelf(journal=stores.journal, bundles=stores.bundles, deployments=stores.deployments, key=load_key(signing_key(settings)))


def server_ports(folder: Path) -> "ServerPorts":
    """What each worker of a server opens for itself, and what it must not need: MLflow, pandas, scikit-learn."""
    from flyball.server.settings import ServerPorts

    settings = read_settings(folder)
    stores = open_stores(settings)
    return ServerPorts(
        deployments=stores.deployments,
        bundles=stores.bundles,
        predictions=stores.predictions,
        outcomes=stores.outcomes,
        reports=stores.reports,
        looks=stores.looks,
        traffic=stores.traffic,
        journal=stores.journal,
        guards=stores.guards,
        tokens=_tokens_of_server(settings, stores),
        admin=partial(_admin_ports, settings, stores),
    )


def _admin_ports(settings: Settings, stores: Stores) -> "AdminPorts":
    """What the admin routes work with: the loop's world but for the registry, which needs MLflow; the next tick brings that up to date."""
    from flyball.server.settings import AdminPorts
    from flyball.spec.load import load_spec
    from flyball.words.sentences import Language, sentence

    language: Language = "zh" if settings.language == "zh" else "en"
    world = _without_registry(settings, stores)
    read = partial(load_spec, settings.folder, settings.environment)
    return AdminPorts(world=world, spec=read, sentence=partial(sentence, language=language))


def _without_registry(settings: Settings, stores: Stores) -> "World":
    """The loop's world but for the registry, which needs MLflow; the next tick brings that up to date."""
    from flyball.adapters.local.no_registry import LaterRegistry
    from flyball.adapters.remembered import RememberedJournal
    from flyball.loop.world import Post, World

    return World(
        journal=RememberedJournal(stores.journal),
        predictions=stores.predictions,
        outcomes=stores.outcomes,
        deployments=stores.deployments,
        bundles=stores.bundles,
        registry=LaterRegistry(),
        executor=_executor(settings),
        reports=stores.reports,
        looks=stores.looks,
        traffic=stores.traffic,
        counts=stores.counts,
        guards=stores.guards,
        post=Post(outbox=stores.outbox, sender=open_sender(settings), listener=open_listener(settings)),
        leases=stores.leases,
    )


def open_dashboard(folders: "Sequence[Path]", *, own: str = "", read_only: bool = False) -> "DashboardPorts":
    """What the dashboard over these projects needs; each project's database is opened when a page first asks for it.

    `own`: a secret made for this run, which opens the actions of projects whose stores are not shared, for a bearer called `dashboard`.
    With `read_only` nothing opens them.
    """
    from flyball.dashboard.records import DashboardPorts

    found: list[Project] = []
    for folder in folders:
        found.append(_project_to_show(folder, own, read_only, taken={one.slug for one in found}, alone=len(folders) == 1))
    return DashboardPorts(
        projects=tuple(found),
        clock=wall_clock,
        language=chosen_language(),
    )


def _project_to_show(folder: Path, own: str, read_only: bool, *, taken: "Collection[str]", alone: bool) -> "Project":
    """A project whose spec cannot be read is shown among others by its folder's name; alone, that is an error."""
    from functools import cache, lru_cache

    from flyball.core.errors import FlyballError
    from flyball.core.slug import slug
    from flyball.dashboard.records import Links, Project
    from flyball.server.admin.tokens import read_tokens
    from flyball.spec.load import load_spec

    settings = cache(partial(read_settings, folder))
    stores = Followed(settings)
    world_of = lru_cache(maxsize=1)(lambda opened: _without_registry(settings(), opened))

    def read() -> "Spec":
        return load_spec(settings().folder, settings().environment)

    def tokens() -> "tuple[AdminToken, ...]":
        if own and not settings().is_shared:
            return read_tokens(f"dashboard:{own}")
        return () if read_only else _tokens_of_server(settings(), stores())

    name, links = folder.name, Links()
    try:
        links = Links(**tools_beside(settings()))
        name = read().model.name
    except FlyballError:
        if alone:
            raise
    return Project(
        slug=next(one for one in (slug(name), *(f"{slug(name)}-{number}" for number in range(2, 10_000))) if one not in taken),
        name=name,
        folder=folder.resolve(),
        state=folder.resolve() / ".flyball",
        spec=read,
        world=lambda: world_of(stores()),
        tokens=cache(tokens),
        links=links,
    )


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _mlflow(settings: Settings) -> "MlflowStore":
    from flyball.adapters.mlflow.store import MlflowStore

    return MlflowStore(settings.folder, settings.tracking_uri)
