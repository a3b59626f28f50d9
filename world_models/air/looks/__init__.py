"""How the looks of objects go on in dreams: a family, by name."""
