"""Dead letters: the durable commands that were rejected or delivered too often, and what to do
about each of them.

They are looked at one after the other, and given back unless they are retried or dropped.
"""

from baton.dead_letters.letter import Letter, read_letter
from baton.dead_letters.letters import DeadLetters

__all__ = ["DeadLetters", "Letter", "read_letter"]
