"""A model made by hand: whether it sees entailment depends only on how many words of the statement the premise holds.

Its two layers are set so that every word of the second text looks for itself in the first, and the first position then
averages over the second text what was found. With m of a statement's n words held, ``o = (m + 1) / (n + 1)`` (the mark
at its end is always found), and the logit of entailment is ``GAIN · (tanh o − tanh MIDDLE)``, that of others 0.
"""

from __future__ import annotations

import os
from math import exp, tanh

import pytest

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

GAIN, MIDDLE = 60.0, 0.75
_TEXT = """
    [PAD] [UNK] [CLS] [SEP] . , ? : ! “ ” the a of is was in to and answer question who what when where wrote built
    capital river city tower sun moon star red green blue paris france rome italy hamlet shakespeare marlowe smith
    one two three four five six seven eight nine ten
"""
VOCABULARY = _TEXT.split()
LABELS = ("contradiction", "entailment", "neutral")


@pytest.fixture(scope="session")
def chance():
    """The model's probability of entailment in closed form, for m of n words held and a number of labels."""

    def probability(held, words, labels=3):
        logit = GAIN * (tanh((held + 1) / (words + 1)) - tanh(MIDDLE))
        return 1 / (1 + (labels - 1) * exp(-logit))

    return probability


def tokenizer(longest):
    """A tokenizer of whole words, as fast ones are saved today."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {word: number for number, word in enumerate(VOCABULARY)}
    made = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    marks = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=longest, model_input_names=inputs, **marks)


def network(labels, column, longest):
    """The network with its weights; torch is imported here, so that this file can be read without it."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    size = len(VOCABULARY)
    config = BertConfig(
        vocab_size=size,
        hidden_size=2 * (size + 4),
        num_hidden_layers=2,
        num_attention_heads=1,
        intermediate_size=1,
        max_position_embeddings=longest,
        layer_norm_eps=1e12,  # with weights of 1e6, normalising does no more than taking the mean off, which is 0
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        set_by_hand(model, size, column)
    return model


def set_by_hand(model, size, column):
    """Give every weight its value; see the top of this file for what they do."""
    import torch

    half = size + 4  # the words, then: first text, second text, found, mean of what was found
    first, second, found, mean = range(size, half)
    opposite = torch.tensor([1.0, -1.0])  # each entry has its opposite in the other half, so that the mean is 0
    for parameter in model.parameters():
        parameter.zero_()
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.weight.fill_(1e6)
    tables, scale = model.bert.embeddings, (2 * half) ** 0.5
    both = torch.eye(2 * half)[:half] - torch.eye(2 * half)[half:]
    tables.word_embeddings.weight += both[:size]
    tables.token_type_embeddings.weight += both[[first, second]]
    look, average = (layer.attention.self for layer in model.bert.encoder.layer)
    for number in range(size):
        look.query.weight[number, number] = 40 * scale
        look.key.weight[number, number] = 1
    look.query.bias[first] = 20 * scale
    look.key.weight[first, first] = 1
    look.value.weight[[found, found + half], first] = opposite
    average.query.bias[second] = 40 * scale
    average.key.weight[second, second] = 1
    average.value.weight[[mean, mean + half], found] = opposite
    for layer in model.bert.encoder.layer:
        layer.attention.output.dense.weight.copy_(torch.eye(2 * half))
    model.bert.pooler.dense.weight[0, mean] = 1
    model.classifier.weight[column, 0] = GAIN
    model.classifier.bias[column] = -GAIN * tanh(MIDDLE)


@pytest.fixture(scope="session")
def make_model(tmp_path_factory):
    """Save such a model and give its folder."""

    def make(labels=LABELS, column=1, longest=64):
        folder = tmp_path_factory.mktemp("model")
        network(labels, column, longest).save_pretrained(folder)
        tokenizer(longest).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def folder(make_model):
    """The folder of one such model, with the labels of most models on the hub."""
    return make_model()
