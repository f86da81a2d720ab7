"""The program: records, samplers, evaluation, store, statistics, stages, command line. Importing it does no work and loads no torch."""

__version__ = "0.1.0"
