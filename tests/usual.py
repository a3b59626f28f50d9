"""AIR's usual choices, for tests that look into a model before it has learned."""

from world_models.air.settings import AIRChoices, AIRSettings

USUAL = {name: getattr(AIRChoices(), name) for name in AIRSettings().open}
