"""World models: learned and hand-written, all worn as a scene by `dyna.loop.imagination`."""
