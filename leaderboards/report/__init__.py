"""Static pages: board, stages, training curves, comparison, samples. They open from a file, without a server or a network."""
