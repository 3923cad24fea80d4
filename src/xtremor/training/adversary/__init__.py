"""Language-adversarial training: a discriminator of languages, and an encoder that learns to defeat it.

"Adversarial" has another sense here than in the robust methods: nothing is perturbed, two players share a game.
"""
