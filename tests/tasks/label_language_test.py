import jax
import numpy as np
import pytest

from seqlab.data.tokenize import END_OF_LINE, TOKENIZERS
from seqlab.data.vocabulary import Vocabulary
from seqlab.layers.config import RecurrentConfig
from seqlab.tasks.label_language import LabelLanguage
from seqlab.tasks.language_model import LanguageModelConfig, init_params, make_model
from seqlab.tasks.text_prediction import TextModel, score_lines


@pytest.mark.slow
def test_labels_have_the_probabilities_that_the_language_model_gives_their_text():
    vocabulary = Vocabulary(("<unk>", END_OF_LINE, "no", "yes"))
    config = LanguageModelConfig(
        tokens="word", embedding_size=3, recurrent=RecurrentConfig("vanilla", 4, engine="scan")
    )
    model = make_model(config, vocabulary)
    params = jax.tree.map(lambda leaf: 2 * leaf, jax.jit(lambda key: init_params(model, key))(jax.random.key(0)))
    text_model = TextModel(model, params, vocabulary, TOKENIZERS["word"], jax.jit)
    labels = ("maybe", "no", "yes")
    language = LabelLanguage(text_model, labels)
    for said in ((), (1, 3, 2, 2)):
        steps = [language(said[:place])[label] for place, label in enumerate(said)]
        text = " ".join(labels[label - 1] for label in said)
        ended, alone = (row["log_probability"] for row in score_lines(text_model, [text + " \n\n", text]))
        assert sum(steps) == pytest.approx(alone, rel=1e-5, abs=1e-6)
        assert alone + language(said)[-1] == pytest.approx(ended, rel=1e-5)
        everything = language(said)
        assert everything[0] == -np.inf
        # What is left: the three tokens that labels have, and the end; "maybe" is unknown here.
        assert np.exp(everything).sum() == pytest.approx(1, rel=1e-5)
