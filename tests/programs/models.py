"""Six whole programs as plain PyTorch code, run by PyTorch and by jtorch alike: the module is handed in as `torch`.

Each has a `model`, whose state_dict is the whole state, `step(i)`, which trains on batch i and returns its losses,
and `predict()`, the model's output in eval mode. Everything random comes from `torch.manual_seed(0)`.
"""

STEPS = 50


class LanguageModel:
    """A two-layer LSTM that reads a text in pieces and keeps its state between them; clipped SGD with a scheduler."""

    def __init__(self, torch):
        nn = torch.nn
        self.torch = torch

        class LSTMModel(nn.Module):
            def __init__(self, tokens, width):
                super().__init__()
                self.drop = nn.Dropout(0.2)
                self.encoder = nn.Embedding(tokens, width)
                self.rnn = nn.LSTM(width, width, num_layers=2, dropout=0.2)
                self.decoder = nn.Linear(width, tokens)
                nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
                nn.init.zeros_(self.decoder.bias)
                nn.init.uniform_(self.decoder.weight, -0.1, 0.1)
                self.width = width

            def forward(self, tokens, hidden):
                out, hidden = self.rnn(self.drop(self.encoder(tokens)), hidden)
                return self.decoder(self.drop(out)), hidden

            def init_hidden(self, batch):
                weight = next(self.parameters())
                return weight.new_zeros(2, batch, self.width), weight.new_zeros(2, batch, self.width)

        torch.manual_seed(0)
        self.model = LSTMModel(23, 24)
        text = (torch.arange(4 * 61) * 5 % 23 + torch.randint(0, 3, (4 * 61,))) % 23
        self.text = text.view(4, -1).t().contiguous()
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=2.0)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 20, gamma=0.5)

    def step(self, i):
        torch, model = self.torch, self.model
        at = i % 6 * 10
        if at == 0:
            self.hidden = model.init_hidden(4)
        model.train()
        self.hidden = tuple(h.detach() for h in self.hidden)
        self.optimizer.zero_grad()
        out, self.hidden = model(self.text[at : at + 10], self.hidden)
        loss = self.criterion(out.view(-1, 23), self.text[at + 1 : at + 11].reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        self.optimizer.step()
        self.scheduler.step()
        return [loss.item()]

    def predict(self):
        self.model.eval()
        with self.torch.no_grad():
            return self.model(self.text[:20], self.model.init_hidden(4))[0].log_softmax(-1)


class Classifier:
    """A Transformer encoder with a padding mask that sorts sequences into four classes; AdamW after a warm-up."""

    def __init__(self, torch):
        nn = torch.nn
        self.torch = torch

        class Encoder(nn.Module):
            def __init__(self, tokens, width, classes):
                super().__init__()
                self.embed = nn.Embedding(tokens, width, padding_idx=0)
                self.register_buffer("places", self.waves(16, width))
                layer = nn.TransformerEncoderLayer(width, 4, 48, dropout=0.1, activation="gelu", batch_first=True)
                self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(width))
                self.head = nn.Linear(width, classes)

            @staticmethod
            def waves(length, width):
                at = torch.arange(length).unsqueeze(1)
                rate = torch.exp(torch.arange(0, width, 2) * (-9.21034 / width))
                out = torch.zeros(length, width)
                out[:, 0::2] = torch.sin(at * rate)
                out[:, 1::2] = torch.cos(at * rate)
                return out

            def forward(self, tokens):
                padded = tokens == 0
                x = self.embed(tokens) * self.embed.embedding_dim**0.5 + self.places[: tokens.size(1)]
                x = self.encoder(x, src_key_padding_mask=padded)
                x = x.masked_fill(padded.unsqueeze(-1), 0.0).sum(1) / (~padded).sum(1, keepdim=True)
                return self.head(x)

        torch.manual_seed(0)
        self.model = Encoder(30, 24, 4)
        self.tokens = torch.randint(1, 30, (32, 12))
        self.tokens[torch.arange(12) >= torch.randint(4, 13, (32, 1))] = 0
        self.labels = self.tokens.sum(1) % 4
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=3e-3, weight_decay=0.05)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda n: min((n + 1) / 10, 1.0))

    def step(self, i):
        pick = slice(i % 4 * 8, i % 4 * 8 + 8)
        self.model.train()
        loss = self.torch.nn.functional.cross_entropy(
            self.model(self.tokens[pick]), self.labels[pick], label_smoothing=0.1
        )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        return [loss.item()]

    def predict(self):
        self.model.eval()
        return self.model(self.tokens).softmax(1).detach()


