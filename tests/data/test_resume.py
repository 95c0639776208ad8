"""A pass over a DataLoader that is saved halfway and resumed gives the remaining batches."""

import io

import pytest

import jtorch as torch
from jtorch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, TensorDataset


class Squares(Dataset):
    """A data set whose samples are computed."""

    def __len__(self):
        return 23

    def __getitem__(self, i):
        return i * i


class Stream(IterableDataset):
    """An iterable data set: it has no indices."""

    def __iter__(self):
        return iter(range(11))


class Counting(IterableDataset):
    """An iterable data set that saves its own position."""

    def __init__(self):
        self.at = 0

    def __iter__(self):
        while self.at < 11:
            self.at += 1
            yield self.at

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at = state["at"]


KINDS = {"squares": Squares, "stream": Stream, "counting": Counting, "tensors": lambda: TensorDataset(torch.arange(23))}
CASES = [
    ("squares", {}),
    ("squares", {"shuffle": True}),
    ("squares", {"shuffle": True, "drop_last": True}),
    ("squares", {"shuffle": True, "num_workers": 2}),
    ("squares", {"shuffle": True, "num_workers": 2, "persistent_workers": True}),
    ("squares", {"shuffle": True, "generator": 7}),
    ("squares", {"sampler": 7}),
    ("tensors", {"shuffle": True, "num_workers": 2}),
    ("stream", {}),
    ("stream", {"num_workers": 2}),
    ("counting", {}),
]


def loader(kind, options):
    """A loader over a new data set. `generator` may be a number: the seed of one."""
    data, options = KINDS[kind](), dict(options)
    if "generator" in options:
        options["generator"] = torch.Generator().manual_seed(options["generator"])
    if "sampler" in options:
        options["sampler"] = RandomSampler(data, generator=torch.Generator().manual_seed(options["sampler"]))
    return DataLoader(data, batch_size=3, **options)


def values(batches):
    return [(batch[0] if isinstance(batch, list) else batch).tolist() for batch in batches]


def saved(state):
    """The state, saved to a file and loaded again."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file)


@pytest.mark.parametrize("kind, options", CASES)
def test_a_pass_goes_on_where_it_was_saved(kind, options):
    torch.manual_seed(5)
    whole = values(loader(kind, options))
    torch.manual_seed(5)
    first = loader(kind, options)
    batches = iter(first)
    begun = values(next(batches) for _ in range(2))
    state = saved(first.state_dict())
    torch.manual_seed(99)
    second, before = loader(kind, options), torch.get_rng_state()
    second.load_state_dict(state)
    resumed = iter(second)
    assert (torch.get_rng_state() == before).all()  # the program's own numbers are not touched
    middle = values([next(resumed)])
    assert second.state_dict()["batches_given"] == 3
    assert begun + middle + values(resumed) == whole
    assert second.state_dict() == {"batches_given": 0}  # the next pass begins anew
    if kind != "counting":
        assert len(values(second)) == len(whole)


def test_a_pass_is_saved_again_before_it_goes_on():
    first = loader("squares", {})
    next(iter(first))
    second = loader("squares", {})
    second.load_state_dict(first.state_dict())
    third = loader("squares", {})
    third.load_state_dict(second.state_dict())
    assert values(third) == values(loader("squares", {}))[1:]
