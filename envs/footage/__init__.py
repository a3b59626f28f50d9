"""What recorded scenes are made of: files, sequences, clips, windows, formats."""
