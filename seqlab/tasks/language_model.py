"""Language models: the probability of each token given all tokens before it, learned from a text.

    P(w_1 ... w_n) = prod_t P(w_t | w_1 ... w_{t-1})

The text is read as parallel streams, window after window; the state goes on from window to window, and the gradient
stops at a window's beginning.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seqlab.core.array_types import Carry, Key, Params
from seqlab.core.errors import SeqlabError, unknown_name
from seqlab.core.keys import for_purpose
from seqlab.core.masks import lengths_to_mask, select
from seqlab.data.batch import Batch, Splits
from seqlab.data.splits import HELD_OUT
from seqlab.data.texts import TextSplits
from seqlab.data.tokenize import TOKENIZERS, Tokenizer
from seqlab.data.vocabulary import BOUNDARY_ID, Vocabulary
from seqlab.data.windows import StreamWindows
from seqlab.layers.config import RecurrentConfig
from seqlab.losses import softmax_cross_entropy
from seqlab.metrics import Mean, accuracy, language_scores
from seqlab.metrics.accumulate import Metrics
from seqlab.models.many_to_many import ManyToMany
from seqlab.models.ngram import best_ngram, ngram_nats
from seqlab.tasks.autocomplete import counted_baselines, typed_with_characters, typed_with_words
from seqlab.tasks.base import Compile, Hyper, Loss, Task
from seqlab.tasks.text_prediction import TextModel, sample_texts

VOCABULARY_FILE = "vocabulary.json"
SAMPLE_TOKENS, SAMPLE_TEMPERATURE = {"char": 400, "word": 80}, 0.7


@dataclass(frozen=True)
class LanguageModelConfig:
    """A language model and how its text is cut.

    Attributes:
        tokens: ``char`` or ``word``; a name in ``seqlab.data.tokenize.TOKENIZERS``.
        min_count: tokens that occur less often in the training split are unknown.
        embedding_size: width of the embedding.
        tied_embeddings: whether the embedding is the output layer too.
        recurrent: the recurrent layers.
        batch_size: number of parallel streams.
        eval_batch_size: the same for evaluation; few streams lose little context at their beginnings.
        window_size: time steps that the gradient reaches back.
        seed: of the epochs' offsets.
        autocomplete_words: how many words of each held-out split, from its beginning, autocomplete is measured on; 0
            for none.
    """

    tokens: str = "char"
    min_count: int = 1
    embedding_size: int = 64
    tied_embeddings: bool = False
    recurrent: RecurrentConfig = field(default_factory=RecurrentConfig)
    batch_size: int = 32
    eval_batch_size: int = 32
    window_size: int = 64
    seed: int = 0
    autocomplete_words: int = 0


def tokenizer_named(tokens: str) -> Tokenizer:
    """The tokenizer of that name."""
    if tokens not in TOKENIZERS:
        raise unknown_name("tokens", tokens, TOKENIZERS)
    return TOKENIZERS[tokens]


def make_model(config: LanguageModelConfig, vocabulary: Vocabulary) -> ManyToMany:
    """The model for a vocabulary.

    Raises:
        SeqlabError: for recurrent layers in both directions, which would read each token before they predict it.
    """
    if config.recurrent.bidirectional:
        raise SeqlabError("a language model reads forward alone: recurrent.bidirectional must be False; got True.")
    return ManyToMany(
        num_tokens=vocabulary.size,
        num_classes=vocabulary.size,
        embedding_size=config.embedding_size,
        recurrent=config.recurrent,
        tied_embeddings=config.tied_embeddings,
    )


def init_params(model: ManyToMany, key: Key) -> Params:
    """The model's params before training."""
    params = model.init(key, jnp.zeros((1, 1), jnp.int32))["params"]
    return model.recurrent.start_gates(params, for_purpose(key, "gates"))


