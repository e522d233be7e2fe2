"""Translation: a sentence of one language to one of another, learned from pairs.

Training is teacher forcing: cross entropy of each token of the target, given the source and the true tokens before it.
Scheduled sampling (Bengio et al., 2015) lets the model read some of its own guesses instead, as it will have to later.
Here it takes two passes (Mihaylova and Martins, 2019): the first reads the truth and draws a guess for every token; the
second, whose loss is taken, reads the guesses at a share of the steps. So either pass is one unrolled recurrence.

Checkpoints are chosen by cross entropy on validation. The final scores are BLEU and chrF of what beam search finds, and
of what greedy decoding does.

References:
    Bengio et al., Scheduled sampling for sequence prediction with recurrent neural networks, 2015; Mihaylova and
    Martins, Scheduled sampling for transformers, 2019.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from seqlab.core.array_types import Array, Int, Key, Params
from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.core.keys import for_purpose
from seqlab.core.masks import lengths_to_mask
from seqlab.data.batch import Batch
from seqlab.data.buckets import bucketed_splits
from seqlab.data.parallel import ParallelSplits
from seqlab.data.splits import PARTS
from seqlab.layers.config import RecurrentConfig
from seqlab.losses import softmax_cross_entropy
from seqlab.metrics import Mean, accuracy
from seqlab.metrics.accumulate import Metrics
from seqlab.metrics.language import perplexity
from seqlab.models.encoder_decoder import Decoded, EncoderDecoder
from seqlab.models.translate import shifted
from seqlab.tasks.base import Compile, Hyper, Loss, Task
from seqlab.tasks.translation_data import KINDS, Languages
from seqlab.tasks.translation_scores import NUM_SHOWN, dictionary_scores, shown, split_scores
from seqlab.tasks.translator import Translator

# A pair is padded on its shorter side too, so the buckets themselves may add but little.
ENOUGH_PADDING = 0.05


@dataclass(frozen=True)
class TranslationConfig:
    """A translation model, how its pairs are batched and how it is asked.

    Attributes:
        tokens: what has an id; a name in ``seqlab.data.codec.KINDS``.
        min_count: words that occur less often in the training split are unknown; for ``word`` alone.
        vocabulary_size: ids of each language, for pieces of words.
        embedding_size: width of the embeddings.
        recurrent: the layers of the decoder and of each direction of the encoder.
        attention: a name in ``seqlab.models.encoder_decoder.CONTEXTS``.
        tied_embeddings: whether the target's embedding is the output layer too.
        scheduled_sampling_rate: share of the target's tokens that training reads from the model instead, in [0, 1].
        beam_width: hypotheses of the beam search that the final scores are taken of.
        length_penalty: its penalty; see ``seqlab.models.decoding.beam_search``.
        batch_size: pairs of a training batch.
        eval_batch_size: pairs of a batch in evaluation.
        seed: of the order of training.
    """

    tokens: str = "word"
    min_count: int = 1
    vocabulary_size: int = 4000
    embedding_size: int = 128
    recurrent: RecurrentConfig = field(default_factory=RecurrentConfig)
    attention: str = "additive"
    tied_embeddings: bool = False
    scheduled_sampling_rate: float = 0.0
    beam_width: int = 5
    length_penalty: float = 1.0
    batch_size: int = 64
    eval_batch_size: int = 64
    seed: int = 0


def make_model(config: TranslationConfig, languages: Languages) -> EncoderDecoder:
    """The model for these languages."""
    return EncoderDecoder(
        num_source_tokens=languages.source.size,
        num_target_tokens=languages.target.size,
        embedding_size=config.embedding_size,
        recurrent=config.recurrent,
        attention=config.attention,
        tied_embeddings=config.tied_embeddings,
    )


def init_params(model: EncoderDecoder, key: Key) -> Params:
    """The model's params before training."""
    ids = jnp.zeros((1, 1), jnp.int32)
    params = model.init(key, ids, ids, lengths=jnp.ones(1, jnp.int32))["params"]
    return model.recurrent.start_gates(params, for_purpose(key, "gates"))


