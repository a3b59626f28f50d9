"""Many runs, one results file: what to run, and running it. Imports scores; runs are processes."""
