"""A cart that carries a pole: the task of `dqn.py` and `reinforce.py`, as physics of forty lines."""

import math

import numpy as np
from PIL import Image, ImageDraw


class CartPole:
    """Push the cart to the left (0) or to the right (1) so that the pole stands; each step that it stands gives 1.

    A state is (position, speed, angle, angular speed). An episode ends when the pole leans more than 12 degrees, the cart
    is more than 2.4 from the middle, or after 200 steps.
    """

    gravity, cart, pole, half_length, push, dt = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def __init__(self, seed=0):
        self.random = np.random.default_rng(seed)

    def reset(self):
        self.state, self.steps = self.random.uniform(-0.05, 0.05, 4), 0
        return self.state.astype(np.float32)

    def step(self, action):
        """(state, reward, whether the episode is over) after a push."""
        _, v, angle, spin = self.state
        sine, cosine, mass = math.sin(angle), math.cos(angle), self.cart + self.pole
        force = self.push if action == 1 else -self.push
        common = (force + self.pole * self.half_length * spin**2 * sine) / mass
        turn = (self.gravity * sine - cosine * common) / (self.half_length * (4 / 3 - self.pole * cosine**2 / mass))
        speedup = common - self.pole * self.half_length * turn * cosine / mass
        self.state = self.state + self.dt * np.array([v, speedup, spin, turn])
        self.steps += 1
        fallen = abs(self.state[0]) > 2.4 or abs(self.state[2]) > math.radians(12)
        return self.state.astype(np.float32), 1.0, bool(fallen or self.steps >= 200)

    def picture(self):
        """The cart and its pole as an image."""
        image = Image.new("P", (240, 100), 0)
        image.putpalette([255, 255, 255, 60, 60, 60, 200, 90, 40])
        x, y, angle = 120 + 45 * self.state[0], 80, self.state[2]
        draw = ImageDraw.Draw(image)
        draw.line((0, 88, 240, 88), fill=1)
        draw.rectangle((x - 18, y - 8, x + 18, y + 8), fill=1)
        draw.line((x, y - 8, x + 60 * math.sin(angle), y - 8 - 60 * math.cos(angle)), fill=2, width=5)
        return image
