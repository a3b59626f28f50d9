"""AIR in one frame: the decoder and encoders, finding objects, reading their boxes."""
