"""What TRL's three trainings share: the model as r1bench loads it, the optimiser and its rate as the job says, journal, seals, going on.

A training is a class of TRL's with `Sealing` in front of it, made and run here:

    with session.opened(job, engine, gaps=...) as run:      # run: Session
        config = GRPOConfig(**arguments.common(job, engine), ...)
        session.train(run, GRPOTrainer, config, figures, reward_funcs=..., train_dataset=...)

`figures` turns TRL's logs of a step (a list, one mapping for each optimiser step) into figures of the journal. `run.journal` is None in
every process but the first; `run.step` is the number of the step that is being trained, from 1, for rows of rollouts.
"""
