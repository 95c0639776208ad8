"""Llama: train with grouped heads, generate with the cache, save_pretrained and load in bfloat16"""

import tempfile

import torch
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
config = LlamaConfig(
    vocab_size=60,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
)
model = LlamaForCausalLM(config)
tokens = torch.randint(3, 60, (2, 12))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
for step in range(5):
    optimizer.zero_grad()
    loss = model(tokens, labels=tokens).loss
    loss.backward()
    optimizer.step()
    print(step, loss.item())
model.eval()
start = {"input_ids": tokens[:, :4], "attention_mask": torch.ones(2, 4, dtype=torch.long), "pad_token_id": 0}
print(model.generate(**start, max_new_tokens=8, do_sample=False))
with torch.no_grad():
    out = model(tokens[:, :6], use_cache=True)
    more = model(tokens[:, 6:], past_key_values=out.past_key_values)
    whole = model(tokens)
    print(torch.allclose(more.logits, whole.logits[:, 6:], atol=1e-4), whole.logits.std().item())
with tempfile.TemporaryDirectory() as folder, torch.no_grad():
    model.to(torch.bfloat16).save_pretrained(folder)
    again = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    print(again.dtype, round(again(tokens).logits.std().item(), 2))
