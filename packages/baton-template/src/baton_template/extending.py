"""Adding to a project that was made: which one it is, and what another consumer takes."""

from __future__ import annotations

import tomllib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from baton_template.naming import PartNames, Refused
from baton_template.registration import Registration

GROUP: Final = "baton.extensions"
_SCAFFOLD: Final = Path(__file__).parent / "scaffold"


@dataclass(frozen=True, slots=True)
class Project:
    """An extension's project: its folder, what it is called for short, and its package."""

    folder: Path
    short: str
    package: str

    @property
    def source(self) -> Path:
        """The folder of its modules."""
        return self.folder / "src" / self.package


def find_project(folder: Path) -> Project:
    """The project in *folder*; raises Refused if there is none."""
    path = folder / "pyproject.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refused(
            f"{path} is not there: it is run in the folder of an extension that baton new has made"
        ) from None
    except (OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    entries = _entries(content)
    if len(entries) != 1:
        raise Refused(f"{path} describes no extension: one entry point in {GROUP} is allowed")
    ((short, value),) = entries.items()
    project = Project(folder, short, str(value).partition(":")[0].partition(".")[0])
    if not (project.source / "service.py").is_file():
        raise Refused(
            f"{project.source / 'service.py'} is not there: there is no service to add to"
        )
    return project


def add_consumer(project: Project, names: PartNames) -> list[Path]:
    """Write a consumer and its test, and register it in the service. Returns what was written.

    Raises Refused if there is one of that name, or the service is none as the template has it; then
    nothing is changed.
    """
    module = f"{names.module}_consumer"
    consumer = project.source / f"{module}.py"
    test = project.folder / "tests" / f"test_{module}.py"
    service = project.source / "service.py"
    for path in (consumer, test):
        if path.exists() or path.is_symlink():
            raise Refused(f"{path} exists: another name is allowed")
    registration = Registration(
        module=f"{project.package}.{module}", cls=f"{names.prefix}Consumer", name=names.short
    )
    try:
        registered, service_class = registration.apply(service.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{service} cannot be read: {error}") from None
    except Refused as error:
        raise Refused(f"{service}: {error}") from None
    values = {
        "short": names.short,
        "prefix": names.prefix,
        "package": project.package,
        "service": service_class,
    }
    with ExitStack() as undo:
        try:
            for path, template in ((consumer, "consumer.py"), (test, "test_consumer.py")):
                path.parent.mkdir(exist_ok=True)
                content = _render(template, values)
                with path.open("x", encoding="utf-8") as file:
                    undo.callback(path.unlink)
                    file.write(content)
            service.write_text(registered, encoding="utf-8")
        except OSError as error:
            raise Refused(f"{error.filename} cannot be written: {error.strerror}") from None
        undo.pop_all()
    return [consumer, test, service]


def _entries(content: dict[str, Any]) -> dict[str, Any]:
    """The entry points of the group of extensions."""
    found: Any = content
    for key in ("project", "entry-points", GROUP):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _render(template: str, values: dict[str, str]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=FileSystemLoader(_SCAFFOLD),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  (it is code, not HTML)
    )
    return environment.get_template(f"{template}.jinja").render(values)
