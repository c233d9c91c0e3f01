"""How the losses of several objectives become one step."""

from holdfast.objectives.balancing.static import StaticBalance

# Saved configurations name it here.
__all__ = ["StaticBalance"]
