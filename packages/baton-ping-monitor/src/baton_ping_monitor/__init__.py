"""baton-ping-monitor: shows which servers answer baton-ping, when, and what they said.

What it shows is worked out by a model that needs no terminal and no broker:

>>> from baton import Message
>>> from baton_ping_monitor.fleet.state import FleetState
>>> state = FleetState()
>>> pong = {"type": "pong", "environment": "production", "fqdn": "web01.example.org"}
>>> state.record(Message(pong), now=100.0)
>>> [(server.fqdn, str(server.health)) for server in state.view(now=101.5).servers]
[('web01.example.org', 'up')]
"""

__version__ = "0.1.0"
