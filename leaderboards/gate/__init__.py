"""May this checkpoint replace that one? A verdict with an exit code."""
