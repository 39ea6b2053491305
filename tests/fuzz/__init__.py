"""Coverage-guided fuzzing of what comes from outside: CONTRIBUTING.md says how to run it."""
