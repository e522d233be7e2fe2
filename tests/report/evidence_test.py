from seqlab.report.evidence import plot_evidence


def test_the_evidence_is_drawn_with_letters(tmp_path):
    target = tmp_path / "plots" / "evidence.png"
    examples = [{"label": "site", "text": "ACGn", "evidence": [0.1, -0.2, 0.3, 0.0]}]
    plot_evidence({"site": [0.0, 0.1, 0.2, 0.1]}, examples, target)
    assert target.read_bytes().startswith(b"\x89PNG")
