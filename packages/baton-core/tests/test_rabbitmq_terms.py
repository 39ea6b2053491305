from __future__ import annotations

from typing import Any

import pytest

from baton.transports.rabbitmq_terms import delivery_count


@pytest.mark.parametrize(
    ("headers", "count"),
    [
        (None, 0),
        ({}, 0),
        ({"x-delivery-count": 3}, 3),
        ({"x-delivery-count": -1}, 0),
        ({"x-delivery-count": "99"}, 0),
        ({"x-delivery-count": [1]}, 0),
    ],
)
def test_what_a_broker_counts_and_what_a_client_may_say(
    headers: dict[str, Any] | None, count: int
) -> None:
    assert delivery_count(headers, True) == count
    assert delivery_count(headers, False) == 0
