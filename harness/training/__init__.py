"""From a stage and a recipe to a job that a backend trains."""
