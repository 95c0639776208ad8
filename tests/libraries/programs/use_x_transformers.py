"""a decoder with rotary positions trained and sampled, and an encoder"""

import torch
from x_transformers import AutoregressiveWrapper, Decoder, Encoder, TransformerWrapper

torch.manual_seed(0)
model = AutoregressiveWrapper(
    TransformerWrapper(
        num_tokens=40,
        max_seq_len=32,
        attn_layers=Decoder(
            dim=32, depth=2, heads=4, attn_dim_head=8, rotary_pos_emb=True, ff_glu=True, use_rmsnorm=True
        ),
    )
)
tokens = torch.randint(40, (2, 24))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step in range(4):
    optimizer.zero_grad()
    loss = model(tokens)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()
    print(step, loss.item())
print(model.generate(tokens[:, :4], 8, temperature=0.0))
torch.manual_seed(1)
encoder = TransformerWrapper(
    num_tokens=40, max_seq_len=32, attn_layers=Encoder(dim=32, depth=1, heads=4, attn_dim_head=8, alibi_pos_bias=True)
)
mask = torch.ones(2, 24).bool()
mask[1, 20:] = False
print(encoder(tokens, mask=mask).mean().item(), encoder(tokens, mask=mask, return_embeddings=True).std().item())