def make_task(config: TranslationConfig, pairs: ParallelSplits) -> Task:
    """The task of learning these pairs; the codecs come from their training split alone.

    Raises:
        SeqlabError: wrong names or numbers in ``config``.
        DataError: a pair with an empty side.
    """
    _check(config)
    languages = Languages.build(pairs.train, config.tokens, config.min_count, config.vocabulary_size)
    model = make_model(config, languages)
    jax.eval_shape(lambda key: init_params(model, key), jax.random.key(0))  # Says what is wrong in the config.
    rows = {name: languages.rows(getattr(pairs, name)) for name in PARTS}
    sizes: dict[str, Any] = {"batch_size": config.batch_size, "eval_batch_size": config.eval_batch_size}
    splits = bucketed_splits(**rows, **sizes, seed=config.seed, enough=ENOUGH_PADDING)

    def loss(params: Params, carry: Any, batch: Batch, key: Key, hyper: Hyper) -> Loss:
        batch = jax.tree.map(jnp.asarray, batch)
        inputs = shifted(batch.targets)
        if config.scheduled_sampling_rate:
            guesses = _guesses(model, params, for_purpose(key, "guess"), batch)
            chosen = jax.random.bernoulli(for_purpose(key, "sampling"), config.scheduled_sampling_rate, inputs.shape)
            inputs = jnp.where(chosen, guesses, inputs)
        rngs = {"dropout": for_purpose(key, "dropout")}
        logits = _apply(model, params, batch, inputs, rngs=rngs, **hyper.drop_rates()).logits
        total, weight = softmax_cross_entropy(logits, batch.targets, _mask(batch), hyper.label_smoothing)
        return Loss(total, weight, carry, {"loss": Mean(total, weight)})

    def evaluate(params: Params, carry: Any, batch: Batch) -> tuple[Metrics, Any]:
        batch = jax.tree.map(jnp.asarray, batch)
        logits = _apply(model, params, batch, shifted(batch.targets)).logits
        nats = Mean(*softmax_cross_entropy(logits, batch.targets, _mask(batch)))
        return {"loss": nats, "accuracy": accuracy(logits, batch.targets, _mask(batch))}, carry

    def translator(params: Params, **options: Any) -> Translator:
        params = jax.tree.map(jnp.asarray, params)  # The best params are kept on the host.
        return Translator(model, params, languages, **options)

    def finish(params: Params, folder: Path, jit: Compile) -> dict[str, dict[str, Any]]:
        search = {"width": config.beam_width, "length_penalty": config.length_penalty}
        compiled = translator(params, compile=jit, batch_size=config.eval_batch_size)
        return split_scores(compiled, pairs, folder / "predictions", **search)

    return Task(
        name="translation",
        splits=splits,
        init=lambda key: init_params(model, key),
        initial_carry=lambda batch_size: (),
        loss=loss,
        evaluate=evaluate,
        batch_sizes={name: len(split.batch(0).inputs) for name, split in splits._asdict().items()},
        scores=lambda means: {**means, "perplexity": perplexity(means["loss"])},
        baselines=lambda: {"dictionary": dictionary_scores(pairs)},
        artifacts=languages.artifacts(),
        show=lambda params, key: shown(translator(params, batch_size=NUM_SHOWN), pairs),
        headline="bleu",
        finish=finish,
    )


def _check(config: TranslationConfig) -> None:
    if config.tokens not in KINDS:
        raise unknown_name("tokens", config.tokens, KINDS)
    if not 0 <= config.scheduled_sampling_rate <= 1:
        raise SeqlabError(f"scheduled_sampling_rate must lie in [0, 1]; got {config.scheduled_sampling_rate}.")
    if config.beam_width < 1:
        raise SeqlabError(f"beam_width must be at least 1; got {config.beam_width}.")


def _apply(model: EncoderDecoder, params: Params, batch: Batch, inputs: Array, **options: Any) -> Decoded:
    lengths = {"lengths": batch.lengths, "target_lengths": batch.target_lengths}
    return model.apply({"params": params}, batch.inputs, inputs, **lengths, **options)  # pyright: ignore[reportReturnType]


def _guesses(model: EncoderDecoder, params: Params, key: Key, batch: Batch) -> Int[Array, "B U"]:
    """Instead of the true token before each, one drawn from the model, which read the truth; no gradient."""
    logits = jax.lax.stop_gradient(_apply(model, params, batch, shifted(batch.targets)).logits)
    return shifted(jax.random.categorical(key, logits).astype(jnp.int32))


def _mask(batch: Batch) -> Array:
    return lengths_to_mask(batch.target_lengths, batch.targets.shape[1])
