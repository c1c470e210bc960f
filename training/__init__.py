"""Training of models: dataset → feature store → network → bundle."""
