"""MLflow: a run in the file store ``RUN/trackers/mlflow``, or where ``$MLFLOW_TRACKING_URI`` says."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from xtremor.tracking.base import Held, Place

# Of a run: what its folder is known by; of one call: entries at most.
TAG, AT_ONCE = "xtremor.id", 100


class MLflow:
    """Metrics by update, and the settings as parameters."""

    def __init__(self, place: Place) -> None:
        # It would tell its makers that it is used.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # A server that does not answer is given up after seconds, and not after minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if not uri:
            # Its makers advise a database, which asks for a server's packages; a run of its own needs none.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
            uri = (place.folder / "mlflow").absolute().as_uri()
        from mlflow import MlflowClient
        from mlflow.entities import Param

        self.client = MlflowClient(tracking_uri=uri)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "xtremor"
        experiment = self.client.get_experiment_by_name(name)
        key = self.client.create_experiment(name) if experiment is None else experiment.experiment_id
        before = self.client.search_runs([key], filter_string=f"tags.`{TAG}` = '{place.identity}'")
        self._held: Held = {}
        if before:
            self.run = before[0].info.run_id
            for tag in before[0].data.metrics:
                last = max(self.client.get_metric_history(self.run, tag), key=lambda each: each.step)
                self._held[tag] = (last.step, last.value)
            self.client.update_run(self.run, status="RUNNING")
            return
        self.run = self.client.create_run(key, tags={TAG: place.identity}, run_name=place.name).info.run_id
        params = [Param(name, str(value)[:500]) for name, value in place.settings.items()]
        for start in range(0, len(params), AT_ONCE):
            self.client.log_batch(self.run, params=params[start : start + AT_ONCE])

    def held(self) -> Held:
        """See `xtremor.tracking.base.Tracker`."""
        return self._held

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """See `xtremor.tracking.base.Tracker`."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value in figures.items()]
        for start in range(0, len(metrics), AT_ONCE):
            self.client.log_batch(self.run, metrics=metrics[start : start + AT_ONCE])

    def close(self, finished: bool) -> None:
        """See `xtremor.tracking.base.Tracker`."""
        self.client.set_terminated(self.run, "FINISHED" if finished else "KILLED")