def make_task(config: LanguageModelConfig, texts: TextSplits) -> Task:
    """The task of learning one text; the vocabulary comes from its training split alone."""
    tokenizer = tokenizer_named(config.tokens)
    train_tokens = tokenizer.split(texts.train)
    vocabulary = Vocabulary.build(train_tokens, boundary=tokenizer.boundary, min_count=config.min_count)
    ids = {
        "train": vocabulary.encode(train_tokens),
        "validation": vocabulary.encode(tokenizer.split(texts.validation)),
        "test": vocabulary.encode(tokenizer.split(texts.test)),
    }
    splits = {name: _windows(config, split_ids, name == "train") for name, split_ids in ids.items()}
    model = make_model(config, vocabulary)
    model.recurrent.make()  # A wrong name of a cell or engine is said here, not when something is compiled.

    def initial_carry(batch_size: int) -> Carry:
        return model.initialize_carry(jax.random.key(0), batch_size)

    def forward(params: Params, carry: Carry, batch: Batch, **options: Any) -> tuple[Any, Carry]:
        carry = select(batch.starts, model.fresh_carry(params, len(batch.inputs)), carry)
        return model.apply({"params": params}, batch.inputs, initial_carry=carry, lengths=batch.lengths, **options)

    def loss(params: Params, carry: Carry, batch: Batch, key: Key, hyper: Hyper) -> Loss:
        batch = jax.tree.map(jnp.asarray, batch)
        rngs = {"dropout": for_purpose(key, "dropout")}
        logits, carry = forward(params, carry, batch, rngs=rngs, **hyper.drop_rates())
        total, weight = softmax_cross_entropy(logits, batch.targets, _mask(batch), hyper.label_smoothing)
        return Loss(total, weight, carry, {"loss": Mean(total, weight)})

    def evaluate(params: Params, carry: Carry, batch: Batch) -> tuple[Metrics, Carry]:
        batch = jax.tree.map(jnp.asarray, batch)
        logits, carry = forward(params, carry, batch)
        nats = Mean(*softmax_cross_entropy(logits, batch.targets, _mask(batch)))
        return {"loss": nats, "accuracy": accuracy(logits, batch.targets, _mask(batch))}, carry

    def scores(means: dict[str, float]) -> dict[str, float]:
        return {**means, **language_scores(means["loss"], config.tokens)}

    def show(params: Params, key: Key) -> str:
        params = jax.tree.map(jnp.asarray, params)  # The best params are kept on the host.
        return sample_text(TextModel(model, params, vocabulary, tokenizer), key, SAMPLE_TOKENS[config.tokens])

    def finish(params: Params, folder: Path, compiler: Compile) -> dict[str, dict[str, Any]]:
        del folder
        params = jax.tree.map(jnp.asarray, params)
        text_model = TextModel(model, params, vocabulary, tokenizer, compile=compiler)
        return autocomplete_by_split(text_model, config, texts) if config.autocomplete_words else {}

    return Task(
        name="language_model",
        splits=Splits(**splits),
        init=lambda key: init_params(model, key),
        initial_carry=initial_carry,
        loss=loss,
        evaluate=evaluate,
        batch_sizes={name: windows.batch_size for name, windows in splits.items()},
        scores=scores,
        baselines=lambda: ngram_baselines(ids, vocabulary.size, config.tokens),
        artifacts={VOCABULARY_FILE: vocabulary.save},
        show=show,
        headline=next(iter(language_scores(0.0, config.tokens))),
        unit={"char": "characters", "word": "words"}[config.tokens],
        finish=finish,
    )


def autocomplete_by_split(
    text_model: TextModel, config: LanguageModelConfig, texts: TextSplits
) -> dict[str, dict[str, Any]]:
    """Scores of autocomplete on both held-out splits; those of counted words are in ``autocomplete_baselines``."""
    num_words, scores = config.autocomplete_words, {}
    by_words = config.tokens == "word"
    # Words are counted as the model reads them; of characters, between white space, which a model of them learns.
    split = text_model.tokenizer.split if by_words else str.split
    for name, text in {"validation": texts.validation, "test": texts.test}.items():
        if by_words:
            typed = typed_with_words(text_model, split(text), num_words)
        else:
            typed = typed_with_characters(text_model, text, num_words)
        counted = counted_baselines(
            split(texts.train),
            split(text),
            num_words,
            min_count=config.min_count if by_words else 1,
            boundary=text_model.vocabulary.boundary,
        )
        scores[name] = {**typed.scores(), "autocomplete_baselines": counted}
    return scores


def ngram_baselines(ids: dict[str, np.ndarray], num_tokens: int, tokens: str) -> dict[str, dict[str, Any]]:
    """The unigram and the best add-0.1 n-gram by counts: what a recurrent model has to beat.

    The order is chosen on the validation split.
    """
    best = best_ngram(ids["train"], ids["validation"], num_tokens).order

    def scores(order: int, split: str) -> dict[str, float]:
        nats = ngram_nats(ids["train"], ids[split], num_tokens, order)
        return {"loss": nats, **language_scores(nats, tokens)}

    return {
        ("unigram" if order == 1 else f"{order}-gram"): {split: scores(order, split) for split in HELD_OUT}
        for order in sorted({1, best})
    }


def sample_text(text_model: TextModel, key: Key, num_tokens: int) -> str:
    """A sample from nothing, a little cooled."""
    return sample_texts(text_model, [""], key, num_tokens, temperature=SAMPLE_TEMPERATURE)[0]


def _windows(config: LanguageModelConfig, ids: np.ndarray, training: bool) -> StreamWindows:
    return StreamWindows(
        ids,
        config.batch_size if training else config.eval_batch_size,
        config.window_size,
        seed=config.seed,
        boundary_id=BOUNDARY_ID,
        training=training,
    )


def _mask(batch: Batch) -> Any:
    return None if batch.lengths is None else lengths_to_mask(batch.lengths, batch.inputs.shape[1])
