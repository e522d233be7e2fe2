"""Tagging: a tag for every word of a sentence, such as which names there are and of what (named-entity recognition).

Loss: the sum over the time steps of -log P(tag), each word by itself (softmax), or -log P(all tags of the sentence)
(CRF), divided by the number of words. The tags that are given out are the most probable legal ones, by Viterbi's
algorithm over legal BIO transitions with either output layer. Scores: accuracy over words; precision, recall and F1 of
whole entities, whose counts add up over batches to the score of the split.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Array, Float, Int, Key, Params
from seqlab.core.errors import SeqlabError
from seqlab.core.keys import for_purpose
from seqlab.core.linear_chain import Legal, forbid
from seqlab.core.masks import lengths_to_mask
from seqlab.data.batch import Batch, Splits
from seqlab.data.bio import OUTSIDE, legal_transitions
from seqlab.data.buckets import bucketed_splits
from seqlab.data.loaders.conll import Sentence
from seqlab.data.loaders.vectors import read_vectors
from seqlab.data.tagged import TaggedSplits
from seqlab.data.vocabulary import UNKNOWN_ID
from seqlab.layers.config import RecurrentConfig
from seqlab.losses import WeightedSum, crf_negative_log_likelihood, softmax_cross_entropy
from seqlab.metrics import Mean, entity_scores
from seqlab.metrics.accumulate import Metrics
from seqlab.models.tagger import Chain, Tagger
from seqlab.models.viterbi import viterbi
from seqlab.tasks.base import Compile, Hyper, Loss, Task
from seqlab.tasks.tagging_data import Lexicon, most_frequent_tags
from seqlab.tasks.tagging_prediction import (
    bracketed,
    predict_sentences,
    predict_split,
    seqeval_scores,
    write_predictions,
)

NUM_SHOWN = 5


@dataclass(frozen=True)
class TaggingConfig:
    """A tagger and how its sentences are batched.

    Attributes:
        embedding_size: width of a word's embedding.
        character_size: width of a word's vector from its characters.
        char_encoder: ``none``, ``recurrent`` or ``convolutional``.
        output_layer: ``softmax`` or ``crf``.
        vectors: a file of pretrained vectors for the embedding's start, in the format of
            ``seqlab.data.loaders.vectors``; empty for none.
        min_count: words that occur less often in the training split are unknown.
        unknown_count: a; training reads a word that it has n times as unknown with probability a / (n + a), so that the
            unknown word stands for rare ones (Kiperwasser and Goldberg, 2016); 0 for never.
        recurrent: the recurrent layers.
        batch_size: sentences of a training batch.
        eval_batch_size: sentences of a batch in evaluation.
        seed: of the order of training.
    """

    embedding_size: int = 64
    character_size: int = 32
    char_encoder: str = "convolutional"
    output_layer: str = "crf"
    vectors: str = ""
    min_count: int = 1
    unknown_count: float = 0.0
    recurrent: RecurrentConfig = field(default_factory=lambda: RecurrentConfig(bidirectional=True))
    batch_size: int = 32
    eval_batch_size: int = 32
    seed: int = 0


def make_model(config: TaggingConfig, lexicon: Lexicon) -> Tagger:
    """The model for a lexicon."""
    return Tagger(
        num_words=lexicon.words.size,
        num_characters=lexicon.characters.size,
        num_tags=len(lexicon.tags),
        embedding_size=config.embedding_size,
        character_size=config.character_size,
        char_encoder=config.char_encoder,
        output_layer=config.output_layer,
        recurrent=config.recurrent,
    )


def init_params(model: Tagger, lexicon: Lexicon, key: Key) -> Params:
    """The model's params before training, without pretrained vectors."""
    inputs = jnp.asarray(lexicon.encode(["a"], model.char_encoder != "none")[None])
    return model.recurrent.start_gates(model.init(key, inputs)["params"], for_purpose(key, "gates"))


def decode(model: Tagger, lexicon: Lexicon, params: Params, inputs: Array, lengths: Array) -> Array:
    """The best legal tags of each row [B, T], 0 at padding."""
    chain: Any = model.apply({"params": params}, inputs, lengths=lengths)
    return _best_tags(chain, lexicon, lengths)


def _best_tags(chain: Chain, lexicon: Lexicon, lengths: Array) -> Array:
    transitions = forbid(chain.transitions, Legal(*legal_transitions(lexicon.tags)))
    return viterbi(chain.emissions, transitions, lengths).tags


