"""AIR through time: what is believed of objects, and how a new frame corrects it."""
