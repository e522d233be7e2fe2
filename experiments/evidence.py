"""Where along a sequence the evidence for its label is: for predictions, and for the picture of a DNA task."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Params
from seqlab.data.labelled_features import FeatureSplits
from seqlab.diagnostics.integrated_gradients import integrated_gradients
from seqlab.models.feature_classifier import FeatureClassifier
from seqlab.report.evidence import plot_evidence
from seqlab.tasks.base import Compile, Task
from seqlab.tasks.classification_prediction import apply_with
from seqlab.tasks.feature_classification import FeatureConfig, make_model, make_task
from seqlab.tasks.feature_data import FeatureReader
from seqlab.tasks.feature_prediction import Evidence, padded

# The training mean after scaling, and for DNA the share of each base where nothing is known of it.
NOTHING_SAID, ANY_BASE = 0.0, 0.25
DRAWN_A_LABEL, LONGEST_DRAWN, MOST_LABELS = 16, 200, 4


def evidence_with(model: FeatureClassifier, reader: FeatureReader, params: Params, compiler: Compile) -> Evidence:
    """How much each step speaks for a class: the integrated gradients of its logit less the mean of the others'.

    Those of a step's numbers are summed, and those of permuted pixels are in the order in which they are read.
    """
    base = ANY_BASE if reader.task == "dna" else NOTHING_SAID
    params = jax.tree.map(jnp.asarray, params)

    def evidence(params: Params, inputs: Array, lengths: Array, index: Array) -> Array:
        def margin(inputs: Array) -> Array:
            logits = apply_with(model, params)(inputs, lengths).logits[0]
            return logits[index] - (logits.sum() - logits[index]) / (len(logits) - 1)

        return integrated_gradients(margin, inputs, jnp.full_like(inputs, base)).sum(axis=tuple(range(2, inputs.ndim)))

    compiled = compiler(evidence)
    return lambda inputs, lengths, index: compiled(params, inputs, lengths, jnp.array(index))


def make_dna_task(config: FeatureConfig, sequences: FeatureSplits) -> Task:
    """The task ``dna``, which at its end draws where along the test sequences the evidence for their labels is."""
    task = make_task(config, sequences)
    lengths = {len(row.text) for row in sequences.test}
    if len(lengths) > 1 or max(lengths) > LONGEST_DRAWN:  # There is no position that all of them share.
        return task
    reader = FeatureReader.build(sequences.train, config.task, False, config.convolution.shortest())
    model = make_model(config, reader)

    def finish(params: Params, folder: Path, compiler: Compile) -> dict[str, dict[str, Any]]:
        scores = task.finish(params, folder, compiler)
        evidence = evidence_with(model, reader, params, compiler)
        means, examples = {}, []
        for index, label in enumerate(reader.labels[:MOST_LABELS]):
            rows = [row for row in sequences.test if row.label == label][:DRAWN_A_LABEL]
            if not rows:
                continue
            found = [
                np.asarray(evidence(*padded(reader.encode(row.features, row.place)), index)[0, : len(row.text)])
                for row in rows
            ]
            means[label] = np.mean(found, axis=0).tolist()
            best = int(np.argmax([one.sum() for one in found]))
            examples.append({"label": label, "text": rows[best].text, "evidence": found[best].tolist()})
        plot_evidence(means, examples, folder / "plots" / "evidence.png")
        return scores

    return task._replace(finish=finish)
