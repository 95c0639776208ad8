"""LoRA on GPT-2: train, save and load the adapter, merge"""

import tempfile

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import GPT2Config, GPT2LMHeadModel


def base():
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=60, n_positions=32, n_embd=32, n_layer=2, n_head=4))


torch.manual_seed(0)
model = get_peft_model(
    base(),
    LoraConfig(
        r=4, lora_alpha=8, lora_dropout=0.0, target_modules=["c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM"
    ),
)
print(model.get_nb_trainable_parameters())
tokens = torch.randint(60, (2, 12))
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
for step in range(5):
    optimizer.zero_grad()
    loss = model(input_ids=tokens, labels=tokens).loss
    loss.backward()
    optimizer.step()
    print(step, loss.item())
model.eval()
with tempfile.TemporaryDirectory() as folder, torch.no_grad():
    model.save_pretrained(folder)
    again = PeftModel.from_pretrained(base(), folder).eval()
    print(torch.allclose(again(input_ids=tokens).logits, model(input_ids=tokens).logits, atol=1e-5))
    with model.disable_adapter():
        print("without", model(input_ids=tokens, labels=tokens).loss.item())
    merged = model.merge_and_unload()
    print("merged", merged(input_ids=tokens, labels=tokens).loss.item(), type(merged).__name__)
