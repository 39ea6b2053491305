"""Style sheets, scripts and pictures: files of the package."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

FOLDER: Final = Path(__file__).with_name("static")


def version_of(folder: Path = FOLDER) -> str:
    """A short text that is another one whenever one of the files is."""
    digest = hashlib.sha256()
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def mount(version: str, folder: Path = FOLDER) -> Mount:
    """The route ``static``, of files below ``/static/<version>/``."""
    files = _Files(version, directory=folder, check_dir=False)
    return Mount("/static/{version}", files, name="static")


class _Files(StaticFiles):
    """A file of this version never changes; of another one, it is what there is today."""

    def __init__(self, version: str, *, directory: Path, check_dir: bool) -> None:
        super().__init__(directory=directory, check_dir=check_dir)
        self._version = version

    async def get_response(self, path: str, scope: Scope) -> Response:
        if "\0" in path:  # no file has that in its name
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        is_this = scope.get("path_params", {}).get("version") == self._version
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if is_this else "no-cache"
        )
        return response
