"""The folder of flash_attn.utils.distributed; nothing else is asked of it."""
