"""What is asked of a document, checked: whatever is wrong is answered with 400, and why."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

from starlette.exceptions import HTTPException

from baton.text import excerpt

if TYPE_CHECKING:
    from starlette.requests import Request

GREATEST: Final = 2**63 - 1
"""The greatest number that a database takes as an id."""


def wrong(message: str) -> NoReturn:
    """Raise what is answered with 400 and *message*."""
    raise HTTPException(400, message)


def check_names(request: Request, allowed: Collection[str]) -> None:
    """A parameter that does not exist was misspelt: it is not to be passed over."""
    for name in request.query_params:
        if name not in allowed:
            wrong(f'There is no parameter "{excerpt(name, 64)}"; there are {_list(allowed)}.')


def text(request: Request, name: str) -> str | None:
    """The parameter, None if it is not there or empty."""
    found = request.query_params.get(name) or None
    if found is not None and (len(found) > 300 or "\0" in found):
        wrong(f"{name} has 300 characters at most, and no zero byte.")
    return found


def whole(
    request: Request, name: str, default: int | None, *, least: int = 0, most: int = GREATEST
) -> int | None:
    """The whole number *name*."""
    found = request.query_params.get(name)
    return default if not found else whole_number(found, name, least=least, most=most)


def whole_number(given: str, name: str, *, least: int = 0, most: int = GREATEST) -> int:
    """*given* as a whole number."""
    if given.isascii() and given.isdecimal() and len(given) <= 19:
        number = int(given)
        if least <= number <= most:
            return number
    wrong(f'{name} must be a whole number from {least} to {most}, not "{excerpt(given, 64)}".')


def choice(request: Request, name: str, allowed: Collection[str], default: str) -> str:
    """The parameter, which is one of those *allowed*."""
    found = request.query_params.get(name) or default
    if found not in allowed:
        wrong(f'{name} must be one of {_list(allowed)}, not "{excerpt(found, 64)}".')
    return found


async def body(request: Request, allowed: Collection[str]) -> Mapping[str, Any]:
    """The fields of the JSON object that was sent."""
    try:
        found = json.loads((await request.body()).decode() or "{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        wrong("The body is no JSON.")
    if not isinstance(found, dict):
        wrong("The body must be a JSON object.")
    for name in found:
        if name not in allowed:
            wrong(f'There is no field "{excerpt(name, 64)}"; there are {_list(allowed)}.')
    return found


def seconds(fields: Mapping[str, Any], name: str, default: float | None, most: float) -> float:
    """The field *name*: seconds, more than 0 and at most *most*."""
    found = fields.get(name, default)
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    if not is_number or not 0 < found <= most or not math.isfinite(found):
        wrong(f"{name} must be a number of seconds, more than 0 and at most {most:.0f}.")
    return float(found)


def texts(fields: Mapping[str, Any], name: str, most: int) -> list[str]:
    """The field *name*: a list of texts."""
    found = fields.get(name)
    if isinstance(found, list) and 1 <= len(found) <= most:
        listed = [each for each in found if isinstance(each, str)]
        if len(listed) == len(found):
            return listed
    wrong(f"{name} must be a list of 1 to {most} texts.")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _list(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"
