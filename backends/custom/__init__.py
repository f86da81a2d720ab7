"""Our own training loop: GRPO in PyTorch for one machine, made to be read. Read in this order: loop, rollout, advantage, loss."""
