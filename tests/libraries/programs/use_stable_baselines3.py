"""PPO, A2C and DQN on CartPole, SAC on Pendulum; save and load"""

import tempfile

import gymnasium
import numpy as np
import torch
from stable_baselines3 import A2C, DQN, PPO, SAC
from stable_baselines3.common.evaluation import evaluate_policy

torch.set_num_threads(1)
small = {"policy_kwargs": {"net_arch": [16, 16]}, "device": "cpu", "seed": 0}
for kind, env, steps, options in (
    (PPO, "CartPole-v1", 128, {"n_steps": 64, "batch_size": 32, "n_epochs": 2}),
    (A2C, "CartPole-v1", 60, {}),
    (DQN, "CartPole-v1", 80, {"learning_starts": 20, "batch_size": 8, "train_freq": 4}),
    (SAC, "Pendulum-v1", 40, {"learning_starts": 10, "batch_size": 8}),
):
    model = kind("MlpPolicy", env, **small, **options)
    model.learn(steps)
    total = sum(p.detach().abs().sum().item() for p in model.policy.parameters())
    observation = np.full(model.observation_space.shape, 0.1, np.float32)
    print(kind.__name__, total, model.predict(observation, deterministic=True)[0])
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.zip")
        again = kind.load(f"{folder}/model.zip", device="cpu")
    print(
        np.array_equal(
            model.predict(observation, deterministic=True)[0], again.predict(observation, deterministic=True)[0]
        )
    )
env = gymnasium.make("CartPole-v1")
env.reset(seed=3)
print(np.mean(evaluate_policy(PPO("MlpPolicy", env, seed=0, device="cpu"), env, 2, warn=False)) > 0)
