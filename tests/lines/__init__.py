"""Lines to a broker that can be made as bad as networks are, without harm to who else uses it.

>>> from lines import Line, Pace, Way
>>> async def over_a_bad_line(url):
...     async with Line(url, seed=7) as line:
...         line.slow(Pace(rate=10_000, latency=0.5, jitter=0.1))
...         line.freeze(Way.DOWN)
"""

from lines.attempts import Attempts
from lines.flow import Pace, Way
from lines.frames import Frames
from lines.line import Greeting, Line

__all__ = ["Attempts", "Frames", "Greeting", "Line", "Pace", "Way"]
