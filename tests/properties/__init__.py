"""Whatever comes from outside: nothing of it crashes a service, stalls it, or leaks memory."""
