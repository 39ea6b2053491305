"""The pages that people keep open."""

from baton_ping_monitor.web.pages.alone import error_page, login_page
from baton_ping_monitor.web.pages.routes import routes

__all__ = ["error_page", "login_page", "routes"]
