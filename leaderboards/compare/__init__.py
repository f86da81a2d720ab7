"""Runs held against each other, paired by problem; and what a comparison could show before there is one."""
