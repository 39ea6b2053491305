"""What happens to the bus when something goes wrong, held against what docs/guarantees.md says.

:class:`~faults.scenario.Scenario` runs servers, a monitor and a requester, and has a test do
something to them; each writes down in a :class:`~faults.history.History` what it did and saw; and
:func:`faults.checker.check` tells from that alone what was lost, sent again, or done twice.
"""
