"""Weights in and out: PyTorch, Flax, Keras, cuDNN, safetensors files; pure functions that need none of these."""

from seqlab.convert.cudnn import from_cudnn, to_cudnn
from seqlab.convert.flax import from_flax, to_flax
from seqlab.convert.keras import from_keras, to_keras
from seqlab.convert.safetensors import load_arrays, load_metadata, load_params, save_arrays, save_params
from seqlab.convert.torch import from_torch, to_torch

__all__ = [
    "from_cudnn",
    "from_flax",
    "from_keras",
    "from_torch",
    "load_arrays",
    "load_metadata",
    "load_params",
    "save_arrays",
    "save_params",
    "to_cudnn",
    "to_flax",
    "to_keras",
    "to_torch",
]
