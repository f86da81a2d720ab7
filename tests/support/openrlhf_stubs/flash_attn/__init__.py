"""In place of flash-attn, which is built for GPUs only: OpenRLHF imports these names while it loads and calls them for packed sequences.

Left out: the work itself. Each call raises, so that no test can pass through a stub. No distribution is named `flash-attn`, so
transformers goes on treating it as missing. Used by: tests/support/engine_probe.py.
"""
