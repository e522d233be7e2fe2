from seqlab.data.synthetic.reordering import LONGEST, LONGEST_IN_TRAINING, SIZES, reordering_splits
from seqlab.metrics.translation import translation_scores
from seqlab.models.word_dictionary import fit_dictionary, translate_word_by_word

TRAIN, VALIDATION, TEST = reordering_splits()


def test_no_source_is_in_two_splits_and_every_word_of_the_held_out_ones_is_in_training():
    every = [*TRAIN, *VALIDATION, *TEST]
    assert len({pair.source for pair in every}) == len(every) == 4000
    for side in (0, 1):
        known = {word for pair in TRAIN for word in pair[side].split()}
        assert {word for pair in every for word in pair[side].split()} == known


def test_the_last_test_sources_are_longer_than_all_others():
    lengths = [[len(pair.source.split()) for pair in part] for part in (TRAIN, VALIDATION, TEST)]
    assert max(lengths[0] + lengths[1] + lengths[2][: SIZES["test"]]) == LONGEST_IN_TRAINING
    longer = lengths[2][SIZES["test"] :]
    assert len(longer) == SIZES["longer"]
    assert LONGEST_IN_TRAINING < min(longer) < max(longer) == LONGEST


def test_a_verb_in_the_past_agrees_with_its_subject_which_its_source_does_not_say():
    forms = {}
    for pair in TRAIN:
        words = pair.source.split()
        if len(words) == 3 and words[2] == "slept":
            forms.setdefault(pair.target.split()[-1], set()).add(words[0])
    assert forms["dormavit"] <= {"the", "this", "some", "every"}
    assert forms["dormavint"] <= {"the", "these", "many", "two"}


def test_a_dictionary_of_words_fails():
    dictionary = fit_dictionary(TRAIN)
    translations = [translate_word_by_word(dictionary, pair.source) for pair in TEST]
    assert translation_scores(translations, [pair.target for pair in TEST], tokenized=True)["bleu"] < 6
