"""What a recurrent network does with its gradients and its state; pure functions, to be compiled by whoever calls."""

from seqlab.diagnostics.gradient_flow import Flow, clip_scale, gradient_flow
from seqlab.diagnostics.integrated_gradients import integrated_gradients
from seqlab.diagnostics.jacobians import spectral_norms, spectral_radii, state_jacobians
from seqlab.diagnostics.state_gradients import state_gradients
from seqlab.diagnostics.task_flow import TaskFlow, task_gradient_flow

__all__ = [
    "Flow",
    "TaskFlow",
    "clip_scale",
    "gradient_flow",
    "integrated_gradients",
    "spectral_norms",
    "spectral_radii",
    "state_gradients",
    "state_jacobians",
    "task_gradient_flow",
]
