"""Prompt templates: how a problem becomes the text that a model continues. Each has a hash that is part of the protocol.

Sources: `r1-zero` is DeepSeek-R1 (arXiv 2501.12948) Table 1; `boxed` is its evaluation prompt for mathematics (v2, Table 32), in the
model's own chat template without a system prompt; `choice` asks for the last line of its evaluation prompt for GPQA (v2, Table 29);
`complete` and `program` are for tasks whose answer is code. Left out: few-shot prompts, which hurt R1 (same paper, limitations).
"""

from r1bench.harness.records import Template

R1_ZERO = (
    "A conversation between User and Assistant. The user asks a question, and the Assistant solves it. The assistant first thinks about "
    "the reasoning process in the mind and then provides the user with the answer. The reasoning process and answer are enclosed within "
    "<think> </think> and <answer> </answer> tags, respectively, i.e., <think> reasoning process here </think> <answer> answer here "
    "</answer>. User: {problem}. Assistant:"
)
COMPLETE = "Complete this Python function. Give the whole function, with its imports, in one ```python block.\n\n```python\n{problem}\n```"
PROGRAM = "{problem}\n\nSolve this in Python. Put the whole program into one ```python block at the end of your answer."
BOXED = "{problem}\nPlease reason step by step, and put your final answer within \\boxed{{}}."

CHOICE = "{problem}\n\nReason step by step. The last line of your answer must be 'ANSWER: ' and the letter of the one right option."


TEMPLATES: dict[str, Template] = {
    "boxed": Template("boxed", BOXED, "chat"),
    "chat": Template("chat", "{problem}", "chat"),
    "choice": Template("choice", CHOICE, "chat"),
    "complete": Template("complete", COMPLETE, "chat"),
    "none": Template("none", "{problem}", "plain"),
    "plain": Template("plain", "User: {problem}\nAssistant: ", "plain"),
    "program": Template("program", PROGRAM, "chat"),
    "r1-zero": Template("r1-zero", R1_ZERO, "plain"),
}
