"""The document of a run, as a file or a monitor has it. It is read, or refused with ValueError; and
what was read can be written and shown."""

from __future__ import annotations

from baton.fleet.document import from_document, parse_json, to_document
from baton.fleet.runs import Run
from fuzz.oracle import check_message, no_stall


def check(data: bytes) -> None:
    """Take *data* for the document."""
    with no_stall():
        try:
            document = parse_json(data)
        except ValueError as error:
            check_message(str(error))
            return
        try:
            run = Run.from_document(document)
        except ValueError as error:
            check_message(str(error), 100_000)
        else:
            assert Run.from_document(run.to_document()).to_document() == run.to_document()
        try:
            result = from_document(document)
        except ValueError as error:
            check_message(str(error), 100_000)
        else:
            assert to_document(from_document(to_document(result))) == to_document(result)
