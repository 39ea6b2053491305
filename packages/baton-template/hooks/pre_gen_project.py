"""Refuses answers that the template cannot use, before anything of them is written.

cookiecutter renders this file, so that the reason comes from the same rules as everywhere.
"""

import json
import sys

if __name__ == "__main__":
    reason = json.loads(r""" {{ cookiecutter | refusal | tojson }} """)
    if reason:
        sys.exit(f"baton-template: {reason}")
