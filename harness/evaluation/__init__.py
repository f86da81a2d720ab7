"""Drawing, grading and storing: a checkpoint on a task, foreign completions, stored runs again."""