class Segmenter:
    """A U-Net of two levels that segments a bright disc in noise; cross-entropy plus dice loss, Adam, ReduceLROnPlateau."""

    def __init__(self, torch):
        nn, F = torch.nn, torch.nn.functional
        self.torch = torch

        def double(inside, outside):
            return nn.Sequential(
                nn.Conv2d(inside, outside, 3, padding=1, bias=False),
                nn.BatchNorm2d(outside),
                nn.ReLU(inplace=True),
                nn.Conv2d(outside, outside, 3, padding=1, bias=False),
                nn.BatchNorm2d(outside),
                nn.ReLU(inplace=True),
            )

        class UNet(nn.Module):
            def __init__(self):
                super().__init__()
                self.inc = double(1, 6)
                self.down1 = nn.Sequential(nn.MaxPool2d(2), double(6, 12))
                self.down2 = nn.Sequential(nn.MaxPool2d(2), double(12, 12))
                self.up1 = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
                self.conv1 = double(24, 6)
                self.up2 = nn.ConvTranspose2d(6, 6, 2, stride=2)
                self.conv2 = double(12, 6)
                self.outc = nn.Conv2d(6, 2, 1)

            @staticmethod
            def join(x, skip):
                dy, dx = skip.size(2) - x.size(2), skip.size(3) - x.size(3)
                return torch.cat([skip, F.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])], dim=1)

            def forward(self, x):
                x1 = self.inc(x)
                x2 = self.down1(x1)
                x3 = self.down2(x2)
                x = self.conv1(self.join(self.up1(x3), x2))
                x = self.conv2(self.join(self.up2(x), x1))
                return self.outc(x)

        torch.manual_seed(0)
        self.model = UNet()
        rows, columns = torch.meshgrid(torch.arange(18.0), torch.arange(18.0), indexing="ij")
        centre = torch.randint(5, 13, (12, 2, 1, 1))
        self.masks = ((rows - centre[:, 0]) ** 2 + (columns - centre[:, 1]) ** 2 < 16).long()
        self.images = (self.masks + 0.5 * torch.randn(12, 18, 18)).unsqueeze(1)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, eps=1e-4)
        self.scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimizer, "min", patience=3)

    def step(self, i):
        F = self.torch.nn.functional
        pick = slice(i % 3 * 4, i % 3 * 4 + 4)
        self.model.train()
        out, masks = self.model(self.images[pick]), self.masks[pick]
        truth = F.one_hot(masks, 2).permute(0, 3, 1, 2).float()
        shares = F.softmax(out, dim=1)
        dice = (2 * (shares * truth).sum((2, 3)) + 1e-6) / ((shares + truth).sum((2, 3)) + 1e-6)
        loss = F.cross_entropy(out, masks) + 1 - dice.mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.torch.nn.utils.clip_grad_value_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.scheduler.step(loss.item())
        return [loss.item()]

    def predict(self):
        self.model.eval()
        with self.torch.inference_mode():
            return self.model(self.images)


