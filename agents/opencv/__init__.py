"""Frames and boxes into OpenCV and out of it, and template matching."""
