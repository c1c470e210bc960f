"""Everything that makes a model: dataset → feature store → network → bundle."""
