"""The pages that people keep open."""

from baton_ping_monitor.web.pages.routes import routes

__all__ = ["routes"]
