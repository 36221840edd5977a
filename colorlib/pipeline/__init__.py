"""The report executed and published: ledger, runner, fingerprints, site. Imports no model and no score."""

from ._figures import show_figure
from .ledger import Run, read_ledger, start_run

__all__ = ["Run", "read_ledger", "show_figure", "start_run"]
