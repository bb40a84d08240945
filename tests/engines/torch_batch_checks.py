"""Run by the interpreter that has torch: prints what batches of a small random model compute beside plain passes."""

import json
import sys

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from augment.seams import Sampling
from augment.serve import wide_layers
from augment.serve.torch_batch import Batch, PromptMemory, Reading, TorchModel
from augment.serve.torch_sampling import Sampler

torch.set_num_threads(1)
torch.manual_seed(7)
CONFIG = Qwen2Config(
    vocab_size=90,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=256,
)
MODEL = Qwen2ForCausalLM(CONFIG).eval()
PROMPTS = ([5, 6, 7], list(range(10, 40)), [5, 6, 7, 8, 9, 50, 51])


def plain(tokens):
    with torch.inference_mode():
        return MODEL(input_ids=torch.tensor([tokens])).logits[0, -1]


def apart(left, right):
    return float((left - right).abs().max())


def read(model, prompt, memory, piece):
    reading, pieces = Reading(model, prompt, memory), 0
    scores = None
    while scores is None:
        scores, pieces = reading.step(piece), pieces + 1
    memory.keep(prompt, reading.cache)
    return reading.cache, scores, pieces


def batches():
    """Rows that join and leave at different times, each against a pass of its own over all of its tokens."""
    model = TorchModel(MODEL, "cpu")
    batch, memory, worst = Batch(model), PromptMemory(100), 0.0
    texts = []

    def join(prompt):
        nonlocal worst
        cache, scores, _ = read(model, prompt, memory, piece=4)
        worst = max(worst, apart(scores, plain(prompt)))
        batch.join(cache)
        texts.append([*prompt, int(scores.argmax())])

    def step():
        nonlocal worst
        for text, scores in zip(texts, batch.step([text[-1] for text in texts]), strict=True):
            worst = max(worst, apart(scores, plain(text)))
            text.append(int(scores.argmax()))

    def leave(row):
        del texts[row]
        batch.keep([at for at in range(batch.rows) if at != row])

    join(PROMPTS[0])
    step()
    join(PROMPTS[1])
    step()
    join(PROMPTS[2])
    step()
    step()
    leave(1)  # the widest: the padding of the others goes with it
    step()
    leave(0)
    step()
    leave(0)
    join(PROMPTS[1])
    step()
    return worst, batch.rows


def memory_of_prompts():
    """How many pieces a prompt takes to read before and after one with the same beginning."""
    model, memory = TorchModel(MODEL, "cpu"), PromptMemory(100)
    long = list(range(20, 60))
    cold = read(model, long, memory, piece=8)
    alike = read(model, [*long[:-1], 5], memory, piece=8)
    again = read(model, long, memory, piece=8)
    PromptMemory(10).keep(long, cold[0])
    small = PromptMemory(10)
    small.keep(long, cold[0])
    return {
        "pieces": [cold[2], alike[2], again[2]],
        "apart": max(apart(alike[1], plain([*long[:-1], 5])), apart(again[1], plain(long))),
        "kept": memory.tokens,
        "too long": small.tokens,
    }


def samples():
    """Tokens that are drawn of 200 times from four chances: 0.5, 0.3, 0.15, 0.05."""
    scores = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))

    def drawn(**options):
        sampler = Sampler(Sampling(**options), [0])
        return [sampler.pick(scores) for _ in range(200)]

    all_of_it = {"temperature": 1.0, "top_p": 1.0}
    return {
        "greedy": sorted(set(drawn(temperature=0))),
        "all": sorted(set(drawn(**all_of_it, seed=1))),
        "share of the first": drawn(**all_of_it, seed=2).count(0) / 200,
        "nucleus": sorted(set(drawn(temperature=1.0, top_p=0.7, seed=1))),
        "same seed": drawn(**all_of_it, seed=3) == drawn(**all_of_it, seed=3),
        "other seed": drawn(**all_of_it, seed=3) == drawn(**all_of_it, seed=4),
        "no seed": drawn(**all_of_it) == drawn(**all_of_it),
        "penalised": Sampler(Sampling(temperature=0, repetition_penalty=2.0), [0]).pick(torch.tensor([2.0, 1.5, 0.1])),
    }


def widened():
    """How far a model whose matrices are kept in 16 bits is from one that has the same numbers in 32."""
    narrow = Qwen2ForCausalLM(CONFIG).eval().to(torch.bfloat16)
    full = Qwen2ForCausalLM(CONFIG).eval()
    full.load_state_dict({name: value.float() for name, value in narrow.state_dict().items()})
    wide_layers.PIECE_ROWS = 50  # less than the rows of some matrices
    wide_layers.widen(narrow)
    tokens = torch.tensor([PROMPTS[1]])
    with torch.inference_mode():
        one, other = narrow(input_ids=tokens).logits, full(input_ids=tokens).logits
        few = apart(narrow(input_ids=tokens[:, :1]).logits, full(input_ids=tokens[:, :1]).logits)
    matrices = [value.dtype for value in narrow.parameters() if value.dim() == 2]
    kept = all(kind is torch.bfloat16 for kind in matrices)
    return {"apart": apart(one, other), "few rows": few, "kept": kept, "gives": str(one.dtype)}


worst, rows = batches()
json.dump(
    {"apart": worst, "rows": rows, "memory": memory_of_prompts(), "samples": samples(), "wide": widened()}, sys.stdout
)
