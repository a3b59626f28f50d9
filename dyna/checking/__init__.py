"""Is what a world model imagines right? One test a file, each with a figure, a word, a sentence.

Most ask of dreams alone, so that any model can be tested, be it able to look at frames or not.
Truth is read here to judge, and for nothing else.
"""
