"""Support is the probability of entailment, by a real network in a real folder, made here by hand."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed: the tests of exx-nli run after make setup-nli")
pytest.importorskip("exx_nli", reason="exx-nli is not installed: its tests run after make setup-nli")

import json
import shutil

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import exx_nli
from exx import BackendError, GroundedAnswers
from exx.testing import Registry, check_detector
from exx_nli.detector import DEFAULT_REVISION, NliDetector
from exx_nli.model import Entailment, entailment_column, load

PASSAGE = "Shakespeare wrote Hamlet. Rome is the capital of Italy. The tower was built in Paris."


def support(folder, passage, *claims, **options):
    detector = NliDetector(model=str(folder), **options)
    return list(detector.support([GroundedAnswers(passage, claims)]))


def test_the_probability_is_the_model_s(folder, chance):
    """Whole statements, by the closed form of the model: all the words held, all but one, and half of them."""
    full, part, none = support(
        folder,
        PASSAGE,
        ("", "Rome is the capital of Italy"),
        ("", "Paris is the capital of France"),
        ("", "one is two."),
    )

    assert full == pytest.approx(chance(6, 6), abs=1e-5)
    assert part == pytest.approx(chance(5, 6), abs=1e-5)
    assert none == pytest.approx(chance(2, 4), abs=1e-5)
    assert full > 0.99
    assert none < 0.01


def test_a_short_answer_is_judged_with_its_question(folder, chance):
    """The bare name is in the passage; whether what it answers is, the question decides."""
    right, wrong = support(
        folder, PASSAGE, ("Who wrote Hamlet?", "Shakespeare"), ("Who painted Hamlet?", "Shakespeare")
    )

    assert right == pytest.approx(chance(4, 4), abs=1e-5)  # Shakespeare wrote Hamlet.
    assert wrong == pytest.approx(chance(3, 4), abs=1e-5)  # Shakespeare painted Hamlet.
    assert right > 0.99


def test_the_best_window_counts(folder, chance):
    """What stands together in one window supports; what is spread over two that share no window does not."""
    passage = "The sun is red. One. Two. Three. Four. The moon is blue."
    together, apart = support(folder, passage, ("", "the sun is red."), ("", "the sun is blue."), window_sentences=2)

    assert together == pytest.approx(chance(5, 5), abs=1e-5)
    assert apart == pytest.approx(chance(4, 5), abs=1e-5)


def test_sentences_of_an_answer_are_averaged_or_the_weakest_counts(folder, chance):
    """Two sentences of which the passage holds one: half of the sum, or the lower one."""
    answer = "Rome is the capital of Italy. Seven is eight of nine and ten"
    good, bad = chance(7, 7), chance(3, 8)

    (mean,) = support(folder, PASSAGE, ("", answer))
    (least,) = support(folder, PASSAGE, ("", answer), answer_sentences="min")

    assert mean == pytest.approx((good + bad) / 2, abs=1e-2)
    assert least == pytest.approx(bad, abs=1e-2)


@pytest.mark.parametrize(
    ("passage", "answer"), [("", "Rome is red."), ("  \n ", "Rome"), (PASSAGE, ""), (PASSAGE, "…")]
)
def test_nothing_supports_nothing(folder, passage, answer):
    """An empty passage supports no answer, and an answer without a word is not supported."""
    assert support(folder, passage, ("", answer)) == [0.0]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_the_order_of_the_labels_is_read_from_the_config(make_model, folder, at):
    """Wherever a model has entailment, the support is the same."""
    labels = ["NEUTRAL", "CONTRADICTION"]
    labels.insert(at, "ENTAILMENT")
    claims = (("", "Rome is the capital of Italy."), ("", "Rome is the city of Italy."))

    assert support(make_model(labels, at), PASSAGE, *claims) == support(folder, PASSAGE, *claims)


def test_two_labels_are_enough(make_model, chance):
    """A model may know only whether a text is entailed."""
    folder = make_model(("not_entailment", "entailment"), 1)

    assert support(folder, PASSAGE, ("", "Rome is the capital of France.")) == [
        pytest.approx(chance(6, 7, 2), abs=1e-5)
    ]


def test_unclear_labels_are_refused_until_somebody_tells(make_model, folder):
    """Names such as LABEL_0 tell nothing, so guessing would be as good as drawing lots."""
    blind = make_model(("LABEL_0", "LABEL_1", "LABEL_2"))
    claim = ("", "Rome is the capital of Italy.")

    with pytest.raises(BackendError, match=r"LABEL_0.*not clear(?s:.)*entailment_label"):
        support(blind, PASSAGE, claim)
    with pytest.raises(BackendError, match="none is 'LABEL_7'"):
        support(blind, PASSAGE, claim, entailment_label="LABEL_7")
    for told in ("LABEL_1", "label_1", "1"):
        assert support(blind, PASSAGE, claim, entailment_label=told) == support(folder, PASSAGE, claim)


@pytest.mark.parametrize(
    ("labels", "column"),
    [
        ({0: "entailment", 1: "not_entailment"}, 0),
        ({0: "Contradict", 1: "Neutral", 2: "Entailed"}, 2),
        ({0: "contradiction", 1: "entailment", 2: "neutral"}, 1),
    ],
)
def test_usual_names_of_labels(labels, column):
    """As in configs that are on the hub; ``not_entailment`` is not entailment."""
    assert entailment_column(labels, None, "somewhere") == column


@pytest.mark.parametrize("labels", [{0: "entailment"}, {0: "LABEL_0", 1: "LABEL_1"}, {0: "entails", 1: "entailment"}])
def test_labels_that_cannot_be_used(labels):
    """One output, none that is entailment, or two that are."""
    with pytest.raises(BackendError, match=r"label|output"):
        entailment_column(labels, None, "somewhere")


def test_a_long_passage_is_read_to_its_end(folder, chance):
    """The fact at the end of hundreds of sentences, and of one sentence of hundreds of words, is found."""
    fact = "Shakespeare wrote Hamlet."
    many = "The sun is red. " * 300 + fact
    one = "the sun and the moon and " * 200 + fact
    unbroken = "sun," * 400 + fact

    for passage in (many, one, unbroken):
        assert support(folder, passage, ("Who wrote Hamlet?", "Shakespeare"))[0] > chance(3, 4)


def test_what_is_asked_fits_the_model(folder, monkeypatch):
    """No pair has more tokens than the model takes, however long passage, question and answer are."""
    lengths = []
    real = Entailment._logits

    def watched(self, pairs, max_length):
        lengths.extend(len(self.tokenizer(*pair)["input_ids"]) for pair in pairs)
        return real(self, pairs, max_length)

    monkeypatch.setattr(Entailment, "_logits", watched)
    support(
        folder,
        "sun moon star " * 100 + ". " + "Rome is red. " * 50 + "x" * 300,
        ("Where is the city " * 30 + "?", "Rome"),
        ("Who was it? " * 40, "Paris"),
        ("Who?", "the tower of Rome and " * 60),
        ("Who?", "y" * 500),
    )

    assert max(lengths) <= 64
    assert len(lengths) > 50


def test_the_shorter_of_two_limits_counts(folder, monkeypatch):
    """``max_length`` cuts further than the model does."""
    assert load(str(folder), None, "cpu", None).longest == 64
    assert support(
        folder, "sun " * 500 + "Shakespeare wrote Hamlet", ("Who wrote Hamlet?", "Shakespeare"), max_length=32
    )


WORDS = st.lists(
    st.sampled_from(["rome", "paris", "sun", "moon", "red", "blue", "is", "the", ".", "and", "city", "xyz"]),
    min_size=1,
    max_size=25,
)


@settings(max_examples=8)
@given(st.lists(st.tuples(WORDS, st.lists(WORDS, max_size=4)), min_size=1, max_size=6), st.integers(1, 9), st.randoms())
def test_the_company_changes_nothing(folder, drawn, size, random):
    """Each claim has the same support alone, in any batch, in any order and with any batch size."""
    batch = [GroundedAnswers(" ".join(p), tuple(("", " ".join(a)) for a in answers)) for p, answers in drawn]
    random.shuffle(batch)
    claims = [(one.context, claim) for one in batch for claim in one.claims]
    alone = [support(folder, context, claim, batch_size=1)[0] for context, claim in claims]

    assert list(NliDetector(model=str(folder), batch_size=size).support(batch)) == pytest.approx(alone, abs=2e-5)


def test_many_answers_come_back_in_order(folder):
    """Three thousand claims on two thousand passages, more than are held at once: each gets its own number."""
    numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    batch = [
        GroundedAnswers(f"{numbers[n % 10]} is red.", tuple(("", f"{numbers[m]} is red.") for m in range(n % 4)))
        for n in range(2000)
    ]
    degrees = iter(NliDetector(model=str(folder)).support(batch))

    for n, grounded in enumerate(batch):
        for m in range(len(grounded.claims)):
            assert (next(degrees) > 0.9) == (m == n % 10)
    assert next(degrees, None) is None


def test_a_missing_folder_is_told(tmp_path):
    """With what was looked for, and where."""
    with pytest.raises(BackendError, match="no such folder"):
        support(tmp_path / "nothing", PASSAGE, ("", "Rome"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(BackendError, match="is a file"):
        support(tmp_path / "file", PASSAGE, ("", "Rome"))


def test_a_name_on_the_hub_needs_a_revision():
    """So that the config means the same model tomorrow; the default model has its own."""
    with pytest.raises(BackendError, match="needs a revision"):
        support("somebody/some-model", PASSAGE, ("", "Rome"))

    assert NliDetector().pinned == DEFAULT_REVISION
    assert NliDetector(revision="main").pinned == "main"
    assert NliDetector(model="somebody/some-model").pinned is None


def copy_of(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    return copy


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_an_incomplete_folder_is_told(folder, tmp_path, name):
    """Each file that is needed is missed, with the folder's name."""
    copy = copy_of(folder, tmp_path)
    (copy / name).unlink()

    with pytest.raises(BackendError, match="copy"):
        support(copy, PASSAGE, ("", "Rome"))


