"""What settings that are left open should be, as far as the first real episodes tell.

Nothing here sees more than an agent may: frames, first boxes, and what was asked of the camera.
"""
