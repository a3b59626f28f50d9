"""What drawn scenes are made of: sprites, looks, motion, stage, paint."""
