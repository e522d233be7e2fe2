import pytest

from seqlab.core.errors import DataError
from seqlab.tasks.decision import DECISION_FILE, load_decision, save_decision


def test_a_decision_is_read_again_as_it_was_written_and_need_not_be_there(tmp_path):
    assert load_decision(tmp_path, "threshold") is None
    save_decision(tmp_path, "threshold", 0.1 + 0.2)
    assert load_decision(tmp_path, "threshold") == 0.1 + 0.2


@pytest.mark.parametrize("content", ["", "[1]", '{"other": 1}', '{"threshold": "1"}', '{"threshold": NaN}', "{"])
def test_another_content_is_refused_with_the_file_s_name(tmp_path, content):
    (tmp_path / DECISION_FILE).write_text(content)
    with pytest.raises(DataError, match=r"decision\.json: expected .*threshold"):
        load_decision(tmp_path, "threshold")
