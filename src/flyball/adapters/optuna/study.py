"""A search for parameters by Optuna, kept in its storage: a SQLite file, or a database that a team shares."""

import json
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from flyball.adapters.warehouse.connect import database_url, without_secret
from flyball.core.errors import StoreError
from flyball.ports.searching import Proposal, Tried
from flyball.spec.records import Param, Range, Searched

_RANDOM = 10  # proposals by lot before the first that follows from what was learned


class OptunaStudy:
    """The port `Study`. `name`: what it is called in the storage, where it is found again.

    Of a trial that another process ended meanwhile, the first end stands.
    """

    def __init__(self, storage: str, name: str, space: Mapping[str, Searched], *, direction: str, seed: int) -> None:
        optuna.logging.disable_propagation()
        optuna.logging.get_logger("optuna").setLevel(logging.CRITICAL)
        self._space, self._seed = space, seed
        url = database_url(storage, "--storage")
        try:
            self._storage = optuna.storages.RDBStorage(url.render_as_string(hide_password=False))
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=name,
                direction="maximize" if direction == "higher" else "minimize",
                load_if_exists=True,
            )
        except (SQLAlchemyError, ImportError, RuntimeError) as error:
            raise StoreError(
                f"the search cannot be kept: {without_secret(error, url)}",
                hint="look at --storage: is the database there, its driver installed?",
            ) from None

    def tried(self) -> list[Tried]:
        """Everything that was tried, by its number."""
        ended = (TrialState.COMPLETE, TrialState.FAIL)
        return [_tried(trial) for trial in self._study.get_trials(deepcopy=False, states=ended)]

    def open(self) -> list[Proposal]:
        """What was proposed and never told."""
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        # without parameters: another process is just proposing it
        return [
            Proposal(number=trial.number, params=json.loads(trial.user_attrs["params"]))
            for trial in running
            if "params" in trial.user_attrs
        ]

    def propose(self) -> Proposal:
        """The next parameters."""
        number = len(self._study.get_trials(deepcopy=False))
        self._study.sampler = self._sampler(number)
        trial = self._study.ask()
        params = {name: _suggested(trial, name, searched) for name, searched in self._space.items()}
        trial.set_user_attr("params", json.dumps(params))
        return Proposal(number=trial.number, params=params)

    def tell(self, tried: Tried) -> None:
        """Keep what came of it."""
        told = json.dumps([tried.error, dict(tried.metrics or {}), tried.seconds])
        trial = optuna.Trial(self._study, self._study.get_trials(deepcopy=False)[tried.number]._trial_id)
        try:
            trial.set_user_attr("told", told)
            if tried.value is None:
                self._study.tell(tried.number, state=TrialState.FAIL)
            else:
                self._study.tell(tried.number, tried.value)
        except (optuna.exceptions.UpdateFinishedTrialError, ValueError):
            if not self._study.get_trials(deepcopy=False)[tried.number].state.is_finished():
                raise

    def close(self) -> None:
        """End the connections to the storage."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def _sampler(self, number: int) -> BaseSampler:
        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        return RandomSampler(seed=seed) if number < _RANDOM else TPESampler(seed=seed, n_startup_trials=_RANDOM)


def _suggested(trial: optuna.Trial, name: str, searched: Searched) -> Param:
    if not isinstance(searched, Range):
        return searched[trial.suggest_categorical(name, range(len(searched)))]
    if searched.whole:
        step = 1 if searched.step is None else int(searched.step)
        return trial.suggest_int(name, int(searched.low), int(searched.high), step=step, log=searched.log)
    return trial.suggest_float(name, searched.low, searched.high, step=searched.step, log=searched.log)


def _tried(trial: FrozenTrial) -> Tried:
    error, metrics, seconds = json.loads(trial.user_attrs.get("told", '["it was ended", {}, 0.0]'))
    params: dict[str, Any] = json.loads(trial.user_attrs.get("params", "{}"))
    value = trial.value if trial.state is TrialState.COMPLETE else None
    return Tried(number=trial.number, params=params, value=value, error=error, metrics=metrics, seconds=seconds)
