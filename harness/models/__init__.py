"""A checkpoint as a model and a tokenizer. Evaluation, training and every engine go through here, so that a model reads the same
text and stops at the same place everywhere.
"""
