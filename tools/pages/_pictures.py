"""A picture of a task: its features, and the truth along the path of actions."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from rep4ex_bench.scenario import Task

_POINTS = 400


def scenario_picture(task: Task) -> bytes:
    """Return a PNG: two principal components of X, coloured by latents, and the truth."""
    figure = Figure(figsize=(8.4, 2.6), layout="constrained", dpi=80)
    latents = task.require_oracle().latents[:_POINTS]
    coloured = min(2, latents.shape[1])
    axes = figure.subplots(1, coloured + 1)
    features = StandardScaler().fit_transform(task.train.features.numpy()[:_POINTS])
    components = PCA(2).fit_transform(features)
    for column, axis in enumerate(axes[:-1]):
        dots = axis.scatter(*components.T, c=latents[:, column], s=5, cmap="viridis")
        figure.colorbar(dots, ax=axis, label=f"latent {column + 1}")
        axis.set(xlabel="features, component 1", ylabel="component 2", xticks=[], yticks=[])
    path = ~task.queries.scored
    order = np.argsort(task.queries.path_position[path])
    position = task.queries.path_position[path][order]
    axes[-1].axvspan(-1, 1, color="#e9e9e9")
    axes[-1].plot(position, task.truth.values[path][order])
    axes[-1].set(xlabel="t, action on a path", ylabel="E[Y | do(A = a(t))]")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
