"""GPT-2: train, generate (greedy, sampling, beams), save_pretrained and load"""

import tempfile

import torch
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(0)
config = GPT2Config(vocab_size=60, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=1)
model = GPT2LMHeadModel(config)
tokens = torch.randint(2, 60, (2, 12))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
for step in range(5):
    optimizer.zero_grad()
    loss = model(tokens, labels=tokens).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    print(step, loss.item())
model.eval()
start = {"input_ids": tokens[:, :4], "attention_mask": torch.ones(2, 4, dtype=torch.long), "pad_token_id": 0}
print(model.generate(**start, max_new_tokens=8, do_sample=False))
print(model.generate(**start, max_new_tokens=6, num_beams=3, do_sample=False))
torch.manual_seed(3)
print(model.generate(**start, max_new_tokens=8, do_sample=True, top_k=10, top_p=0.9, temperature=0.8))
with tempfile.TemporaryDirectory() as folder, torch.no_grad():
    model.save_pretrained(folder)
    again = GPT2LMHeadModel.from_pretrained(folder)
    print(torch.equal(again(tokens).logits, model(tokens).logits), model(tokens).logits.std().item())
    print(again.lm_head.weight is again.transformer.wte.weight)