def make_task(config: TaggingConfig, sentences: TaggedSplits) -> Task:
    """The task of learning these sentences; the lexicon comes from their training split alone.

    Raises:
        SeqlabError: wrong names in ``config``, or vectors of another width than the embedding.
        DataError: a file of vectors that cannot be read.
    """
    lexicon = Lexicon.build(sentences.train, config.min_count)
    model = make_model(config, lexicon)
    jax.eval_shape(lambda key: init_params(model, lexicon, key), jax.random.key(0))  # Says what is wrong in the config.
    vectors = _pretrained(config, lexicon)
    by_name = {"train": sentences.train, "validation": sentences.validation, "test": sentences.test}
    rows = {name: lexicon.rows(split, config.char_encoder != "none") for name, split in by_name.items()}
    splits = bucketed_splits(
        **rows, batch_size=config.batch_size, eval_batch_size=config.eval_batch_size, seed=config.seed
    )
    begins, inside = (jnp.array([tag.startswith(prefix) for tag in lexicon.tags]) for prefix in ("B-", "I-"))

    counts = np.bincount(np.concatenate([row[:, 0] for row in rows["train"].inputs]), minlength=lexicon.words.size)
    unknown_rates = jnp.asarray(config.unknown_count / np.maximum(counts + config.unknown_count, 1e-9), jnp.float32)

    def init(key: Key) -> Params:
        params = init_params(model, lexicon, key)
        ids, table = vectors
        params["embedding"]["embedding"] = params["embedding"]["embedding"].at[ids].set(table)
        return params

    def loss(params: Params, carry: Any, batch: Batch, key: Key, hyper: Hyper) -> Loss:
        batch = jax.tree.map(jnp.asarray, batch)
        rngs = {"dropout": for_purpose(key, "dropout")}
        options: dict[str, Any] = {"lengths": batch.lengths, "rngs": rngs, **hyper.drop_rates()}
        inputs = read_as_unknown(for_purpose(key, "unknown"), batch.inputs, unknown_rates)
        chain: Any = model.apply({"params": params}, inputs, **options)
        total, weight = _loss(model, lexicon, chain, batch, hyper.label_smoothing)
        return Loss(total, weight, carry, {"loss": Mean(total, weight)})

    def evaluate(params: Params, carry: Any, batch: Batch) -> tuple[Metrics, Any]:
        batch = jax.tree.map(jnp.asarray, batch)
        chain: Any = model.apply({"params": params}, batch.inputs, lengths=batch.lengths)
        tags = _best_tags(chain, lexicon, batch.lengths)
        mask = lengths_to_mask(batch.lengths, batch.targets.shape[1])
        right = ((tags == batch.targets) & mask).sum(dtype=jnp.float32)
        metrics = {
            "loss": Mean(*_loss(model, lexicon, chain, batch, 0.0)),
            "accuracy": Mean(right, mask.sum(dtype=jnp.float32)),
            **entity_scores(tags, batch.targets, begins, inside, mask),
        }
        return metrics, carry

    def scores(means: dict[str, float]) -> dict[str, float]:
        # The best checkpoint is the one with the smallest score, so F1 has to be turned around.
        return {**means, "entity_error": 1 - means["entity_f1"]} if "entity_f1" in means else means

    def finish(params: Params, folder: Path, jit: Compile) -> dict[str, dict[str, Any]]:
        compiled = jit(lambda *arrays: decode(model, lexicon, *arrays))
        found = {}
        for name in ("validation", "test"):
            tags = predict_split(lambda *arrays: compiled(params, *arrays), getattr(splits, name), lexicon.tags)
            write_predictions(folder / "predictions" / f"{name}.jsonl", by_name[name], tags)
            found[name] = seqeval_scores([sentence.tags for sentence in by_name[name]], tags)
        return found

    def show(params: Params, key: Key) -> str:
        del key
        params = jax.tree.map(jnp.asarray, params)  # The best params are kept on the host.
        return _shown(model, lexicon, params, sentences.validation)

    return Task(
        name="tagging",
        splits=splits,
        init=init,
        initial_carry=lambda batch_size: (),
        loss=loss,
        evaluate=evaluate,
        batch_sizes=_batch_sizes(splits),
        scores=scores,
        baselines=lambda: {"most frequent tag": _most_frequent_scores(sentences)},
        artifacts=lexicon.artifacts(),
        show=show,
        headline="entity_f1",
        selection="entity_error",
        unit="words",
        finish=finish,
    )


