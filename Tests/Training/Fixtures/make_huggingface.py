"""Writes huggingface/: small models by the `transformers` package itself, with what they compute.

  gpt2          as the hub has GPT-2: without the first part of names, float32, one file
  llama         in bfloat16, in shards with an index
  llama-tied    the head is the token table, float16
  llama3        rotary positions are scaled: of four pairs one stays, one is in between, two are slowed down
  mistral       attention sees three positions

Each folder has `expected.json`: token identifiers, their logits in float32, and the mean loss of each token's successor.
Needs torch and transformers.
"""
import json
import pathlib

import torch
from transformers import (
    GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM)

ROOT = pathlib.Path(__file__).with_name("huggingface")
IDS = torch.tensor([[1, 4, 2, 6, 0, 3], [3, 3, 0, 5, 2, 8]])


def expected(kind, folder):
    """What the weights compute that the folder has, which are rounded."""
    model = kind.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        logits = model(IDS).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), IDS[:, 1:].flatten())
    record = {"ids": IDS.tolist(), "logits": logits.tolist(), "loss": loss.item()}
    (folder / "expected.json").write_text(json.dumps(record) + "\n")


def spread(model):
    """Larger weights than those of a new model, so that every part of it matters."""
    torch.manual_seed(1)
    for weight in model.parameters():
        weight.data = torch.randn_like(weight.data) * 0.3 + (weight.dim() == 1) * 0.7
    model.tie_weights()


def write(name, model, part=None, element=torch.float32, **options):
    folder = ROOT / name
    spread(model)
    model.to(element)
    (part or model).save_pretrained(folder, **options)
    expected(type(model), folder)


gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=9, n_positions=8, n_embd=16, n_layer=2, n_head=4))
write("gpt2", gpt2, part=gpt2.transformer)

sizes = dict(
    vocab_size=9, hidden_size=16, intermediate_size=12, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=8, rope_theta=100.0, rms_norm_eps=1e-5)
llama = LlamaForCausalLM(LlamaConfig(**sizes, tie_word_embeddings=False))
write("llama", llama, element=torch.bfloat16, max_shard_size="3KB")
tied = LlamaForCausalLM(LlamaConfig(**sizes, tie_word_embeddings=True))
write("llama-tied", tied, element=torch.float16)

wide = sizes | dict(num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64)
del wide["rope_theta"]
scaling = dict(
    rope_type="llama3", rope_theta=100.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=32)
llama3 = LlamaForCausalLM(LlamaConfig(**wide, rope_parameters=scaling, tie_word_embeddings=True))
write("llama3", llama3)
mistral = MistralForCausalLM(MistralConfig(**sizes, sliding_window=3, tie_word_embeddings=True))
write("mistral", mistral)
