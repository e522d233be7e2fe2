"""Tagging: a tag for every word of a sentence, such as which names there are and of what (named-entity recognition).

Loss: the sum over the time steps of -log P(tag), each word by itself (softmax), or -log P(all tags of the sentence)
(CRF), divided by the number of words. The tags that are given out are the most probable legal ones, by Viterbi's
algorithm over legal BIO transitions with either output layer. Scores: accuracy over words; precision, recall and F1 of
whole entities, whose counts add up over batches to the score of the split. After training, what is taken from the score
of O before the search is chosen on validation, and the final scores and predictions are those with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Float, Int, Key, Params
from seqlab.core.keys import for_purpose
from seqlab.core.linear_chain import Legal, Transitions, forbid
from seqlab.core.masks import lengths_to_mask
from seqlab.data.batch import Batch, Splits
from seqlab.data.bio import OUTSIDE, legal_transitions
from seqlab.data.buckets import bucketed_splits
from seqlab.data.loaders.conll import Sentence
from seqlab.data.splits import HELD_OUT
from seqlab.data.tagged import TaggedSplits
from seqlab.data.vocabulary import UNKNOWN_ID
from seqlab.layers.config import RecurrentConfig
from seqlab.losses import WeightedSum, crf_negative_log_likelihood, softmax_cross_entropy
from seqlab.metrics import Mean, entity_scores
from seqlab.metrics.accumulate import Metrics
from seqlab.models.tagger import Chain, Tagger
from seqlab.models.viterbi import viterbi
from seqlab.tasks.base import Compile, Hyper, Loss, Task
from seqlab.tasks.tagging_data import Lexicon, pretrained, unknown_rates
from seqlab.tasks.tagging_prediction import bracketed, predict_sentences, predict_split, write_predictions
from seqlab.tasks.tagging_scores import baselines, seqeval_scores, with_error

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
    return viterbi(chain.emissions, _legal(chain, lexicon), lengths).tags


def _legal(chain: Chain, lexicon: Lexicon) -> Transitions:
    return forbid(chain.transitions, Legal(*legal_transitions(lexicon.tags)))


def make_task(config: TaggingConfig, sentences: TaggedSplits) -> Task:
    """The task of learning these sentences; the lexicon comes from their training split alone.

    Raises:
        SeqlabError: wrong names in ``config``, or vectors of another width than the embedding.
        DataError: a file of vectors that cannot be read.
    """
    lexicon = Lexicon.build(sentences.train, config.min_count)
    model = make_model(config, lexicon)
    jax.eval_shape(lambda key: init_params(model, lexicon, key), jax.random.key(0))  # Says what is wrong in the config.
    ids, table = pretrained(config.vectors, config.embedding_size, lexicon.words)
    sizes = {"batch_size": config.batch_size, "eval_batch_size": config.eval_batch_size}
    rows = (lexicon.rows(split, config.char_encoder != "none") for split in sentences.parts)
    splits = bucketed_splits(*rows, **sizes, seed=config.seed)

    def init(key: Key) -> Params:
        params = init_params(model, lexicon, key)
        params["embedding"]["embedding"] = params["embedding"]["embedding"].at[ids].set(table)
        return params

    return Task(
        name="tagging",
        splits=splits,
        init=init,
        initial_carry=lambda batch_size: (),
        loss=_training_loss(
            model, lexicon, jnp.asarray(unknown_rates(config.unknown_count, lexicon.words, sentences.train))
        ),
        evaluate=_evaluation(model, lexicon),
        batch_sizes={name: len(split.batch(0).inputs) for name, split in splits._asdict().items()},
        scores=lambda means: with_error(means) if "entity_f1" in means else means,  # Training has the loss alone.
        baselines=lambda: baselines(sentences),
        artifacts=lexicon.artifacts(),
        show=lambda params, key: _shown(model, lexicon, params, sentences.validation),
        headline="entity_f1",
        selection="entity_error",
        unit="words",
        finish=_finish(model, lexicon, splits, sentences),
    )


def _training_loss(model: Tagger, lexicon: Lexicon, unknown_rates: Array) -> Callable[..., Loss]:
    """The task's ``loss``; words are read as unknown at these rates [V]."""

    def loss(params: Params, carry: Any, batch: Batch, key: Key, hyper: Hyper) -> Loss:
        batch = jax.tree.map(jnp.asarray, batch)
        rngs = {"dropout": for_purpose(key, "dropout")}
        options: dict[str, Any] = {"lengths": batch.lengths, "rngs": rngs, **hyper.drop_rates()}
        inputs = read_as_unknown(for_purpose(key, "unknown"), batch.inputs, unknown_rates)
        chain: Any = model.apply({"params": params}, inputs, **options)
        total, weight = _loss(model, lexicon, chain, batch, hyper.label_smoothing)
        return Loss(total, weight, carry, {"loss": Mean(total, weight)})

    return loss


def _evaluation(model: Tagger, lexicon: Lexicon) -> Callable[..., tuple[Metrics, Any]]:
    """The task's ``evaluate``."""
    begins, inside = (jnp.array([tag.startswith(prefix) for tag in lexicon.tags]) for prefix in ("B-", "I-"))

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

    return evaluate


def _finish(
    model: Tagger, lexicon: Lexicon, splits: Splits, sentences: TaggedSplits
) -> Callable[[Params, Path, Compile], dict[str, dict[str, Any]]]:
    """The task's ``finish``: it writes the tags of the held-out splits, and has seqeval score them."""

    def finish(params: Params, folder: Path, jit: Compile) -> dict[str, dict[str, Any]]:
        params = jax.tree.map(jnp.asarray, params)  # The best params are kept on the host.
        run = partial(jit(partial(decode, model, lexicon)), params)
        scores = {}
        for name in HELD_OUT:
            split: Sequence[Sentence] = getattr(sentences, name)
            tags = predict_split(run, getattr(splits, name), lexicon.tags)
            write_predictions(folder / "predictions" / f"{name}.jsonl", split, tags)
            scores[name] = seqeval_scores([sentence.tags for sentence in split], tags)
        return scores

    return finish


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
    return crf_negative_log_likelihood(chain.emissions, batch.targets, _legal(chain, lexicon), batch.lengths)


def _shown(model: Tagger, lexicon: Lexicon, params: Params, sentences: Sequence[Sentence]) -> str:
    """The first sentences with entities in them: the right ones, and the model's."""
    chosen = [sentence for sentence in sentences if any(tag != OUTSIDE for tag in sentence.tags)][:NUM_SHOWN]
    params = jax.tree.map(jnp.asarray, params)  # The best params are kept on the host.
    words = [sentence.words for sentence in chosen]
    with_characters = model.char_encoder != "none"
    tags = predict_sentences(partial(decode, model, lexicon, params), lexicon, words, with_characters)
    return "".join(
        f"expected  {bracketed(sentence.words, sentence.tags)}\n     got  {bracketed(sentence.words, found)}\n"
        for sentence, found in zip(chosen, tags, strict=True)
    )
