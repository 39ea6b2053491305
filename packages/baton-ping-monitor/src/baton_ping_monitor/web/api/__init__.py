"""The JSON API: what pages show, for programs."""

from baton_ping_monitor.web.api.routes import routes

__all__ = ["routes"]