def test_pickles_are_not_read(folder, tmp_path):
    """Weights that are there as a pickle alone are refused: reading one can run code."""
    copy = copy_of(folder, tmp_path)
    (copy / "model.safetensors").unlink()
    torch.save({}, copy / "pytorch_model.bin")

    with pytest.raises(BackendError, match="cannot use the model"):
        support(copy, PASSAGE, ("", "Rome"))


def test_code_beside_a_model_is_not_run(folder, tmp_path):
    """A config that names code of its own does not get it run."""
    copy = copy_of(folder, tmp_path)
    config = json.loads((copy / "config.json").read_text())
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "own.Own", "AutoModelForSequenceClassification": "own.Net"},
    }
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "own.py").write_text("raise SystemExit('this code was run')")

    with pytest.raises(BackendError, match="cannot use the model"):
        support(copy, PASSAGE, ("", "Rome"))


def test_a_model_that_was_not_trained_to_classify_is_refused(folder, tmp_path):
    """Weights without a classifier would be filled up with random numbers."""
    from transformers import BertModel

    copy = copy_of(folder, tmp_path)
    BertModel.from_pretrained(copy).save_pretrained(copy)
    config = json.loads((copy / "config.json").read_text())
    config["id2label"] = {"0": "contradiction", "1": "entailment", "2": "neutral"}
    (copy / "config.json").write_text(json.dumps(config))

    with pytest.raises(BackendError, match=r"lack .*classifier"):
        support(copy, PASSAGE, ("", "Rome"))


