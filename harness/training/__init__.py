"""From a stage and a recipe to a checkpoint: a job, and the process that trains it."""