class Adversaries:
    """A GAN of images: generator and critic, each with its own Adam."""

    def __init__(self, torch):
        nn = torch.nn
        self.torch = torch

        def start(module):
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.normal_(module.weight.data, 0.0, 0.05)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight.data, 1.0, 0.02)
                nn.init.constant_(module.bias.data, 0)

        torch.manual_seed(0)
        generator = nn.Sequential(
            nn.ConvTranspose2d(8, 12, 3, 1, 0, bias=False),
            nn.BatchNorm2d(12),
            nn.ReLU(True),
            nn.ConvTranspose2d(12, 8, 4, 2, 1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(True),
            nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        )
        critic = nn.Sequential(
            nn.Conv2d(1, 8, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(8, 12, 4, 2, 1, bias=False),
            nn.BatchNorm2d(12),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(12, 1, 3, 1, 0, bias=False),
            nn.Sigmoid(),
            nn.Flatten(0),
        )
        self.model = nn.ModuleDict({"generator": generator, "critic": critic}).apply(start)
        waves = torch.sin(torch.arange(12.0) * torch.rand(40, 1) + torch.rand(40, 1))
        self.images = waves[:, None, None] * waves[:, None, :, None]
        self.fixed = torch.randn(4, 8, 1, 1)
        self.criterion = nn.BCELoss()
        self.optimizers = [
            torch.optim.Adam(self.model[part].parameters(), lr=2e-3, betas=(0.5, 0.999))
            for part in ("generator", "critic")
        ]

    def step(self, i):
        torch, generator, critic = self.torch, self.model["generator"], self.model["critic"]
        self.model.train()
        real = self.images[i % 5 * 8 : i % 5 * 8 + 8]
        label = torch.full((8,), 1.0)
        critic.zero_grad()
        of_real = self.criterion(critic(real), label)
        of_real.backward()
        fake = generator(torch.randn(8, 8, 1, 1))
        label.fill_(0.0)
        of_fake = self.criterion(critic(fake.detach()), label)
        of_fake.backward()
        self.optimizers[1].step()
        generator.zero_grad()
        label.fill_(1.0)
        of_generator = self.criterion(critic(fake), label)
        of_generator.backward()
        self.optimizers[0].step()
        return [(of_real + of_fake).item(), of_generator.item()]

    def predict(self):
        self.model.eval()
        with self.torch.no_grad():
            images = self.model["generator"](self.fixed)
            return self.torch.cat([images.flatten(), self.model["critic"](images)])


class Autoencoder:
    """A variational autoencoder of binary images: a reparametrized sample, and the two terms of its bound."""

    def __init__(self, torch):
        nn, F = torch.nn, torch.nn.functional
        self.torch = torch

        class VAE(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc1 = nn.Linear(64, 32)
                self.fc21 = nn.Linear(32, 5)
                self.fc22 = nn.Linear(32, 5)
                self.fc3 = nn.Linear(5, 32)
                self.fc4 = nn.Linear(32, 64)

            def encode(self, x):
                hidden = F.relu(self.fc1(x))
                return self.fc21(hidden), self.fc22(hidden)

            def decode(self, z):
                return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

            def forward(self, x):
                mu, logvar = self.encode(x.view(-1, 64))
                std = torch.exp(0.5 * logvar)
                return self.decode(mu + torch.randn_like(std) * std), mu, logvar

        torch.manual_seed(0)
        self.model = VAE()
        self.images = (torch.rand(48, 1, 1, 8) + torch.rand(48, 1, 8, 1) > 1.1).float()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-2)

    def step(self, i):
        torch = self.torch
        self.model.train()
        batch = self.images[i % 3 * 16 : i % 3 * 16 + 16]
        self.optimizer.zero_grad()
        image, mu, logvar = self.model(batch)
        likelihood = torch.nn.functional.binary_cross_entropy(image, batch.view(-1, 64), reduction="sum")
        divergence = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = likelihood + divergence
        loss.backward()
        self.optimizer.step()
        return [loss.item()]

    def predict(self):
        self.model.eval()
        with self.torch.no_grad():
            return self.model.decode(self.model.encode(self.images.view(-1, 64))[0])


class ResNet:
    """Residual blocks with batch norm and shortcuts; SGD with Nesterov momentum and a cosine schedule."""

    def __init__(self, torch):
        nn, F = torch.nn, torch.nn.functional
        self.torch = torch

        class Block(nn.Module):
            def __init__(self, inside, outside, stride=1):
                super().__init__()
                self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
                self.bn1 = nn.BatchNorm2d(outside)
                self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
                self.bn2 = nn.BatchNorm2d(outside)
                self.shortcut = nn.Sequential()
                if stride != 1 or inside != outside:
                    self.shortcut = nn.Sequential(
                        nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
                    )

            def forward(self, x):
                out = F.relu(self.bn1(self.conv1(x)))
                out = self.bn2(self.conv2(out))
                out += self.shortcut(x)
                return F.relu(out)

        torch.manual_seed(0)
        self.model = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            Block(8, 8),
            Block(8, 12, 2),
            Block(12, 16, 2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 5),
        )
        for module in self.model.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.images = torch.randn(40, 3, 12, 12)
        self.labels = torch.randint(0, 5, (40,))
        decay, free = [], []
        for name, parameter in self.model.named_parameters():
            (free if "bn" in name or parameter.ndim == 1 else decay).append(parameter)
        self.optimizer = torch.optim.SGD(
            [{"params": decay, "weight_decay": 5e-4}, {"params": free}], lr=0.05, momentum=0.9, nesterov=True
        )
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=STEPS)

    def step(self, i):
        pick = slice(i % 5 * 8, i % 5 * 8 + 8)
        self.model.train()
        self.optimizer.zero_grad()
        out = self.model(self.images[pick])
        loss = self.torch.nn.functional.cross_entropy(out, self.labels[pick])
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        return [loss.item()]

    def predict(self):
        self.model.eval()
        with self.torch.no_grad():
            return self.model(self.images).log_softmax(1)


PROGRAMS = {
    "lstm_language_model": LanguageModel,
    "transformer_classifier": Classifier,
    "u_net": Segmenter,
    "gan": Adversaries,
    "vae": Autoencoder,
    "resnet": ResNet,
}


def curve(program):
    """The losses of every step, one row a step."""
    return [program.step(i) for i in range(STEPS)]
