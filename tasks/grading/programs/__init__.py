"""Programs that a model wrote: found, run in the sandbox, compared outside of it."""
