"""baton-ping: asks servers whether they are there. The reference extension of Baton.

>>> from baton import Configuration
>>> from baton_ping.api import PingAPI
>>> api = PingAPI(Configuration(rabbit_url="memory://docs"))
>>> api.ping("production")
Traceback (most recent call last):
    ...
baton.errors.Unroutable: No server listens on "production" (exchange baton_ping_in): no service \
has connected yet, the exchange does not exist
"""

__version__ = "0.1.0"
