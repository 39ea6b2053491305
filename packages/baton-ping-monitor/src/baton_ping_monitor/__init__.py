"""baton-ping-monitor: the dashboard of a fleet that answers baton-ping.

What it shows is worked out by a model that needs no browser, no database and no broker:

>>> from baton import Message
>>> from baton_ping_monitor.fleet.state import FleetState
>>> from baton_ping_monitor.observation import observe
>>> state = FleetState()
>>> pong = {"type": "pong", "environment": "production", "fqdn": "web01.example.org"}
>>> _ = state.observe(observe(Message(pong), "baton-ping", received=100.0))
>>> [(server.fqdn, str(server.state)) for server in state.view(now=101.5).servers]
[('web01.example.org', 'up')]
"""

__version__ = "0.1.0"
