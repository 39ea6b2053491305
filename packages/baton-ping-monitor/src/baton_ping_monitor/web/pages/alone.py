"""Pages that stand alone: logging in, and saying no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from baton_ping_monitor.web.rendering import render

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_TITLES: Final = {
    400: "That cannot be understood",
    401: "Log in first",
    403: "That is not allowed",
    404: "There is nothing here",
    405: "That cannot be done here",
    413: "That is too much",
    421: "Another name, please",
    429: "Too often",
    500: "Something went wrong",
    503: "Not now",
}
_ADVICE: Final = {
    400: "Go back, and check what the form or the address says.",
    404: "It may have been kept for a while, and is gone by now.",
    429: "Wait a moment, then try again.",
    500: "Try again. If it stays so, the log has what those who made this need to know.",
    503: "Wait a moment, then try again.",
}


def login_page(request: Request, *, next: str, user: str, trouble: str, status: int) -> Response:
    """The form that takes a user and a password, and then leads to *next*."""
    return render(request, "login.html", status=status, next=next, name=user, problem=trouble)


def error_page(request: Request, status: int, message: str) -> Response:
    """Says what was wrong, and what to do."""
    return render(
        request,
        "error.html",
        status=status,
        code=status,
        heading=_TITLES.get(status, "That did not work"),
        message=message,
        advice=_ADVICE.get(status, ""),
    )
