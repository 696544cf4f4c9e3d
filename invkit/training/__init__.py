"""Training by seed: the loop, the processes that share it, what it shows, and the recipes it follows.

    recipe = structure({**values, "epochs": 1}, MyRecipe)                        # invkit.training.recipes
    run = TrainingRun([Turn("net", network, loss)], network, data, schedule, out, seed=0)  # .run
    run.begin(resume=True)
    with watching(out, pictures, progress=True) as watch:                        # .watching
        weights = run.train(watch)
    store.write_prior(path, weights, card(kind, name, architecture, recipe, run, figures))       # .exporting

What is trained, on what and by which loss is a plugin's: a :class:`invkit.Trainer` puts these parts together.
"""
