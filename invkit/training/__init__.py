"""Training by seed: the loop, the processes that share it, what it shows, and the recipes it follows.

    class MyTrainer(NetworkTrainer[MyRecipe]):                           # invkit.training.trainer
        kind, recipe, shipped = "net", MyRecipe, "my_package:recipes"    # .recipes

        def training(self, recipe: MyRecipe, seed: int) -> Training:
            network = untrained(ARCHITECTURES, recipe, seed)             # .networks
            turns = [Turn("net", network, my_loss(network))]             # .run
            data = load(recipe.data)                                     # .mixture
            return Training(recipe=recipe, network=network, data=data, turns=turns, pictures=my_pictures)

    network = trained(ARCHITECTURES, store.load(registry, "net", name, called="network"))

What is trained, on what and by which loss is a plugin's. A trainer without the loop derives from
:class:`invkit.Trainer` itself, and writes its card by :func:`invkit.training.recipes.card`.
"""
