"""How far a trained model holds: accuracy under an attack, under random noise and with misspelt words."""
