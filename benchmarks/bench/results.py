"""What a run found: samples of each figure and subject, and where it ran. Kept as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from bench.figures import FIGURES

FORMAT: Final = 1
FOLDER: Final = Path(__file__).parent.parent / "results"
LATEST: Final = FOLDER / "latest.json"
BASELINE: Final = FOLDER / "baseline.json"


class WrongResults(Exception):
    """A file of results that cannot be used."""


@dataclass
class Results:
    """Samples by figure and subject, and why some subjects have none."""

    about: dict[str, Any]
    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    @classmethod
    def begin(cls, rounds: int, quick: bool) -> Self:
        """None yet, of a run that begins now and here."""
        return cls(
            {
                "when": datetime.now(UTC).isoformat(timespec="seconds"),
                "python": platform.python_version(),
                "system": f"{platform.system()} {platform.machine()}",
                "cores": len(os.sched_getaffinity(0)),
                "load": round(os.getloadavg()[0], 2),
                "rounds": rounds,
                "quick": quick,
            }
        )

    @property
    def where(self) -> str:
        """When and where it was measured, as the beginning of a sentence."""
        about = self.about
        return (
            f"Measured {about['when'][:10]}: {about['system']}, {about['cores']} cores that the"
            f" broker, the service and the bench share, Python {about['python']}, medians of"
            f" {about['rounds']} interleaved rounds"
        )

    def add(self, figure: str, subject: str, value: float) -> None:
        """One sample more; KeyError for a figure that nobody knows."""
        FIGURES[figure]
        self.samples.setdefault(figure, {}).setdefault(subject, []).append(value)

    def median(self, figure: str, subject: str) -> float | None:
        """The median of a figure, or None if it was not measured."""
        found = self.samples.get(figure, {}).get(subject)
        return statistics.median(found) if found else None

    def medians(self, figure: str) -> dict[str, float]:
        """The median of each subject, the best first."""
        found = self.samples.get(figure, {})
        medians = {subject: statistics.median(each) for subject, each in found.items()}
        better = FIGURES[figure].more_is_better
        return dict(sorted(medians.items(), key=lambda item: item[1], reverse=better))

    def ratio(self, figure: str, subject: str, other: str, *, over: str = "") -> float | None:
        """How many times *subject* has what *other* has, of the figure *over* if that is given."""
        one, two = self.median(figure, subject), self.median(over or figure, other)
        return one / two if one is not None and two else None

    def document(self) -> dict[str, Any]:
        """As it is kept."""
        samples = {
            figure: {subject: [round(each, 3) for each in found] for subject, found in of.items()}
            for figure, of in self.samples.items()
        }
        return {
            "format": FORMAT,
            "about": self.about,
            "samples": samples,
            "missing": self.missing,
        }

    def write(self, path: Path) -> None:
        """Keep it."""
        write_json(path, self.document())

    @classmethod
    def read(cls, path: Path) -> Self:
        """What was kept; raises WrongResults."""
        return cls.of(read_json(path, "hatch run bench"), str(path))

    @classmethod
    def of(cls, document: object, where: str = "results") -> Self:
        """From a document; raises WrongResults, which says what is wrong in it."""
        if not isinstance(document, Mapping) or document.get("format") != FORMAT:
            raise WrongResults(f"{where}: not results of format {FORMAT}")
        samples = document.get("samples")
        if not isinstance(samples, Mapping) or not isinstance(document.get("about"), Mapping):
            raise WrongResults(f'{where}: "about" and "samples" have to be objects')
        results = cls(dict(document["about"]), missing=dict(document.get("missing") or {}))
        for figure, of in samples.items():
            if figure not in FIGURES:
                raise WrongResults(f"{where}: {figure!r} is no figure")
            for subject, found in of.items():
                for each in found:
                    if isinstance(each, bool) or not isinstance(each, int | float) or each < 0:
                        raise WrongResults(f"{where}: {figure}, {subject}: {each!r} is no sample")
                    results.add(figure, subject, float(each))
        return results


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Keep *document*, a line for each of its values: so a change of one is seen as that."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path, maker: str) -> Any:
    """What was kept there; raises WrongResults. *maker* is the command that makes it."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise WrongResults(f"{path}: there is no such file; `{maker}` makes one") from None
    except (OSError, ValueError) as error:
        raise WrongResults(f"{path}: {error}") from None
