"""Gradio pages, REST and event stream on one port, over anything that satisfies ``augment.seams.ReportReader``."""

from augment.dashboard.actions import Actions
from augment.dashboard.app import create_app
from augment.dashboard.cached import CachedReader, ReporterUnavailableError
from augment.dashboard.server import DashboardError, DashboardServer

__all__ = ["Actions", "CachedReader", "DashboardError", "DashboardServer", "ReporterUnavailableError", "create_app"]