def read_as_unknown(key: Key, inputs: Int[Array, "B T C"], rates: Float[Array, " V"]) -> Int[Array, "B T C"]:
    """The inputs with words replaced by the unknown word at the ``rates`` of their ids; characters stay."""
    words = inputs[..., 0]
    unknown = jax.random.bernoulli(key, rates[words])
    return inputs.at[..., 0].set(jnp.where(unknown, UNKNOWN_ID, words))


def _loss(model: Tagger, lexicon: Lexicon, chain: Chain, batch: Batch, label_smoothing: Any) -> WeightedSum:
    """The sum over all words; smoothing is for a softmax alone, as a CRF has no target of each word."""
    if model.output_layer == "softmax":
        mask = lengths_to_mask(batch.lengths, batch.targets.shape[1])
        return softmax_cross_entropy(chain.emissions, batch.targets, mask, label_smoothing)
    transitions = forbid(chain.transitions, Legal(*legal_transitions(lexicon.tags)))
    return crf_negative_log_likelihood(chain.emissions, batch.targets, transitions, batch.lengths)


def _pretrained(config: TaggingConfig, lexicon: Lexicon) -> tuple[np.ndarray, np.ndarray]:
    """Ids of the words that have a pretrained vector [N], and the vectors [N, F]."""
    if not config.vectors:
        return np.zeros(0, np.int32), np.zeros((0, config.embedding_size), np.float32)
    vectors = read_vectors(Path(config.vectors).expanduser(), lexicon.words)
    if not vectors:
        raise SeqlabError(f"--vectors={config.vectors}: none of its words is in the training split, in lower case.")
    width = len(next(iter(vectors.values())))
    if width != config.embedding_size:
        raise SeqlabError(
            f"--vectors={config.vectors}: its vectors have {width} numbers; expected {config.embedding_size}, the "
            f"width of the embedding. Use --embedding_size={width}."
        )
    return lexicon.words.encode(list(vectors)), np.stack(list(vectors.values()))


def _batch_sizes(splits: Splits) -> dict[str, int]:
    return {name: len(split.batch(0).inputs) for name, split in splits._asdict().items()}


def _most_frequent_scores(sentences: TaggedSplits) -> dict[str, dict[str, float]]:
    found = {}
    for name in ("validation", "test"):
        held_out: Sequence[Sentence] = getattr(sentences, name)
        found[name] = tag_scores(
            [sentence.tags for sentence in held_out], most_frequent_tags(sentences.train, held_out)
        )
    return found


def tag_scores(targets: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]) -> dict[str, float]:
    """Accuracy and entity scores of legal tags that are strings, as ``evaluate`` gives them for ids."""
    names = sorted({tag for sentence in [*targets, *tags] for tag in sentence})
    ids = {tag: number for number, tag in enumerate(names)}
    longest = max(len(sentence) for sentence in targets)
    lengths = jnp.array([len(sentence) for sentence in targets])
    ours, theirs = (
        jnp.asarray([[ids[tag] for tag in sentence] + [0] * (longest - len(sentence)) for sentence in rows])
        for rows in (tags, targets)
    )
    mask = lengths_to_mask(lengths, longest)
    begins, inside = (jnp.array([name.startswith(prefix) for name in names]) for prefix in ("B-", "I-"))
    scores = entity_scores(ours, theirs, begins, inside, mask)
    right = ((ours == theirs) & mask).sum()
    return {"accuracy": float(right) / float(mask.sum()), **{name: mean.compute() for name, mean in scores.items()}}


def _shown(model: Tagger, lexicon: Lexicon, params: Params, sentences: Sequence[Sentence]) -> str:
    """The first sentences with entities in them: the right ones, and the model's."""
    chosen = [sentence for sentence in sentences if any(tag != OUTSIDE for tag in sentence.tags)][:NUM_SHOWN]
    tags = predict_sentences(
        lambda *arrays: decode(model, lexicon, params, *arrays),
        lexicon,
        [sentence.words for sentence in chosen],
        model.char_encoder != "none",
    )
    return "".join(
        f"expected  {bracketed(sentence.words, sentence.tags)}\n     got  {bracketed(sentence.words, found)}\n"
        for sentence, found in zip(chosen, tags, strict=True)
    )
