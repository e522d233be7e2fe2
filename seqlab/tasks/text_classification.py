"""Classification of texts: one label for a whole text, such as the sentiment of a sentence.

The loss and the scores are those of every classifier: `seqlab.tasks.classifier`.

A text is read up to ``max_length`` tokens, from its beginning.

With ``label_ratios`` the first features of a word's embedding start as what naive Bayes knows of it, log P(w | c)
less its mean over the classes, and are trained like the others: where texts are few, a head start (Wang and Manning,
2012; Li et al., 2016).

References:
    Wang and Manning, Baselines and bigrams: simple, good sentiment and topic classification, 2012; Li et al., Weighted
    neural bag-of-n-grams model: new baselines for text classification, 2016.
"""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Key, Params
from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.core.keys import for_purpose
from seqlab.data.batch import Batch
from seqlab.data.buckets import bucketed_splits
from seqlab.data.labelled import LabelledSplits
from seqlab.data.splits import HELD_OUT, PARTS
from seqlab.data.tokenize import TOKENIZERS
from seqlab.layers.config import RecurrentConfig
from seqlab.models.naive_bayes import fit_naive_bayes, label_ratios
from seqlab.models.text_classifier import TextClassifier
from seqlab.tasks.base import Task
from seqlab.tasks.classification_data import TextReader, class_weights
from seqlab.tasks.classification_prediction import shown
from seqlab.tasks.classification_scores import baselines
from seqlab.tasks.classifier import Classifier, classification_task

NUM_SHOWN = 5
# Of a ratio in the embedding, so that it stands out among features of standard deviation 0.1.
RATIO_SCALE = 0.3


@dataclass(frozen=True)
class ClassificationConfig:
    """A classifier and how its texts are batched.

    Attributes:
        tokens: ``char`` or ``word``; a name in ``seqlab.data.tokenize.TOKENIZERS``.
        min_count: tokens that occur less often in the training split are unknown.
        max_length: tokens of a text that are read; 0 for all.
        embedding_size: width of the embedding.
        recurrent: the recurrent layers.
        pooling: a name in ``seqlab.layers.pooling.POOLINGS``.
        class_weights: ``none``, ``balanced``, or a number for each label in their order, with commas between them.
        word_dropout_rate: share of the tokens that training reads as unknown.
        label_ratios: whether the embedding starts with naive Bayes' ratios.
        batch_size: texts of a training batch.
        eval_batch_size: texts of a batch in evaluation.
        seed: of the order of training.
    """

    tokens: str = "word"
    min_count: int = 1
    max_length: int = 0
    embedding_size: int = 64
    recurrent: RecurrentConfig = field(default_factory=RecurrentConfig)
    pooling: str = "last"
    class_weights: str = "none"
    word_dropout_rate: float = 0.0
    label_ratios: bool = False
    batch_size: int = 32
    eval_batch_size: int = 32
    seed: int = 0


def make_model(config: ClassificationConfig, reader: TextReader) -> TextClassifier:
    """The model for a reader's vocabulary and labels."""
    return TextClassifier(
        num_tokens=reader.vocabulary.size,
        num_classes=len(reader.labels),
        embedding_size=config.embedding_size,
        recurrent=config.recurrent,
        pooling=config.pooling,
        word_dropout_rate=config.word_dropout_rate,
    )


def init_params(model: TextClassifier, key: Key) -> Params:
    """The model's params before training."""
    params = model.init(key, jnp.zeros((1, 1), jnp.int32))["params"]
    return model.recurrent.start_gates(params, for_purpose(key, "gates"))


def make_task(config: ClassificationConfig, texts: LabelledSplits) -> Task:
    """The task of learning these texts; vocabulary and labels come from their training split alone.

    Raises:
        SeqlabError: wrong names or numbers in ``config``.
    """
    if config.tokens not in TOKENIZERS:
        raise unknown_name("tokens", config.tokens, TOKENIZERS)
    if config.label_ratios and config.embedding_size < len({row.label for row in texts.train}):
        raise SeqlabError(f"label_ratios need a feature for each label; got an embedding of {config.embedding_size}.")
    reader = TextReader.build(texts.train, config.tokens, config.min_count, config.max_length)
    rows = {name: reader.rows(getattr(texts, name)) for name in PARTS}
    counts = np.bincount(rows["train"].targets, minlength=len(reader.labels))
    model = make_model(config, reader)
    jax.eval_shape(lambda key: init_params(model, key), jax.random.key(0))  # Says what is wrong in the config.
    sizes = {"batch_size": config.batch_size, "eval_batch_size": config.eval_batch_size}
    splits = bucketed_splits(rows["train"], rows["validation"], rows["test"], **sizes, seed=config.seed)

    def init(key: Key) -> Params:
        params = init_params(model, key)
        return _with_ratios(params, rows["train"], len(reader.labels)) if config.label_ratios else params

    held_out = {name: [{"text": row.text, "label": row.label} for row in getattr(texts, name)] for name in HELD_OUT}
    classifier = Classifier(
        name="classification",
        model=model,
        init=init,
        labels=reader.labels,
        class_weights=class_weights(config.class_weights, counts, reader.labels),
    )
    return classification_task(
        classifier,
        splits,
        held_out,
        batch_sizes={"train": config.batch_size, "validation": config.eval_batch_size, "test": config.eval_batch_size},
        baselines=lambda: baselines(rows, reader),
        artifacts=reader.artifacts(),
        show=lambda params, key: shown(model, reader, params, texts.validation[:NUM_SHOWN]),
    )


def _with_ratios(params: Params, train: Batch, num_classes: int) -> Params:
    """The params with naive Bayes' ratios as the first features of the embedding, one for each class."""
    embedding = params["embedding"]["embedding"]
    ratios = label_ratios(fit_naive_bayes(train.inputs, train.targets, len(embedding), num_classes))
    started = embedding.at[:, :num_classes].set(RATIO_SCALE * jnp.asarray(ratios, embedding.dtype))
    return {**params, "embedding": {**params["embedding"], "embedding": started}}