def test_damaged_weights_are_told(folder, tmp_path):
    """A file that breaks off is no model."""
    copy = copy_of(folder, tmp_path)
    file = copy / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])

    with pytest.raises(BackendError, match="cannot use the model"):
        support(copy, PASSAGE, ("", "Rome"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a graphics card")
def test_a_device_that_is_not_there_is_told(folder):
    """``cuda`` is refused without one, ``auto`` takes the processor."""
    with pytest.raises(BackendError, match="no such device"):
        support(folder, PASSAGE, ("", "Rome"), device="cuda")

    assert load(str(folder), None, "auto", None).network.device.type == "cpu"


def test_a_model_is_loaded_once(folder):
    """A score phase asks many times."""
    assert load(str(folder), None, "cpu", None) is load(str(folder), None, "cpu", None)


def test_half_precision_weights_are_computed_with_in_full(folder, tmp_path, chance):
    """Weights saved in 16 bits are asked in 32, where the size of a batch hardly matters."""
    from transformers import AutoModelForSequenceClassification

    copy = copy_of(folder, tmp_path)
    AutoModelForSequenceClassification.from_pretrained(folder).bfloat16().save_pretrained(copy)

    assert load(str(copy), None, "cpu", None).network.dtype == torch.float32


BAD = {"threshold": 1.5, "batch_size": 0, "max_length": 8, "window_sentences": 0, "device": "tpu", "model": ""}


@pytest.mark.parametrize(("option", "value"), BAD.items())
def test_options_are_checked(option, value):
    """Out of range, the name of the option is in the message."""
    with pytest.raises(ValueError, match=rf"'{option}'"):
        NliDetector(**{option: value})


def test_it_is_registered():
    """The plugin offers the class under the word the config uses."""
    assert Registry.of(exx_nli).find("detector", "nli").cls is NliDetector
    assert NliDetector(threshold=0.75).cutoff == 0.75


def test_keeps_the_contract(folder):
    """What exx asks of every detector: see exx.testing."""
    check_detector(NliDetector(model=str(folder)))
