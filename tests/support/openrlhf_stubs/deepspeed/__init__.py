"""In place of deepspeed: OpenRLHF's models import it by name and reach for it only with mixture-of-experts models and value heads.

Left out: everything; any attribute raises AttributeError. No distribution is named `deepspeed`, so transformers and accelerate go on
treating it as missing. Used by: tests/support/engine_probe.py.
"""
