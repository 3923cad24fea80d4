"""A user's own files as a task: an English table to train on, files by language to score, rows to label."""

from xtremor.sources.own.kinds import Named
from xtremor.sources.own.language_files import strata_or_unknown
from xtremor.sources.own.source import OwnSource, own_record, recorded_source
from xtremor.sources.own.task import OwnTask

__all__ = ["Named", "OwnSource", "OwnTask", "own_record", "recorded_source", "strata_or_unknown"]
