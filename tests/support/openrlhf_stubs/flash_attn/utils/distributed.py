"""The name that OpenRLHF takes from flash_attn.utils.distributed."""

from flash_attn.bert_padding import refuse

all_gather = refuse
