"""Bert: train, save_pretrained, load, and a fill-mask head"""

import tempfile

import torch
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification, BertModel

torch.manual_seed(0)
config = BertConfig(
    vocab_size=60, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, num_labels=3
)
model = BertForSequenceClassification(config)
tokens, labels = torch.randint(60, (4, 12)), torch.tensor([0, 1, 2, 0])
mask = torch.ones_like(tokens)
mask[1, 8:] = 0
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step in range(4):
    optimizer.zero_grad()
    out = model(input_ids=tokens, attention_mask=mask, labels=labels)
    out.loss.backward()
    optimizer.step()
    print(step, out.loss.item())
model.eval()
with tempfile.TemporaryDirectory() as folder, torch.no_grad():
    model.save_pretrained(folder)
    again = BertForSequenceClassification.from_pretrained(folder)
    print(torch.equal(again(tokens, mask).logits, model(tokens, mask).logits), model(tokens, mask).logits.sum().item())
    bare = BertModel.from_pretrained(folder)
    out = bare(tokens, mask, output_hidden_states=True)
    print(out.pooler_output.mean().item(), len(out.hidden_states))
eager = BertForMaskedLM._from_config(config, attn_implementation="eager").eval()
out = eager(tokens, mask, output_attentions=True, labels=tokens)
print(out.loss.item(), out.attentions[0].shape)
