"""Rules that choose the latent dimension without the truth, and what a wrong one costs.

python tools/pages/latent_dimension.py [--seeds 5] [--out docs/latent-dimension.md]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from _judging import error_outside, r2
from lambda_selection import GENERATORS
from rep4ex_bench import get_scenario
from rep4ex_bench.methods.rep4ex import Rep4Ex
from rep4ex_bench.methods.training.independence_loss import PENALTIES
from rep4ex_bench.methods.training.latent_dimension import estimate_latent_dim
from rep4ex_bench.methods.training.networks import Standardise
from rep4ex_bench.methods.training.replica import Plan, Replica
from rep4ex_bench.methods.training.stack import train_stack
from rep4ex_bench.methods.training.trained import TrainedAutoencoder
from rep4ex_bench.numerics import to_float64
from rep4ex_bench.scenario import Task

FIRST_SEED = 12_101
STEPS = 1_000
WIDEST = 6
FACTOR = 1.6
# The generators of the comparison of lambdas, and wider latents.
WIDER: dict[str, dict[str, Any]] = {
    "4 latents": {"k": 4, "d": 4, "m": 10, "layers": 2, "alpha": 2.0, "n": 5000},
    "10 latents": {"k": 10, "d": 10, "m": 20, "layers": 2, "alpha": 2.0, "n": 10000},
}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="write the page here instead of printing it")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen, costs = [], []
    for generator, parameters in (GENERATORS | WIDER).items():
        for seed in range(FIRST_SEED, FIRST_SEED + arguments.seeds):
            task = sample(parameters, seed)
            chosen += [
                {"generator": generator, "rule": name, "d": rule(task.train.features)}
                | {"true": task.train.latent_dim}
                for name, rule in RULES.items()
            ]
            if generator in GENERATORS:
                costs += [{"generator": generator} | one for one in costs_of(task, seed)]
            print(f"{generator}, seed {seed}", flush=True)
    page = render(pd.DataFrame(chosen), pd.DataFrame(costs), arguments.seeds)
    if arguments.out:
        arguments.out.write_text(page, encoding="utf-8")
    else:
        print(page)


def sample(parameters: dict[str, Any], seed: int) -> Task:
    """Return the task of a generator."""
    own = dict(parameters)
    return get_scenario(own.pop("name", "linear_action"), **own).sample(seed)


def by_likelihood(features: Tensor, neighbours: int = 10) -> int:
    """Return d by maximum likelihood: Levina and Bickel (2004), averaged as MacKay and Ghahramani.

    1/d is the mean over points and j < K of log(T_K / T_j), T_j the distance to neighbour j.
    """
    rows = to_float64(Standardise(features)(features))
    distances, _ = NearestNeighbors(n_neighbors=neighbours + 1).fit(rows).kneighbors(rows)
    logs = np.log(distances[:, -1:] / distances[:, 1:-1])
    return max(1, round(1 / float(logs.mean())))


def by_variance(features: Tensor) -> int:
    """Return how many principal components hold 99 % of the variance."""
    rows = to_float64(Standardise(features)(features))
    shares = np.cumsum(PCA().fit(rows).explained_variance_ratio_)
    return int(np.searchsorted(shares, 0.99) + 1)


def by_reconstruction(features: Tensor) -> int:
    """Return the narrowest autoencoder within 1.6 times the best held-out error, up to six wide."""
    errors = []
    for d in range(1, min(WIDEST, features.shape[1]) + 1):
        replica = Replica(features, features[:, :1], None, 0.0, seed=0)
        (network,) = train_stack(
            [replica], Plan("mlp", d, 64, STEPS, PENALTIES["mmr"]()), torch.device("cpu")
        )
        if isinstance(network, TrainedAutoencoder):
            errors.append(network.reconstruction_error(features[network.held_out]))
        else:
            errors.append(float("inf"))
    return next(d for d, error in enumerate(errors, 1) if error <= FACTOR * min(errors))


RULES: dict[str, Callable[[Tensor], int]] = {
    "two neighbours (ships)": estimate_latent_dim,
    "likelihood, 10 neighbours": by_likelihood,
    "99 % of the variance": by_variance,
    f"autoencoders up to {WIDEST} wide": by_reconstruction,
}


def costs_of(task: Task, seed: int) -> list[dict[str, float]]:
    """Return R^2 and nMSE of rep4ex with one latent too few, the right number, and one too many."""
    true = task.train.latent_dim
    if true is None:
        raise ValueError("the generator must disclose its latent dimension")
    found = []
    for extra in (-1, 0, 1):
        if true + extra < 1:
            continue
        fitted = Rep4Ex(latent_dim=true + extra).fit(task.train, seed)
        found.append(
            {
                "extra": extra,
                "r2": r2(task, fitted.represent, seed),
                "nmse": error_outside(task, fitted),
            }
        )
    return found


def render(chosen: pd.DataFrame, costs: pd.DataFrame, seeds: int) -> str:
    """Return the page."""
    lines = [
        "# Choosing the latent dimension without the truth",
        "",
        "Made by `python tools/pages/latent_dimension.py "
        f"--seeds {seeds} --out docs/latent-dimension.md`.",
        "",
        f"{chosen['generator'].nunique()} generators, {seeds} seeds each from {FIRST_SEED}. The "
        "features have no noise of their own: with noise, they fill all m dimensions, and rules by "
        "neighbours say so.",
        "",
        "## What each rule says",
        "",
        "Smallest to largest d over seeds; in bold where it was right on every seed.",
        "",
    ]
    generators = list(chosen["generator"].unique())
    truth = chosen.groupby("generator")["true"].first()
    lines.append("| rule | " + " | ".join(f"{g}: {truth[g]}" for g in generators) + " | right |")
    lines.append("|---" * (len(generators) + 2) + "|")
    for rule, group in chosen.groupby("rule", sort=False):
        cells = [said(group[group["generator"] == g], truth[g]) for g in generators]
        right = (group["d"] == group["true"]).mean()
        lines.append(f"| {rule} | " + " | ".join(cells) + f" | {right:.0%} |")
    lines += [
        "",
        "## What a wrong one costs",
        "",
        "`rep4ex`, every other parameter at its default: median affine R^2 / nMSE outside the "
        "support.",
        "",
        "| generator | one too few | right | one too many |",
        "|---|---|---|---|",
    ]
    medians = costs.groupby(["generator", "extra"], sort=False)[["r2", "nmse"]].median()
    for generator in costs["generator"].unique():
        cells = [
            f"{medians.loc[(generator, extra), 'r2']:.3f} / "
            f"{medians.loc[(generator, extra), 'nmse']:.4f}"
            for extra in (-1, 0, 1)
        ]
        lines.append(f"| {generator} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def said(group: pd.DataFrame, true: int) -> str:
    """Return what a rule said of one generator."""
    low, high = group["d"].min(), group["d"].max()
    text = f"{low}" if low == high else f"{low} to {high}"
    return f"**{text}**" if low == high == true else text


if __name__ == "__main__":
    main()
